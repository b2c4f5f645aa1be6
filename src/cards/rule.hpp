#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cards/card.hpp"
#include "cards/expression.hpp"
#include "cards/flags.hpp"

/// Known bad combinations of cards as data: catalog/rules/*.yaml, and the conditions that a framework sets
/// itself.
namespace mlib::cards {

/// Values by the fields of an expression (`model.quantization: FP8`).
struct RuleExample {
  Dict<Node> bad, good;

  template <class D>
  void describe(D& d) {
    d.field("bad", bad, {.help = "Facts with which the rule speaks", .required = true});
    d.field("good", good, {.help = "Facts with which it is silent", .required = true});
  }
};

/// A combination that does not work. It speaks where `when` holds; where a card lacks a fact, it is silent.
struct Rule {
  std::string name;
  std::string level = "error";
  std::string at = "cards";
  std::string when;
  std::string message;
  std::string hint;
  std::string change;
  RuleExample examples;
  std::string source;

  std::shared_ptr<const Expression> condition;
  std::vector<std::size_t> fields;  ///< of the condition, in Rules::fields

  template <class D>
  void describe(D& d) {
    d.field("name", name,
            {.help = "Its name, once in the catalogue", .required = true, .format = "dns-label"});
    d.field("level", level, {.help = "Whether it keeps from deploying", .one_of = {"error", "warning"}});
    d.field("at", at,
            {.help = "cards: as soon as the cards are read; deploy: when the caller's values are there",
             .one_of = {"cards", "deploy"}});
    d.field("when", when, {.help = "The bad combination, as an expression", .required = true, .min = 1});
    d.field("message", message, {.help = "What is wrong; {FIELD} is its value", .required = true, .min = 1});
    d.field("hint", hint, {.help = "What to do; {FIELD} is its value", .required = true, .min = 1});
    d.field("change", change,
            {.help = "The field of the card to change, e.g. hardware.gpu", .required = true});
    d.field("examples", examples, {.help = "Facts that show it", .required = true});
    d.field("source", source, {.help = "Where it is known from"});
  }
};

struct Rules {
  std::vector<Rule> all;
  std::vector<std::string> fields;  ///< of all conditions, each once
  Dict<std::string> flags;  ///< `--pp_size: pipeline_parallel`: parameters of another name than the flag
};

/// What a rule or condition may name: framework.*, model.*, hardware.*, template.* and parameters.NAME.
Fields rule_fields();
/// What a field of a rule is; of parameters, which are each framework's own, nothing is known.
FieldType rule_field_type(const std::string& path);
/// The cards that a field of a rule may belong to: framework, model, hardware, template, parameters.
bool is_rule_field(const std::string& path);

/// Whether the rule speaks; `values` are those of Rules::fields.
bool speaks(const Rule& rule, const std::vector<const Node*>& values);
/// The same with an example's facts.
bool speaks(const Rule& rule, const Dict<Node>& facts);
/// `text` with each {FIELD} replaced by what `value_of` gives; "?" when it is not known.
std::string filled(std::string_view text, const std::function<const Node*(const std::string&)>& value_of);

/// A framework's own condition, parsed.
struct ParsedCondition {
  std::optional<Expression> when;
  Expression require;
  std::string message;
};

/// What values for a framework are held to besides their parameters' types.
struct Contract {
  std::shared_ptr<const FlagTable> flags;  ///< null pointer: no table
  std::vector<ParsedCondition> conditions;
  std::shared_ptr<const Rules> rules;
};

}  // namespace mlib::cards
