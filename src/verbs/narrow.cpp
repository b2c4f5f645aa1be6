#include "verbs/narrow.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "verbs/finding.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using cards::Expression;
using cards::Finder;

constexpr std::size_t most_columns = 40;

std::string saved(const World& world, const std::string& name) {
  std::vector<std::string> known;
  for (const store::SavedFilter& each : world.store.filters()) {
    if (each.name == name) return each.expression;
    known.push_back(each.name);
  }
  throw Problem(Kind::not_found, fmt::format("there is no saved filter `{}`", shortened(name, 60)),
                known.empty() ? "mlib filter save NAME EXPRESSION saves one" : suggestion(name, known));
}

/// The path of a field that an option names, or Problem{usage} with the nearest.
std::string path_of(const Finder& finder, cards::CardKind kind, const std::string& option,
                    const std::string& field) {
  if (std::optional<std::string> path = finder.resolve(kind, field)) return *path;
  const cards::Fields fields = finder.grammar(kind);
  throw Problem(Kind::usage, fmt::format("{}: there is no field `{}`", option, shortened(field, 60)),
                cards::nearest_field(field, fields.known()));
}

using cards::Term;

/// A field and a text that it must equal (or one of several).
struct WantedText {
  const Term* field;
  const Term* text;
};

void add_wanted(const Term& term, std::vector<WantedText>& all) {
  if (term.op == Term::Op::conjunction || term.op == Term::Op::disjunction)
    for (const Term& part : term.parts) add_wanted(part, all);
  if ((term.op != Term::Op::equal && term.op != Term::Op::in) || !term.as_text) return;
  for (const Term& field : term.parts)
    for (const Term& text : term.parts)
      if (field.op == Term::Op::field && text.op == Term::Op::literal && !text.value.string().empty())
        all.push_back({&field, &text});
}

void add_texts(const Node& value, std::vector<std::string>& all) {
  if (value.is_string()) all.push_back(value.string());
  if (value.is_list())
    for (const Node& item : value.items()) add_texts(item, all);
}

/// What some card has, of those that are referred to only what is.
std::vector<std::string> texts_of(const cards::Column& column) {
  std::vector<bool> used(column.values.size(), false);
  for (const std::uint32_t code : column.codes) used[code] = true;
  std::vector<std::string> all;
  for (std::size_t i = 0; i < used.size(); ++i)
    if (used[i]) add_texts(column.values[i], all);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

}  // namespace

std::vector<Expression> expressions(const World& world, const std::vector<std::string>& filters,
                                    const cards::Fields& fields) {
  std::vector<Expression> all;
  for (const std::string& given : filters) {
    const bool named = given.starts_with('@');
    const std::string text = named ? saved(world, given.substr(1)) : given;
    std::vector<Finding> findings;
    std::optional<Expression> made =
        Expression::parse({named ? "--filter " + given : "--filter", text}, fields, findings);
    if (!made) throw Problem(Kind::usage, "the filter cannot be understood", "", std::move(findings));
    all.push_back(std::move(*made));
  }
  return all;
}

std::vector<std::uint32_t> narrowed(const World& world, const Finder& finder, cards::CardKind kind,
                                    const Narrowing& wanted) {
  std::vector<std::uint32_t> rows =
      finder.select(kind, expressions(world, wanted.filter, finder.grammar(kind)));
  if (!wanted.name.empty()) {
    const auto names = finder.column(kind, "metadata.name");
    std::erase_if(rows, [&](std::uint32_t row) { return names->at(row).string() != wanted.name; });
  }
  std::vector<std::string> keys = wanted.sort.empty() ? std::vector<std::string>{} : split(wanted.sort, ',');
  std::reverse(keys.begin(), keys.end());
  for (const std::string& given : keys) {
    const std::string key(trim(given));
    const bool descending = key.starts_with('-');
    const std::string path = path_of(finder, kind, "--sort", key.substr(descending ? 1 : 0));
    finder.sort(rows, *finder.column(kind, path), descending);
  }
  if (wanted.limit > 0 && rows.size() > static_cast<std::size_t>(wanted.limit))
    rows.resize(static_cast<std::size_t>(wanted.limit));
  return rows;
}

std::string unknown_texts(const World& world, const Finder& finder, cards::CardKind kind,
                          const Narrowing& wanted) {
  constexpr std::size_t most_compared = 5000;
  constexpr std::size_t most_told = 10;
  std::string lines;
  for (const Expression& each : expressions(world, wanted.filter, finder.grammar(kind))) {
    std::vector<WantedText> all;
    add_wanted(each.term(), all);
    for (const WantedText& one : all) {
      const auto field = static_cast<std::size_t>(one.field->field);
      const std::vector<std::string> known = texts_of(*finder.column(kind, each.fields()[field]));
      const std::string& text = one.text->value.string();
      if (std::binary_search(known.begin(), known.end(), text)) continue;
      const std::string near = known.size() > most_compared ? "" : nearest(text, known);
      lines += fmt::format("no {} has {} `{}`", word_of(kind), one.field->text, shortened(text, 60));
      if (!near.empty())
        lines += fmt::format("; near: `{}`", near);
      else if (!known.empty() && known.size() <= most_told)
        lines += fmt::format("; known: {}", join(known, ", "));
      lines += '\n';
    }
  }
  return lines;
}

Response in_columns(const Finder& finder, cards::CardKind kind, const std::vector<std::uint32_t>& rows,
                    const std::string& columns) {
  std::vector<std::pair<std::string, std::shared_ptr<const cards::Column>>> shown;
  Table table;
  for (const std::string& given : split(columns, ',')) {
    const std::string name(trim(given));
    shown.emplace_back(name, finder.column(kind, path_of(finder, kind, "--columns", name)));
    std::string header = name;
    for (char& c : header)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    table.columns.push_back({header});
    if (shown.size() > most_columns)
      throw Problem(Kind::usage, fmt::format("--columns: at most {} columns", most_columns));
  }
  Node list = Node::list();
  for (const std::uint32_t row : rows) {
    Node item = Node::map();
    std::vector<std::string> cells;
    for (const auto& [name, column] : shown) {
      item.set(name, column->at(row));
      cells.push_back(cell(column->at(row)));
    }
    table.rows.push_back(std::move(cells));
    list.push(std::move(item));
  }
  return {.value = std::move(list), .table = std::move(table)};
}

}  // namespace mlib::verbs
