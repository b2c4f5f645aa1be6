#include "formats/original.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.hpp"

namespace mlib::formats {
namespace {

/// What the original's hardware is called where no framework says what it takes it for.
struct UsualName {
  std::string_view name, fact;
};
constexpr std::array usual_names{
    UsualName{"num_cpus", "hardware.cpus"}, UsualName{"ram_memory", "hardware.memory"},
    UsualName{"pvc_storage_request", "hardware.storage"}, UsualName{"replicas", "hardware.replicas"}};
/// Parameters of the original that are the user's or become names of ours.
constexpr std::array<std::string_view, 3> identity{"id", "namespace", "API_key"};

/// One card of the original, with where it stood.
struct Seen {
  const Node* node;
  std::string path;
};

class Original {
 public:
  Original(std::string_view name, const cards::Library& library, const Wanted& wanted)
      : name_(name), library_(library), wanted_(wanted) {}

  Imported read(const Node& json) {
    collect(json);
    refuse_our_own();
    for (const Seen& each : architectures_) framework_of(each);
    for (const Seen& each : models_) model(each);
    pair_up();
    for (const Seen& each : hardware_) hardware(each);
    for (const Seen& each : templates_) a_template(each);
    if (made_.cards.empty() && made_.report.left_out.empty())
      throw Problem(Kind::invalid, fmt::format("{}: there is no card in it", name_));
    return std::move(made_);
  }

 private:
  [[noreturn]] void refuse(const std::string& path, const std::string& cause, std::string hint = "") const {
    throw Problem(Kind::invalid, fmt::format("{}: {}: {}", name_, path.empty() ? "(whole)" : path, cause),
                  std::move(hint));
  }

  /// An architecture of the original's has an id of its own and a manifest's path. Only a Model Library,
  /// which has neither for most of its frameworks, says their name for both.
  void refuse_our_own() const {
    for (const Seen& each : architectures_) {
      const std::string id = each.node->text_at({"id"});
      if (id != each.node->text_at({"deployment_yaml"}) || !is_dns_label(id)) continue;
      throw Problem(
          Kind::usage,
          fmt::format("{}: these are a Model Library's cards in the original's shape, which has no "
                      "place for the GPUs, sizes and limits that they need ({} is a framework's name)",
                      name_, each.path),
          "take the cards themselves: copy the folder that it was started with (--catalog), or write "
          "one there by `mlib get model NAME -o yaml`; those of the program are in each mlib");
    }
  }

  /// A field that the original's cards of a kind always have, of the type that it has there.
  const Node& field(const Seen& card, std::string_view key, std::string_view kind) const {
    const Node* value = card.node->find(key);
    const std::string path = card.path.empty() ? std::string(key) : fmt::format("{}.{}", card.path, key);
    if (value == nullptr) refuse(path, "is missing");
    if (value->kind() != kind) refuse(path, fmt::format("expected {}, got {}", kind, value->kind()));
    return *value;
  }

  static std::string below(const Seen& card, std::string_view field) {
    return fmt::format("{}{}{}", card.path, card.path.empty() ? "" : ".", field);
  }

  void collect(const Node& json) {
    if (json.is_list()) return collect_list(json, "", &Original::one);
    if (!json.is_map()) refuse("", fmt::format("a {} is no card of the original", json.kind()));
    if (json.find("ModelDeploymentTemplateCard") == nullptr && json.find("ModelCard") == nullptr &&
        json.find("ArchitectureCard") == nullptr && json.find("DeploymentCard") == nullptr)
      return one({&json, ""});
    using Take = void (Original::*)(const Seen&);
    const std::array<std::pair<std::string_view, Take>, 4> parts{
        {{"ArchitectureCard", &Original::add_architecture},
         {"ModelCard", &Original::add_model},
         {"DeploymentCard", &Original::add_hardware},
         {"ModelDeploymentTemplateCard", &Original::add_template}}};
    for (const auto& [key, take] : parts)
      if (const Node* list = json.find(key)) collect_list(*list, std::string(key), take);
  }

  void collect_list(const Node& list, const std::string& path, void (Original::*take)(const Seen&)) {
    if (!list.is_list()) refuse(path, fmt::format("expected list, got {}", list.kind()));
    for (std::size_t i = 0; i < list.items().size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      if (!list.items()[i].is_map()) refuse(at, fmt::format("expected map, got {}", list.items()[i].kind()));
      (this->*take)({&list.items()[i], at});
    }
  }

