#pragma once
#include <charconv>
#include <string>
#include <string_view>

namespace mlib::loadgen {

/// Walks a JSON text once without building anything: an engine sends a hundred thousand small ones a second,
/// of which a handful of fields is wanted. Every function takes one value (or says false for good at a syntax
/// error); at most 64 deep.
class JsonScan {
 public:
  explicit JsonScan(std::string_view text) : text_(text) {}

  /// Calls `field(key)` for each key, which takes its value; a value of another type is skipped.
  template <class Field>
  bool object(Field&& field) {
    if (peek() != '{') return skip();
    if (++depth_ > 64) return fail();
    take();
    if (peek() == '}') return leave();
    for (;;) {
      std::string_view key;
      if (peek() != '"' || !string(key) || peek() != ':') return fail();
      take();
      field(key);
      if (failed_) return false;
      if (peek() == '}') return leave();
      if (peek() != ',') return fail();
      take();
    }
  }
  /// Calls `item(index)` for each item, which takes it.
  template <class Item>
  bool array(Item&& item) {
    if (peek() != '[') return skip();
    if (++depth_ > 64) return fail();
    take();
    if (peek() == ']') return leave();
    for (std::size_t index = 0;; ++index) {
      item(index);
      if (failed_) return false;
      if (peek() == ']') return leave();
      if (peek() != ',') return fail();
      take();
    }
  }
  /// The text between the quotes, escapes left as they are; "" for a value of another type.
  bool string(std::string_view& raw);
  /// 0 for a value of another type.
  bool number(double& value);
  bool skip();
  /// The next character that is no blank, or NUL at the end.
  char peek() {
    while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  /// Nothing follows and nothing was wrong.
  bool ended() { return !failed_ && peek() == '\0' && at_ == text_.size(); }
  bool failed() const { return failed_; }

 private:
  void take() { ++at_; }
  bool leave() {
    --depth_;
    take();
    return true;
  }
  bool fail() {
    failed_ = true;
    return false;
  }
  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

/// A raw JSON string as text; what is ill-formed stays as it is.
std::string unescaped(std::string_view raw);
/// Text as a JSON string with its quotes.
std::string quoted(std::string_view text);

}  // namespace mlib::loadgen
