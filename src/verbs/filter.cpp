#include "verbs/filter.hpp"

#include <algorithm>

namespace mlib::verbs {
namespace {

constexpr std::string_view of_template = "template.";

/// The value at `path`; a null when there is none.
Node value_at(const Node& node, std::string_view path) {
  if (path.empty()) return node;
  if (const Node* whole = node.find(path)) return *whole;
  const std::size_t dot = path.find('.');
  const Node* next = node.find(path.substr(0, dot));
  if (next == nullptr || dot == std::string_view::npos) return {};
  return value_at(*next, path.substr(dot + 1));
}

}  // namespace

RecordFilter::RecordFilter(const World& world, const std::vector<std::string>& filters, const Node& schema)
    : library_(world.shelf.library()) {
  const std::vector<schema::FormField> described = schema::form_fields(schema);
  const cards::Finder& finder = library_->finder();
  cards::Fields fields;
  fields.bare_words = true;
  fields.resolve = [&](const std::string& written) -> std::optional<std::string> {
    for (const schema::FormField& field : described) {
      const bool open = field.type == "map" || field.type == "list" || field.type == "any";
      if (field.path == written || (open && written.starts_with(field.path + "."))) return written;
    }
    if (!written.starts_with(of_template)) return {};
    const auto path = finder.resolve(cards::CardKind::a_template, written.substr(of_template.size()));
    return path ? std::optional(std::string(of_template) + *path) : std::nullopt;
  };
  fields.known = [&] {
    std::vector<std::string> names;
    for (const schema::FormField& field : described) names.push_back(field.path);
    for (const cards::FieldFact& fact : finder.fields(cards::CardKind::a_template))
      names.push_back(std::string(of_template) + fact.name);
    return names;
  };
  fields.type = [&](const std::string& path) {
    return path.starts_with(of_template)
               ? finder.type(cards::CardKind::a_template, path.substr(of_template.size()))
               : cards::type_in(schema, path);
  };
  all_ = expressions(world, filters, fields);
}

bool RecordFilter::matches(const Node& record) const {
  const auto look_up = [&](const std::string& path) -> std::optional<Node> {
    if (!path.starts_with(of_template)) return value_at(record, path);
    const cards::Template* card = library_->find_template(record.text_at({"template"}));
    if (card == nullptr) return Node();
    const auto row = static_cast<std::size_t>(card - library_->templates.data());
    return library_->finder().column(cards::CardKind::a_template, path.substr(of_template.size()))->at(row);
  };
  return std::all_of(all_.begin(), all_.end(), [&](const cards::Expression& expression) {
    return expression.evaluate(look_up) == cards::Truth::yes;
  });
}

}  // namespace mlib::verbs