  /// A card that stands alone is known by its fields.
  void one(const Seen& card) {
    if (card.node->find("model_card") != nullptr) return add_template(card);
    if (card.node->find("architecture") != nullptr) return add_model(card);
    if (card.node->find("deployment_yaml") != nullptr) return add_architecture(card);
    if (card.node->find("params") != nullptr) return add_hardware(card);
    refuse(card.path, "this is no card of the original",
           "its cards have model_card, architecture, deployment_yaml or params");
  }

  void add(std::vector<Seen>& list, const Seen& card) const {
    constexpr std::size_t most = 2'000;
    if (list.size() == most)
      throw Problem(Kind::too_large, fmt::format("{}: more than {} different cards of a kind", name_, most));
    const auto same = [&](const Seen& each) { return *each.node == *card.node; };
    if (std::none_of(list.begin(), list.end(), same)) list.push_back(card);
  }
  Seen inner(const Seen& card, std::string_view key) const {
    return {&field(card, key, "map"), fmt::format("{}{}{}", card.path, card.path.empty() ? "" : ".", key)};
  }

  void add_architecture(const Seen& card) {
    field(card, "id", "string");
    field(card, "deployment_yaml", "string");
    add(architectures_, card);
  }
  void add_model(const Seen& card) {
    field(card, "id", "string");
    field(card, "params", "map");
    add_architecture(inner(card, "architecture"));
    add(models_, card);
  }
  void add_hardware(const Seen& card) {
    field(card, "id", "string");
    field(card, "params", "map");
    add(hardware_, card);
  }
  void add_template(const Seen& card) {
    field(card, "id", "string");
    field(card, "name", "string");
    field(card, "params", "map");
    add_model(inner(card, "model_card"));
    add_hardware(inner(card, "deployment_card"));
    if (const Node* viable = card.node->find("viable_deployment_cards"))
      collect_list(*viable, card.path + (card.path.empty() ? "" : ".") + "viable_deployment_cards",
                   &Original::add_hardware);
    add(templates_, card);
  }

  /// The framework that stands for an architecture; a null pointer when the library knows none.
  const cards::Framework* known(const Node& architecture) const {
    if (!wanted_.framework.empty()) return &library_.get_framework(wanted_.framework);
    const std::string manifest = architecture.text_at({"deployment_yaml"});
    for (const cards::Framework& each : library_.frameworks) {
      const auto& original = each.spec.original;
      if (original && (original->id == architecture.text_at({"id"}) || original->deployment_yaml == manifest))
        return &each;
    }
    return library_.framework(name_from(architecture.text_at({"name"})));
  }

  void framework_of(const Seen& architecture) {
    const std::string id = architecture.node->text_at({"id"});
    const std::string manifest = architecture.node->text_at({"deployment_yaml"});
    if (const cards::Framework* framework = known(*architecture.node))
      return made_.report.guess("spec.framework", fmt::format("{} ({})", architecture.path, manifest),
                                framework->metadata.name);
    made_.report.leave(
        architecture.path,
        fmt::format("no framework here is made from `{}`: a Framework card is written by hand, or "
                    "--framework names one",
                    shortened(visible(manifest), 60)));
  }

  std::string unique(std::string name, std::string_view kind) {
    if (name.empty()) name = kind;
    std::string tried = name;
    for (int i = 2; !names_.insert(fmt::format("{}/{}", kind, tried)).second; ++i) {
      const std::string end = fmt::format("-{}", i);
      tried = name.substr(0, 63 - end.size()) + end;
    }
    return tried;
  }

  template <class C>
  void keep_id(C& card, const Seen& seen, std::string_view kind, const std::vector<C>& there) {
    const std::string id = seen.node->text_at({"id"});
    const auto has = [&](const C& each) { return each.spec.original && each.spec.original->id == id; };
    const bool taken = std::any_of(there.begin(), there.end(), has);
    if (id.empty() || taken || !ids_.insert(fmt::format("{}/{}", kind, id)).second)
      return made_.report.leave(
          below(seen, "id"), fmt::format("`{}` is another {}'s already", shortened(visible(id), 60), kind));
    card.spec.original = cards::Original{};
    card.spec.original->id = id;
    card.spec.original->order = order_++;
  }

