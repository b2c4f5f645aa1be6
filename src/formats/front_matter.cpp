#include "formats/front_matter.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::formats {
namespace {

/// The first line of `text` without its end, which is taken off `text`.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

schema::Node front_matter(std::string_view readme, std::string& flaw) {
  flaw.clear();
  if (readme.starts_with("\xef\xbb\xbf")) readme.remove_prefix(3);
  std::string_view rest = readme;
  if (next_line(rest) != "---") return schema::Node::map();
  // The opening line stays as an empty one, so that lines are the README's own.
  std::string yaml = "\n";
  while (!rest.empty()) {
    const std::string_view line = next_line(rest);
    if (line == "---") {
      std::vector<Finding> findings;
      std::vector<schema::Node> documents = schema::read_yaml({"README.md", yaml}, findings);
      if (documents.size() == 1 && documents[0].is_map()) return std::move(documents[0]);
      if (documents.size() == 1 && documents[0].is_null()) return schema::Node::map();
      flaw = findings.empty() ? "it is no map"
                              : fmt::format("line {}: {}", findings[0].place.line, findings[0].message);
      return schema::Node::map();
    }
    yaml += line;
    yaml += '\n';
  }
  flaw = "the front matter that `---` opens is not closed";
  return schema::Node::map();
}

}  // namespace mlib::formats
