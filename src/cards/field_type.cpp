#include "cards/field_type.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

using schema::Node;
using Is = FieldType::Is;

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit counts[] = {{"K", 1e3},     {"k", 1e3},     {"M", 1e6},    {"B", 1e9},
                           {"b", 1e9},     {"G", 1e9},     {"T", 1e12},   {"Ki", 0x1p10},
                           {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}};
/// The names of models say 128K for 131072 tokens, and that is what their cards say.
constexpr Unit tokens[] = {{"K", 0x1p10}, {"k", 0x1p10}, {"Ki", 0x1p10}, {"M", 0x1p20}, {"Mi", 0x1p20}};
/// Beside those of Kubernetes; in either case.
constexpr Unit bytes[] = {{"b", 1},        {"k", 1e3},      {"kb", 1e3},     {"mb", 1e6},
                          {"gb", 1e9},     {"tb", 1e12},    {"pb", 1e15},    {"kib", 0x1p10},
                          {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}, {"pib", 0x1p50}};
constexpr Unit milliseconds[] = {{"us", 1e-3}, {"µs", 1e-3}, {"ms", 1},   {"s", 1e3},
                                 {"m", 6e4},   {"min", 6e4}, {"h", 3.6e6}};
constexpr Unit cores[] = {{"m", 1e-3}};
constexpr Unit prefixes[] = {{"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"P", 1e15}};

template <std::size_t N>
std::optional<double> factor_in(const Unit (&units)[N], std::string_view name) {
  for (const Unit& each : units)
    if (each.name == name) return each.factor;
  return {};
}

bool is_rate(std::string_view unit) { return unit.ends_with("/s"); }

/// Of TB/s for GB/s: what differs is the prefix.
std::optional<double> factor_of_rate(std::string_view name, std::string_view unit) {
  if (name.substr(1) != unit.substr(1)) return {};
  const std::optional<double> written = factor_in(prefixes, name.substr(0, 1));
  const std::optional<double> own = factor_in(prefixes, unit.substr(0, 1));
  return written && own ? std::optional(*written / *own) : std::nullopt;
}

std::optional<double> factor_of(std::string_view name, std::string_view unit) {
  if (name.empty() || name == unit) return 1;
  if (unit.empty()) return factor_in(counts, name);
  if (unit == "tokens") return factor_in(tokens, name);
  if (unit == "bytes") return factor_in(bytes, lower(name));
  if (unit == "ms") return factor_in(milliseconds, name);
  if (is_rate(unit)) return factor_of_rate(name, unit);
  return unit == "cores" ? factor_in(cores, name) : std::nullopt;
}

FieldType of_schema(const Node& schema) {
  const std::string type = schema.text_at({"type"});
  FieldType found;
  if (const Node* properties = schema.find("properties")) {
    found.is = Is::map;
    for (const schema::Entry& each : properties->entries()) found.parts.push_back(each.key);
  } else if (type == "object") {
    found.is = Is::map;
  } else if (type == "boolean") {
    found.is = Is::boolean;
  } else if (type == "integer" || type == "number") {
    found.is = Is::number;
    found.unit = schema.text_at({"x-unit"});
  } else if (type == "string") {
    const std::string format = schema.text_at({"format"});
    found.is = format == "quantity"  ? Is::quantity
               : format == "date"    ? Is::date
               : format == "version" ? Is::version
                                     : Is::text;
    if (found.is == Is::quantity) found.unit = "bytes";
    if (const Node* choices = schema.find("enum"))
      for (const Node& each : choices->items())
        if (each.is_string() && !each.string().empty()) found.choices.push_back(each.string());
  }
  return found;
}

/// The schema of `key` in a map; a null pointer when there is none. `path` loses what was gone through: the
/// key of a free map may hold dots, so that all of the path is one where its values have no parts.
const Node* step(const Node& map, std::string_view& path) {
  const std::string_view first = path.substr(0, path.find('.'));
  const std::string_view rest = path.substr(std::min(first.size() + 1, path.size()));
  if (const Node* properties = map.find("properties")) {
    path = rest;
    return properties->find(first);
  }
  const Node* values = map.find("additionalProperties");
  if (values == nullptr || !values->is_map()) return nullptr;
  path = values->find("properties") == nullptr ? std::string_view() : rest;
  return values;
}

int digits(std::string_view text) {
  int value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && rest == text.data() + text.size() ? value : -1;
}

}  // namespace

FieldType type_in(const Node& json_schema, std::string_view path) {
  const Node* at = &json_schema;
  for (;;) {
    while (const Node* items = at->find("items")) at = items;
    if (path.empty()) return of_schema(*at);
    at = step(*at, path);
    if (at == nullptr) return {};
  }
}

std::optional<double> amount(std::string_view text, std::string_view unit) {
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() == sign || std::string_view("0123456789.").find(text[sign]) == std::string_view::npos)
    return {};
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return {};
  const std::string_view letters(rest, static_cast<std::size_t>(end - rest));
  const std::optional<double> factor = factor_of(letters, unit);
  if (factor) return std::isfinite(number * *factor) ? std::optional(number * *factor) : std::nullopt;
  return unit == "bytes" ? quantity(text) : std::nullopt;
}

std::string_view letters_of(std::string_view unit) {
  if (unit.empty()) return "K, M, B and T stand for 10^3, 10^6, 10^9 and 10^12";
  if (unit == "tokens") return "K stands for 1024 tokens and M for 1024 K, as in the names of models";
  if (unit == "bytes")
    return "KB, MB, GB, TB are powers of 1000 and KiB, MiB, GiB, TiB (Ki, Mi, Gi, Ti) of 1024";
  if (is_rate(unit)) return "a unit is written whole, with M, G, T or P: 2TB/s, 0.5PFLOP/s";
  return unit == "ms" ? "us, ms, s, m or h; without one it is in milliseconds" : "";
}

bool is_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const int year = digits(text.substr(0, 4));
  const int month = digits(text.substr(5, 2));
  const int day = digits(text.substr(8, 2));
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (year < 0 || month < 1 || month > 12 || day < 1) return false;
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= days[static_cast<std::size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

}  // namespace mlib::cards
