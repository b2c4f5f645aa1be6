#include "verbs/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace mlib::verbs {
namespace {

std::vector<cards::File> files_of(const ValidateArguments& arguments) {
  std::vector<cards::File> files;
  for (const CardFile& each : arguments.files) files.push_back({each.path, each.text});
  return files;
}

Response counted(const cards::Library& library, std::string_view what) {
  Node value = Node::map();
  value.set("frameworks", library.frameworks.size());
  value.set("models", library.models.size());
  value.set("hardware", library.hardware.size());
  value.set("templates", library.templates.size());
  value.set("findings", Node::list());
  std::string text = fmt::format("{}: {} frameworks, {} models, {} hardware, {} templates: no findings\n",
                                 what, library.frameworks.size(), library.models.size(),
                                 library.hardware.size(), library.templates.size());
  return {.value = std::move(value), .text = std::move(text)};
}

bool only_references(const std::vector<Finding>& findings) {
  return std::all_of(findings.begin(), findings.end(),
                     [](const Finding& each) { return each.fault == Fault::reference; });
}

/// Findings of the given files when the shipped catalogue stands beside them.
std::vector<Finding> beside_catalogue(const std::vector<cards::File>& files) {
  std::vector<cards::File> both = cards::embedded();
  std::set<std::string> given;
  for (const cards::File& each : files) given.insert(each.path);
  both.insert(both.end(), files.begin(), files.end());
  std::vector<Finding> findings;
  const std::shared_ptr<const cards::Library> library = cards::load(both, "");
  for (const Finding& each : library->findings)
    if (given.count(each.place.file) > 0) findings.push_back(each);
  return findings;
}

}  // namespace

Response validate(const World& world, const Caller&, const ValidateArguments& arguments) {
  if (arguments.files.empty()) {
    const std::shared_ptr<const cards::Library> library = world.shelf.library();
    cards::require_sound(*library);
    return counted(*library, "the catalogue");
  }
  const std::vector<cards::File> files = files_of(arguments);
  const std::shared_ptr<const cards::Library> library = cards::load(files, "");
  std::vector<Finding> findings = library->findings;
  if (!findings.empty() && only_references(findings)) findings = beside_catalogue(files);
  const std::string what = fmt::format("{} file{}", files.size(), files.size() == 1 ? "" : "s");
  if (!findings.empty()) {
    const std::string message =
        fmt::format("{} finding{} in {}", findings.size(), findings.size() == 1 ? "" : "s", what);
    throw Problem(Kind::invalid, message, "", std::move(findings));
  }
  Node value = Node::map();
  value.set("files", files.size());
  value.set("findings", Node::list());
  return {.value = std::move(value), .text = what + ": no findings\n"};
}

}  // namespace mlib::verbs
