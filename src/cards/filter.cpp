#include "cards/filter.hpp"

#include <algorithm>
#include <numeric>

#include "base/text.hpp"
#include "cards/benchmark.hpp"

namespace mlib::cards {
namespace {

using schema::Node;
using Op = Term::Op;
using Truths = std::vector<Truth>;
using Columns = std::vector<std::shared_ptr<const Column>>;

void fields_in(const Term& term, std::vector<std::size_t>& found) {
  const auto field = static_cast<std::size_t>(term.field);
  if (term.op == Op::field && std::find(found.begin(), found.end(), field) == found.end())
    found.push_back(field);
  for (const Term& part : term.parts) fields_in(part, found);
}

/// An expression over columns: a comparison is decided once for each distinct value (or pair of them).
class Columnwise {
 public:
  Columnwise(const Columns& columns, std::size_t rows)
      : columns_(columns), rows_(rows), values_(columns.size(), nullptr) {}

  Truths evaluate(const Term& term) {
    if (term.op == Op::negation) {
      Truths all = evaluate(term.parts[0]);
      for (Truth& each : all) each = !each;
      return all;
    }
    if (term.op != Op::conjunction && term.op != Op::disjunction) return leaf(term);
    Truths all = evaluate(term.parts[0]);
    for (std::size_t part = 1; part < term.parts.size(); ++part) {
      const Truths more = evaluate(term.parts[part]);
      if (term.op == Op::conjunction) {
        for (std::size_t row = 0; row < rows_; ++row) all[row] = all[row] & more[row];
      } else {
        for (std::size_t row = 0; row < rows_; ++row) all[row] = all[row] | more[row];
      }
    }
    return all;
  }

 private:
  Truths leaf(const Term& term) {
    std::vector<std::size_t> fields;
    fields_in(term, fields);
    if (fields.empty()) return Truths(rows_, cards::evaluate(term, values_));
    if (fields.size() == 1) return of_one(term, fields[0]);
    constexpr std::size_t most_pairs = 1U << 20U;
    if (fields.size() == 2 &&
        columns_[fields[0]]->values.size() * columns_[fields[1]]->values.size() <= most_pairs)
      return of_two(term, fields[0], fields[1]);
    Truths all(rows_);
    for (std::size_t row = 0; row < rows_; ++row) {
      for (const std::size_t field : fields) values_[field] = &columns_[field]->at(row);
      all[row] = cards::evaluate(term, values_);
    }
    return all;
  }

  /// Of `field LIKE 'text'`: prepared once, since a name or title is another one in each card.
  static std::optional<LikePattern> pattern_of(const Term& term) {
    const bool like = term.op == Op::like || term.op == Op::ilike;
    if (!like || term.parts[0].op != Op::field || term.parts[1].op != Op::literal) return {};
    if (!term.parts[1].value.is_string()) return {};
    return LikePattern(term.parts[1].value.string(), term.op == Op::ilike);
  }

  Truths of_one(const Term& term, std::size_t field) {
    const Column& column = *columns_[field];
    Truths table;
    table.reserve(column.values.size());
    const std::optional<LikePattern> like = pattern_of(term);
    for (const Node& value : column.values) {
      values_[field] = &value;
      if (like && value.is_string())
        table.push_back(like->matches(value.string()) ? Truth::yes : Truth::no);
      else
        table.push_back(cards::evaluate(term, values_));
    }
    Truths all(rows_, table[0]);
    for (std::size_t row = 0; row < column.codes.size(); ++row) all[row] = table[column.codes[row]];
    return all;
  }

  Truths of_two(const Term& term, std::size_t first, std::size_t second) {
    const Column& a = *columns_[first];
    const Column& b = *columns_[second];
    constexpr auto unseen = static_cast<Truth>(9);
    Truths table(a.values.size() * b.values.size(), unseen);
    Truths all(rows_);
    for (std::size_t row = 0; row < rows_; ++row) {
      Truth& known = table[a.code(row) * b.values.size() + b.code(row)];
      if (known == unseen) {
        values_[first] = &a.at(row);
        values_[second] = &b.at(row);
        known = cards::evaluate(term, values_);
      }
      all[row] = known;
    }
    return all;
  }

