#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/text.hpp"
#include "cards/benchmark.hpp"
#include "cards/facts.hpp"
#include "cards/filter.hpp"
#include "cards/parameter.hpp"
#include "cards/pick.hpp"
#include "cards/revision.hpp"

namespace mlib::cards {
namespace {

/// So many columns are kept; of 100,000 cards one is 400 kB.
constexpr std::size_t most_columns = 128;
constexpr std::uint32_t nobody = UINT32_MAX;
/// A template's own framework, or its model's.
constexpr std::string_view template_framework = "framework/metadata.name";
/// What follows from a whole card: the hash of what it says (revision.hpp).
constexpr std::string_view of_revision = "revision";

/// Where a path continues: in the card itself, in one that it refers to (`model/…`), or in all that give
/// values.
constexpr std::pair<std::string_view, CardKind> referable[] = {
    {"framework", CardKind::framework}, {"model", CardKind::model}, {"hardware", CardKind::hardware}};

bool is_figure(std::string_view name) {
  const std::vector<std::string>& names = figure_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string key_of(const Node& node) {
  return node.is_string() ? 's' + node.string() : 'j' + schema::to_json(node);
}

/// Puts values into a column, each distinct one once.
class Interning {
 public:
  explicit Interning(std::size_t rows) {
    made.values.emplace_back();
    made.codes.reserve(rows);
  }
  void add(Node value) {
    if (value.is_null()) return made.codes.push_back(0);
    const auto [at, fresh] =
        codes_.try_emplace(key_of(value), static_cast<std::uint32_t>(made.values.size()));
    if (fresh) made.values.push_back(std::move(value));
    made.codes.push_back(at->second);
  }
  Column take() {
    if (made.values.size() == 1) made.codes = {};
    // Copied in order, texts lie one after the other: else a scan waits for memory, twice as long.
    return {std::vector<Node>(made.values), std::move(made.codes)};
  }
  Column made;

 private:
  std::unordered_map<std::string, std::uint32_t> codes_;
};

template <class C>
Column column_of(const std::vector<C>& cards, const std::string& path) {
  using Base = Card<decltype(C::spec)>;
  Interning values(cards.size());
  for (const C& card : cards)
    values.add(path == of_revision ? Node(revision(canonical(card)))
                                   : detail::pick(static_cast<const Base&>(card), {path}));
  return values.take();
}

template <class C>
const std::vector<schema::FormField>& described() {
  static const std::vector<schema::FormField> fields =
      schema::form_fields(schema::json_schema<Card<decltype(C::spec)>>());
  return fields;
}

const std::vector<schema::FormField>& described(CardKind kind) {
  switch (kind) {
    case CardKind::framework:
      return described<Framework>();
    case CardKind::model:
      return described<Model>();
    case CardKind::hardware:
      return described<Hardware>();
    case CardKind::a_template:
      break;
  }
  return described<Template>();
}

template <class C>
std::uint32_t row_of(const std::vector<C>& cards, const std::string& name) {
  const auto at =
      std::lower_bound(cards.begin(), cards.end(), name,
                       [](const C& card, const std::string& wanted) { return card.metadata.name < wanted; });
  return at != cards.end() && at->metadata.name == name ? static_cast<std::uint32_t>(at - cards.begin())
                                                        : nobody;
}

constexpr std::string_view results_path = "spec.benchmarks.results";

/// What benchmarks say; the figures of those that do not count are nobody's.
Column results_column(const std::vector<Template>& cards, const std::string& path) {
  const std::string_view below = std::string_view(path).substr(results_path.size() + 1);
  const bool of_all = below == results_verdict || below == results_reasons;
  Interning values(cards.size());
  for (const Template& card : cards) {
    std::vector<Node> found;
    for (const Benchmark& each : card.spec.benchmarks)
      if (of_all || counts(each)) found.push_back(detail::pick_node(each.results, {below}));
    values.add(detail::gathered(std::move(found)));
  }
  return values.take();
}

/// The dotted leaves of what is free in a card: labels, values, results.
void leaves(const Node& node, const std::string& path, std::set<std::string>& found) {
  if (node.is_map()) {
    for (const schema::Entry& entry : node.entries()) leaves(entry.value, path + "." + entry.key, found);
  } else if (node.is_list() && !node.items().empty() && node.items()[0].is_map()) {
    for (const Node& item : node.items()) leaves(item, path, found);
  } else {
    found.insert(path);
  }
}

const Parameter* parameter_of(const Framework& card, const std::string& name) {
  for (const auto& [each, parameter] : card.spec.parameters)
    if (each == name) return &parameter;
  return nullptr;
}

std::string short_name(const std::string& path) {
  for (const std::string_view prefix : {"metadata.labels.", "metadata.", "spec."})
    if (path.starts_with(prefix)) return path.substr(prefix.size());
  return path;
}

}  // namespace

std::size_t Finder::size(CardKind kind) const {
  if (kind == CardKind::framework) return library_.frameworks.size();
  if (kind == CardKind::model) return library_.models.size();
  return kind == CardKind::hardware ? library_.hardware.size() : library_.templates.size();
}

bool Finder::is_somewhere(CardKind kind, const std::string& path) const {
  return column(kind, path)->values.size() > 1;
}

bool Finder::is_parameter(const std::string& name) const {
  return std::any_of(library_.frameworks.begin(), library_.frameworks.end(),
                     [&](const Framework& card) { return parameter_of(card, name) != nullptr; });
}

std::optional<std::string> Finder::own(CardKind kind, const std::string& written) const {
  if (written == of_revision) return written;
  for (const std::string_view prefix : {"spec.", "", "metadata.", "metadata.labels."}) {
    std::string path = std::string(prefix) + written;
    for (const schema::FormField& field : described(kind)) {
      if (field.path == path) return path;
      const bool below = path.starts_with(field.path + ".");
      const bool above = field.path.starts_with(path + ".");
      const bool open = field.type == "map" || field.type == "list" || field.type == "any";
      if (above || (below && open && is_somewhere(kind, path))) return path;
    }
  }
  return {};
}

std::optional<std::string> Finder::resolve(CardKind kind, const std::string& written) const {
  if (written.empty() || written.size() > 200) return {};
  const bool of_template = kind == CardKind::a_template;
  if (of_template && written.starts_with("values.")) {
    const std::string name = written.substr(7);
    if (is_parameter(name) || is_somewhere(kind, "values/" + name)) return "values/" + name;
  }
  if (of_template && written.starts_with("benchmarks.")) {
    std::string path = "spec.benchmarks.results." + written.substr(11);
    if (is_figure(std::string_view(written).substr(11)) || is_somewhere(kind, path)) return path;
  }
  if (of_template && written == "framework") return std::string(template_framework);
  if (std::optional<std::string> path = own(kind, written)) return path;
  for (const auto& [name, to] : referable) {
    if (kind == to || !written.starts_with(std::string(name) + ".")) continue;
    if (!of_template && (kind != CardKind::model || to != CardKind::framework)) continue;
    if (const auto path = own(to, written.substr(name.size() + 1))) return std::string(name) + "/" + *path;
  }
  return {};
}

const std::vector<std::uint32_t>& Finder::references(CardKind from, CardKind to) const {
  std::vector<std::uint32_t>& rows = references_[{from, to}];
  if (rows.size() == size(from)) return rows;
  rows.clear();
  if (from == CardKind::model) {
    for (const Model& card : library_.models)
      rows.push_back(row_of(library_.frameworks, card.spec.framework));
  } else if (to == CardKind::model) {
    for (const Template& card : library_.templates) rows.push_back(row_of(library_.models, card.spec.model));
  } else if (to == CardKind::hardware) {
    for (const Template& card : library_.templates)
      rows.push_back(row_of(library_.hardware, card.spec.hardware));
  } else {
    const std::vector<std::uint32_t>& frameworks = references(CardKind::model, CardKind::framework);
    const std::vector<std::uint32_t>& models = references(from, CardKind::model);
    for (std::size_t row = 0; row < models.size(); ++row) {
      const std::string& own = library_.templates[row].spec.framework;
      const std::uint32_t of_model = models[row] == nobody ? nobody : frameworks[models[row]];
      rows.push_back(own.empty() ? of_model : row_of(library_.frameworks, own));
    }
  }
  return rows;
}

Column Finder::referred(CardKind from, CardKind to, const std::string& path) const {
  const std::shared_ptr<const Column> there = column(to, path);
  Column made{there->values, {}};
  if (there->codes.empty()) return made;
  for (const std::uint32_t row : references(from, to))
    made.codes.push_back(row == nobody ? 0 : there->code(row));
  return made;
}

Column Finder::effective(const std::string& name) const {
  const auto mine = column(CardKind::a_template, "spec.values." + name);
  const auto models = column(CardKind::a_template, "model/spec.values." + name);
  const auto hardware = column(CardKind::a_template, "hardware/spec.values." + name);
  std::vector<const Parameter*> parameters;
  for (const Framework& card : library_.frameworks) parameters.push_back(parameter_of(card, name));
  Interning values(library_.templates.size());
  for (std::size_t row = 0; row < library_.templates.size(); ++row) {
    const Node* found = &mine->at(row);
    for (const auto* next : {&models, &hardware})
      if (found->is_null()) found = &(*next)->at(row);
    values.add(found->is_null() ? unset(row, parameters) : *found);
  }
  return values.take();
}

Node Finder::unset(std::size_t row, const std::vector<const Parameter*>& of_frameworks) const {
  const std::uint32_t framework = references(CardKind::a_template, CardKind::framework)[row];
  const std::uint32_t model = references(CardKind::a_template, CardKind::model)[row];
  const std::uint32_t hardware = references(CardKind::a_template, CardKind::hardware)[row];
  if (framework == nobody || model == nobody || hardware == nobody) return {};
  const Framework& serving = library_.frameworks[framework];
  const Parameter* parameter = of_frameworks[framework];
  if (parameter == nullptr) return {};
  if (!parameter->from.empty())
    if (std::optional<Node> known =
            fact(parameter->from, serving, library_.models[model], library_.hardware[hardware]))
      return std::move(*known);
  return parameter->default_value;
}

Column Finder::build(CardKind kind, const std::string& path) const {
  if (path.starts_with("values/")) return effective(path.substr(7));
  for (const auto& [name, to] : referable)
    if (path.starts_with(std::string(name) + "/")) return referred(kind, to, path.substr(name.size() + 1));
  if (kind == CardKind::framework) return column_of(library_.frameworks, path);
  if (kind == CardKind::model) return column_of(library_.models, path);
  if (kind == CardKind::hardware) return column_of(library_.hardware, path);
  if (path.starts_with(std::string(results_path) + ".")) return results_column(library_.templates, path);
  return column_of(library_.templates, path);
}

std::shared_ptr<const Column> Finder::column(CardKind kind, const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const std::pair key{kind, path};
  if (const auto at = columns_.find(key); at != columns_.end()) return at->second;
  auto made = std::make_shared<const Column>(build(kind, path));
  if (columns_.size() >= most_columns) columns_.clear();
  columns_[key] = made;
  return made;
}

std::vector<FieldFact> Finder::values_in_force() const {
  std::map<std::string, FieldFact> all;
  const auto add = [&](const std::string& name, const std::string& help, const std::string& unit) {
    all.try_emplace(name, FieldFact{"values." + name, "values/" + name, help, unit});
  };
  for (const Framework& card : library_.frameworks)
    for (const auto& [name, parameter] : card.spec.parameters) add(name, parameter.help, parameter.unit);
  for (const Template& card : library_.templates)
    for (const auto& [name, value] : card.spec.values) add(name, "", "");
  std::vector<FieldFact> facts;
  for (auto& [name, fact] : all) facts.push_back(std::move(fact));
  return facts;
}

const std::vector<FieldFact>& Finder::fields(CardKind kind) const {
  const std::lock_guard lock(mutex_);
  std::vector<FieldFact>& all = fields_[kind];
  if (!all.empty()) return all;
  std::vector<FieldFact> found;
  for (const schema::FormField& field : described(kind)) {
    const bool otherwise = field.path == "spec.framework" || field.path == "spec.values";
    if (kind == CardKind::a_template && otherwise) continue;
    const bool open = field.type == "map" || field.type == "list" || field.type == "any";
    std::set<std::string> below;
    if (open)
      for (const Node& value : column(kind, field.path)->values)
        if (!value.is_null()) leaves(value, field.path, below);
    if (!open || below.empty()) below = {field.path};
    for (const std::string& path : below) {
      std::string name = short_name(path);
      if (name.starts_with("benchmarks.results.")) name.erase(11, 8);
      if (own(kind, name) != path && !path.starts_with("spec.benchmarks.")) name = path;
      const bool figure = name.starts_with("benchmarks.");
      found.push_back(
          {name, path, field.help, figure ? std::string(unit_of_figure(name.substr(11))) : field.unit});
    }
  }
  std::erase_if(found,
                [](const FieldFact& fact) { return fact.path == "apiVersion" || fact.path == "kind"; });
  found.push_back({std::string(of_revision), std::string(of_revision), "Hash of what the card says", ""});
  if (kind == CardKind::a_template)
    found.push_back({"framework", std::string(template_framework), "Framework that serves it", ""});
  for (const auto& [name, to] : referable) {
    const bool refers =
        kind == CardKind::a_template || (kind == CardKind::model && to == CardKind::framework);
    if (refers && kind != to)
      for (const FieldFact& fact : std::vector<FieldFact>(fields(to)))
        if (fact.path.find('/') == std::string::npos)
          found.push_back({std::string(name) + "." + fact.name, std::string(name) + "/" + fact.path,
                           fact.help, fact.unit});
  }
  if (kind == CardKind::a_template)
    for (FieldFact& value : values_in_force()) found.push_back(std::move(value));
  return fields_[kind] = std::move(found);
}

}  // namespace mlib::cards
