#include "verbs/finding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using cards::CardKind;
using cards::Finder;

constexpr std::size_t most_filters = 1000;
constexpr std::size_t most_values = 50;
constexpr CardKind all_kinds[] = {CardKind::a_template, CardKind::model, CardKind::hardware,
                                  CardKind::framework};
constexpr std::pair<std::string_view, CardKind> words[] = {{"template", CardKind::a_template},
                                                           {"model", CardKind::model},
                                                           {"hardware", CardKind::hardware},
                                                           {"framework", CardKind::framework}};

/// How far an expression is from one of that kind, which has all of its fields, or nearly: less is nearer.
int farness(const std::vector<Finding>& findings) {
  if (findings.front().fault != Fault::unknown_field) return 0;
  return findings.front().hint.starts_with("did you mean") ? 1 : 2;
}
auto rank(const std::vector<Finding>& findings) {
  // A hint of the card's own field is shorter than one of another card's.
  return std::tuple(farness(findings), findings.size(), findings.front().hint.size());
}

/// A filter is for one kind of card or more: what is wrong for the kind for which least is wrong.
void check(const Finder& finder, const std::string& text) {
  std::vector<Finding> least;
  for (const CardKind kind : all_kinds) {
    std::vector<Finding> findings;
    if (cards::Expression::parse({"EXPRESSION", text}, finder.grammar(kind), findings)) return;
    if (least.empty() || rank(findings) < rank(least)) least = std::move(findings);
  }
  throw Problem(Kind::usage, "the filter cannot be understood", "", std::move(least));
}

/// What is known of a field: the items of lists count one by one.
struct Facts {
  std::vector<const Node*> values;
  bool numbers = true, booleans = true, list = false;

  void look(const Node& value) {
    if (value.is_null()) return;
    if (value.is_list()) {
      list = true;
      for (const Node& item : value.items()) look(item);
      return;
    }
    numbers = numbers && value.is_number();
    booleans = booleans && value.is_boolean();
    if (value.is_scalar()) values.push_back(&value);
  }

  std::string_view type() const {
    return values.empty() ? "string" : numbers ? "number" : booleans ? "boolean" : "string";
  }

  Node range() const {
    const auto less = [](const Node* a, const Node* b) { return a->number() < b->number(); };
    const auto [least, most] = std::minmax_element(values.begin(), values.end(), less);
    Node made = Node::map();
    made.set("min", **least);
    made.set("max", **most);
    return made;
  }

  /// Nothing when there are too many.
  std::optional<std::set<std::string>> choices() const {
    std::set<std::string> all;
    for (const Node* each : values) {
      all.insert(cell(*each));
      if (all.size() > most_values) return {};
    }
    return all;
  }
};

Node option_of(const cards::FieldFact& field, const cards::Column& column) {
  // Of a card that is referred to only what some card here refers to.
  std::vector<bool> used(column.values.size(), false);
  for (const std::uint32_t code : column.codes) used[code] = true;
  Facts facts;
  for (std::size_t i = 0; i < used.size(); ++i)
    if (used[i]) facts.look(column.values[i]);
  Node made = Node::map();
  made.set("type", facts.type());
  if (facts.list) made.set("list", true);
  if (facts.type() == "number" && !facts.values.empty()) {
    made.set("range", facts.range());
  } else if (const auto choices = facts.choices(); choices && !choices->empty()) {
    Node list = Node::list();
    for (const std::string& each : *choices) list.push(each);
    made.set("values", std::move(list));
  }
  if (!field.unit.empty()) made.set("unit", field.unit);
  if (!field.help.empty()) made.set("help", field.help);
  return made;
}

/// One cell for people: the range, or as many of the first values as people read.
std::string shown(const Node& option) {
  constexpr std::size_t longest = 120;
  constexpr std::size_t longest_value = 60;
  if (const Node* range = option.find("range"))
    return fmt::format("{} to {}", cell(*range->find("min")), cell(*range->find("max")));
  const Node* values = option.find("values");
  if (values == nullptr) return "";
  std::string text;
  for (const Node& each : values->items()) {
    const std::string next = (text.empty() ? "" : ", ") + shortened(each.string(), longest_value);
    if (utf8_length(text) + utf8_length(next) > longest)
      return text + fmt::format(", … ({} values)", values->items().size());
    text += next;
  }
  return text;
}