  const Columns& columns_;
  std::size_t rows_;
  std::vector<const Node*> values_;
};

/// Numbers before texts before the rest; nulls last.
int rank(const Node& node) {
  if (node.is_number()) return 0;
  if (node.is_string()) return 1;
  return node.is_null() ? 3 : 2;
}

/// Whether every text is a quantity, and one has a unit.
bool holds_quantities(const Column& column) {
  bool unit = false;
  for (const Node& value : column.values) {
    if (!value.is_string()) continue;
    if (!quantity(value.string())) return false;
    unit = unit || value.string().find_first_not_of("0123456789.") != std::string::npos;
  }
  return unit;
}

struct InOrder {
  bool quantities;
  bool operator()(const Node& a, const Node& b) const {
    if (quantities && !a.is_null() && !b.is_null() && a.is_scalar() && b.is_scalar())
      return amount(a) < amount(b);
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (a.is_number()) return a.number() < b.number();
    if (a.is_string()) return natural_order(a.string(), b.string()) < 0;
    return !a.is_null() && natural_order(schema::to_json(a), schema::to_json(b)) < 0;
  }
  static double amount(const Node& node) {
    return node.is_string() ? quantity(node.string()).value_or(0) : node.is_number() ? node.number() : 0;
  }
};

/// Of a list of numbers the least or the greatest; what else there is as it is.
Node sorted_by(const Node& value, bool descending) {
  if (!value.is_list() || value.items().empty()) return value;
  for (const Node& item : value.items())
    if (!item.is_number()) return value;
  const auto less = [](const Node& a, const Node& b) { return a.number() < b.number(); };
  const Node::List& items = value.items();
  return descending ? *std::max_element(items.begin(), items.end(), less)
                    : *std::min_element(items.begin(), items.end(), less);
}

}  // namespace

const Finder& Library::finder() const {
  std::call_once(finder_once_, [this] { finder_ = std::make_shared<const Finder>(*this); });
  return *finder_;
}

Fields Finder::grammar(CardKind kind) const {
  Fields fields;
  fields.bare_words = true;
  fields.resolve = [this, kind](const std::string& written) { return resolve(kind, written); };
  fields.known = [this, kind] {
    std::vector<std::string> names;
    for (const FieldFact& fact : this->fields(kind)) names.push_back(fact.name);
    if (kind == CardKind::a_template)
      for (const std::string& figure : figure_names()) names.push_back("benchmarks." + figure);
    return names;
  };
  fields.type = [this, kind](const std::string& path) { return type(kind, path); };
  return fields;
}

std::vector<std::uint32_t> Finder::select(CardKind kind, const std::vector<Expression>& all) const {
  std::vector<std::uint32_t> rows(size(kind));
  std::iota(rows.begin(), rows.end(), 0U);
  for (const Expression& expression : all) {
    Columns columns;
    for (const std::string& path : expression.fields()) columns.push_back(column(kind, path));
    const Truths holds = Columnwise(columns, size(kind)).evaluate(expression.term());
    std::erase_if(rows, [&](std::uint32_t row) { return holds[row] != Truth::yes; });
  }
  return rows;
}

void Finder::sort(std::vector<std::uint32_t>& rows, const Column& by, bool descending) const {
  std::vector<std::uint32_t> order(by.values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::vector<Node> keys;
  keys.reserve(by.values.size());
  for (const Node& value : by.values) keys.push_back(sorted_by(value, descending));
  const InOrder before{holds_quantities(by)};
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return before(keys[a], keys[b]); });
  std::vector<std::int64_t> place(by.values.size());
  std::int64_t next = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && before(keys[order[i - 1]], keys[order[i]])) ++next;
    place[order[i]] = descending && order[i] != 0 ? -next : next;
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return place[by.code(a)] < place[by.code(b)]; });
}

}  // namespace mlib::cards
