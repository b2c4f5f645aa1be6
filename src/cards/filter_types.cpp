#include <algorithm>

#include "base/text.hpp"
#include "cards/benchmark.hpp"
#include "cards/filter.hpp"
#include "cards/parameter.hpp"

namespace mlib::cards {
namespace {

using schema::Node;
using Is = FieldType::Is;

constexpr std::string_view of_results = "spec.benchmarks.results.";
constexpr std::pair<std::string_view, CardKind> of_others[] = {
    {"framework/", CardKind::framework}, {"model/", CardKind::model}, {"hardware/", CardKind::hardware}};

const Node& schema_of(CardKind kind) {
  static const Node framework = schema::json_schema<Card<FrameworkSpec>>();
  static const Node model = schema::json_schema<Model>();
  static const Node hardware = schema::json_schema<Hardware>();
  static const Node a_template = schema::json_schema<Template>();
  if (kind == CardKind::framework) return framework;
  if (kind == CardKind::model) return model;
  return kind == CardKind::hardware ? hardware : a_template;
}

/// What values have in common; nulls say nothing.
class TypeOfValues {
 public:
  void look(const Node& value) {
    if (value.is_null()) return;
    if (value.is_list()) {
      for (const Node& item : value.items()) look(item);
      return;
    }
    any_ = true;
    numbers_ = numbers_ && value.is_number();
    booleans_ = booleans_ && value.is_boolean();
    texts_ = texts_ && value.is_string();
    quantities_ = quantities_ && texts_ && is_quantity(value.string());
  }

  FieldType type() const {
    FieldType found;
    if (any_)
      found.is = numbers_      ? Is::number
                 : booleans_   ? Is::boolean
                 : quantities_ ? Is::quantity
                 : texts_      ? Is::text
                               : Is::any;
    if (found.is == Is::quantity) found.unit = "bytes";
    return found;
  }

 private:
  /// With a unit: digits alone may be anything.
  static bool is_quantity(const std::string& text) {
    return !text.empty() && (text.back() < '0' || text.back() > '9') && quantity(text).has_value();
  }

  bool any_ = false, numbers_ = true, booleans_ = true, texts_ = true, quantities_ = true;
};

FieldType type_of_all(const Column& column) {
  TypeOfValues common;
  for (const Node& value : column.values) common.look(value);
  return common.type();
}

/// Of those that may be asked for before anybody measured them.
FieldType type_of_figure(std::string_view name) {
  FieldType found;
  const std::vector<std::string>& names = figure_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) return found;
  const bool text = name == "hardware_type" || name == "use_case" || name == results_verdict;
  found.is = text ? Is::text : Is::number;
  return found;
}

}  // namespace

FieldType Finder::type_of_value(const std::string& name) const {
  std::optional<FieldType> all;
  for (const Framework& card : library_.frameworks)
    for (const auto& [each, parameter] : card.spec.parameters) {
      if (each != name) continue;
      const FieldType found = field_type(parameter);
      if (all && (all->is != found.is || all->unit != found.unit)) return {};
      all = found;
    }
  return all ? *all : type_of_all(*column(CardKind::a_template, "values/" + name));
}

FieldType Finder::type(CardKind kind, const std::string& path) const {
  if (path == "revision") {
    FieldType hash;
    hash.is = Is::text;
    return hash;
  }
  if (path.starts_with("values/")) return type_of_value(path.substr(7));
  for (const auto& [before, to] : of_others)
    if (path.starts_with(before)) return type(to, path.substr(before.size()));
  const std::string_view figure =
      path.starts_with(of_results) ? std::string_view(path).substr(of_results.size()) : "";
  FieldType found = figure.empty() ? type_in(schema_of(kind), path) : type_of_figure(figure);
  if (found.is == Is::any) found = type_of_all(*column(kind, path));
  if (!figure.empty() && found.is == Is::number) found.unit = unit_of_figure(figure);
  return found;
}

}  // namespace mlib::cards
