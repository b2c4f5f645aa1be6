#include "schema/yaml_scalar.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::schema {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view unsigned_part(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return text;
}

/// [-+]? ( digits [. digits*] | . digits ) ( [eE] [-+]? digits )?, with at least one digit.
bool is_float(std::string_view text) {
  text = unsigned_part(text);
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - from;
  };
  std::size_t count = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    count += digits();
  }
  if (count == 0) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

Node integer_or_number(std::string_view text, int base) {
  const bool negative = !text.empty() && text.front() == '-';
  std::string_view digits = unsigned_part(text);
  if (base != 10) digits.remove_prefix(2);
  std::string plain = (negative ? "-" : "") + std::string(digits);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
  if (end != plain.data() + plain.size()) return std::string(text);
  if (error == std::errc{}) return value;
  return std::strtod(plain.c_str(), nullptr);
}

}  // namespace

bool is_ambiguous(std::string_view text) {
  const std::string_view digits = unsigned_part(text);
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return false;
  if (digits.size() > 1 && digits.front() == '0' && all_digits(digits)) return true;
  std::string plain(digits);
  std::erase(plain, '_');
  if (plain.size() != digits.size() && all_digits(plain)) return true;
  const std::vector<std::string> parts = split(digits, ':');
  return parts.size() > 1 && std::all_of(parts.begin(), parts.end(), all_digits) &&
         std::all_of(parts.begin() + 1, parts.end(),
                     [](const std::string& p) { return p.size() < 3 && p < "60"; });
}

Node scalar_of(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return {};
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (all_digits(unsigned_part(text))) return integer_or_number(text, 10);
  if (text.starts_with("0x") && text.size() > 2) return integer_or_number(text, 16);
  if (text.starts_with("0o") && text.size() > 2) return integer_or_number(text, 8);
  if (!is_float(text)) return std::string(text);
  const double value = std::strtod(std::string(text).c_str(), nullptr);
  if (value > std::numeric_limits<double>::max() || value < std::numeric_limits<double>::lowest())
    return std::string(text);
  return value;
}

}  // namespace mlib::schema
