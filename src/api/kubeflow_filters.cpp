#include "api/kubeflow_filters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"

namespace mlib::api::kubeflow {
namespace {

using cards::CardKind;
using cards::Term;
using Names = std::set<std::string, std::less<>>;
using Op = Term::Op;

constexpr std::string_view of_artifacts = "artifacts.";

/// The fields of the OpenAPI; an item has those that its card tells.
constexpr std::string_view model_fields =
    "name id externalId source_id description readme maturity language tasks provider logo license "
    "licenseLink libraryName createTimeSinceEpoch lastUpdateTimeSinceEpoch";
constexpr std::string_view artifact_fields =
    "name id externalId description artifactType metricsType uri createTimeSinceEpoch "
    "lastUpdateTimeSinceEpoch";
/// Properties that artifacts have besides figures of benchmarks.
constexpr std::string_view artifact_properties =
    "bytes docker_image framework_type framework_version hardware_configuration hardware_count hardware_type "
    "mean_input_tokens mean_output_tokens reasons replicas sha256 template total_requests_per_second verdict";

void add_words(std::string_view words, Names& names) {
  for (std::string& word : split(words, ' ')) names.insert(std::move(word));
}

bool is_model_field(std::string_view name) {
  Names all;
  add_words(model_fields, all);
  return all.contains(name);
}

void add_properties(const Items& items, Names& names) {
  for (const Node& item : items)
    if (const Node* properties = item.find("customProperties"))
      for (const schema::Entry& entry : properties->entries()) names.insert(entry.key);
}

using TypeOf = std::function<cards::FieldType(const std::string& name)>;

/// The type of a figure of benchmarks, or of what else an artifact says.
cards::FieldType artifact_type(const cards::Library& library, const std::string& name) {
  const auto path = library.finder().resolve(CardKind::a_template, "benchmarks." + name);
  return path ? library.finder().type(CardKind::a_template, *path) : cards::FieldType{};
}

/// The type of a model's field: that of its card's field of the same name.
cards::FieldType model_type(const cards::Library& library, const std::string& name) {
  if (name.starts_with(of_artifacts)) return artifact_type(library, name.substr(of_artifacts.size()));
  const auto path = library.finder().resolve(CardKind::model, name == "tasks" ? "task" : name);
  return path ? library.finder().type(CardKind::model, *path) : cards::FieldType{};
}

/// `open`: names that are fields beside the known ones.
cards::Fields grammar(Names known, std::function<bool(const std::string&)> open, TypeOf type) {
  cards::Fields fields;
  fields.type = std::move(type);
  fields.resolve = [known, open](const std::string& written) -> std::optional<std::string> {
    std::string name = bare_name(written);
    const bool typed = name.size() < written.size();
    return typed || known.contains(name) || open(name) ? std::optional(name) : std::nullopt;
  };
  fields.known = [known] { return std::vector<std::string>(known.begin(), known.end()); };
  return fields;
}

template <class ValueOf>
void keep(Items& items, const std::string& query, const cards::Fields& fields, const ValueOf& value) {
  const cards::Expression expression = cards::Expression::parse({"filterQuery", query}, fields);
  std::erase_if(items, [&](const Node& item) {
    return expression.evaluate([&](const std::string& name) -> std::optional<Node> {
      return value(item, name);
    }) != cards::Truth::yes;
  });
}

/// The values of each field by the name that a filterQuery knows it by.
using Offered = std::map<std::string, Items, std::less<>>;

/// Numbers are told as doubles, since one card may say 4 and another 4.5.
void offer_properties(const Node& item, std::string_view before, Offered& all) {
  for (const schema::Entry& entry : item.find("customProperties")->entries()) {
    const std::string& type = entry.value.entries()[1].key;
    const std::string_view told = type == "int_value" ? "double_value" : std::string_view(type);
    all[fmt::format("{}{}.{}", before, entry.key, told)].push_back(value_of(item, entry.key));
  }
}

Offered offered(const cards::Library& library) {
  Offered all;
  const Artifacts artifacts(library);
  for (std::size_t row = 0; row < library.models.size(); ++row) {
    const Node item = model_item(library.models[row], row);
    for (const std::string_view name : {"license", "provider", "tasks"})
      if (const Node* value = item.find(name)) {
        Items& values = all[std::string(name)];
        if (value->is_list())
          values.insert(values.end(), value->items().begin(), value->items().end());
        else
          values.push_back(*value);
      }
    offer_properties(item, "", all);
    for (const Node& artifact : artifacts.of(library.models[row].metadata.name))
      if (artifact.text_at({"artifactType"}) == "metrics-artifact")
        offer_properties(artifact, of_artifacts, all);
  }
  return all;
}

/// A FilterOption; a null for texts of which there are too many to choose from.
Node option_of(const Items& all) {
  constexpr std::size_t most_values = 100;
  const bool number = std::all_of(all.begin(), all.end(), [](const Node& each) { return each.is_number(); });
  Node option = Node::map();
  option.set("type", number ? "number" : "string");
  if (number) {
    const auto less = [](const Node& a, const Node& b) { return a.number() < b.number(); };
    const auto [least, most] = std::minmax_element(all.begin(), all.end(), less);
    option.child("range").set("min", least->number());
    option.child("range").set("max", most->number());
    return option;
  }
  Names texts;
  for (const Node& each : all) texts.insert(each.is_string() ? each.string() : schema::to_json(each));
  if (texts.size() > most_values) return {};
  option.set("values", Node::list());
  for (const std::string& each : texts) option.find("values")->push(each);
  return option;
}

struct Condition {
  int field;  ///< of Expression::fields
  std::string_view op;
  Node value;
};

/// How a named query writes a comparison; "" when it cannot. `turned`: the field stands behind the sign.
std::string_view operator_of(Op op, bool negated, bool turned) {
  if (op == Op::equal) return negated ? "!=" : "=";
  if (op == Op::in) return negated ? "NOT IN" : "IN";
  if (negated) return "";
  if (op == Op::less) return turned ? ">" : "<";
  if (op == Op::less_equal) return turned ? ">=" : "<=";
  if (turned) return "";
  return op == Op::like ? "LIKE" : op == Op::ilike ? "ILIKE" : "";
}

/// Whether the term is one comparison of a field with literals.
bool comparison(const Term& term, std::vector<Condition>& all) {
  const bool negated = term.op == Op::negation;
  const Term& leaf = negated ? term.parts[0] : term;
  if (leaf.op == Op::is_true && !negated && leaf.parts[0].op == Op::field) {
    all.push_back({leaf.parts[0].field, "=", Node(true)});
    return true;
  }
  if (leaf.parts.size() < 2) return false;
  const bool turned = leaf.parts[0].op == Op::literal;
  const Term& field = leaf.parts[turned ? 1 : 0];
  const std::string_view op = operator_of(leaf.op, negated, turned);
  if (field.op != Op::field || op.empty()) return false;
  Node values = Node::list();
  for (const Term& part : leaf.parts) {
    if (&part == &field) continue;
    if (part.op != Op::literal || part.value.is_null()) return false;
    values.push(part.value);
  }
  all.push_back({field.field, op, leaf.op == Op::in ? std::move(values) : Node(values.items().front())});
  return true;
}

/// Whether the term is nothing but comparisons joined by AND.
bool comparisons(const Term& term, std::vector<Condition>& all) {
  if (term.op != Op::conjunction) return comparison(term, all);
  return std::all_of(term.parts.begin(), term.parts.end(),
                     [&](const Term& part) { return comparison(part, all); });
}

/// What models here call a field of our cards; "" when they have none.
std::string name_here(CardKind kind, std::string_view path) {
  constexpr std::string_view figures = "spec.benchmarks.results.", model = "model/";
  if (kind == CardKind::a_template) {
    if (path.starts_with(figures)) return fmt::format("{}{}", of_artifacts, path.substr(figures.size()));
    if (path == "spec.model") return "name";
    if (!path.starts_with(model)) return "";
    path.remove_prefix(model.size());
  }
  if (path == "spec.task") return "tasks";
  for (const std::string_view prefix : {"metadata.labels.", "metadata.", "spec."})
    if (path.starts_with(prefix)) return std::string(path.substr(prefix.size()));
  return "";
}

/// The name with the type's suffix that the options give it; "" when no model has such a field.
std::string offered_name(const std::string& name, const Node& value, const Offered& all) {
  if (is_model_field(name)) return name;
  for (const std::string_view suffix : {".string_value", ".double_value", ".bool_value"})
    if (std::string typed = name + std::string(suffix); all.contains(typed)) return typed;
  if (!name.starts_with(of_artifacts))
    return "";  // a figure that nobody has measured yet is one all the same
  return name + (value.is_number() ? ".double_value" : ".string_value");
}

/// {FIELD: {operator, value}}; nothing when the filter is none for models, or needs more than one comparison
/// of a field.
std::optional<Node> named_query(const cards::Finder& finder, CardKind kind, const std::string& text,
                                const Offered& all) {
  std::vector<Finding> findings;
  const auto expression = cards::Expression::parse({"filter", text}, finder.grammar(kind), findings);
  std::vector<Condition> conditions;
  if (!expression || !comparisons(expression->term(), conditions)) return {};
  Node query = Node::map();
  for (Condition& each : conditions) {
    const std::string& path = expression->fields()[static_cast<std::size_t>(each.field)];
    const std::string name = offered_name(name_here(kind, path), each.value, all);
    if (name.empty() || query.find(name) != nullptr) return {};
    query.child(name).set("operator", each.op);
    query.child(name).set("value", std::move(each.value));
  }
  return query;
}

}  // namespace

Node artifacts_value(const Artifacts& artifacts, const Node& model, const std::string& name) {
  Node all = Node::list();
  for (const Node& artifact : artifacts.of(model.text_at({"name"})))
    if (Node value = value_of(artifact, name); !value.is_null()) all.push(std::move(value));
  return all.items().empty() ? Node() : all;
}

void filter_models(Items& models, const std::string& query, const Artifacts& artifacts,
                   const cards::Library& library) {
  if (query.empty()) return;
  Names known;
  add_words(model_fields, known);
  add_properties(models, known);
  const auto open = [](const std::string& name) { return name.starts_with(of_artifacts); };
  const auto type = [&](const std::string& name) { return model_type(library, name); };
  keep(models, query, grammar(std::move(known), open, type), [&](const Node& item, const std::string& name) {
    return open(name) ? artifacts_value(artifacts, item, name.substr(of_artifacts.size()))
                      : value_of(item, name);
  });
}

void filter_artifacts(Items& all, const std::string& query, const cards::Library& library) {
  if (query.empty()) return;
  Names known;
  add_words(artifact_fields, known);
  add_words(artifact_properties, known);
  add_properties(all, known);
  const auto open = [&library](const std::string& name) {
    return library.finder().resolve(CardKind::a_template, "benchmarks." + name).has_value();
  };
  const auto type = [&](const std::string& name) { return artifact_type(library, name); };
  keep(all, query, grammar(std::move(known), open, type),
       [](const Node& item, const std::string& name) { return value_of(item, name); });
}

Node filter_options(const verbs::World& world, const cards::Library& library) {
  const Offered all = offered(library);
  Node filters = Node::map();
  for (const auto& [name, values] : all)
    if (Node option = option_of(values); !option.is_null()) filters.set(name, std::move(option));
  Node named = Node::map();
  for (const store::SavedFilter& each : world.store.filters())
    for (const CardKind kind : {CardKind::model, CardKind::a_template})
      if (std::optional<Node> query = named_query(library.finder(), kind, each.expression, all)) {
        named.set(each.name, std::move(*query));
        break;
      }
  Node body = Node::map();
  body.set("filters", std::move(filters));
  body.set("namedQueries", std::move(named));
  return body;
}

}  // namespace mlib::api::kubeflow