store::Audit audit_of(const World& world, const Caller& caller, std::string_view verb,
                      const std::string& name) {
  return store::Audit{utc(world.clock.wall()), caller.user, std::string(verb), name, ""};
}

}  // namespace

CardKind card_kind(const std::string& given) {
  const std::string word = lower(given);
  std::vector<std::string> known;
  for (const auto& [name, kind] : words) {
    if (word == name || word == std::string(name) + "s") return kind;
    known.push_back(name == "hardware" ? std::string(name) : std::string(name) + "s");
  }
  throw Problem(Kind::usage, fmt::format("there is no kind of card `{}`", shortened(given, 60)),
                suggestion(word, known));
}

std::string_view word_of(CardKind kind) {
  return std::find_if(std::begin(words), std::end(words),
                      [&](const auto& each) { return each.second == kind; })
      ->first;
}

Response save_filter(const World& world, const Caller& caller, const SaveFilterArguments& arguments) {
  checked_label(arguments.name, "name");
  check(world.shelf.library()->finder(), arguments.expression);
  if (world.store.filters().size() >= most_filters)
    throw Problem(Kind::too_large, fmt::format("there are {} saved filters already", most_filters),
                  "delete one: mlib filter delete NAME");
  world.store.save_filter({arguments.name, arguments.expression},
                          audit_of(world, caller, "filter save", arguments.name));
  Node made = Node::map();
  made.set("name", arguments.name);
  made.set("expression", arguments.expression);
  return {.value = std::move(made), .text = fmt::format("saved: use it as --filter @{}\n", arguments.name)};
}

Response list_filters(const World& world, const Caller&, const ListFiltersArguments&) {
  Table table{.columns = {{"NAME"}, {"EXPRESSION"}}};
  Node list = Node::list();
  for (const store::SavedFilter& each : world.store.filters()) {
    Node item = Node::map();
    item.set("name", each.name);
    item.set("expression", each.expression);
    list.push(std::move(item));
    table.rows.push_back({each.name, each.expression});
  }
  return {.value = std::move(list), .table = std::move(table)};
}

Response delete_filter(const World& world, const Caller& caller, const FilterNameArguments& arguments) {
  std::vector<std::string> known;
  for (const store::SavedFilter& each : world.store.filters()) known.push_back(each.name);
  if (std::find(known.begin(), known.end(), arguments.name) == known.end())
    throw Problem(Kind::not_found,
                  fmt::format("there is no saved filter `{}`", shortened(arguments.name, 60)),
                  suggestion(arguments.name, known));
  world.store.remove_filter(arguments.name, audit_of(world, caller, "filter delete", arguments.name));
  Node gone = Node::map();
  gone.set("name", arguments.name);
  return {.value = std::move(gone), .text = fmt::format("deleted the filter `{}`\n", arguments.name)};
}

Response filter_options(const World& world, const Caller&, const FilterOptionsArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const Finder& finder = library->finder();
  const CardKind kind = card_kind(arguments.kind.empty() ? "templates" : arguments.kind);
  Table table{.columns = {{"FIELD"}, {"TYPE"}, {"UNIT", true}, {"VALUES"}}};
  Node fields = Node::map();
  for (const cards::FieldFact& field : finder.fields(kind)) {
    Node option = option_of(field, *finder.column(kind, field.path));
    table.rows.push_back({field.name, option.text_at({"type"}), field.unit, shown(option)});
    fields.set(field.name, std::move(option));
  }
  Node value = Node::map();
  value.set("kind", arguments.kind.empty() ? "templates" : arguments.kind);
  value.set("fields", std::move(fields));
  return {.value = std::move(value), .table = std::move(table)};
}

}  // namespace mlib::verbs
