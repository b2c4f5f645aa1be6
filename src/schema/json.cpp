#include <fmt/format.h>

#include <bit>
#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <cstring>
#include <unordered_set>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::schema {
namespace {

namespace json = boost::json;

/// boost::json's events → Node; duplicate keys and sizes are refused here.
struct Handler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  struct Frame {
    Node node;
    std::string key;
    std::unordered_set<std::string> seen;
  };
  std::vector<Frame> stack;
  Node root;
  std::string text;
  std::size_t nodes = 0;
  std::size_t most_nodes = 0;
  std::string duplicate;
  bool too_many = false;

  bool add(Node node, boost::system::error_code& code) {
    if (++nodes > most_nodes) {
      too_many = true;
      code = json::error::array_too_large;
      return false;
    }
    if (stack.empty()) {
      root = std::move(node);
    } else if (Frame& frame = stack.back(); frame.node.is_list()) {
      frame.node.items().push_back(std::move(node));
    } else {
      frame.node.entries().push_back({std::move(frame.key), std::move(node)});
      frame.key.clear();
    }
    return true;
  }
  bool open(Node node) {
    if (stack.capacity() == 0) stack.reserve(8);
    stack.emplace_back();
    stack.back().node = std::move(node);
    return true;
  }
  bool close(boost::system::error_code& code) {
    Node node = std::move(stack.back().node);
    stack.pop_back();
    return add(std::move(node), code);
  }

  bool on_document_begin(boost::system::error_code&) { return true; }
  bool on_document_end(boost::system::error_code&) { return true; }
  bool on_object_begin(boost::system::error_code&) {
    Node::Map entries;
    entries.reserve(8);
    return open(std::move(entries));
  }
  bool on_object_end(std::size_t, boost::system::error_code& code) { return close(code); }
  bool on_array_begin(boost::system::error_code&) { return open(Node::list()); }
  bool on_array_end(std::size_t, boost::system::error_code& code) { return close(code); }
  bool on_key_part(json::string_view part, std::size_t, boost::system::error_code&) {
    stack.back().key.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, boost::system::error_code& code) {
    Frame& frame = stack.back();
    frame.key.append(part.data(), part.size());
    if (is_new(frame)) return true;
    duplicate = frame.key;
    code = json::error::key_too_large;
    return false;
  }
  static bool is_new(Frame& frame) {
    constexpr std::size_t few = 16;
    if (frame.node.entries().size() < few) return frame.node.find(frame.key) == nullptr;
    if (frame.seen.empty())
      for (const Entry& entry : frame.node.entries()) frame.seen.insert(entry.key);
    return frame.seen.insert(frame.key).second;
  }
  bool on_string_part(json::string_view part, std::size_t, boost::system::error_code&) {
    text.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, boost::system::error_code& code) {
    if (text.empty()) return add(Node(std::string(part.data(), part.size())), code);
    text.append(part.data(), part.size());
    return add(Node(std::exchange(text, {})), code);
  }
  bool on_number_part(json::string_view, boost::system::error_code&) { return true; }
  bool on_int64(std::int64_t value, json::string_view, boost::system::error_code& code) {
    return add(value, code);
  }
  bool on_uint64(std::uint64_t value, json::string_view, boost::system::error_code& code) {
    return add(static_cast<double>(value), code);
  }
  bool on_double(double value, json::string_view, boost::system::error_code& code) {
    if (std::isfinite(value)) return add(value, code);
    code = json::error::exponent_overflow;
    return false;
  }
  bool on_bool(bool value, boost::system::error_code& code) { return add(value, code); }
  bool on_null(boost::system::error_code& code) { return add(Node(), code); }
  bool on_comment_part(json::string_view, boost::system::error_code&) { return true; }
  bool on_comment(json::string_view, boost::system::error_code&) { return true; }
};

/// What Python's json would say of the byte at `offset`; the original's clients know these words.
std::string told(std::string_view text, std::size_t offset, const boost::system::error_code& code) {
  if (code == json::error::extra_data) return "Extra data";
  if (offset >= text.size() || std::string_view(" \n\r\t").find(text[offset]) == std::string_view::npos) {
    if (code == json::error::incomplete || code == json::error::syntax) return "Expecting value";
  }
  return code.message();
}

/// The escape of a character that JSON cannot hold as it is, or "".
std::string_view escape_of(char c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      return "";
  }
}

