#include "cards/parameter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cards/facts.hpp"
#include "cards/regex.hpp"

namespace mlib::cards {
namespace {

/// Characters besides ASCII letters and digits that a pattern allows.
struct Pattern {
  std::string_view name;
  std::string_view extra;
  std::string_view words;
};
constexpr std::array patterns{
    Pattern{"word", "_.-+=", "letters, digits and _ . - + ="},
    Pattern{"path", "_.-+=/@:", "letters, digits and _ . - + = / @ :, and no `..`"},
    Pattern{"url", "_.-+=/@:~?#%,", "letters, digits and _ . - + = / @ : ~ ? # % ,"},
    Pattern{"repository", "_.-/:@", "letters, digits and _ . - / : @, as in ORG/NAME"},
};

const Pattern* pattern_of(std::string_view name) {
  for (const Pattern& each : patterns)
    if (each.name == name) return &each;
  return nullptr;
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string_view article(std::string_view type) { return type == "integer" ? "an" : "a"; }

/// The value for people, or nothing of it when it is secret.
std::string called(const Parameter& parameter, const Node& value) {
  if (parameter.secret) return fmt::format("a {}", value.kind());
  if (value.is_null() || value.is_list() || value.is_map()) return fmt::format("a {}", value.kind());
  return fmt::format("{} {}", value.kind(), shortened(schema::to_json(value), 60));
}

bool has_type(const Parameter& parameter, const Node& value) {
  const std::string& type = parameter.type;
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "list") return value.is_list();
  if (type == "map") return value.is_map();
  if (type == "quantity") return value.is_number() || (value.is_string() && quantity(value.string()));
  return value.is_string() && is_dns_label(value.string());  // name
}

std::string_view type_hint(std::string_view type) {
  if (type == "quantity") return " (a number with a unit, as in 500m, 4, 12Gi)";
  if (type == "name") return " (1 to 63 characters a-z, 0-9 and -, no - at its ends)";
  return "";
}

std::optional<double> number_of(const Node& value) {
  if (value.is_number()) return value.number();
  if (value.is_string()) return quantity(value.string());
  return {};
}

std::optional<std::string> check_range(const Parameter& parameter, const Node& value) {
  const bool ranged =
      parameter.type == "integer" || parameter.type == "number" || parameter.type == "quantity";
  const std::optional<double> number = ranged ? number_of(value) : std::nullopt;
  if (!number) return {};
  const std::string unit = parameter.unit.empty() ? "" : " " + parameter.unit;
  const std::string shown = parameter.secret ? "it" : schema::to_json(value);
  // Kubernetes takes no amount below zero of anything.
  const std::optional<double> least =
      parameter.minimum || parameter.type != "quantity" ? parameter.minimum : 0.0;
  if (least && *number < *least)
    return fmt::format("{} is out of range: it must be at least {}{}", shown, *least, unit);
  if (parameter.maximum && *number > *parameter.maximum)
    return fmt::format("{} is out of range: it must be at most {}{}", shown, *parameter.maximum, unit);
  return {};
}

std::optional<std::string> check_choice(const Parameter& parameter, const Node& value) {
  if (parameter.one_of.empty()) return {};
  if (std::find(parameter.one_of.begin(), parameter.one_of.end(), value) != parameter.one_of.end()) return {};
  std::vector<std::string> choices;
  for (const Node& choice : parameter.one_of)
    choices.push_back(choice.is_string() ? choice.string() : schema::to_json(choice));
  return fmt::format("{} is not one of: {}", called(parameter, value), join(choices, ", "));
}

void add_range_flaws(const Parameter& parameter, std::vector<Flaw>& found) {
  const bool ranged =
      parameter.type == "integer" || parameter.type == "number" || parameter.type == "quantity";
  if (!ranged && (parameter.minimum || parameter.maximum))
    found.push_back({parameter.minimum ? "minimum" : "maximum", Fault::not_allowed,
                     fmt::format("{} {} has no range", article(parameter.type), parameter.type),
                     "only integer, number and quantity have"});
  if (parameter.minimum && parameter.maximum && *parameter.minimum > *parameter.maximum)
    found.push_back(
        {"minimum", Fault::out_of_range,
         fmt::format("the minimum {} is above the maximum {}", *parameter.minimum, *parameter.maximum), ""});
}

}  // namespace

bool fits_pattern(std::string_view pattern, std::string_view text) {
  const Pattern* row = pattern_of(pattern);
  if (pattern.empty() || text.empty()) return true;
  if (row == nullptr) return regex_matches(pattern, text);
  // A leading '-' would be read as an option, a leading '~', '#' or '=' by the shell.
  const char first = text.front();
  if (!is_alphanumeric(first) && first != '/' && first != '.' && first != '_') return false;
  if (pattern == "path") {
    const std::vector<std::string> steps = split(text, '/');
    if (std::find(steps.begin(), steps.end(), "..") != steps.end()) return false;
  }
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || row->extra.find(c) != std::string_view::npos;
  });
}

