#include "cards/contract.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "cards/parameter.hpp"
#include "schema/document.hpp"

namespace mlib::cards {
namespace {

constexpr std::string_view of_parameters = "parameters.";

Node named(const Metadata& metadata, Node spec) {
  spec.set("name", metadata.name);
  return spec;
}

void set_bytes(Node& facts, std::string_view name, const std::string& amount, double times = 1) {
  if (const std::optional<double> bytes = quantity(amount)) facts.set(name, *bytes * times);
}

/// The value at a dotted path below `root`; a null pointer when nothing is there.
const Node* below(const Node* root, std::string_view path) {
  while (root != nullptr && !path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    root = root->find(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return root != nullptr && root->is_null() ? nullptr : root;
}

/// `--max-model-len` is `max_model_len`, `--pipeline-parallel-size` is `pipeline_parallel`, `--pp_size` what
/// the rules say.
std::string parameter_of(std::string_view flag, const Rules* rules) {
  const std::string* said = rules == nullptr ? nullptr : find(rules->flags, flag);
  if (said != nullptr) return *said;
  std::string name(flag.substr(std::min(flag.find_first_not_of('-'), flag.size())));
  std::replace(name.begin(), name.end(), '-', '_');
  if (name.ends_with("_size")) name.resize(name.size() - 5);
  return name;
}

/// What a flag among the values of a list says.
struct Said {
  Node value;
  Given from;
  std::string list;  ///< the parameter that the flag stands in
};

/// The flags in lists such as `extra_args`, as the parameters that they would be.
class SaidByFlags {
 public:
  SaidByFlags(const Parties& parties, const GivenOf& given)
      : framework_(parties.framework),
        given_(given),
        read_(!framework_.contract || !framework_.contract->flags) {}

  /// A null pointer where no flag stands for the parameter, or the framework declares it.
  const Said* find(const std::string& name) {
    if (cards::find(framework_.spec.parameters, name) != nullptr) return nullptr;
    if (!read_) read();
    const auto found = said_.find(name);
    return found == said_.end() ? nullptr : &found->second;
  }

 private:
  static bool is_flag(const Node& item) { return item.is_string() && item.string().starts_with('-'); }

  void read() {
    read_ = true;
    for (const auto& [name, parameter] : framework_.spec.parameters) {
      if (parameter.type != "list") continue;
      const Given given = given_(name);
      if (given.value == nullptr || !given.value->is_list()) continue;
      const Node::List& items = given.value->items();
      for (std::size_t i = 0; i < items.size(); ++i)
        if (is_flag(items[i]))
          flag(items[i], i + 1 < items.size() ? &items[i + 1] : nullptr, {&items[i], given.giver}, name);
    }
  }

  const FlagState* state_of(std::string name) {
    const FlagTable& table = *framework_.contract->flags;
    if (!place_) place_ = table.place(version_in_force(framework_, table, given_));
    return table.understand(name, *place_);
  }

  void flag(const Node& word, const Node* next, const Given& from, const std::string& list) {
    const std::string& text = word.string();
    const std::size_t equals = std::min(text.find('='), text.size());
    const FlagState* state = state_of(text.substr(0, equals));
    if (state == nullptr) return;
    Node value = true;
    if (equals < text.size())
      value = schema::scalar_of(std::string_view(text).substr(equals + 1));
    else if (next != nullptr && !is_flag(*next) && (state->kind != "bool" || !state->choices.empty()))
      value = next->is_string() ? schema::scalar_of(next->string()) : *next;
    else if (text.starts_with("--no-"))
      value = false;
    for (const std::string_view each : state->names)
      if (each.starts_with("--"))
        said_.insert_or_assign(parameter_of(each, framework_.contract->rules.get()), Said{value, from, list});
  }

  const Framework& framework_;
  const GivenOf& given_;
  bool read_;  ///< or there is nothing to read
  std::optional<VersionPlace> place_;
  std::map<std::string, Said> said_;
};

/// The fields of expressions among the cards that are there.
class Looking {
 public:
  Looking(const Parties& parties, const GivenOf& given)
      : parties_(parties), given_(given), said_(parties, given) {}

  /// What a flag says of a parameter that has no value and is not declared; else a null pointer.
  const Said* said(const std::string& parameter) const { return said_.find(parameter); }

  const Node* operator()(const std::string& field) const {
    const std::size_t dot = std::min(field.find('.'), field.size());
    const std::string_view rest = std::string_view(field).substr(std::min(dot + 1, field.size()));
    if (field.starts_with(of_parameters)) return parameter(std::string(rest));
    if (field.starts_with("framework.")) return below(parties_.framework_facts, rest);
    if (field.starts_with("model.")) return below(parties_.model, rest);
    if (field.starts_with("hardware.")) return below(parties_.hardware, rest);
    return below(parties_.chosen, rest);
  }

  std::vector<const Node*> values(const std::vector<std::string>& fields) const {
    std::vector<const Node*> found;
    found.reserve(fields.size());
    for (const std::string& field : fields) found.push_back((*this)(field));
    return found;
  }

 private:
  const Node* parameter(const std::string& name) const {
    const Given value = given_(name);
    if (value.value != nullptr) return value.value;
    const Said* said = said_.find(name);
    return said == nullptr ? nullptr : &said->value;
  }

  const Parties& parties_;
  const GivenOf& given_;
  mutable SaidByFlags said_;
};

/// The parameter of a condition that was given last: the one to change.
void blame(Judged& judged, const Expression& require, const GivenOf& given) {
  for (const std::string& field : require.fields()) {
    if (!field.starts_with(of_parameters)) continue;
    const std::string name = field.substr(of_parameters.size());
    const Given value = given(name);
    if (value.value == nullptr || (!judged.parameter.empty() && value.giver < judged.giver)) continue;
    judged.parameter = name;
    judged.giver = value.giver;
    judged.at = value.value;
  }
}

/// The card that a field belongs to, for people.
std::string card_of(const std::string& field) {
  if (field.starts_with(of_parameters))
    return fmt::format("parameter `{}`", field.substr(of_parameters.size()));
  return field.substr(0, field.find('.'));
}

/// True when the expression names what was refused, or what is to come.
bool is_doubtful(const Parties& parties, const Looking& look, const Expression& expression) {
  return std::any_of(expression.fields().begin(), expression.fields().end(), [&](const std::string& field) {
    if (parties.refused && parties.refused(field)) return true;
    return parties.early && field.starts_with(of_parameters) && look(field) == nullptr;
  });
}

std::string shown(const Looking& look, const Expression& expression) {
  std::vector<std::string> parts;
  for (const std::string& field : expression.fields()) {
    const Node* value = look(field);
    if (value == nullptr || value->is_null()) continue;
    parts.push_back(
        fmt::format("{} is {}", field.starts_with(of_parameters) ? field.substr(of_parameters.size()) : field,
                    shortened(value->is_string() ? value->string() : schema::to_json(*value), 60)));
  }
  return join(parts, ", ");
}

}  // namespace

Node facts_of(const Framework& card) {
  Node facts = named(card.metadata, schema::encode(card.spec));
  facts.erase("parameters");
  return facts;
}

Node facts_of(const Model& card) {
  Node facts = named(card.metadata, schema::encode(card.spec));
  std::int64_t files = 0;
  for (const WeightsFile& file : card.spec.files) files += file.bytes.value_or(0);
  if (card.spec.weights_bytes)
    facts.set("weights", *card.spec.weights_bytes);
  else if (!card.spec.sources.empty() && card.spec.sources[0].bytes)
    facts.set("weights", *card.spec.sources[0].bytes);
  else if (files > 0)
    facts.set("weights", files);
  if (!card.spec.sources.empty()) {
    const std::string& uri = card.spec.sources[0].uri;
    facts.set("scheme", uri.substr(0, uri.find(':')));
  }
  return facts;
}

Node facts_of(const Hardware& card) {
  Node facts = named(card.metadata, schema::encode(card.spec));
  const std::optional<Gpu>& gpu = card.spec.gpu;
  facts.set("gpus", gpu ? gpu->count : 0);
  set_bytes(facts, "memory_bytes", card.spec.memory);
  set_bytes(facts, "storage_bytes", card.spec.storage);
  if (gpu) {
    set_bytes(facts, "gpu_bytes", gpu->memory, gpu->count);
    if (!gpu->vendor.empty()) facts.set("vendor", gpu->vendor);
    if (const auto major = quantity(gpu->compute_capability)) facts.set("capability", *major);
  } else if (card.spec.kind.empty() || card.spec.kind == "cpu") {
    facts.set("vendor", "cpu");
  }
  return facts;
}

Node facts_of(const Template& card) { return named(card.metadata, schema::encode(card.spec)); }

bool is_refused(const Framework& framework, const std::string& parameter,
                const std::function<bool(const std::string& declared)>& refused) {
  const Dict<Parameter>& declared = framework.spec.parameters;
  if (find(declared, parameter) != nullptr) return refused(parameter);
  return std::any_of(declared.begin(), declared.end(),
                     [&](const auto& each) { return each.second.type == "list" && refused(each.first); });
}

std::string version_in_force(const Framework& framework, const FlagTable& table, const GivenOf& given) {
  for (const auto& [name, parameter] : framework.spec.parameters) {
    if (parameter.from != "framework.image") continue;
    const Given image = given(name);
    if (image.value != nullptr && image.value->is_string())
      return version_of_image(framework, table, image.value->string());
  }
  return framework.spec.version;
}

std::vector<Judged> judge_flags(const Parties& parties, const GivenOf& given) {
  std::vector<Judged> found;
  const Framework& framework = parties.framework;
  if (!framework.contract || !framework.contract->flags) return found;
  // Without the image nobody knows which version's flags count.
  for (const auto& [name, parameter] : framework.spec.parameters)
    if (parameter.from == "framework.image" && parties.refused &&
        parties.refused(std::string(of_parameters) + name))
      return found;
  const FlagTable& table = *framework.contract->flags;
  const ValueOf value_of = [&](std::string_view name) { return given(std::string(name)).value; };
  const std::string version = version_in_force(framework, table, given);
  for (const CommandLine& line : command_lines(framework, value_of)) {
    for (FlagFinding& each : lint(table, version, line)) {
      // A script that is not read is told of with its framework, and not with each deployment again.
      if (line.script && each.word == &*line.script && parties.deploying) continue;
      Judged judged{each.warning, each.fault, std::move(each.message), std::move(each.hint)};
      judged.parameter = each.word->parameter;
      judged.at = each.word->at;
      judged.path = each.word->path;
      if (!judged.parameter.empty()) judged.giver = given(judged.parameter).giver;
      found.push_back(std::move(judged));
    }
  }
  return found;
}

std::vector<Judged> judge_conditions(const Parties& parties, const GivenOf& given) {
  std::vector<Judged> found;
  if (!parties.framework.contract) return found;
  const Looking look(parties, given);
  for (const ParsedCondition& each : parties.framework.contract->conditions) {
    if (each.when && each.when->evaluate_values(look.values(each.when->fields())) != Truth::yes) continue;
    if (each.require.evaluate_values(look.values(each.require.fields())) != Truth::no) continue;
    if (is_doubtful(parties, look, each.require) || (each.when && is_doubtful(parties, look, *each.when)))
      continue;
    Judged judged{false, Fault::not_allowed, each.message, shown(look, each.require)};
    judged.change = "template.values";
    blame(judged, each.require, given);
    found.push_back(std::move(judged));
  }
  return found;
}

std::vector<Judged> judge_rules(const Parties& parties, const GivenOf& given) {
  std::vector<Judged> found;
  if (!parties.framework.contract || !parties.framework.contract->rules) return found;
  const Rules& rules = *parties.framework.contract->rules;
  const Looking look(parties, given);
  const std::vector<const Node*> values = look.values(rules.fields);
  for (const Rule& rule : rules.all) {
    if (rule.at == "deploy" && !parties.deploying) continue;
    if (!speaks(rule, values) || is_doubtful(parties, look, *rule.condition)) continue;
    const auto value_of = [&](const std::string& field) { return look(field); };
    Judged judged{rule.level == "warning", Fault::not_allowed,
                  fmt::format("{} (rule {})", filled(rule.message, value_of), rule.name), ""};
    judged.change = rule.change;
    std::string change = card_of(rule.change);
    if (rule.change.starts_with(of_parameters)) {
      judged.parameter = rule.change.substr(of_parameters.size());
      Given value = given(judged.parameter);
      const Said* said = value.value == nullptr ? look.said(judged.parameter) : nullptr;
      if (said != nullptr) {
        value = said->from;
        judged.parameter = said->list;
        change = fmt::format("parameter `{}`", said->list);
      }
      judged.giver = value.giver;
      judged.at = value.value;
    }
    judged.hint = fmt::format("change the {}: {}", change, filled(rule.hint, value_of));
    found.push_back(std::move(judged));
  }
  return found;
}

std::vector<Judged> judge(const Parties& parties, const GivenOf& given) {
  std::vector<Judged> found = judge_flags(parties, given);
  for (auto part : {judge_conditions, judge_rules}) {
    std::vector<Judged> more = part(parties, given);
    std::move(more.begin(), more.end(), std::back_inserter(found));
  }
  return found;
}

}  // namespace mlib::cards
