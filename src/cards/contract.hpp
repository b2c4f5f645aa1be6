#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cards/arguments.hpp"
#include "cards/rule.hpp"

/// What cards that come together, and the values in force, are held to: the framework's conditions, the flags
/// of its engine's version, the catalogue's rules.
namespace mlib::cards {

/// Who gave a value; a later one overrides an earlier one.
enum class Giver { framework, hardware, model, chosen, caller };

struct Given {
  const Node* value = nullptr;  ///< a null pointer: it cannot be known here
  Giver giver = Giver::framework;
};
using GivenOf = std::function<Given(const std::string& parameter)>;

/// A card as the fields of rules see it: its spec, its name, and what follows from it (model.weights and
/// hardware.gpu_bytes in bytes, hardware.gpus, hardware.vendor `cpu` where there is no GPU, …).
Node facts_of(const Framework& card);
Node facts_of(const Model& card);
Node facts_of(const Hardware& card);
Node facts_of(const Template& card);

/// Cards that come together; a null pointer: not known here.
struct Parties {
  const Framework& framework;
  const Node* framework_facts = nullptr;
  const Node* model = nullptr;
  const Node* hardware = nullptr;
  const Node* chosen = nullptr;
  bool deploying = false;  ///< the caller's values are there
  bool early = false;  ///< cards are to come that give values: what names one that is not there is not asked
  /// True for a field, such as `model.format` or `parameters.dtype`, whose value was refused: what names it
  /// is not asked. Empty: nothing was.
  std::function<bool(const std::string& field)> refused = {};
};

/// Parties::refused for a parameter, where `refused` says it of those that `framework` declares: another one
/// may stand in a list that was refused.
bool is_refused(const Framework& framework, const std::string& parameter,
                const std::function<bool(const std::string& declared)>& refused);

/// One thing that is wrong. Where: at `at` in the value of `parameter`, or in the manifest when that is ""
/// and `at` is there; else at the field `change` of a card.
struct Judged {
  bool warning = false;
  Fault fault = Fault::not_allowed;
  std::string message;
  std::string hint;
  std::string parameter = {};
  Giver giver = Giver::framework;
  const Node* at = nullptr;
  Path path = {};
  std::string change = {};
};

/// All that is wrong with the command lines, then with the framework's conditions, then by the rules.
std::vector<Judged> judge(const Parties& parties, const GivenOf& given);
std::vector<Judged> judge_flags(const Parties& parties, const GivenOf& given);
std::vector<Judged> judge_conditions(const Parties& parties, const GivenOf& given);
std::vector<Judged> judge_rules(const Parties& parties, const GivenOf& given);

/// The engine's version that the image in force stands for.
std::string version_in_force(const Framework& framework, const FlagTable& table, const GivenOf& given);

}  // namespace mlib::cards