  void model(const Seen& seen) {
    const cards::Framework* framework = known(*seen.node->find("architecture"));
    if (framework == nullptr) return made_.report.leave(seen.path, "its architecture is not known");
    cards::Model card;
    Node params = *seen.node->find("params");
    card.spec.framework = framework->metadata.name;
    std::string named = seen.node->text_at({"id"});
    const std::string repository = params.text_at({"hf_repo_id"}), file = params.text_at({"hf_filename"});
    if (!repository.empty() && !file.empty()) {
      card.spec.sources.push_back({fmt::format("hf://{}/{}", repository, file), "", {}});
      made_.report.take("spec.sources", below(seen, "params: hf_repo_id, hf_filename"));
      params.erase("hf_repo_id");
      params.erase("hf_filename");
      named = file.substr(0, file.rfind('.'));
      if (file.ends_with(".gguf")) card.spec.format = "gguf";
    }
    card.metadata.name = unique(name_from(named), "model");
    values(card.spec.values, params, {framework}, seen);
    keep_id(card, seen, "model", library_.models);
    add_card(seen, card);
    frameworks_[seen.node] = framework;
  }

  template <class C>
  void add_card(const Seen& seen, const C& card) {
    made_names_[seen.node] = card.metadata.name;
    made_.report.take(card.metadata.name, seen.path.empty() ? name_ : seen.path);
    made_.cards.push_back(schema::encode(card));
  }

  /// Takes those of `params` that each of the frameworks has as a parameter.
  void values(cards::Dict<Node>& into, const Node& params, const std::vector<const cards::Framework*>& users,
              const Seen& seen) {
    for (const schema::Entry& entry : params.entries()) {
      const bool own = std::find(identity.begin(), identity.end(), entry.key) != identity.end();
      bool used = !users.empty() && !own;
      for (const cards::Framework* each : users) {
        const auto& all = each->spec.parameters;
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.first == entry.key; });
        used = used && found != all.end() && !found->second.secret;
      }
      if (used)
        into.emplace_back(entry.key, entry.value);
      else
        made_.report.leave(below(seen, fmt::format("params.{}", shortened(visible(entry.key), 40))),
                           own ? "the user gives it" : "no framework that it is for has such a parameter");
    }
  }

