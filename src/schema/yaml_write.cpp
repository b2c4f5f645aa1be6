#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::schema {
namespace {

/// A character of a UTF-8 text; bytes that are none stand for U+FFFD.
struct Character {
  char32_t code = 0xFFFD;
  std::size_t bytes = 1;
};

Character front(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (text.size() < length || !is_utf8(text.substr(0, length))) return {};
  char32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i)
    code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {code, length};
}

/// Characters that some reader takes for a line break or refuses: they are written as escapes.
bool needs_escape(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0xA0) || code == 0x2028 || code == 0x2029 ||
         code == 0xFEFF || (code & 0xFFFEU) == 0xFFFE || code == 0xFFFD;
}

std::string escaped(char32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code == '\r') return "\\r";
  if (code <= 0xFF) return fmt::format("\\x{:02x}", static_cast<unsigned>(code));
  if (code <= 0xFFFF) return fmt::format("\\u{:04x}", static_cast<unsigned>(code));
  return fmt::format("\\U{:08x}", static_cast<unsigned>(code));
}

bool has_separator(std::string_view text) { return text.find("---") != std::string_view::npos; }

std::string double_quoted(std::string_view text) {
  const bool break_dashes = has_separator(text);
  std::string out = "\"";
  bool after_dash = false;
  while (!text.empty()) {
    const Character next = front(text);
    const bool dash = next.code == '-';
    if (dash && after_dash && break_dashes) {
      out += "\\x2d";
      after_dash = false;
    } else if (next.code == '"' || next.code == '\\') {
      out += {'\\', static_cast<char>(next.code)};
      after_dash = false;
    } else {
      out += needs_escape(next.code) ? escaped(next.code) : std::string(text.substr(0, next.bytes));
      after_dash = dash;
    }
    text.remove_prefix(next.bytes);
  }
  return out + '"';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A word that YAML 1.1 or 1.2 takes for a boolean or null.
bool is_reserved(std::string_view text) {
  static constexpr std::array<std::string_view, 12> words{"y",    "n",     "yes",  "no",   "on",  "off",
                                                          "true", "false", "null", "none", "nan", "inf"};
  const auto is_same = [](char a, char b) { return a == b || (is_letter(a) && (a | 0x20) == b); };
  return text.size() <= 5 && std::any_of(words.begin(), words.end(), [&](std::string_view word) {
           return word.size() == text.size() && std::equal(text.begin(), text.end(), word.begin(), is_same);
         });
}

/// Could be a number, a date or a time for some reader: only their characters, beginning with a digit.
bool looks_like_number(std::string_view text) {
  if (!is_digit(text.front())) return false;
  return text.find_first_not_of("0123456789abcdefABCDEFxXoO_.,:+-TtZz ") == std::string_view::npos;
}

/// `-c`, `--port`: an option of a command line, which no reader takes for a list or a number.
bool is_option(std::string_view text) {
  const std::size_t from = text.starts_with("--") ? 2 : 1;
  return text.front() == '-' && text.size() > from && is_letter(text[from]);
}

enum class Plain : unsigned char { no, yes, look };  ///< look: by what follows

constexpr std::array<Plain, 256> plain_characters = [] {
  std::array<Plain, 256> plain{};
  constexpr std::string_view all =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=+$(),@%*;<?~^'";
  for (const char c : all) plain[static_cast<unsigned char>(c)] = Plain::yes;
  for (const char c : {' ', '-', ':'}) plain[static_cast<unsigned char>(c)] = Plain::look;
  return plain;
}();

/// Whether the blank, `-` or `:` at the front of `rest` may stand without quotes: no text ends with a blank
/// or a colon, none holds `: ` or `---`.
bool is_plain_there(std::string_view rest) {
  if (rest.front() == '-') return !rest.starts_with("---");
  return rest.size() > 1 && (rest.front() == ' ' || rest[1] != ' ');
}

/// May stand without quotes: only what no reader of YAML 1.1 or 1.2 takes for anything but this text.
bool is_plain(std::string_view text) {
  if (text.empty()) return false;
  const char first = text.front();
  if (!is_letter(first) && !is_digit(first) && first != '/' && first != '_' && first != '$' &&
      !is_option(text))
    return false;
  for (const char& c : text) {
    const Plain plain = plain_characters[static_cast<unsigned char>(c)];
    if (plain == Plain::yes) continue;
    if (plain == Plain::no || !is_plain_there(text.substr(static_cast<std::size_t>(&c - text.data()))))
      return false;
  }
  return !is_reserved(text) && !looks_like_number(text);
}

/// The line at the front of `rest`, which loses it and its newline.
std::string_view next_line(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  return line;
}

bool is_block_line(std::string_view line) {
  if (line.empty()) return true;
  if (line.front() == '\t' || line.find_first_not_of(" \t") == std::string_view::npos ||
      line.starts_with("..."))
    return false;
  while (!line.empty()) {
    const Character next = front(line);
    if (next.code != '\t' && needs_escape(next.code)) return false;
    line.remove_prefix(next.bytes);
  }
  return true;
}

/// A literal block holds it byte for byte for every reader.
bool is_block(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || has_separator(text)) return false;
  if (text.ends_with("\n\n") || text.front() == '\n' || text.front() == ' ') return false;
  while (!text.empty())
    if (!is_block_line(next_line(text))) return false;
  return true;
}

