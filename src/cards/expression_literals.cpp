#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "cards/expression_parts.hpp"

namespace mlib::cards::detail {
namespace {

using schema::Node;
using Is = FieldType::Is;
using Op = Term::Op;

constexpr std::size_t most_shown = 40;

bool is_arithmetic(const Term& term) { return term.op >= Op::negative && term.op <= Op::modulo; }
bool is_order(const Term& term) { return term.op == Op::less || term.op == Op::less_equal; }
bool is_number(Is is) { return is == Is::number || is == Is::quantity; }
bool is_text(Is is) { return is == Is::text || is == Is::version || is == Is::date; }

/// One side of a comparison: what it is, and the field that this is known from (a null pointer: from none).
struct Side {
  FieldType type = {};
  const Term* field = nullptr;
};

/// `a number`, as in "`parameters` is a number".
std::string called(const FieldType& type) {
  switch (type.is) {
    case Is::text:
    case Is::version:
      return "a text";
    case Is::number:
      if (type.unit == "ms") return "a number of milliseconds";
      return type.unit.empty() ? "a number" : fmt::format("a number of {}", type.unit);
    case Is::quantity:
      return "an amount of bytes";
    case Is::boolean:
      return "TRUE or FALSE";
    case Is::date:
      return "a day";
    default:
      return "a map";
  }
}

/// A value that such a field may have.
std::string_view example_of(const FieldType& type, std::string_view field) {
  switch (type.is) {
    case Is::number:
    case Is::quantity:
      if (type.unit == "tokens") return "128K";
      if (type.unit == "bytes") return "80GB";
      if (type.unit == "ms") return "200ms";
      return field.ends_with("parameters") ? "7B" : "8";
    case Is::boolean:
      return "TRUE";
    case Is::date:
      return "'2025-06-30'";
    case Is::version:
      return "'0.10.1'";
    default:
      return "'m'";
  }
}

/// Digits that stand for more (or less) than a number can be.
bool is_out_of_range(std::string_view text) {
  double number = 0;
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc::result_out_of_range;
}

class Literals {
 public:
  Literals(const std::string& text, const std::vector<std::string>& paths, const Fields& fields,
           std::vector<Broken>& wrong)
      : text_(text), wrong_(wrong) {
    for (const std::string& path : paths) types_.push_back(fields.type ? fields.type(path) : FieldType{});
  }

  void condition(Term& term) {
    switch (term.op) {
      case Op::conjunction:
      case Op::disjunction:
      case Op::negation:
        for (Term& part : term.parts) condition(part);
        return;
      case Op::is_true:
        return truth(term.parts[0]);
      case Op::is_null:
      case Op::like:
      case Op::ilike:
        for (Term& part : term.parts) {
          if (is_arithmetic(part)) arithmetic(part, side_of(part).type);
          if (term.op != Op::is_null && is_map(side_of(part))) return;
        }
        return;
      default:
        return comparison(term);
    }
  }

 private:
  const FieldType& type_of(const Term& field) const { return types_[static_cast<std::size_t>(field.field)]; }

  void refuse(const Term& term, std::string message, std::string hint) {
    wrong_.push_back({Fault::wrong_type, offset_of(text_, term), std::move(message), std::move(hint)});
  }

  /// Of arithmetic a number, in the unit of its first field that has one: memory by cores is bytes, too. What
  /// is multiplied or divided by its own unit, or is a count divided by one, has a unit that nobody writes.
  Side side_of(const Term& term) const {
    if (term.op == Op::field) return {type_of(term), &term};
    if (!is_arithmetic(term)) return {};
    const Side first = side_of(term.parts[0]);
    const Side second = term.op == Op::negative ? Side() : side_of(term.parts[1]);
    const Side& known = first.field != nullptr ? first : second;
    if (known.field == nullptr || known.type.is == Is::any) return {{}, known.field};
    const bool scaled = term.op == Op::multiply || term.op == Op::divide;
    FieldType type;
    type.is = Is::number;
    if (!scaled || first.field == nullptr || second.field == nullptr || first.type.unit != second.type.unit)
      type.unit = known.type.unit;
    if (term.op == Op::multiply && type.unit.empty() && first.type.unit.empty()) type.unit = second.type.unit;
    return {type, known.field};
  }

