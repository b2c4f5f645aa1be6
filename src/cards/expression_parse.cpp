#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"
#include "cards/expression_parts.hpp"

namespace mlib::cards {
namespace {

using detail::Broken;
using schema::Node;
using Op = Term::Op;

constexpr std::size_t most_bytes = 4096;
constexpr int most_terms = 1000;
constexpr int most_levels = 50;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

std::optional<Node> number(std::string_view text) {
  std::int64_t integer = 0;
  double real = 0;
  const char* end = text.data() + text.size();
  if (text.empty() || (!is_digit(text[0]) && text[0] != '-' && text[0] != '.')) return {};
  if (const auto [rest, error] = std::from_chars(text.data(), end, integer);
      error == std::errc{} && rest == end)
    return Node(integer);
  if (const auto [rest, error] = std::from_chars(text.data(), end, real); error == std::errc{} && rest == end)
    return Node(real);
  return {};
}

/// For a field that was written without the card that has it, or with another: `license` for `model.license`;
/// of several the one with the fewest parts. `whole`: its last part is exactly the same, else near to it.
std::string by_last_part(const std::string& written, const std::vector<std::string>& known, bool whole) {
  const std::string word = written.substr(written.rfind('.') + 1);
  constexpr std::size_t shortest_near = 5;
  std::vector<std::string> parts;
  for (const std::string& each : known) parts.push_back(each.substr(each.rfind('.') + 1));
  const std::string part = whole ? word : word.size() < shortest_near ? "" : nearest(word, parts);
  if (part.empty()) return "";
  const std::string* best = nullptr;
  const auto dots = [](const std::string& text) { return std::count(text.begin(), text.end(), '.'); };
  for (std::size_t i = 0; i < known.size(); ++i)
    if (parts[i] == part && (best == nullptr || dots(known[i]) < dots(*best))) best = &known[i];
  return best == nullptr ? "" : fmt::format("did you mean `{}`?", *best);
}

bool is_condition(const Term& term) { return term.op >= Op::is_true; }

/// Recursive descent; one level for each parenthesis, NOT and sign, and for each operator of a sum or
/// product.
class Parser {
 public:
  Parser(const std::string& text, const Fields& fields) : text_(text), fields_(fields) {}

  Term whole() {
    if (text_.size() > most_bytes)
      throw Broken{Fault::limit, 0, fmt::format("an expression has at most {} bytes", most_bytes), ""};
    if (skip(); at_ == text_.size()) throw Broken{Fault::missing, 0, "the expression is empty", example()};
    Term all = condition(disjunction());
    if (skip(); at_ < text_.size())
      throw Broken{Fault::syntax, at_, fmt::format("`{}` is not expected here", next_word()), after()};
    return all;
  }

  std::vector<std::string> paths;
  std::vector<Broken> unknown;  ///< fields that are none, found all in one go

 private:
  static std::string example() { return "for example: framework = 'vllm' AND benchmarks.ttft_p95 < 200"; }
  std::string after() const { return "AND or OR goes between conditions; a text of several words in '…'"; }

  /// Each level of recursion holds one of these.
  class Level {
   public:
    explicit Level(Parser& parser) : parser_(parser) {
      if (++parser_.level_ > most_levels)
        throw Broken{Fault::limit, parser_.at_,
                     fmt::format("an expression is at most {} levels deep", most_levels), ""};
    }
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Parser& parser_;
  };

  void skip() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string next_word() const {
    std::size_t end = at_;
    while (end < text_.size() && !is_space(text_[end])) ++end;
    return shortened(std::string_view(text_).substr(at_, std::max<std::size_t>(end - at_, 1)), 40);
  }

