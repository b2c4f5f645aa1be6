#include "verbs/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "formats/contradict.hpp"

namespace mlib::verbs {
namespace {

std::vector<cards::File> files_of(const ValidateArguments& arguments) {
  std::vector<cards::File> files;
  for (const CardFile& each : arguments.files) files.push_back({each.path, each.text});
  return files;
}

/// Warnings as people read them; "" when there is none.
std::string warnings_text(const std::vector<Finding>& warnings) {
  std::string text;
  for (const Finding& each : warnings) text += to_text(each) + "\n";
  return text;
}

Node warnings_list(const std::vector<Finding>& warnings) {
  Node list = Node::list();
  for (const Finding& each : warnings) {
    Node item = Node::map();
    item.set("file", each.place.file);
    item.set("line", each.place.line);
    item.set("column", each.place.column);
    item.set("message", each.message);
    item.set("hint", each.hint);
    list.push(std::move(item));
  }
  return list;
}

/// The node that a dotted path leads to in the card of that name; the card itself where it leads no further.
const Node* node_at(const std::vector<Node>& documents, const std::string& name, const std::string& path) {
  for (const Node& document : documents) {
    if (document.text_at({"metadata", "name"}) != name) continue;
    const Node* now = &document;
    for (const std::string& key : split(path, '.'))
      if (const Node* next = now->find(key)) now = next;
    return now;
  }
  return nullptr;
}

/// What in Model cards cannot all be true. `files` are those that were given, for the lines.
std::vector<Finding> contradicting(const cards::Library& library, const std::vector<cards::File>& files) {
  std::vector<Finding> found;
  for (const cards::Model& model : library.models) {
    for (const formats::Remark& remark : formats::contradictions(model.spec)) {
      Finding finding;
      finding.fault = Fault::not_allowed;
      finding.warning = true;
      finding.place.file = model.file;
      finding.message = fmt::format("{}: {}", remark.field, remark.reason);
      finding.hint = "one of the figures is wrong: look at their sources";
      for (const cards::File& file : files) {
        if (file.path != model.file) continue;
        std::vector<Finding> known;
        const schema::Source source{file.path, file.text};
        const std::vector<Node> documents = schema::read_yaml(source, known);
        if (const Node* at = node_at(documents, model.metadata.name, remark.field)) {
          finding.place = {file.path, at->line, at->column};
          finding.excerpt = source.line(at->line);
        }
      }
      found.push_back(std::move(finding));
    }
  }
  return found;
}

/// Of what has no error.
std::string outcome(const std::vector<Finding>& warnings) {
  if (warnings.empty()) return ": no findings\n";
  return fmt::format(": no errors, {} warning{}\n", warnings.size(), warnings.size() == 1 ? "" : "s");
}

Response counted(const cards::Library& library, std::string_view what) {
  Node value = Node::map();
  value.set("frameworks", library.frameworks.size());
  value.set("models", library.models.size());
  value.set("hardware", library.hardware.size());
  value.set("templates", library.templates.size());
  value.set("findings", Node::list());
  std::vector<Finding> warnings = library.warnings;
  for (Finding& each : contradicting(library, {})) warnings.push_back(std::move(each));
  if (!warnings.empty()) value.set("warnings", warnings_list(warnings));
  std::string text = fmt::format("{}: {} frameworks, {} models, {} hardware, {} templates{}", what,
                                 library.frameworks.size(), library.models.size(), library.hardware.size(),
                                 library.templates.size(), outcome(warnings));
  return {.value = std::move(value), .text = std::move(text), .notes = warnings_text(warnings)};
}

bool has_reference(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(),
                     [](const Finding& each) { return each.fault == Fault::reference; });
}

/// The shipped cards, without those that the files bring themselves: `frameworks/vllm`, `models/phi-4`, …
std::vector<cards::File> shipped_beside(const std::vector<cards::File>& files) {
  const std::map<std::string, std::string> folders{{"Framework", "frameworks/"},
                                                   {"Model", "models/"},
                                                   {"Hardware", "hardware/"},
                                                   {"Template", "templates/"}};
  std::set<std::string> own;
  for (const cards::File& file : files) {
    std::vector<Finding> ignored;
    for (const Node& card : schema::read_yaml({file.path, file.text}, ignored))
      if (const auto folder = folders.find(card.text_at({"kind"})); folder != folders.end())
        own.insert(folder->second + card.text_at({"metadata", "name"}));
  }
  std::vector<cards::File> shipped = cards::embedded();
  std::erase_if(shipped, [&](const cards::File& each) {
    const std::size_t name = each.path.find('/') + 1;
    const bool is_card =
        folders.end() != std::find_if(folders.begin(), folders.end(), [&](const auto& folder) {
          return each.path.starts_with(folder.second);
        });
    return !is_card || own.count(each.path.substr(0, each.path.find_first_of("/.", name))) > 0;
  });
  return shipped;
}

/// What is found in the given files over the shipped rules, and with the cards of `beside` beside them.
struct Found {
  std::vector<Finding> findings, warnings;
};
Found found_in(const std::vector<cards::File>& files, std::vector<cards::File> beside) {
  std::vector<cards::File> all = cards::over_contract(files);
  all.insert(all.begin(), std::make_move_iterator(beside.begin()), std::make_move_iterator(beside.end()));
  const std::shared_ptr<const cards::Library> library = cards::load(std::move(all), "");
  Found found{library->findings, library->warnings};
  for (Finding& each : contradicting(*library, files)) found.warnings.push_back(std::move(each));
  std::set<std::string> given;
  for (const cards::File& each : files) given.insert(each.path);
  for (std::vector<Finding>* list : {&found.findings, &found.warnings})
    std::erase_if(*list, [&](const Finding& each) { return given.count(each.place.file) == 0; });
  return found;
}

}  // namespace

Response validate(const World& world, const Caller&, const ValidateArguments& arguments) {
  if (arguments.files.empty()) {
    const std::shared_ptr<const cards::Library> library = world.shelf.library();
    cards::require_sound(*library);
    return counted(*library, "the catalogue");
  }
  const std::vector<cards::File> files = files_of(arguments);
  Found found = found_in(files, {});
  if (has_reference(found.findings)) found = found_in(files, shipped_beside(files));
  std::vector<Finding>& findings = found.findings;
  const std::string what = fmt::format("{} file{}", files.size(), files.size() == 1 ? "" : "s");
  if (!findings.empty()) {
    const std::string message =
        fmt::format("{} finding{} in {}", findings.size(), findings.size() == 1 ? "" : "s", what);
    std::move(found.warnings.begin(), found.warnings.end(), std::back_inserter(findings));
    throw Problem(Kind::invalid, message, "", std::move(findings));
  }
  Node value = Node::map();
  value.set("files", files.size());
  value.set("findings", Node::list());
  if (!found.warnings.empty()) value.set("warnings", warnings_list(found.warnings));
  return {.value = std::move(value),
          .text = what + outcome(found.warnings),
          .notes = warnings_text(found.warnings)};
}

}  // namespace mlib::verbs
