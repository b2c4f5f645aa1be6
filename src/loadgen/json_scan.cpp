#include "loadgen/json_scan.hpp"

#include <fmt/format.h>

#include <limits>

namespace mlib::loadgen {
namespace {

void append_utf8(std::string& to, unsigned code) {
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xC0U | (code >> 6U));
    to += static_cast<char>(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    to += static_cast<char>(0xE0U | (code >> 12U));
    to += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    to += static_cast<char>(0x80U | (code & 0x3FU));
  } else {
    to += static_cast<char>(0xF0U | (code >> 18U));
    to += static_cast<char>(0x80U | ((code >> 12U) & 0x3FU));
    to += static_cast<char>(0x80U | ((code >> 6U) & 0x3FU));
    to += static_cast<char>(0x80U | (code & 0x3FU));
  }
}

/// The four hex digits at `at`; false when there are none.
bool hex4(std::string_view text, std::size_t at, unsigned& code) {
  if (at + 4 > text.size()) return false;
  const char* begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
  return error == std::errc() && end == begin + 4;
}

}  // namespace

bool JsonScan::string(std::string_view& raw) {
  raw = {};
  if (peek() != '"') return skip();
  const std::size_t begin = ++at_;
  for (; at_ < text_.size(); ++at_) {
    if (text_[at_] == '\\')
      ++at_;
    else if (text_[at_] == '"') {
      raw = text_.substr(begin, at_ - begin);
      take();
      return true;
    }
  }
  at_ = text_.size();
  return fail();
}

bool JsonScan::number(double& value) {
  value = 0;
  const char first = peek();
  if (first != '-' && (first < '0' || first > '9')) return skip();
  const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
  if (error == std::errc::invalid_argument) return fail();
  if (error != std::errc()) value = std::numeric_limits<double>::infinity();  // 1e999 is a number in JSON
  at_ = static_cast<std::size_t>(end - text_.data());
  return true;
}

bool JsonScan::skip() {
  const char first = peek();
  if (first == '{') return object([this](std::string_view) { skip(); });
  if (first == '[') return array([this](std::size_t) { skip(); });
  std::string_view text;
  if (first == '"') return string(text);
  for (const std::string_view word : {"true", "false", "null"})
    if (text_.substr(at_).starts_with(word)) {
      at_ += word.size();
      return true;
    }
  double value = 0;
  if (first != '-' && (first < '0' || first > '9')) return fail();
  return number(value);
}

std::string unescaped(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\' || i + 1 == raw.size()) {
      text += raw[i];
      continue;
    }
    const char next = raw[++i];
    static constexpr std::string_view plain = "nrtbf", means = "\n\r\t\b\f";
    unsigned code = 0;
    if (const std::size_t at = plain.find(next); at != std::string_view::npos) {
      text += means[at];
    } else if (next == 'u' && hex4(raw, i + 1, code)) {
      i += 4;
      unsigned low = 0;
      if (code >= 0xD800 && code < 0xDC00 && raw.substr(i + 1).starts_with("\\u") && hex4(raw, i + 3, low) &&
          low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
        i += 6;
      }
      append_utf8(text, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
    } else {
      text += next;
    }
  }
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char each : text) {
    if (each == '"' || each == '\\')
      (out += '\\') += each;
    else if (each == '\n')
      out += "\\n";
    else if (static_cast<unsigned char>(each) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(each));
    else
      out += each;
  }
  return out += '"';
}

}  // namespace mlib::loadgen