  bool sign(std::string_view wanted) {
    skip();
    if (std::string_view(text_).substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }

  /// True when `word` (upper case) comes next, in either case and whole.
  bool is_word(std::string_view word) const {
    const std::string_view next = std::string_view(text_).substr(at_, word.size());
    if (lower(next) != lower(word)) return false;
    const std::size_t end = at_ + word.size();
    return end == text_.size() || !(is_name(text_[end]) || (fields_.bare_words && text_[end] == '-'));
  }

  bool word(std::string_view wanted) {
    skip();
    if (!is_word(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  Term made(Op op, std::size_t at, std::vector<Term> parts) {
    if (++terms_ > most_terms)
      throw Broken{Fault::limit, at, fmt::format("an expression has at most {} terms", most_terms), ""};
    Term term;
    term.op = op;
    term.parts = std::move(parts);
    term.column = static_cast<int>(utf8_length(std::string_view(text_).substr(0, at))) + 1;
    return term;
  }

  Term made(Op op, std::size_t at, Term first) {
    std::vector<Term> parts;
    parts.push_back(std::move(first));
    return made(op, at, std::move(parts));
  }

  /// A condition stays; a field becomes one.
  Term condition(Term term) {
    if (is_condition(term)) return term;
    if (term.op != Op::field && !(term.op == Op::literal && term.value.is_boolean()))
      throw Broken{Fault::wrong_type, detail::offset_of(text_, term),
                   "this is a value, and a condition is expected",
                   "compare it: = != < > <= >= LIKE ILIKE IN, IS NULL"};
    const std::size_t at = detail::offset_of(text_, term);
    return made(Op::is_true, at, std::move(term));
  }

  Term value(Term term) {
    if (!is_condition(term)) return term;
    throw Broken{Fault::wrong_type, detail::offset_of(text_, term),
                 "this is a condition, and a value is expected", ""};
  }

  Term disjunction() { return chain("OR", Op::disjunction, &Parser::conjunction); }
  Term conjunction() { return chain("AND", Op::conjunction, &Parser::negation); }

  Term chain(std::string_view between, Op op, Term (Parser::*part)()) {
    Term first = (this->*part)();
    skip();
    const std::size_t at = at_;
    if (!is_word(between)) return first;
    std::vector<Term> parts;
    parts.push_back(condition(std::move(first)));
    while (word(between)) parts.push_back(condition((this->*part)()));
    return made(op, at, std::move(parts));
  }

  Term negation() {
    const std::size_t at = (skip(), at_);
    if (!word("NOT")) return comparison();
    const Level level(*this);
    return made(Op::negation, at, condition(negation()));
  }

  Term comparison() {
    Term left = sum();
    const std::size_t at = (skip(), at_);
    if (word("IS")) {
      const bool negated = word("NOT");
      if (!word("NULL"))
        throw Broken{Fault::syntax, at_, "NULL is expected after IS", "IS NULL or IS NOT NULL"};
      return negated_if(negated, at, made(Op::is_null, at, value(std::move(left))));
    }
    const bool negated = word("NOT");
    if (word("IN")) return negated_if(negated, at, choices(at, value(std::move(left))));
    if (word("LIKE")) return negated_if(negated, at, pair(Op::like, at, std::move(left)));
    if (word("ILIKE")) return negated_if(negated, at, pair(Op::ilike, at, std::move(left)));
    if (negated) throw Broken{Fault::syntax, at_, "IN, LIKE or ILIKE is expected after NOT", ""};
    if (sign("!=") || sign("<>")) return negated_if(true, at, pair(Op::equal, at, std::move(left)));
    if (sign("<=")) return pair(Op::less_equal, at, std::move(left));
    if (sign(">=")) return swapped(pair(Op::less_equal, at, std::move(left)));
    if (sign("==") || sign("=")) return pair(Op::equal, at, std::move(left));
    if (sign("<")) return pair(Op::less, at, std::move(left));
    if (sign(">")) return swapped(pair(Op::less, at, std::move(left)));
    return left;
  }

  Term negated_if(bool negated, std::size_t at, Term term) {
    return negated ? made(Op::negation, at, std::move(term)) : std::move(term);
  }

  static Term swapped(Term term) {
    std::swap(term.parts[0], term.parts[1]);
    return term;
  }

  Term pair(Op op, std::size_t at, Term left) {
    std::vector<Term> parts;
    parts.push_back(value(std::move(left)));
    std::optional<Term> bare = fields_.bare_words ? bare_value(op) : std::nullopt;
    parts.push_back(bare ? std::move(*bare) : value(sum()));
    return made(op, at, std::move(parts));
  }

  Term choices(std::size_t at, Term left) {
    std::vector<Term> parts;
    parts.push_back(std::move(left));
    if (!sign("("))
      throw Broken{Fault::syntax, at_, "`(` is expected after IN", "as in: format IN ('gguf', 'onnx')"};
    do {
      skip();
      std::optional<Term> bare = fields_.bare_words ? bare_value(Op::in) : std::nullopt;
      const std::size_t here = at_;
      parts.push_back(bare ? std::move(*bare) : with_sign(sum()));
      if (parts.back().op != Op::literal)
        throw Broken{Fault::wrong_type, here, "IN takes texts, numbers, TRUE and FALSE only", ""};
    } while (sign(","));
    if (!sign(")")) throw Broken{Fault::syntax, at_, "`,` or `)` is expected here", ""};
    return made(Op::in, at, std::move(parts));
  }

  /// `-1` as one literal.
  static Term with_sign(Term term) {
    if (term.op != Op::negative || term.parts[0].op != Op::literal) return term;
    if (!term.parts[0].measured && !term.parts[0].value.is_number()) return term;
    Term one = std::move(term.parts[0]);
    one.column = term.column;
    one.text.insert(0, "-");
    const std::optional<Node> signed_one = number(one.text);
    one.value = signed_one ? *signed_one : Node(one.text);
    return one;
  }

  /// A text without quotes; nothing (and no step taken) when what comes is a value as in any expression.
  std::optional<Term> bare_value(Op op) {
    skip();
    const std::size_t from = at_;
    if (from == text_.size())
      return op == Op::equal ? std::optional(literal(from, Node(""), "")) : std::nullopt;
    if (std::string_view("'\"`()").find(text_[from]) != std::string_view::npos) return {};
    const std::size_t end = std::min(text_.find_first_of(" \t\r\n),", from), text_.size());
    const std::string_view run = std::string_view(text_).substr(from, end - from);
    if (number(run) || is_word("TRUE") || is_word("FALSE") || is_word("NULL")) return {};
    if (is_digit(run[0]) && run.find_first_of("*/%+") != std::string_view::npos) return {};
    const std::string name(run.substr(0, std::min(run.find_first_of("*/%+"), run.size())));
    const bool dotted = name.find('.') != std::string::npos;
    if (op != Op::in && (dotted || op != Op::equal) && fields_.resolve(name)) return {};
    at_ = end;
    const std::size_t last = words_end(op);
    at_ = last;
    std::string text(trim(std::string_view(text_).substr(from, last - from)));
    return literal(from, Node(text), text);
  }

  /// Where the words end that belong to a text without quotes: before AND, OR, `)`, `,`.
  std::size_t words_end(Op op) {
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != ')' && (op != Op::in || text_[end] != ',')) {
      while (end < text_.size() && is_space(text_[end])) ++end;
      at_ = end;
      if (is_word("AND") || is_word("OR")) break;
      while (end < text_.size() && !is_space(text_[end]) && text_[end] != ')' &&
             (op != Op::in || text_[end] != ','))
        ++end;
    }
    return end;
  }

  Term literal(std::size_t at, Node value, std::string text) {
    Term term = made(Op::literal, at, std::vector<Term>{});
    term.value = std::move(value);
    term.text = std::move(text);
    return term;
  }

  Term sum() { return arithmetic({{{"+", Op::add}, {"-", Op::subtract}, {"", Op::add}}}, &Parser::product); }
  Term product() {
    return arithmetic({{{"*", Op::multiply}, {"/", Op::divide}, {"%", Op::modulo}}}, &Parser::primary);
  }

  using Signs = std::array<std::pair<std::string_view, Op>, 3>;

  Term arithmetic(const Signs& signs, Term (Parser::*part)()) {
    Term left = (this->*part)();
    for (int count = 0;; ++count) {
      const std::size_t at = (skip(), at_);
      const auto next = std::find_if(signs.begin(), signs.end(), [&](const auto& each) {
        return !each.first.empty() && sign(each.first);
      });
      if (next == signs.end()) return left;
      if (count >= most_levels)
        throw Broken{Fault::limit, at, fmt::format("at most {} operators in a row", most_levels), ""};
      std::vector<Term> parts;
      parts.push_back(value(std::move(left)));
      parts.push_back(value((this->*part)()));
      left = made(next->second, at, std::move(parts));
    }
  }

  Term primary() {
    const std::size_t at = (skip(), at_);
    if (at_ == text_.size()) throw Broken{Fault::missing, at_, "something is missing here", ""};
    const Level level(*this);
    if (sign("(")) {
      Term inner = disjunction();
      if (!sign(")")) throw Broken{Fault::syntax, at_, "`)` is missing here", ""};
      return inner;
    }
    const char first = text_[at_];
    if (first == '\'' || first == '"') {
      std::string text = quoted(first);
      Node value(text);
      return literal(at, std::move(value), std::move(text));
    }
    if (first == '`') return field(at, quoted(first));
    if (is_digit(first)) return digits(at);
    if (sign("-")) return made(Op::negative, at, value(primary()));
    if (word("TRUE")) return literal(at, Node(true), "true");
    if (word("FALSE")) return literal(at, Node(false), "false");
    if (!is_letter(first))
      throw Broken{Fault::syntax, at, fmt::format("`{}` is not expected here", next_word()), ""};
    while (at_ < text_.size() && (is_name(text_[at_]) || is_glue())) ++at_;
    return field(at, text_.substr(at, at_ - at));
  }

  /// A `-` or `/` inside a name.
  bool is_glue() const {
    return fields_.bare_words && (text_[at_] == '-' || text_[at_] == '/') && at_ + 1 < text_.size() &&
           (is_letter(text_[at_ + 1]) || is_digit(text_[at_ + 1]));
  }

  /// The end of a unit: `/s`, as in 2TB/s.
  bool is_per_second() const {
    const std::string_view rest = std::string_view(text_).substr(at_);
    return rest.starts_with("/s") && (rest.size() == 2 || !is_name(rest[2]));
  }

  Term digits(std::size_t at) {
    while (at_ < text_.size() && (is_name(text_[at_]) || ((text_[at_] == '-' || text_[at_] == '+') &&
                                                          (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E'))))
      ++at_;
    if (is_letter(text_[at_ - 1]) && is_per_second()) at_ += 2;
    std::string text = text_.substr(at, at_ - at);
    if (std::optional<Node> value = number(text)) return literal(at, std::move(*value), std::move(text));
    Node value(text);
    Term term = literal(at, std::move(value), std::move(text));
    term.measured = true;  // whether its letters are a unit says the field beside it
    return term;
  }

  /// The text between two of `quote`; a doubled one, or one after a \, is part of it.
  std::string quoted(char quote) {
    const std::size_t from = at_++;
    std::string text;
    for (; at_ < text_.size(); ++at_) {
      const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
      if ((text_[at_] == quote || text_[at_] == '\\') && next == quote) {
        text += quote;
        ++at_;
      } else if (text_[at_] == quote) {
        ++at_;
        return text;
      } else {
        text += text_[at_];
      }
    }
    throw Broken{Fault::syntax, from, fmt::format("the {} that begins here is not closed", quote), ""};
  }

  Term field(std::size_t at, std::string name) {
    const std::optional<std::string> path = fields_.resolve(name);
    if (!path)
      unknown.push_back({Fault::unknown_field, at, fmt::format("there is no field `{}`", shortened(name, 60)),
                         hint_for(name)});
    Term term = made(Op::field, at, std::vector<Term>{});
    const std::string& full = path ? *path : name;
    const auto there = std::find(paths.begin(), paths.end(), full);
    term.field = static_cast<int>(there - paths.begin());
    term.text = std::move(name);
    if (there == paths.end()) paths.push_back(full);
    return term;
  }

  std::string hint_for(const std::string& name) const {
    if (lower(name) == "null") return "IS NULL holds where a card does not say, IS NOT NULL where one does";
    const std::vector<std::string> known = fields_.known();
    std::string hint = nearest_field(name, known);
    const bool bare = fields_.bare_words && known.size() > 10;
    if (hint.empty() && bare) hint = "some fields: " + join({known.begin(), known.begin() + 8}, ", ");
    return hint;
  }

  const std::string& text_;
  const Fields& fields_;
  std::size_t at_ = 0;
  int level_ = 0;
  int terms_ = 0;
};

Finding finding_of(const schema::Source& source, const Broken& broken) {
  const std::string_view before = std::string_view(source.text).substr(0, broken.at);
  const std::size_t line_start = before.rfind('\n') + 1;
  Finding finding;
  finding.fault = broken.fault;
  finding.place.file = source.file;
  finding.place.line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  finding.place.column = 1 + static_cast<int>(utf8_length(before.substr(line_start)));
  finding.message = broken.message;
  finding.hint = broken.hint;
  finding.excerpt = source.text.size() > most_bytes ? "" : source.line(finding.place.line);
  return finding;
}

}  // namespace

Fields fields_of(std::vector<std::string> paths) {
  const auto known = [paths] { return paths; };
  const auto resolve = [paths = std::move(paths)](const std::string& written) -> std::optional<std::string> {
    for (const std::string& path : paths)
      if (written == path ||
          (path.ends_with('.') && written.size() > path.size() && written.starts_with(path)))
        return written;
    return {};
  };
  return {resolve, known};
}

std::string nearest_field(const std::string& written, const std::vector<std::string>& known) {
  std::string hint = by_last_part(written, known, true);
  if (hint.empty()) hint = suggestion(written, known);
  return hint.empty() ? by_last_part(written, known, false) : hint;
}

std::size_t detail::offset_of(const std::string& text, const Term& term) {
  std::size_t at = 0;
  for (int left = term.column - 1; left > 0 && at < text.size(); --left) do
      ++at;
    while (at < text.size() && is_utf8_continuation(text[at]));
  return at;
}

std::optional<Expression> Expression::parse(const schema::Source& source, const Fields& fields,
                                            std::vector<Finding>& findings) {
  Parser parser(source.text, fields);
  const std::size_t before = findings.size();
  Expression made;
  std::optional<Broken> broken;
  try {
    made.term_ = parser.whole();
  } catch (const Broken& found) {
    broken = found;
  }
  // What a field is can only be asked of one that there is.
  if (!broken && parser.unknown.empty())
    detail::read_literals(made.term_, source.text, parser.paths, fields, parser.unknown);
  for (const Broken& each : parser.unknown) findings.push_back(finding_of(source, each));
  if (broken) findings.push_back(finding_of(source, *broken));
  if (findings.size() > before) return {};
  made.fields_ = std::move(parser.paths);
  return made;
}

Expression Expression::parse(const schema::Source& source, const Fields& fields) {
  std::vector<Finding> findings;
  std::optional<Expression> made = parse(source, fields, findings);
  if (!made) throw Problem(Kind::usage, "the expression cannot be understood", "", std::move(findings));
  return std::move(*made);
}

}  // namespace mlib::cards
