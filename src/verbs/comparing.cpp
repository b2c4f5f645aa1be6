#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "verbs/finding.hpp"
#include "verbs/names.hpp"
#include "verbs/rendering.hpp"

namespace mlib::verbs {
namespace {

constexpr std::size_t most_compared = 20;

std::uint32_t row_of(const cards::Library& library, const cards::Column& names, std::string_view kind,
                     const std::string& name) {
  for (std::size_t row = 0; row < names.codes.size(); ++row)
    if (names.at(row).string() == name) return static_cast<std::uint32_t>(row);
  throw library.missing(kind, name);
}

/// Of cards that refer to others: their names stand there already, and what a framework says of each of its
/// parameters and versions is not what two templates or models differ in; `values.` are.
bool says_nothing_more(cards::CardKind kind, const std::string& field) {
  if (kind != cards::CardKind::a_template && kind != cards::CardKind::model) return false;
  for (const std::string_view name : {"model.name", "hardware.name", "framework.name"})
    if (field == name) return true;
  return field.starts_with("framework.parameters.") || field.starts_with("framework.versions.");
}

/// The lines below a heading, each after `├─` or `└─`.
std::string branches(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i)
    text += (i + 1 == lines.size() ? "└─ " : "├─ ") + lines[i] + "\n";
  return text;
}

Node card_node(std::string_view kind, const std::string& name, const std::string& title) {
  Node made = Node::map();
  made.set("kind", kind);
  made.set("name", name);
  if (!title.empty()) made.set("title", title);
  return made;
}

std::string titled(std::string_view kind, const cards::Metadata& card) {
  return fmt::format("{} {}{}", kind, card.name, card.title.empty() ? "" : "  (" + card.title + ")");
}

}  // namespace

Response compare(const World& world, const Caller&, const CompareArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const cards::Finder& finder = library->finder();
  const cards::CardKind kind = card_kind(arguments.kind);
  if (arguments.names.size() < 2 || arguments.names.size() > most_compared)
    throw Problem(Kind::usage, fmt::format("compare takes 2 to {} names", most_compared),
                  "mlib compare templates A B");
  const auto names = finder.column(kind, "metadata.name");
  std::vector<std::uint32_t> rows;
  for (const std::string& name : arguments.names)
    rows.push_back(row_of(*library, *names, word_of(kind), name));
  Table table{.columns = {{"FIELD"}}, .folded = true};
  for (const std::string& name : arguments.names) table.columns.push_back({name});
  Node list = Node::list();
  for (const cards::FieldFact& field : finder.fields(kind)) {
    if (field.name == "name" || field.name.ends_with("revision")) continue;
    if (!arguments.all && says_nothing_more(kind, field.name)) continue;
    const auto column = finder.column(kind, field.path);
    const auto same = [&](std::uint32_t row) { return column->code(row) == column->code(rows[0]); };
    const bool differs = !std::all_of(rows.begin(), rows.end(), same);
    if (!differs && (!arguments.all || column->at(rows[0]).is_null())) continue;
    std::vector<std::string> cells{field.name};
    Node values = Node::list();
    for (const std::uint32_t row : rows) {
      cells.push_back(cell(column->at(row)));
      values.push(column->at(row));
    }
    table.rows.push_back(std::move(cells));
    Node item = Node::map();
    item.set("field", field.name);
    item.set("differs", differs);
    item.set("values", std::move(values));
    list.push(std::move(item));
  }
  Node value = Node::map();
  value.set("names", schema::encode(arguments.names));
  value.set("fields", std::move(list));
  return {.value = std::move(value), .table = std::move(table)};
}

Response tree_template(const World& world, const Caller& caller, const TreeArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const cards::Template& card = library->get_template(arguments.name);
  const cards::Model& model = library->get_model(card.spec.model);
  const cards::Framework& framework = library->framework_of(card);
  const cards::Hardware& hardware = library->get_hardware(card.spec.hardware);
  ExplainArguments explained;
  explained.name = arguments.name;
  Node values = explain_template(world, caller, explained).value;
  std::erase_if(values.items(), [](const Node& value) { return value.text_at({"origin"}) == "identity"; });
  std::size_t widest = 0;
  std::vector<std::string> given;
  for (const Node& value : values.items()) {
    given.push_back(
        fmt::format("{} = {}", value.text_at({"name"}), shortened(cell(*value.find("value")), 40)));
    widest = std::max(widest, utf8_length(given.back()));
  }
  for (std::size_t i = 0; i < given.size(); ++i)
    given[i] +=
        std::string(widest - utf8_length(given[i]), ' ') + "  " + values.items()[i].text_at({"origin"});
  std::string text = titled("template", card.metadata) + "\n├─ " + titled("model", model.metadata) + "\n├─ " +
                     titled("framework", framework.metadata) + "\n├─ " +
                     titled("hardware", hardware.metadata) + "\n└─ values\n";
  for (const std::string& line : split(branches(given), '\n'))
    if (!line.empty()) text += "   " + line + "\n";
  Node value = card_node("template", card.metadata.name, card.metadata.title);
  Node of_model = card_node("model", model.metadata.name, model.metadata.title);
  of_model.set("framework", card_node("framework", framework.metadata.name, framework.metadata.title));
  value.set("model", std::move(of_model));
  value.set("hardware", card_node("hardware", hardware.metadata.name, hardware.metadata.title));
  value.set("values", std::move(values));
  return {.value = std::move(value), .text = std::move(text)};
}

}  // namespace mlib::verbs