  void truth(const Term& term) {
    if (term.op != Op::field) return;
    const FieldType& type = type_of(term);
    if (type.is == Is::any || type.is == Is::boolean) return;
    refuse(term, fmt::format("`{}` is {}, and a condition is expected", term.text, called(type)),
           "compare it: = != < > <= >= LIKE ILIKE IN, IS NULL");
  }

  void comparison(Term& term) {
    const Side first = side_of(term.parts[0]);
    if (is_map(first)) return;
    for (std::size_t i = 1; i < term.parts.size(); ++i) {
      const Side second = side_of(term.parts[i]);
      if (is_map(second)) return;
      const Side& known = first.field != nullptr ? first : second;
      if (first.field != nullptr && second.field != nullptr && !same_class(first, second)) return;
      // IN has several values and one side before them: that is read once, since what was read is a number.
      if (i == 1) read(term, term.parts[0], first.field != nullptr ? first : second);
      read(term, term.parts[i], second.field != nullptr ? second : first);
      const bool both = first.field == nullptr || second.field == nullptr || is_text(second.type.is);
      term.as_text = is_text(known.type.is) && both;
    }
  }

  bool is_map(const Side& side) {
    if (side.field == nullptr || side.type.is != Is::map) return false;
    const std::string& name = side.field->text;
    std::vector<std::string> parts;
    for (const std::string& each : side.type.parts) parts.push_back(fmt::format("{}.{}", name, each));
    refuse(*side.field, fmt::format("`{}` has parts, and is no value itself", name),
           parts.empty() ? fmt::format("name one of them, as in {}.NAME", name) : join(parts, ", "));
    return true;
  }

  bool same_class(const Side& a, const Side& b) {
    if (a.field->column > b.field->column) return same_class(b, a);
    const auto of = [](Is is) { return is_number(is) ? 1 : is_text(is) ? 2 : is == Is::boolean ? 3 : 0; };
    const int first = of(a.type.is);
    const int second = of(b.type.is);
    if (first == second || first == 0 || second == 0) return true;
    refuse(*b.field,
           fmt::format("`{}` is {}, and `{}` {}: they cannot be compared", a.field->text, called(a.type),
                       b.field->text, called(b.type)),
           second == 2 ? "a text stands in '…'" : "");
    return false;
  }

  /// What stands leftmost: a sum has its place at its sign.
  static const Term& first_of(const Term& term) {
    const bool inner = is_arithmetic(term) && term.op != Op::negative;
    return inner ? first_of(term.parts[0]) : term;
  }

  void read(const Term& comparison, Term& value, const Side& of) {
    if (value.op == Op::field) return;
    if (value.op == Op::literal) return literal(comparison, value, of);
    if (of.field == nullptr || of.type.is == Is::any || is_number(of.type.is))
      return arithmetic(value, of.type);
    const bool minus = of.type.is == Is::date;
    refuse(first_of(value), fmt::format("`{}` is {}, and this is a number", of.field->text, called(of.type)),
           minus ? "a day is a text: '2025-06-30'" : "");
  }

  /// Numbers only; those with a unit are of `type`, or a plain factor.
  void arithmetic(Term& term, const FieldType& type) {
    const bool scaled = term.op == Op::multiply || term.op == Op::divide;
    for (Term& part : term.parts) {
      if (is_arithmetic(part)) {
        arithmetic(part, type);
      } else if (part.op == Op::field) {
        const FieldType& own = type_of(part);
        if (own.is != Is::any && !is_number(own.is))
          refuse(part, fmt::format("`{}` is {}, and arithmetic takes numbers", part.text, called(own)), "");
      } else if (part.value.is_boolean()) {
        refuse(part, fmt::format("`{}` is no number, and arithmetic takes numbers", part.text), "");
      } else if (is_number(type.is) && part.value.is_string()) {
        std::optional<double> number = amount(part.value.string(), type.unit);
        if (!number && scaled) number = amount(part.value.string(), "");
        if (number)
          part.value = from_number(*number);
        else
          refuse(part, fmt::format("`{}` is no number here", shortened(part.text, most_shown)),
                 std::string(letters_of(type.unit)));
      } else {
        unread(part);
      }
    }
  }

