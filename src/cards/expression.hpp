#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cards/field_type.hpp"
#include "schema/document.hpp"

/// One language for filters, rules and conditions:
///     model.context_length >= 8192 AND (framework = 'vllm' OR format IN ('gguf', 'onnx'))
///     gpu_count % tensor_parallel = 0 AND NOT (title ILIKE '%draft%' OR license IS NULL)
/// Words of it (AND OR NOT LIKE ILIKE IN IS NULL TRUE FALSE) in either case; texts in '…' or "…", names with
/// other characters than letters, digits, `_` and `.` in `…`. LIKE matches the whole text: % any run, _ one
/// character.
namespace mlib::cards {

/// What an expression may name.
struct Fields {
  /// The full path of what was written; nothing when there is no such field.
  std::function<std::optional<std::string>(const std::string& written)> resolve;
  /// All paths, for the nearest one; called only for an error.
  std::function<std::vector<std::string>()> known;
  /// For filters: a value needs no quotes (`framework=vllm`, `title=Gemma 3`), a name may hold `-` and `/`,
  /// and after `=` and `!=` a word without a dot is always a text.
  bool bare_words = false;
  /// What the values of a path are; without it nothing is known of any. Called once for each field.
  std::function<FieldType(const std::string& path)> type = {};
};
/// Exactly these paths; one that ends in `.` opens every name below it (`values.`).
Fields fields_of(std::vector<std::string> paths);

/// For a field that there is none of: "did you mean `X`?", of a card that has its last part if need be, or
/// "".
std::string nearest_field(const std::string& written, const std::vector<std::string>& known);

/// The three values of logic.
enum class Truth : std::int8_t { no, unknown, yes };

/// The value of a field: nothing when it is not known, a null when it is known that there is none.
using Lookup = std::function<std::optional<schema::Node>(const std::string& path)>;

/// A node of a parsed expression; `parts` are its operands.
struct Term {
  enum class Op : std::uint8_t {
    literal,
    field,
    negative,
    add,
    subtract,
    multiply,
    divide,
    modulo,
    is_true,
    is_null,
    equal,
    less,
    less_equal,
    like,
    ilike,
    in,
    negation,
    conjunction,
    disjunction
  };
  Op op = Op::literal;
  std::vector<Term> parts = {};
  schema::Node value = {};  ///< of a literal
  std::string text = {};    ///< of a literal, as it was written
  int field = -1;           ///< of a field: its index in Expression::fields
  int column = 0;           ///< 1-based, in characters
  bool measured = false;    ///< of a literal: digits and letters without quotes, a number with its unit
  bool as_text = false;     ///< of a comparison: of texts, also where they look like quantities
};

/// A condition over fields, parsed once and evaluated as often as wanted.
///
/// A literal is read when the expression is parsed, as what the field beside it is (FieldType): `70B`, `80GB`
/// and `0.2s` become numbers in the field's unit; one that is no value of that field is a finding.
///
/// Values compare so: numbers, and quantities with them, by their amount (`16Gi` < `20G`); texts in natural
/// order (`0.9.1` < `0.10`); a number or quantity with another text in no order at all (unknown). A list
/// compares as any of its items; `!=`, NOT LIKE and NOT IN are the negation of `=`, LIKE and IN. A null
/// equals nothing but `''`, and is neither less nor greater (unknown). What is not known makes the comparison
/// unknown; `IS NULL` holds for both. A boolean field is a condition by itself.
class Expression {
 public:
  /// At most 4096 bytes, 1000 terms, 50 levels. Findings (place.column counts in `source.text`) and nothing
  /// when it is not an expression.
  static std::optional<Expression> parse(const schema::Source& source, const Fields& fields,
                                         std::vector<Finding>& findings);
  /// The same; throws Problem{usage} with the findings.
  static Expression parse(const schema::Source& source, const Fields& fields);

  /// The full paths of the fields that it names, each once, in order of their first use.
  const std::vector<std::string>& fields() const { return fields_; }
  const Term& term() const { return term_; }

  /// Looks up each field once.
  Truth evaluate(const Lookup& lookup) const;
  /// `values[i]` is that of `fields()[i]`; a null pointer: not known.
  Truth evaluate_values(const std::vector<const schema::Node*>& values) const;

 private:
  Term term_;
  std::vector<std::string> fields_;
};

/// Whether a condition holds with the values of Expression::fields, see Expression::evaluate.
Truth evaluate(const Term& term, const std::vector<const schema::Node*>& values);

/// The pattern of a LIKE or (fold) ILIKE, for many texts: % any run, _ one character, \ takes the next one as
/// it is. Only ASCII letters are folded.
class LikePattern {
 public:
  LikePattern(std::string_view pattern, bool fold);
  bool matches(std::string_view text) const;

 private:
  bool contains(std::string_view text, std::string_view wanted) const;
  bool same(char of_text, char of_pattern) const;

  std::string pattern_;
  bool fold_;
};

/// -1, 0 or 1: byte order, but runs of digits by their value (`0.9` before `0.10`).
int natural_order(std::string_view a, std::string_view b);

constexpr Truth operator!(Truth a) { return static_cast<Truth>(2 - static_cast<int>(a)); }
constexpr Truth operator&(Truth a, Truth b) { return a < b ? a : b; }
constexpr Truth operator|(Truth a, Truth b) { return a < b ? b : a; }

}  // namespace mlib::cards
