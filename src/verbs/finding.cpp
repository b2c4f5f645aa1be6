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
using Is = cards::FieldType::Is;

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

/// The values of a field's column that some card here has; the items of lists count one by one.
struct Values {
  std::vector<const Node*> all;
  bool list = false;

  explicit Values(const cards::Column& column) {
    // Of a card that is referred to only what some card here refers to.
    std::vector<bool> used(column.values.size(), false);
    for (const std::uint32_t code : column.codes) used[code] = true;
    for (std::size_t i = 0; i < used.size(); ++i)
      if (used[i]) look(column.values[i]);
  }

  void look(const Node& value) {
    if (value.is_list()) {
      list = true;
      for (const Node& item : value.items()) look(item);
    } else if (value.is_scalar() && !value.is_null()) {
      all.push_back(&value);
    }
  }

  Node range(Is is) const {
    const auto less = [is](const Node* a, const Node* b) {
      if (is == Is::date) return a->string() < b->string();
      const auto bytes = [](const Node* each) {
        return each->is_number() ? each->number() : quantity(each->string()).value_or(0);
      };
      return bytes(a) < bytes(b);
    };
    const auto [least, most] = std::minmax_element(all.begin(), all.end(), less);
    Node made = Node::map();
    made.set("min", **least);
    made.set("max", **most);
    return made;
  }

  /// Empty when there are too many.
  std::set<std::string> choices() const {
    std::set<std::string> distinct;
    for (const Node* each : all) {
      distinct.insert(cell(*each));
      if (distinct.size() > most_values) return {};
    }
    return distinct;
  }
};

std::string_view word_of(Is is) {
  return is == Is::number     ? "number"
         : is == Is::quantity ? "quantity"
         : is == Is::boolean  ? "boolean"
         : is == Is::date     ? "date"
                              : "string";
}

Node option_of(const cards::FieldFact& field, const cards::FieldType& type, const cards::Column& column) {
  const Values values(column);
  Node made = Node::map();
  made.set("type", word_of(type.is));
  if (values.list) made.set("list", true);
  const bool ranges = type.is == Is::number || type.is == Is::quantity || type.is == Is::date;
  if (ranges && !values.all.empty()) made.set("range", values.range(type.is));
  if (const auto choices = values.choices(); type.is != Is::number && !choices.empty()) {
    Node list = Node::list();
    for (const std::string& each : choices) list.push(each);
    made.set("values", std::move(list));
  }
  const std::string& unit = field.unit.empty() ? type.unit : field.unit;
  if (!unit.empty()) made.set("unit", unit);
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
    Node option = option_of(field, finder.type(kind, field.path), *finder.column(kind, field.path));
    table.rows.push_back({field.name, option.text_at({"type"}), option.text_at({"unit"}), shown(option)});
    fields.set(field.name, std::move(option));
  }
  Node value = Node::map();
  value.set("kind", arguments.kind.empty() ? "templates" : arguments.kind);
  value.set("fields", std::move(fields));
  return {.value = std::move(value), .table = std::move(table)};
}

}  // namespace mlib::verbs
