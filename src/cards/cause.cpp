#include "cards/cause.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/draft.hpp"

namespace mlib::cards {
namespace {

using namespace detail;

/// What a file of causes holds: `look` says which place all of them are looked for in.
struct CauseFile {
  Metadata metadata;
  std::string look;
  std::vector<CauseRule> causes;

  template <class D>
  void describe(D& d) {
    std::string version = "model-library/v1";
    std::string kind = "Causes";
    d.field("apiVersion", version,
            {.help = "Version of the format", .required = true, .one_of = {"model-library/v1"}});
    d.field("kind", kind, {.help = "Causes", .required = true, .one_of = {"Causes"}});
    d.field("metadata", metadata, {.help = "Name of the file", .required = true});
    d.field("look", look, {.help = "The place where all of them are looked for", .required = true});
    d.field("causes", causes, {.help = "The causes", .required = true});
  }
};

const SignPlace* place_called(std::string_view name) {
  for (const SignPlace& each : sign_places())
    if (each.name == name) return &each;
  return nullptr;
}

/// Names that a cause's sentence may use.
std::vector<std::string> names_for(const CauseRule& rule) {
  std::vector<std::string> names{"reason", "code"};
  for (const auto& [name, example] : place_called(rule.look)->facts) names.emplace_back(name);
  for (const std::string& pattern : rule.match)
    for (std::string& name : names_in(pattern)) names.push_back(std::move(name));
  return names;
}

template <class T>
bool holds(const std::vector<T>& list, const T& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

/// 0: has a pattern; 1: a reason or code alone; 2: neither.
int looseness(const CauseRule& rule) {
  if (!rule.match.empty()) return 0;
  return rule.reasons.empty() && rule.codes.empty() ? 2 : 1;
}

std::optional<Told> tell_one(const CauseRule& rule, const Sign& sign) {
  if (rule.look != sign.place || !holds(rule.reasons, sign.reason) || !holds(rule.codes, sign.code))
    return std::nullopt;
  Facts facts = sign.facts;
  facts.emplace("reason", sign.reason);
  if (sign.code >= 0) facts.emplace("code", std::to_string(sign.code));
  std::string line = sign.text;
  if (!rule.match.empty()) {
    const std::vector<std::string> lines = split(sign.text, '\n');
    bool found = false;
    for (auto each = lines.rbegin(); each != lines.rend() && !found; ++each)
      for (const std::string& pattern : rule.match) {
        auto kept = match(pattern, *each);
        if (!kept) continue;
        facts.merge(*kept);
        line = *each;
        found = true;
        break;
      }
    if (!found) return std::nullopt;
  }
  return Told{&rule, fill(rule.sentence, facts), fill(rule.hint, facts), std::move(line)};
}

class CauseReading {
 public:
  CauseReading(Causes& causes, std::vector<Finding>& findings) : causes_(causes), findings_(findings) {}

  void read(const Text& text) {
    for (const Node& document : text.documents())
      if (!document.is_null()) read(text, document);
  }

 private:
  void read(const Text& text, const Node& document) {
    schema::Reader reader(&text.source);
    const auto file = schema::decode<CauseFile>(reader, document);
    const bool sound = reader.findings.empty();
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(findings_));
    if (!sound) return;
    if (place_called(file.look) == nullptr) {
      std::vector<std::string> known;
      for (const SignPlace& each : sign_places()) known.emplace_back(each.name);
      return report(findings_, value_spot(text, document, path_of({"look"})), Fault::not_allowed,
                    fmt::format("`{}` is no place to look", shortened(file.look, 60)),
                    suggestion(file.look, known));
    }
    for (std::size_t i = 0; i < file.causes.size(); ++i) {
      CauseRule rule = file.causes[i];
      rule.look = file.look;
      const std::size_t before = findings_.size();
      check(rule, text, document, static_cast<int>(i));
      if (findings_.size() == before) causes_.push_back(std::move(rule));
    }
  }

  void check(const CauseRule& rule, const Text& text, const Node& document, int index) {
    const auto at = [&](std::string_view key) {
      return value_spot(text, document, {{"causes"}, {"", index}, {std::string(key)}});
    };
    const auto same = [&](const CauseRule& each) { return each.name == rule.name; };
    if (std::any_of(causes_.begin(), causes_.end(), same))
      report(findings_, at("name"), Fault::duplicate,
             fmt::format("there is another cause called `{}`", rule.name));
    const std::vector<std::string> known = names_for(rule);
    const std::pair<std::string_view, const std::string*> texts[] = {{"sentence", &rule.sentence},
                                                                     {"hint", &rule.hint}};
    for (const auto& [key, value] : texts)
      for (const std::string& name : names_in(*value))
        if (std::find(known.begin(), known.end(), name) == known.end())
          report(findings_, at(key), Fault::reference, fmt::format("nothing gives `{{{}}}` a value", name),
                 suggestion(name, known));
    if (!tell_one(rule, sample_sign(rule)))
      report(findings_, at("sample"), Fault::not_allowed,
             fmt::format("cause `{}` is not found in its own sample", rule.name),
             "the sample's reason, code and text must fit `reasons`, `codes` and `match`");
  }

  Causes& causes_;
  std::vector<Finding>& findings_;
};

}  // namespace

namespace detail {

void read_causes(const Text& text, Causes& causes, std::vector<Finding>& findings) {
  CauseReading(causes, findings).read(text);
}

void put_in_order(Causes& causes) {
  std::stable_sort(causes.begin(), causes.end(), [](const CauseRule& a, const CauseRule& b) {
    const SignPlace* place_a = place_called(a.look);
    const SignPlace* place_b = place_called(b.look);
    return place_a != place_b ? place_a < place_b : looseness(a) < looseness(b);
  });
}

}  // namespace detail

const std::vector<SignPlace>& sign_places() {
  static const std::vector<SignPlace> places{
      {"replicas", "the cluster makes no pod: the Deployment's condition ReplicaFailure"},
      {"container",
       "a container waits or could not be started: the state's reason and message",
       {{"who", "container `server`"}, {"image", "registry.example/engine:1"}}},
      {"ended",
       "a container has ended: reason and exit code",
       {{"who", "container `server`"}, {"restarts", "3 times"}, {"limit", "16Gi"}, {"node", "node-1"}}},
      {"log", "the log of a container that has ended, on Kubernetes and podman alike"},
      {"claim",
       "a claim has no volume: its phase or an event of it",
       {{"claim", "llama-pvc"}, {"class", "fast"}}},
      {"scheduler",
       "one reason of the scheduler why no node will do",
       {{"nodes", "2 nodes"}, {"asked", "8"}, {"selector", "disk=ssd"}}},
      {"pod", "a pod has failed: its reason and message", {{"node", "node-1"}}},
      {"condition", "a condition of a pod that is not as it should be", {{"node", "node-1"}}},
      {"event", "an event of a pod since its last container started", {{"node", "node-1"}}},
      {"progress", "the Deployment's condition Progressing"},
  };
  return places;
}

Sign sample_sign(const CauseRule& rule) {
  Sign sign{rule.look, rule.sample.reason, rule.sample.code, rule.sample.text};
  for (const auto& [name, value] : rule.sample.facts) sign.facts[name] = value;
  if (const SignPlace* place = place_called(rule.look))
    for (const auto& [name, example] : place->facts)
      sign.facts.emplace(std::string(name), std::string(example));
  return sign;
}

std::optional<Told> tell(const Causes& causes, const Sign& sign) {
  for (const CauseRule& rule : causes)
    if (auto told = tell_one(rule, sign)) return told;
  return std::nullopt;
}

Causes load_causes(const std::vector<File>& files) {
  Causes causes;
  std::vector<Finding> findings;
  std::map<std::string, const File*> by_path;
  for (const File& file : files)
    if (is_causes(file.path) && file.refused.empty()) by_path.insert_or_assign(file.path, &file);
  for (const auto& [path, file] : by_path) {
    Text text;
    text.path = path;
    text.source = {path, file->text};
    text.read(findings);
    detail::read_causes(text, causes, findings);
  }
  detail::put_in_order(causes);
  return causes;
}

}  // namespace mlib::cards
