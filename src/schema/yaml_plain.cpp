#include "schema/yaml_plain.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "schema/yaml_scalar.hpp"

namespace mlib::schema {
namespace {

/// Every function that gives false has met what is not plain: then the whole text is given up.
class PlainReader {
 public:
  PlainReader(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  bool read(std::vector<Node>& documents) {
    if (text_.size() > limits_.bytes || !has_plain_bytes()) return false;
    for (next_line(); !at_end();) {
      if (is_marker()) {
        if (peek() != '-') return false;
        at_ += 3;
        if (!finish_line() || at_end() || is_marker()) return false;
      } else if (!documents.empty() || peek() == '%') {
        return false;
      }
      Node document;
      if (!block_node(document, -1) || !count()) return false;
      documents.push_back(std::move(document));
    }
    return !documents.empty();
  }

 private:
  // --- bytes and lines ---

  /// No control character but the newline, and no character that YAML may take for more than a letter.
  bool has_plain_bytes() {
    for (const char c : text_) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\n') || byte == 0x7F) return false;
      ascii_ = ascii_ && byte < 0x80;
    }
    if (ascii_) return true;
    for (std::size_t i = 0; i + 2 < text_.size(); ++i) {
      const std::string_view three = text_.substr(i, 3);
      const bool control = three[0] == '\xC2' && static_cast<unsigned char>(three[1]) < 0xA0;
      if (control || three == "\xE2\x80\xA8" || three == "\xE2\x80\xA9" || three == "\xEF\xBB\xBF" ||
          three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF")
        return false;
    }
    return is_utf8(text_);
  }

  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\n'; }
  bool is_blank(std::size_t ahead = 0) const { return peek(ahead) == ' ' || peek(ahead) == '\n'; }
  bool is_dash() const { return peek() == '-' && is_blank(1); }

  /// `---` or `...` at the beginning of a line.
  bool is_marker() const {
    if (at_ != line_begin_ || !is_blank(3)) return false;
    const std::string_view three = text_.substr(at_, 3);
    return three == "---" || three == "...";
  }

  void skip_spaces() {
    while (!at_end() && text_[at_] == ' ') ++at_;
  }

  /// To the first character of the next line that holds more than a comment, from the beginning of a line.
  void next_line() {
    while (!at_end()) {
      line_begin_ = at_;
      skip_spaces();
      if (at_end() || (text_[at_] != '\n' && text_[at_] != '#')) break;
      leave_line();
    }
    indent_ = static_cast<int>(at_ - line_begin_);
  }

  void leave_line() {
    at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1;
    ++line_;
  }

  /// Only a comment may follow on this line.
  bool finish_line() {
    const std::size_t before = at_;
    skip_spaces();
    const bool comment = peek() == '#' && at_ > before;
    if (!at_end() && !comment && text_[at_] != '\n') return false;
    if (!at_end()) leave_line();
    next_line();
    return true;
  }

  /// Whether the line that was come to belongs to nothing that stands deeper than `indent`.
  bool is_over(int indent) const { return at_end() || indent_ <= indent || is_marker(); }

  void place(Node& node) {
    node.line = line_;
    node.column = column();
  }
  int column() const {
    const std::string_view before = text_.substr(line_begin_, at_ - line_begin_);
    return static_cast<int>(ascii_ ? before.size() : utf8_length(before)) + 1;
  }

  bool count() { return ++nodes_ <= limits_.nodes; }

  // --- block collections ---

  /// A node that begins here, inside of what stands at `parent`.
  bool block_node(Node& out, int parent) {
    const auto here = static_cast<int>(at_ - line_begin_);
    if (is_dash()) return block_list(out, here);
    if (peek() == '[' || peek() == '{') return flow_node(out) && finish_line() && is_over(parent);
    Node first;
    if (!scalar(first, false)) return false;
    if (peek() == ':' && is_blank(1)) return block_map(out, here, std::move(first));
    out = std::move(first);
    return finish_line() && is_over(parent);
  }

  bool block_map(Node& out, int indent, Node first) {
    if (++depth_ > limits_.depth) return false;
    out = Node::map();
    out.line = first.line;
    out.column = indent + 1;
    for (Node key = std::move(first);;) {
      Entry entry;
      if (!take_key(out, key, entry)) return false;
      ++at_;
      if (!block_value(entry.value, indent, true) || !count()) return false;
      out.entries().push_back(std::move(entry));
      if (is_over(indent - 1)) break;
      if (indent_ != indent || is_dash() || !scalar(key, false)) return false;
      if (peek() != ':' || !is_blank(1)) return false;
    }
    --depth_;
    return true;
  }

  bool block_list(Node& out, int indent) {
    if (++depth_ > limits_.depth) return false;
    out = Node::list();
    place(out);
    do {
      ++at_;
      Node item;
      if (!block_value(item, indent, false) || !count()) return false;
      out.items().push_back(std::move(item));
    } while (!is_over(indent - 1) && indent_ == indent && is_dash());
    --depth_;
    return is_over(indent);
  }

  /// What follows `key:` or `-`, whose collection stands at `indent`.
  bool block_value(Node& out, int indent, bool of_key) {
    const std::size_t before = at_;
    skip_spaces();
    if (peek() == '\n' || (peek() == '#' && at_ > before)) {
      if (!finish_line()) return false;
      if (!is_over(indent)) return block_node(out, indent);
      return of_key && !at_end() && !is_marker() && indent_ == indent && is_dash() && block_list(out, indent);
    }
    if (peek() == '|' || peek() == '>') return block_text(out, indent);
    if (!of_key) return block_node(out, indent);
    if (is_dash()) return false;
    if (peek() == '[' || peek() == '{') return flow_node(out) && finish_line() && is_over(indent);
    return scalar(out, false) && finish_line() && is_over(indent);
  }

  /// `|` and `>`, with `-` behind it or not: lines of one indentation; in a folded one all are one paragraph.
  bool block_text(Node& out, int indent) {
    const bool folded = text_[at_++] == '>';
    const bool strip = peek() == '-';
    if (strip) ++at_;
    if (peek() != '\n' || at_end()) return false;
    leave_line();
    line_begin_ = at_;
    skip_spaces();
    const std::size_t inner = at_ - line_begin_;
    if (static_cast<int>(inner) <= indent || peek() == '\n') return false;
    Node made{std::string()};
    made.line = line_;
    made.column = 1;  // where libfyaml says that it begins
    if (!block_lines(made.string(), inner, indent, folded)) return false;
    if (!strip) made.string() += '\n';
    out = std::move(made);
    next_line();
    return is_over(indent);
  }

  bool block_lines(std::string& text, std::size_t inner, int indent, bool folded) {
    std::size_t blank = 0;
    for (at_ = line_begin_; !at_end(); leave_line()) {
      const std::size_t begin = at_;
      skip_spaces();
      const std::size_t spaces = at_ - begin;
      if (at_end() || text_[at_] == '\n') {
        if (spaces > 0) return false;
        ++blank;
        continue;
      }
      if (spaces < inner) {
        at_ = begin;
        return static_cast<int>(spaces) <= indent;
      }
      const std::size_t end = text_.find('\n', at_);
      if (end == std::string_view::npos || (folded && (spaces > inner || blank > 0))) return false;
      if (!text.empty()) text += folded ? " " : "\n" + std::string(blank, '\n');
      blank = 0;
      const std::string_view line = text_.substr(begin + inner, end - begin - inner);
      if (folded && line.back() == ' ') return false;
      text += line;
    }
    return true;
  }

  // --- flow collections, on one line ---

  bool flow_node(Node& out) {
    if (peek() == '[') return flow_list(out);
    if (peek() == '{') return flow_map(out);
    return scalar(out, true);
  }

  bool flow_list(Node& out) {
    if (++depth_ > limits_.depth) return false;
    out = Node::list();
    place(out);
    ++at_;
    skip_spaces();
    while (peek() != ']') {
      Node item;
      if (!flow_node(item) || !count() || !flow_next(']')) return false;
      out.items().push_back(std::move(item));
    }
    ++at_;
    --depth_;
    return true;
  }

  bool flow_map(Node& out) {
    if (++depth_ > limits_.depth) return false;
    out = Node::map();
    place(out);
    ++at_;
    skip_spaces();
    while (peek() != '}') {
      Node key;
      Entry entry;
      if (!scalar(key, true) || peek() != ':' || peek(1) != ' ' || !take_key(out, key, entry)) return false;
      ++at_;
      skip_spaces();
      if (!flow_node(entry.value) || !count() || !flow_next('}')) return false;
      out.entries().push_back(std::move(entry));
    }
    ++at_;
    --depth_;
    return true;
  }

  /// A comma and another item, or the end.
  bool flow_next(char end) {
    skip_spaces();
    if (peek() == end) return true;
    if (peek() != ',') return false;
    ++at_;
    skip_spaces();
    return peek() != end;
  }

  // --- scalars ---

  bool take_key(const Node& map, Node& key, Entry& entry) {
    constexpr std::size_t most = 200;
    if (!key.is_string() || key.string().size() > most || map.entries().size() > most || !count())
      return false;
    if (map.find(key.string()) != nullptr || (key.plain && key.string() == "<<")) return false;
    entry.key = std::move(key.string());
    entry.line = key.line;
    entry.column = key.column;
    return true;
  }

  bool scalar(Node& out, bool flow) {
    Node made;
    place(made);
    const bool quoted = peek() == '"' || peek() == '\'';
    if (quoted) ++made.column;
    if (!(quoted ? quoted_text(out) : plain_text(out, flow))) return false;
    out.line = made.line;
    out.column = made.column;
    return true;
  }

  bool quoted_text(Node& out) {
    const char quote = text_[at_++];
    std::string text;
    for (;; ++at_) {
      const char c = peek();
      if (c == '\n') return false;
      if (c == quote) {
        ++at_;
        if (quote == '"' || peek() != '\'') break;
      } else if (c == '\\' && quote == '"') {
        ++at_;
        if (peek() != '"' && peek() != '\\' && peek() != 'n') return false;
        text += peek() == 'n' ? '\n' : peek();
        continue;
      }
      text += c;
    }
    out = Node(std::move(text));
    return true;
  }

  /// Where a plain scalar ends, with the spaces behind it; nothing where it is not one of a single line.
  std::size_t plain_end(bool flow) const {
    constexpr std::size_t none = 0;
    std::size_t end = at_;
    for (; end < text_.size() && text_[end] != '\n'; ++end) {
      const char c = text_[end];
      const char next = end + 1 < text_.size() ? text_[end + 1] : '\n';
      if (c == ':' && (next == ' ' || next == '\n')) return end;
      if (c == '#' && text_[end - 1] == ' ') return end;
      if (!flow) continue;
      if (c == ',' || c == ']' || c == '}') return end;
      if (c == '[' || c == '{' ||
          (c == ':' && std::string_view(",[]{}").find(next) != std::string_view::npos))
        return none;
    }
    return flow ? none : end;
  }

  bool plain_text(Node& out, bool flow) {
    constexpr std::string_view never = ",[]{}#&*!|>'\"%@`?:.+";
    if (is_blank() || never.find(peek()) != std::string_view::npos) return false;
    if (peek() == '-' && (is_blank(1) || never.find(peek(1)) != std::string_view::npos)) return false;
    std::size_t end = plain_end(flow);
    if (end == 0) return false;
    while (text_[end - 1] == ' ') --end;
    const std::string_view text = text_.substr(at_, end - at_);
    at_ = end;
    if (is_ambiguous(text)) return false;
    out = scalar_of(text);
    out.plain = out.is_string();
    return true;
  }

  std::string_view text_;
  const Limits& limits_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 1;
  int indent_ = 0;  ///< of the line that was come to last, in characters
  int depth_ = 0;
  std::size_t nodes_ = 0;
  bool ascii_ = true;
};

}  // namespace

std::optional<std::vector<Node>> read_plain_yaml(std::string_view text, const Limits& limits) {
  std::vector<Node> documents;
  if (!PlainReader(text, limits).read(documents)) return std::nullopt;
  return documents;
}

}  // namespace mlib::schema
