#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "cards/expression_parts.hpp"

namespace mlib::cards {
namespace {

using schema::Node;
using Op = Term::Op;
using Values = std::vector<const Node*>;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The text that a scalar is; a literal number keeps how it was written.
std::string text_of(const Node& node, const Term* term) {
  if (node.is_string()) return node.string();
  if (term != nullptr && term->op == Op::literal && !term->text.empty()) return term->text;
  return node.is_null() ? "" : schema::to_json(node);
}

/// The number that a value is: of a quantity its amount, of a list none.
std::optional<double> number_of(const Node& node) {
  if (node.is_number()) return node.number();
  if (node.is_string()) return quantity(node.string());
  return {};
}

int order_of(double a, double b) { return a < b ? -1 : a > b ? 1 : 0; }

/// A text that is a quantity and has a unit (or an exponent).
bool is_measured(std::string_view text) {
  if (text.empty() || !(is_digit(text[0]) || text[0] == '-' || text[0] == '.')) return false;
  return std::any_of(text.begin(), text.end(), is_letter) && quantity(text).has_value();
}

std::size_t digits_end(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// -1, 0 or 1; nothing when only one of the two is a number or has a unit: there is no order between them.
std::optional<int> order_of(const Node& a, const Node& b) {
  if (a.is_string() && b.is_string() && !is_measured(a.string()) && !is_measured(b.string()))
    return natural_order(a.string(), b.string());
  const std::optional<double> left = number_of(a);
  const std::optional<double> right = number_of(b);
  return left && right ? std::optional(order_of(*left, *right)) : std::nullopt;
}

struct Operand {
  const Node* node;
  const Term* term;
};

Truth truth(bool yes) { return yes ? Truth::yes : Truth::no; }

bool equal_scalars(const Operand& a, const Operand& b, bool as_text) {
  if (a.node->is_string() && b.node->is_string()) {
    if (as_text || a.node->string() == b.node->string()) return a.node->string() == b.node->string();
    return (is_measured(a.node->string()) || is_measured(b.node->string())) &&
           order_of(*a.node, *b.node) == 0;
  }
  if (!a.node->is_scalar() || !b.node->is_scalar()) return *a.node == *b.node;
  if (!as_text && (a.node->is_number() || b.node->is_number())) {
    const std::optional<double> left = number_of(*a.node);
    const std::optional<double> right = number_of(*b.node);
    if (left && right) return *left == *right;
  }
  return text_of(*a.node, a.term) == text_of(*b.node, b.term);
}

Truth compare_scalars(const Term& term, const Operand& a, const Operand& b) {
  if (term.op == Op::equal) return truth(equal_scalars(a, b, term.as_text));
  const auto ordered = [](const Node& node) { return node.is_number() || node.is_string(); };
  if (!ordered(*a.node) || !ordered(*b.node)) return Truth::unknown;
  const std::optional<int> order =
      term.as_text ? std::optional(natural_order(text_of(*a.node, a.term), text_of(*b.node, b.term)))
                   : order_of(*a.node, *b.node);
  if (!order) return Truth::unknown;
  return truth(term.op == Op::less ? *order < 0 : *order <= 0);
}

/// A list compares as any of its items.
template <class Test>
Truth any_of(const Node& node, const Test& test) {
  if (!node.is_list()) return test(node);
  Truth all = Truth::no;
  for (const Node& item : node.items()) all = all | any_of(item, test);
  return all;
}

std::size_t character_end(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && is_utf8_continuation(text[at])) ++at;
  return at;
}

Truth is_like(const Operand& value, const Operand& pattern, bool fold) {
  if (!value.node->is_scalar() || value.node->is_null()) return Truth::no;
  return truth(
      LikePattern(text_of(*pattern.node, pattern.term), fold).matches(text_of(*value.node, value.term)));
}

/// Of two numbers; a null where there is none: no number, a division by zero.
Node calculate(Op op, const Node& a, const Node& b) {
  const std::optional<double> left = number_of(a);
  const std::optional<double> right = number_of(b);
  if (!left || !right) return {};
  double result = 0;
  if (op == Op::add) result = *left + *right;
  if (op == Op::subtract) result = *left - *right;
  if (op == Op::multiply) result = *left * *right;
  if (op == Op::divide) result = *left / *right;
  if (op == Op::modulo) result = std::fmod(*left, *right);
  return std::isfinite(result) ? detail::from_number(result) : Node();
}

/// The value of a term that is no condition; a null pointer: not known. `made` holds what was calculated.
const Node* value_of(const Term& term, const Values& values, Node& made) {
  if (term.op == Op::literal) return &term.value;
  if (term.op == Op::field) return values[static_cast<std::size_t>(term.field)];
  static const Node zero(0);
  Node first;
  Node second;
  const bool unary = term.op == Op::negative;
  const Node* a = unary ? &zero : value_of(term.parts[0], values, first);
  const Node* b = value_of(term.parts[unary ? 0 : 1], values, second);
  if (a == nullptr || b == nullptr || (a->is_list() && b->is_list())) return nullptr;
  const Op op = unary ? Op::subtract : term.op;
  if (!a->is_list() && !b->is_list()) {
    made = calculate(op, *a, *b);
    return made.is_null() ? nullptr : &made;
  }
  Node all = Node::list();
  for (const Node& item : (a->is_list() ? *a : *b).items()) {
    Node one = a->is_list() ? calculate(op, item, *b) : calculate(op, *a, item);
    if (!one.is_null()) all.push(std::move(one));
  }
  made = std::move(all);
  return &made;
}

Truth comparison(const Term& term, const Values& values) {
  Node first;
  Node second;
  const Node* a = value_of(term.parts[0], values, first);
  const Node* b = value_of(term.parts[1], values, second);
  if (a == nullptr || b == nullptr) return Truth::unknown;
  return any_of(*a, [&](const Node& left) {
    return any_of(*b, [&](const Node& right) {
      const Operand one{&left, &term.parts[0]};
      const Operand other{&right, &term.parts[1]};
      if (term.op == Op::like || term.op == Op::ilike) return is_like(one, other, term.op == Op::ilike);
      return compare_scalars(term, one, other);
    });
  });
}

Truth is_in(const Term& term, const Values& values) {
  Node made;
  const Node* value = value_of(term.parts[0], values, made);
  if (value == nullptr) return Truth::unknown;
  return any_of(*value, [&](const Node& item) {
    return truth(std::any_of(term.parts.begin() + 1, term.parts.end(), [&](const Term& choice) {
      return equal_scalars({&item, &term.parts[0]}, {&choice.value, &choice}, term.as_text);
    }));
  });
}

Truth is_true(const Term& term, const Values& values) {
  Node made;
  const Node* value = value_of(term.parts[0], values, made);
  if (value == nullptr) return Truth::unknown;
  return any_of(*value, [](const Node& item) {
    if (item.is_boolean()) return truth(item.boolean());
    return item.is_null() ? Truth::no : Truth::unknown;
  });
}

Truth is_null(const Term& term, const Values& values) {
  Node made;
  const Node* value = value_of(term.parts[0], values, made);
  return truth(value == nullptr || value->is_null() || (value->is_list() && value->items().empty()));
}

}  // namespace

Node detail::from_number(double value) {
  constexpr double exact = 9007199254740992.0;  // 2^53: so far every integer is a double
  if (std::abs(value) < exact && value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

LikePattern::LikePattern(std::string_view pattern, bool fold)
    : pattern_(fold ? lower(pattern) : std::string(pattern)), fold_(fold) {}

bool LikePattern::same(char of_text, char of_pattern) const {
  if (fold_ && of_text >= 'A' && of_text <= 'Z') of_text = static_cast<char>(of_text - 'A' + 'a');
  return of_text == of_pattern;
}

bool LikePattern::contains(std::string_view text, std::string_view wanted) const {
  for (std::size_t at = 0; at + wanted.size() <= text.size(); ++at) {
    std::size_t length = 0;
    while (length < wanted.size() && same(text[at + length], wanted[length])) ++length;
    if (length == wanted.size()) return true;
  }
  return false;
}

bool LikePattern::matches(std::string_view text) const {
  const std::string_view pattern = pattern_;
  if (pattern.size() > 1 && pattern.front() == '%' &&
      pattern.find_first_of("%_\\", 1) == pattern.size() - 1 && pattern.back() == '%')
    return contains(text, pattern.substr(1, pattern.size() - 2));
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = ++p;
      retry = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '_') {
      t = character_end(text, t);
      ++p;
      continue;
    }
    const std::size_t at = p + 1 < pattern.size() && pattern[p] == '\\' ? p + 1 : p;
    if (at < pattern.size() && same(text[t], pattern[at])) {
      p = at + 1;
      ++t;
      continue;
    }
    if (star == std::string_view::npos) return false;
    p = star;
    t = ++retry;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

int natural_order(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (!is_digit(a[i]) || !is_digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]) ? -1 : 1;
      ++i;
      ++j;
      continue;
    }
    while (i + 1 < a.size() && a[i] == '0' && is_digit(a[i + 1])) ++i;
    while (j + 1 < b.size() && b[j] == '0' && is_digit(b[j + 1])) ++j;
    const std::string_view left = a.substr(i, digits_end(a, i) - i);
    const std::string_view right = b.substr(j, digits_end(b, j) - j);
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
    if (const int order = left.compare(right); order != 0) return order < 0 ? -1 : 1;
    i += left.size();
    j += right.size();
  }
  if (i == a.size() && j == b.size()) return 0;
  return i == a.size() ? -1 : 1;
}

Truth evaluate(const Term& term, const Values& values) {
  switch (term.op) {
    case Op::conjunction: {
      Truth all = Truth::yes;
      for (const Term& part : term.parts)
        if (all = all & evaluate(part, values); all == Truth::no) break;
      return all;
    }
    case Op::disjunction: {
      Truth any = Truth::no;
      for (const Term& part : term.parts)
        if (any = any | evaluate(part, values); any == Truth::yes) break;
      return any;
    }
    case Op::negation:
      return !evaluate(term.parts[0], values);
    case Op::is_true:
      return is_true(term, values);
    case Op::is_null:
      return is_null(term, values);
    case Op::in:
      return is_in(term, values);
    default:
      return comparison(term, values);
  }
}

Truth Expression::evaluate_values(const std::vector<const Node*>& values) const {
  return cards::evaluate(term_, values);
}

Truth Expression::evaluate(const Lookup& lookup) const {
  std::vector<std::optional<Node>> found;
  found.reserve(fields_.size());
  for (const std::string& path : fields_) found.push_back(lookup(path));
  Values values;
  values.reserve(found.size());
  for (const std::optional<Node>& each : found) values.push_back(each ? &*each : nullptr);
  return cards::evaluate(term_, values);
}

}  // namespace mlib::cards
