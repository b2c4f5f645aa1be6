#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/draft.hpp"
#include "cards/parameter.hpp"
#include "cards/rule.hpp"

namespace mlib::cards::detail {
namespace {

struct RuleFile {
  Metadata metadata;
  Dict<std::string> flags;
  std::vector<Rule> rules;

  template <class D>
  void describe(D& d) {
    std::string version = "model-library/v1";
    std::string kind = "Rules";
    d.field("apiVersion", version,
            {.help = "Version of the format", .required = true, .one_of = {"model-library/v1"}});
    d.field("kind", kind, {.help = "Rules", .required = true, .one_of = {"Rules"}});
    d.field("metadata", metadata, {.help = "Name of the file", .required = true});
    d.field("flags", flags,
            {.help = "Flags of engines that stand for a parameter of another name, e.g. --pp_size: "
                     "pipeline_parallel"});
    d.field("rules", rules, {.help = "The rules", .required = true});
  }
};

/// The expression that is written at `spot`; what is wrong with it is reported there.
std::optional<Expression> parsed(const std::string& text, const Fields& fields, const Spot& spot,
                                 std::vector<Finding>& findings) {
  std::vector<Finding> wrong;
  std::optional<Expression> made = Expression::parse({"", text}, fields, wrong);
  for (const Finding& each : wrong) {
    const std::string column =
        each.place.column > 0 ? fmt::format(" at its character {}", each.place.column) : "";
    report(findings, spot, each.fault, fmt::format("the expression is broken{}: {}", column, each.message),
           each.hint);
  }
  return made;
}

/// Each {FIELD} of a message has to be one.
void check_sentence(const std::string& text, const Fields& fields, const Spot& spot,
                    std::vector<Finding>& findings) {
  const Node there = "";
  filled(text, [&](const std::string& field) {
    const std::optional<std::string> path = fields.resolve(field);
    if (!path || *path != field)
      report(findings, spot, Fault::reference,
             fmt::format("`{{{}}}` is filled with no field of a card", shortened(field, 60)),
             suggestion(field, fields.known()));
    return &there;
  });
}

class RuleReading {
 public:
  RuleReading(Rules& rules, std::vector<Finding>& findings) : rules_(rules), findings_(findings) {}

  void read(const Text& text, const Node& document) {
    schema::Reader reader(&text.source);
    auto file = schema::decode<RuleFile>(reader, document);
    Doubts doubts;
    for (const Finding& each : reader.findings) doubts.add(each);
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(findings_));
    // Where a text can be read in two ways nobody knows what it asks for.
    if (text.broken) return;
    for (auto& [flag, parameter] : file.flags)
      if (!doubts.touch({"flags", flag})) take_flag(text, document, flag, parameter);
    for (std::size_t i = 0; i < file.rules.size(); ++i) {
      if (doubts.touch(Path{{"rules"}, {"", static_cast<int>(i)}})) continue;
      const std::size_t before = findings_.size();
      check(file.rules[i], [&, i](std::initializer_list<std::string_view> keys) {
        Path path{{"rules"}, {"", static_cast<int>(i)}};
        for (const std::string_view key : keys) path.push_back({std::string(key)});
        return value_spot(text, document, path);
      });
      if (findings_.size() == before) keep(std::move(file.rules[i]));
    }
  }

 private:
  template <class At>
  void check(Rule& rule, const At& at) {
    const auto same = [&](const Rule& each) { return each.name == rule.name; };
    if (std::any_of(rules_.all.begin(), rules_.all.end(), same))
      report(findings_, at({"name"}), Fault::duplicate,
             fmt::format("there is another rule called `{}`", rule.name));
    const Fields fields = rule_fields();
    if (!is_rule_field(rule.change))
      report(findings_, at({"change"}), Fault::reference,
             fmt::format("`{}` is no field of a card", shortened(rule.change, 60)),
             suggestion(rule.change, fields.known()));
    check_sentence(rule.message, fields, at({"message"}), findings_);
    check_sentence(rule.hint, fields, at({"hint"}), findings_);
    std::optional<Expression> condition = parsed(rule.when, fields, at({"when"}), findings_);
    if (!condition) return;
    rule.condition = std::make_shared<const Expression>(std::move(*condition));
    if (!speaks(rule, rule.examples.bad))
      report(findings_, at({"examples", "bad"}), Fault::not_allowed,
             fmt::format("rule `{}` is silent about its own bad example", rule.name),
             "`when` must hold with these facts");
    if (speaks(rule, rule.examples.good))
      report(findings_, at({"examples", "good"}), Fault::not_allowed,
             fmt::format("rule `{}` speaks about its own good example", rule.name),
             "`when` must not hold with these facts");
  }