bool is_confined(const Parameter& parameter) {
  const std::string& type = parameter.type;
  if (type == "string") return pattern_of(parameter.pattern) != nullptr;
  return type == "integer" || type == "number" || type == "boolean" || type == "quantity" || type == "name";
}

FieldType field_type(const Parameter& parameter) {
  using Is = FieldType::Is;
  FieldType found;
  found.unit = parameter.unit;
  if (parameter.type == "integer" || parameter.type == "number") found.is = Is::number;
  if (parameter.type == "boolean") found.is = Is::boolean;
  if (parameter.type == "string" || parameter.type == "name") found.is = Is::text;
  if (parameter.type == "quantity") {
    found.is = Is::quantity;
    found.unit = "bytes";
  }
  return found;
}

std::optional<std::string> check(const Parameter& parameter, const Node& value) {
  if (value.is_null()) return {};
  if (!has_type(parameter, value))
    return fmt::format("expected {} {}{}, got {}", article(parameter.type), parameter.type,
                       type_hint(parameter.type), called(parameter, value));
  if (value.is_string() && !fits_pattern(parameter.pattern, value.string())) {
    const Pattern* row = pattern_of(parameter.pattern);
    return fmt::format("{} does not fit `{}`{}", called(parameter, value), parameter.pattern,
                       row != nullptr ? fmt::format(": it may hold {}", row->words) : "");
  }
  if (std::optional<std::string> wrong = check_choice(parameter, value)) return wrong;
  return check_range(parameter, value);
}

std::vector<Flaw> flaws(const Parameter& declared) {
  std::vector<Flaw> found;
  Parameter parameter = declared;
  add_range_flaws(parameter, found);
  if (!parameter.pattern.empty() && parameter.type != "string")
    found.push_back({"pattern", Fault::not_allowed,
                     fmt::format("{} {} has no pattern", article(parameter.type), parameter.type),
                     "only a string has"});
  if (!parameter.pattern.empty() && pattern_of(parameter.pattern) == nullptr) {
    const std::string fault = regex_fault(parameter.pattern);
    if (!fault.empty())
      found.push_back(
          {"pattern", Fault::syntax,
           fmt::format("`{}` is no regular expression: {}", shortened(parameter.pattern, 60), fault),
           "RE2 syntax, or one of: word, path, url, repository"});
  }
  // What a broken range or pattern refuses says nothing.
  for (const Flaw& flaw : found) {
    if (flaw.field == "pattern")
      parameter.pattern.clear();
    else
      parameter.minimum = parameter.maximum = std::nullopt;
  }
  if (parameter.secret && !parameter.default_value.is_null())
    found.push_back(
        {"default", Fault::not_allowed, "a secret has no default", "leave it out: the user gives it"});
  if (!parameter.from.empty() && !is_fact(parameter.from))
    found.push_back({"from", Fault::reference,
                     fmt::format("there is no fact `{}`", shortened(parameter.from, 60)),
                     suggestion(parameter.from, fact_names())});
  for (const Node& choice : parameter.one_of) {
    Parameter free = parameter;
    free.one_of.clear();
    if (const auto wrong = check(free, choice)) found.push_back({"enum", Fault::wrong_type, *wrong, ""});
  }
  if (const auto wrong = check(parameter, parameter.default_value))
    found.push_back({"default", Fault::not_allowed, "the parameter refuses its own default: " + *wrong, ""});
  return found;
}

bool is_parameter_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return is_alphanumeric(c) || c == '_'; });
}

}  // namespace mlib::cards
