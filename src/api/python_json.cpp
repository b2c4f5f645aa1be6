#include "api/python_json.hpp"

namespace mlib::api {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Walks over one document; every step gives false when it met an error.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  std::optional<PythonJsonError> run() {
    blanks();
    if (value(0)) {
      blanks();
      if (at_ < text_.size()) fail(at_, "Extra data");
    }
    return error_;
  }

 private:
  bool fail(std::size_t offset, std::string_view message) {
    error_ = PythonJsonError{offset, message};
    return false;
  }
  char now() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void blanks() {
    while (now() == ' ' || now() == '\t' || now() == '\n' || now() == '\r') ++at_;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool value(int depth) {
    if (depth > 64) return false;
    if (take("null") || take("true") || take("false")) return true;
    if (now() == '"') return string();
    if (take("{")) return object(depth);
    if (take("[")) return array(depth);
    return number();
  }

  bool object(int depth) {
    blanks();
    if (take("}")) return true;
    for (;;) {
      if (now() != '"') return fail(at_, "Expecting property name enclosed in double quotes");
      if (!string()) return false;
      blanks();
      if (!take(":")) return fail(at_, "Expecting ':' delimiter");
      blanks();
      if (!value(depth + 1)) return false;
      blanks();
      if (take("}")) return true;
      if (!take(",")) return fail(at_, "Expecting ',' delimiter");
      blanks();
    }
  }

  bool array(int depth) {
    blanks();
    if (take("]")) return true;
    for (;;) {
      if (!value(depth + 1)) return false;
      blanks();
      if (take("]")) return true;
      if (!take(",")) return fail(at_, "Expecting ',' delimiter");
      blanks();
    }
  }

  bool string() {
    const std::size_t begin = at_++;
    for (; at_ < text_.size(); ++at_) {
      if (now() == '"') {
        ++at_;
        return true;
      }
      if (static_cast<unsigned char>(now()) < 0x20) return fail(at_, "Invalid control character at");
      if (now() == '\\' && !escape(begin)) return false;
    }
    return fail(begin, "Unterminated string starting at");
  }

  /// Leaves `at_` on the escape's last character.
  bool escape(std::size_t begin) {
    const std::size_t backslash = at_++;
    if (at_ >= text_.size()) return fail(begin, "Unterminated string starting at");
    if (now() != 'u') {
      const bool known = std::string_view("\"\\/bfnrt").find(now()) != std::string_view::npos;
      return known || fail(backslash, "Invalid \\escape");
    }
    const std::size_t u = at_;
    bool right = u + 5 < text_.size();
    for (std::size_t i = 1; right && i <= 4; ++i) right = is_hex(text_[u + i]);
    if (!right) return fail(u, "Invalid \\uXXXX escape");
    at_ = u + 4;
    return true;
  }

  bool number() {
    const std::size_t begin = at_;
    take("-");
    if (!is_digit(now())) return at_ = begin, fail(begin, "Expecting value");
    if (!take("0")) digits();
    if (now() == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])) {
      ++at_;
      digits();
    }
    exponent();
    return true;
  }
  void digits() {
    while (is_digit(now())) ++at_;
  }
  void exponent() {
    if (now() != 'e' && now() != 'E') return;
    std::size_t after = at_ + 1;
    if (after < text_.size() && (text_[after] == '+' || text_[after] == '-')) ++after;
    if (after >= text_.size() || !is_digit(text_[after])) return;
    at_ = after;
    digits();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<PythonJsonError> error_;
};

}  // namespace

std::optional<PythonJsonError> python_json_error(std::string_view text) { return Walk(text).run(); }

}  // namespace mlib::api