  const Node* same(const std::vector<Seen>& list, const Node* card) const {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const Seen& each) { return *each.node == *card; });
    return found == list.end() ? nullptr : found->node;
  }

  std::vector<const Node*> hardware_of(const Seen& card) const {
    std::vector<const Node*> all{same(hardware_, card.node->find("deployment_card"))};
    if (const Node* viable = card.node->find("viable_deployment_cards"))
      for (const Node& each : viable->items()) all.push_back(same(hardware_, &each));
    return all;
  }

  /// Which frameworks each hardware is for.
  void pair_up() {
    for (const Seen& each : templates_) {
      const auto framework = frameworks_.find(same(models_, each.node->find("model_card")));
      if (framework == frameworks_.end()) continue;
      for (const Node* hardware : hardware_of(each)) {
        auto& users = users_[hardware];
        if (std::find(users.begin(), users.end(), framework->second) == users.end())
          users.push_back(framework->second);
      }
    }
  }

  /// The fact of a hardware card that a parameter called `name` is for, or "".
  static std::string fact_of(std::string_view name, const std::vector<const cards::Framework*>& users) {
    for (const cards::Framework* each : users)
      for (const auto& [key, parameter] : each->spec.parameters)
        if (key == name && parameter.from.starts_with("hardware.")) return parameter.from;
    for (const cards::Framework* each : users)
      for (const auto& [key, parameter] : each->spec.parameters)
        if (key == name) return "";
    for (const UsualName& each : usual_names)
      if (each.name == name) return std::string(each.fact);
    return "";
  }

  static bool set_fact(cards::HardwareSpec& spec, std::string_view fact, const Node& value) {
    const std::string text = value.is_string() ? value.string() : schema::to_json(value);
    const std::optional<double> number = quantity(text);
    if (!number) return false;
    if (fact == "hardware.cpus" && *number >= 0.01 && *number <= 4096) {
      spec.cpus = number;
    } else if (fact == "hardware.memory") {
      spec.memory = text;
    } else if (fact == "hardware.storage") {
      spec.storage = text;
    } else if (fact == "hardware.replicas" && *number >= 0 && *number <= 1000 &&
               *number == static_cast<int>(*number)) {
      spec.replicas = static_cast<int>(*number);
    } else {
      return false;
    }
    return true;
  }

  void hardware(const Seen& seen) {
    const auto& users = users_[seen.node];
    cards::Hardware card;
    card.metadata.name = unique(name_from("hardware-" + seen.node->text_at({"id"})), "hardware");
    Node others = Node::map();
    for (const schema::Entry& entry : seen.node->find("params")->entries())
      if (!set_fact(card.spec, fact_of(entry.key, users), entry.value)) others.set(entry.key, entry.value);
    values(card.spec.values, others, users, seen);
    keep_id(card, seen, "hardware", library_.hardware);
    add_card(seen, card);
  }

  void a_template(const Seen& seen) {
    const auto model = made_names_.find(same(models_, seen.node->find("model_card")));
    if (model == made_names_.end()) return made_.report.leave(seen.path, "its model was left out");
    cards::Template card;
    card.metadata.title = seen.node->text_at({"name"});
    card.metadata.description = seen.node->text_at({"description"});
    card.metadata.name =
        unique(wanted_.name.empty() ? name_from(card.metadata.title) : wanted_.name, "template");
    card.spec.model = model->second;
    const std::vector<const Node*> all = hardware_of(seen);
    card.spec.hardware = made_names_.at(all.front());
    for (auto each = all.begin() + 1; each != all.end(); ++each) {
      const std::string& name = made_names_.at(*each);
      std::vector<std::string>& list = card.spec.viable_hardware;
      if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
    }
    viable(card.spec);
    Node params = *seen.node->find("params");
    if (const Node* name = params.find("deployment_name");
        name != nullptr && name->is_string() && is_dns_label(name->string())) {
      card.spec.values.emplace_back("deployment_name", *name);
      params.erase("deployment_name");
    }
    values(card.spec.values, params, {frameworks_.at(same(models_, seen.node->find("model_card")))}, seen);
    benchmarks(card.spec, seen);
    keep_id(card, seen, "template", library_.templates);
    add_card(seen, card);
  }

  /// The template's own hardware is one of the viable ones, when there are any.
  static void viable(cards::TemplateSpec& spec) {
    auto& list = spec.viable_hardware;
    if (!list.empty() && std::find(list.begin(), list.end(), spec.hardware) == list.end())
      list.insert(list.begin(), spec.hardware);
  }

  void benchmarks(cards::TemplateSpec& spec, const Seen& seen) {
    const Node* list = seen.node->find("benchmarks");
    if (list == nullptr || !list->is_list()) return;
    for (std::size_t i = 0; i < list->items().size(); ++i) {
      const Node& each = list->items()[i];
      const Node* results = each.find("results");
      const cards::Benchmark made{each.text_at({"id"}), each.text_at({"description"}),
                                  results != nullptr ? *results : Node()};
      if (made.id.empty() || made.description.empty() || !made.results.is_map())
        made_.report.leave(below(seen, fmt::format("benchmarks[{}]", i)),
                           "it lacks its id, description or results");
      else
        spec.benchmarks.push_back(made);
    }
  }

  std::string name_;
  const cards::Library& library_;
  const Wanted& wanted_;
  std::vector<Seen> architectures_, models_, hardware_, templates_;
  std::map<const Node*, const cards::Framework*> frameworks_;
  std::map<const Node*, std::vector<const cards::Framework*>> users_;
  std::map<const Node*, std::string> made_names_;
  std::set<std::string> names_, ids_;
  int order_ = 0;
  Imported made_;
};

}  // namespace

bool is_original(const Node& json) {
  if (json.is_list()) return !json.items().empty() && is_original(json.items()[0]);
  constexpr std::array<std::string_view, 7> keys{"ArchitectureCard",
                                                 "ModelCard",
                                                 "DeploymentCard",
                                                 "model_card",
                                                 "architecture",
                                                 "deployment_yaml",
                                                 "ModelDeploymentTemplateCard"};
  return std::any_of(keys.begin(), keys.end(),
                     [&](std::string_view key) { return json.find(key) != nullptr; }) ||
         (json.find("params") != nullptr && json.find("id") != nullptr);
}

Imported from_original(const Node& json, std::string_view name, const cards::Library& library,
                       const Wanted& wanted) {
  return Original(name, library, wanted).read(json);
}

}  // namespace mlib::formats