bool is_special(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

/// Where the first character from `at` on is that needs an escape, or the text's size; eight bytes at a time.
std::size_t next_special(std::string_view text, std::size_t at) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  constexpr std::uint64_t tops = ones << 7U;
  const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & tops; };
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    const std::uint64_t low = (word - ones * 0x20U) & ~word & tops;
    const std::uint64_t hits = low | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'));
    if (hits != 0 && std::endian::native == std::endian::little)  // bytes below the first hit have no mark
      return at + static_cast<std::size_t>(std::countr_zero(hits)) / 8;
    if (hits != 0) break;
  }
  while (at < text.size() && !is_special(text[at])) ++at;
  return at;
}

void quote(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t from = 0;;) {
    const std::size_t at = next_special(text, from);
    out.append(text, from, at - from);
    if (at == text.size()) break;
    from = at + 1;
    if (const std::string_view escape = escape_of(text[at]); !escape.empty()) {
      out += escape;
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(text[at]));
    }
  }
  out += '"';
}

void write_number(std::string& out, double value) {
  const std::string text = fmt::format("{}", value);
  out += text;
  if (text.find_first_of(".en") == std::string::npos) out += ".0";
}

class Writer {
 public:
  Writer(std::string& out, int indent) : out_(out), indent_(indent) {}

  void write(const Node& node, int level) {
    if (node.is_map()) {
      block('{', '}', node.entries(), level, [&](const Entry& entry) {
        quote(out_, entry.key);
        out_ += indent_ > 0 ? ": " : ":";
        write(entry.value, level + 1);
      });
    } else if (node.is_list()) {
      block('[', ']', node.items(), level, [&](const Node& item) { write(item, level + 1); });
    } else {
      scalar(node);
    }
  }

 private:
  template <class Items, class Each>
  void block(char opening, char closing, const Items& items, int level, const Each& each) {
    out_ += opening;
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      line(level + 1);
      each(item);
    }
    if (!first) line(level);
    out_ += closing;
  }
  void line(int level) {
    if (indent_ <= 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(indent_ * level), ' ');
  }
  void scalar(const Node& node) {
    if (node.is_string()) return quote(out_, node.string());
    if (node.is_boolean()) {
      out_ += node.boolean() ? "true" : "false";
    } else if (node.is_integer()) {
      fmt::format_to(std::back_inserter(out_), "{}", node.integer());
    } else if (node.is_number()) {
      write_number(out_, node.number());
    } else {
      out_ += "null";
    }
  }

  std::string& out_;
  int indent_;
};

}  // namespace

bool read_json(std::string_view text, Node& node, JsonError& error, const Limits& limits) {
  if (text.size() > limits.bytes) {
    error = {limits.bytes, fmt::format("the text has {} bytes, more than {}", text.size(), limits.bytes)};
    return false;
  }
  json::parse_options options;
  options.max_depth = static_cast<std::size_t>(limits.depth);
  json::basic_parser<Handler> parser(options);
  parser.handler().most_nodes = limits.nodes;
  boost::system::error_code code;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), code);
  if (!code && used < text.size()) {
    const std::size_t rest = text.find_first_not_of(" \n\r\t", used);
    if (rest != std::string_view::npos) {
      error = {rest, "Extra data"};
      return false;
    }
  }
  if (!code) {
    node = std::move(parser.handler().root);
    return true;
  }
  error.offset = used;
  error.duplicate_key = code == json::error::key_too_large;
  error.too_deep = code == json::error::too_deep;
  error.message = told(text, used, code);
  if (error.duplicate_key)
    error.message =
        fmt::format("the key \"{}\" is given twice", visible(shortened(parser.handler().duplicate, 60)));
  if (parser.handler().too_many) error.message = fmt::format("more than {} values", limits.nodes);
  return false;
}

Node read_json(std::string_view text, const Limits& limits) {
  Node node;
  JsonError error;
  if (!read_json(text, node, error, limits))
    throw Problem(Kind::usage, fmt::format("this is not JSON: {} at byte {}", error.message, error.offset));
  return node;
}

std::string to_json(const Node& node, int indent) {
  std::string out;
  if (node.is_string()) out.reserve(node.string().size() + node.string().size() / 16 + 16);
  Writer(out, indent).write(node, 0);
  return out;
}

}  // namespace mlib::schema