  void take_flag(const Text& text, const Node& document, const std::string& flag,
                 const std::string& parameter) {
    const Path path = path_of({"flags", flag});
    if (!flag.starts_with("--") || !is_parameter_name(parameter))
      return report(findings_, key_spot(text, document, path), Fault::not_allowed,
                    fmt::format("`{}: {}` does not say which parameter a flag stands for",
                                shortened(flag, 60), shortened(parameter, 60)),
                    "as in --pp_size: pipeline_parallel");
    const std::string* other = find(rules_.flags, flag);
    if (other != nullptr && *other != parameter)
      return report(findings_, key_spot(text, document, path), Fault::duplicate,
                    fmt::format("`{}` stands for `{}` already", shortened(flag, 60), *other));
    rules_.flags.emplace_back(flag, parameter);
  }

  void keep(Rule rule) {
    for (const std::string& field : rule.condition->fields()) {
      auto found = std::find(rules_.fields.begin(), rules_.fields.end(), field);
      rule.fields.push_back(static_cast<std::size_t>(found - rules_.fields.begin()));
      if (found == rules_.fields.end()) rules_.fields.push_back(field);
    }
    rules_.all.push_back(std::move(rule));
  }

  Rules& rules_;
  std::vector<Finding>& findings_;
};

}  // namespace

void read_rules(const Text& text, Rules& rules, std::vector<Finding>& findings) {
  RuleReading reading(rules, findings);
  for (const Node& document : text.documents())
    if (!document.is_null()) reading.read(text, document);
}

void add_contract(Draft<Framework>& draft, const Beside& beside, std::vector<Finding>& findings) {
  auto contract = std::make_shared<Contract>();
  contract->rules = beside.rules;
  const FrameworkSpec& spec = draft.card.spec;
  if (!spec.flags.empty()) {
    const auto found = beside.flags.find(spec.flags);
    if (found != beside.flags.end()) {
      contract->flags = found->second;
    } else if (!draft.doubts.touch({"spec", "flags"})) {
      std::vector<std::string> known;
      for (const auto& [name, table] : beside.flags) known.push_back(name);
      draft.sound = false;
      const bool lost = beside.lost_flags.contains(spec.flags);
      report(findings, value_spot(draft, path_of({"spec", "flags"})), Fault::reference,
             lost ? fmt::format("the table of flags `{}` was left out, and so is this card", spec.flags)
                  : fmt::format("there is no table of flags called `{}`", shortened(spec.flags, 60)),
             lost ? "mend the table first: it has errors of its own" : suggestion(spec.flags, known));
    }
  }
  std::vector<std::string> paths = rule_fields().known();
  std::erase(paths, "parameters.");
  for (const auto& [name, parameter] : spec.parameters) paths.push_back("parameters." + name);
  // With parameters that could not be read, each would look unknown.
  if (draft.doubts.touch({"spec", "parameters", "-"})) paths.emplace_back("parameters.");
  Fields fields = spec.conditions.empty() ? Fields{} : fields_of(std::move(paths));
  fields.type = [&](const std::string& path) {
    constexpr std::string_view of_parameters = "parameters.";
    const Parameter* parameter =
        path.starts_with(of_parameters) ? find(spec.parameters, path.substr(of_parameters.size())) : nullptr;
    return parameter == nullptr ? rule_field_type(path) : field_type(*parameter);
  };
  for (std::size_t i = 0; i < spec.conditions.size(); ++i) {
    const Condition& each = spec.conditions[i];
    if (draft.doubts.touch(Path{{"spec"}, {"conditions"}, {"", static_cast<int>(i)}})) continue;
    const std::size_t before = findings.size();
    const auto at = [&](std::string_view key) {
      return value_spot(draft, {{"spec"}, {"conditions"}, {"", static_cast<int>(i)}, {std::string(key)}});
    };
    std::optional<Expression> when;
    if (!each.when.empty()) when = parsed(each.when, fields, at("when"), findings);
    std::optional<Expression> require = parsed(each.require, fields, at("require"), findings);
    check_sentence(each.message, fields, at("message"), findings);
    if (findings.size() != before) draft.sound = false;
    if (findings.size() != before || !require) continue;
    contract->conditions.push_back({std::move(when), std::move(*require), each.message});
  }
  draft.card.contract = std::move(contract);
}

}  // namespace mlib::cards::detail