  /// Beside something of which nothing is known.
  void unread(const Term& value) {
    if (!value.measured || quantity(value.value.string())) return;
    wrong_.push_back(
        {Fault::syntax, offset_of(text_, value),
         fmt::format("`{}` is neither a number nor a quantity", shortened(value.text, most_shown)),
         "16, 0.5, 1e9 or 16Gi; a text in '…'"});
  }

  void literal(const Term& comparison, Term& value, const Side& of) {
    const bool order = is_order(comparison);
    // What equals the empty text has no value, whatever it is.
    if (!order && value.value.is_string() && value.value.string().empty()) return;
    switch (of.type.is) {
      case Is::number:
      case Is::quantity:
        return number(comparison, value, of);
      case Is::boolean:
        return boolean(comparison, value, of);
      case Is::date:
        if (!value.value.is_string() || !is_day(value.value.string())) refuse_literal(comparison, value, of);
        return;
      case Is::text:
      case Is::version:
        return a_text(comparison, value, of);
      default:
        return unread(value);
    }
  }

  void number(const Term& comparison, Term& value, const Side& of) {
    if (value.value.is_number()) return;
    std::optional<double> read;
    if (value.value.is_string()) read = amount(value.value.string(), of.type.unit);
    if (!read && value.value.is_string() && is_out_of_range(value.value.string()))
      return refuse(
          value, fmt::format("`{}` is beyond what a number can be", shortened(value.text, most_shown)), "");
    if (!read) return refuse_literal(comparison, value, of);
    value.value = from_number(*read);
  }

  void boolean(const Term& comparison, Term& value, const Side& of) {
    const std::string word = value.value.is_string() ? lower(value.value.string()) : "";
    if (word == "true" || word == "false") {
      value.value = Node(word == "true");
      value.text = word;
    }
    if (!value.value.is_boolean()) return refuse_literal(comparison, value, of);
    if (is_order(comparison))
      refuse(value, fmt::format("`{}` is TRUE or FALSE, and neither is the greater", of.field->text),
             fmt::format("for example: {} = TRUE", of.field->text));
  }

  /// Equal to a text may be what looks like a number; in order only a text, or a version.
  void a_text(const Term& comparison, Term& value, const Side& of) {
    if (!value.value.is_string()) {
      const bool version = of.type.is == Is::version && value.value.is_number();
      if (is_order(comparison) && !version) return refuse_literal(comparison, value, of);
      value.value = Node(value.text);
    }
    const std::vector<std::string>& choices = of.type.choices;
    if (choices.empty() || is_order(comparison)) return;
    const std::string& text = value.value.string();
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return;
    const std::string near = nearest(text, choices);
    wrong_.push_back(
        {Fault::not_allowed, offset_of(text_, value),
         fmt::format("`{}` is never `{}`", of.field->text, shortened(text, most_shown)),
         (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) + "one of: " + join(choices, ", ")});
  }

  void refuse_literal(const Term& comparison, const Term& value, const Side& of) {
    const std::string_view field = of.field->text;
    // What was written as FIELD > VALUE is held as VALUE < FIELD.
    const bool turned = &comparison.parts[0] == &value;
    const std::string_view sign = comparison.op == Op::less         ? (turned ? ">" : "<")
                                  : comparison.op == Op::less_equal ? (turned ? ">=" : "<=")
                                                                    : "=";
    const std::string_view letters = is_number(of.type.is) ? letters_of(of.type.unit) : "";
    const std::string shown = shortened(value.text, most_shown);
    refuse(value,
           value.value.is_number()
               ? fmt::format("`{}` is {}, and {} is a number", field, called(of.type), shown)
           : value.value.is_boolean()
               ? fmt::format("`{}` is {}, and {} is not", field, called(of.type), lower(shown))
               : fmt::format("`{}` is {}, and `{}` is not", field, called(of.type), shown),
           fmt::format("for example: {} {} {}{}{}", field, of.type.is == Is::boolean ? "=" : sign,
                       example_of(of.type, field), letters.empty() ? "" : "; ", letters));
  }

  const std::string& text_;
  std::vector<FieldType> types_;
  std::vector<Broken>& wrong_;
};

}  // namespace

void read_literals(Term& term, const std::string& text, const std::vector<std::string>& paths,
                   const Fields& fields, std::vector<Broken>& wrong) {
  Literals(text, paths, fields, wrong).condition(term);
}

}  // namespace mlib::cards::detail