std::string number(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = fmt::format("{}", value);
  const std::size_t exponent = text.find('e');
  const std::size_t mantissa = std::min(exponent, text.size());
  // YAML 1.1 asks for a point in every number that is no integer.
  if (text.find('.') == std::string::npos) text.insert(mantissa, ".0");
  return text;
}

void add_word(std::string& out, std::string_view text) {
  if (is_plain(text)) {
    out += text;
  } else {
    out += double_quoted(text);
  }
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  /// Writes what follows `key:` or `-`, the blank before it and the line's end after it. A list or map below
  /// a key begins on a line of its own, indented by `indent`.
  void after_key(const Node& node, std::size_t indent) {
    if (node.is_map() && !node.entries().empty()) {
      out_ += '\n';
      map(node, indent, true);
    } else if (node.is_list() && !node.items().empty()) {
      out_ += '\n';
      list(node, indent, true);
    } else {
      out_ += ' ';
      scalar(node, indent);
    }
  }

  /// `first_indented`: whether the first entry needs its indentation (not behind a `- `).
  void map(const Node& node, std::size_t indent, bool first_indented) {
    bool indented = first_indented;
    for (const Entry& entry : node.entries()) {
      if (indented) out_.append(indent, ' ');
      indented = true;
      const bool is_long = key(entry.key, indent);
      out_ += ':';
      after_key(entry.value, indent + (entry.value.is_list() && !is_long ? 0 : 2));
    }
  }

  void list(const Node& node, std::size_t indent, bool first_indented) {
    bool indented = first_indented;
    for (const Node& item : node.items()) {
      if (indented) out_.append(indent, ' ');
      indented = true;
      out_ += "- ";
      if (item.is_map() && !item.entries().empty()) {
        map(item, indent + 2, false);
      } else if (item.is_list() && !item.items().empty()) {
        list(item, indent + 2, false);
      } else {
        scalar(item, indent + 2);
      }
    }
  }

  void scalar(const Node& node, std::size_t indent) {
    if (node.is_string()) {
      const std::string& text = node.string();
      if (is_plain(text))
        out_ += text;
      else if (indent > 0 && is_block(text))
        return block(text, indent);
      else
        out_ += double_quoted(text);
    } else {
      out_ += inline_text(node);
    }
    out_ += '\n';
  }

 private:
  /// Whether the key is too long for the line of its value: readers take it there up to 1024 characters.
  bool key(std::string_view text, std::size_t indent) {
    const std::size_t begin = out_.size();
    add_word(out_, text);
    if (out_.size() - begin <= 1000) return false;
    out_.insert(begin, "? ");
    out_ += '\n';
    out_.append(indent, ' ');
    return true;
  }

  static std::string inline_text(const Node& node) {
    if (node.is_list()) return "[]";
    if (node.is_map()) return "{}";
    if (node.is_null()) return "null";
    if (node.is_boolean()) return node.boolean() ? "true" : "false";
    return node.is_integer() ? fmt::format("{}", node.integer()) : number(node.number());
  }

  void block(std::string_view text, std::size_t indent) {
    const bool ends = text.back() == '\n';
    out_ += ends ? "|\n" : "|-\n";
    if (ends) text.remove_suffix(1);
    for (;;) {
      const bool last = text.find('\n') == std::string_view::npos;
      const std::string_view line = next_line(text);
      if (!line.empty()) out_.append(indent, ' ');
      out_ += line;
      out_ += '\n';
      if (last) return;
    }
  }

  std::string& out_;
};

void add_document(std::string& out, const Node& node) {
  Writer writer(out);
  if (node.is_map() && !node.entries().empty()) {
    writer.map(node, 0, true);
  } else if (node.is_list() && !node.items().empty()) {
    writer.list(node, 0, true);
  } else {
    writer.scalar(node, 0);
  }
}

}  // namespace

std::string to_yaml(const Node& node) {
  std::string out;
  add_document(out, node);
  return out;
}

std::string to_yaml(const std::vector<Node>& documents) {
  std::string out;
  out.reserve(4096);
  for (const Node& document : documents) {
    if (&document != &documents.front()) out += "---\n";
    add_document(out, document);
  }
  return out;
}

}  // namespace mlib::schema
