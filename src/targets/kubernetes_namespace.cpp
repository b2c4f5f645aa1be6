#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds patience{300'000};
constexpr milliseconds look_every{1'000};

Id id_of(const std::string& name) { return {"v1", "Namespace", "", name}; }

/// The namespace; Problem{forbidden} when it is not ours to remove, with the reason.
Node checked(kube::Client& client, const std::string& name, const Cancel* cancel) {
  const auto refuse = [&](std::string_view why) {
    throw Problem(Kind::forbidden, fmt::format("namespace {} is not deleted: {}", name, why),
                  "`mlib delete deployment` removes what is yours in it");
  };
  if (name.starts_with("kube-") || name == "default") refuse("it belongs to the cluster");
  if (name == us) refuse("everybody who names no namespace deploys there");
  if (client.config().context == "in-cluster" && client.config().namespace_name == name)
    refuse("the Model Library itself runs there");
  std::optional<Node> found = client.get(id_of(name), cancel);
  if (!found)
    throw Problem(Kind::not_found, fmt::format("there is no namespace {} in the cluster of context `{}`",
                                               name, client.config().context));
  if (found->text_at({"metadata", "labels", managed_by}) != us) refuse("the Model Library did not make it");
  const std::vector<std::string> missing = kube::missing_rights(client, {{"delete", id_of(name)}}, cancel);
  if (!missing.empty())
    throw Problem(Kind::forbidden,
                  fmt::format("namespace {} is not deleted: you may not {}", name, missing.front()),
                  "ask the cluster's administrator for a Role that allows it");
  return std::move(*found);
}

/// What the cluster puts into every namespace, and what only tells of other objects.
bool is_given(const Node& object) {
  const std::string kind = object.text_at({"kind"});
  const std::string name = object.text_at({"metadata", "name"});
  return kind == "Event" || kind == "Endpoints" || kind == "EndpointSlice" || kind == "Lease" ||
         (kind == "ConfigMap" && name == "kube-root-ca.crt") ||
         (kind == "ServiceAccount" && name == "default");
}

/// All objects of the namespace, each once; what cannot be listed is told.
std::vector<Node> objects_in(kube::Client& client, const std::string& name, std::vector<std::string>& unseen,
                             const Cancel* cancel) {
  std::vector<Node> all;
  std::vector<std::string> away;
  const std::vector<kube::Resource> kinds = client.namespaced(away, cancel);
  for (const std::string& group : away) unseen.push_back(group + ", whose server does not answer");
  for (const kube::Resource& kind : kinds) {
    try {
      for (Node& object : client.list({kind.api_version, kind.kind, name, ""}, {}, cancel))
        if (!is_given(object)) all.push_back(std::move(object));
    } catch (const Problem& problem) {
      if (problem.kind() != Kind::forbidden) throw;
      unseen.push_back(kind.plural);
    }
  }
  return all;
}

std::string described(const Node& object) {
  std::string text = fmt::format("{} {}", object.text_at({"kind"}), object.text_at({"metadata", "name"}));
  if (const std::string size = is_claim(kube::id_of(object)) ? size_of(object) : ""; !size.empty())
    text += fmt::format(" ({})", size);
  const std::string of = object.text_at({"metadata", "labels", instance});
  if (object.text_at({"metadata", "labels", managed_by}) != us) return text + ", not of the Model Library";
  return of.empty() ? text : text + ", of " + of;
}

/// Why it is not gone, as the cluster says, and the objects that hold it.
std::string held_by(kube::Client& client, const Node& space, const Cancel* cancel) {
  std::vector<std::string> reasons;
  if (const Node* conditions = space.at({"status", "conditions"});
      conditions != nullptr && conditions->is_list())
    for (const Node& each : conditions->items())
      if (each.text_at({"status"}) == "True") reasons.push_back(each.text_at({"message"}));
  if (const std::string own = finalizers_of(space); !own.empty()) reasons.push_back("its finalizers " + own);
  std::vector<std::string> unseen;
  for (const Node& object : objects_in(client, space.text_at({"metadata", "name"}), unseen, cancel))
    if (const std::string held = finalizers_of(object); !held.empty() && reasons.size() < 12)
      reasons.push_back(fmt::format("{} {} has the finalizer {}", object.text_at({"kind"}),
                                    object.text_at({"metadata", "name"}), held));
  return reasons.empty() ? "the cluster does not say why" : join(reasons, "; ");
}

std::string remaining(const Node& space) {
  const Node* conditions = space.at({"status", "conditions"});
  if (conditions == nullptr || !conditions->is_list()) return "";
  for (const Node& each : conditions->items())
    if (each.text_at({"type"}) == "NamespaceContentRemaining" && each.text_at({"status"}) == "True")
      return each.text_at({"message"});
  return "";
}

}  // namespace

std::vector<std::string> contents(kube::Client& client, const std::string& namespace_name) {
  checked(client, namespace_name, nullptr);
  std::vector<std::string> unseen, lines;
  std::map<std::string, int> owned;
  for (const Node& object : objects_in(client, namespace_name, unseen, nullptr)) {
    const Node* owners = object.at({"metadata", "ownerReferences"});
    if (owners != nullptr && owners->is_list() && !owners->items().empty()) {
      ++owned[object.text_at({"kind"})];
    } else {
      lines.push_back(described(object));
    }
  }
  for (const auto& [kind, count] : owned) lines.push_back(fmt::format("{} {} that those own", count, kind));
  if (!unseen.empty()) lines.push_back("what cannot be listed: " + join(unseen, ", "));
  return lines;
}

void remove_namespace(kube::Client& client, const std::string& namespace_name, const LineSink& progress,
                      const Cancel& cancel) {
  const std::string uid = uid_of(checked(client, namespace_name, &cancel));
  client.remove({id_of(namespace_name), uid, "Background"}, &cancel);
  const auto end = client.clock().now() + patience;
  std::string last;
  for (;;) {
    const std::optional<Node> live = client.get(id_of(namespace_name), &cancel);
    if (!live || uid_of(*live) != uid) return;
    const std::string line = remaining(*live);
    if (line != last && !line.empty()) progress(line);
    last = line;
    if (client.clock().now() >= end)
      throw Problem(Kind::timeout,
                    fmt::format("namespace {} is still there after {} s: {}", namespace_name,
                                patience.count() / 1000, held_by(client, *live, &cancel)),
                    "it goes on by itself; whoever set a finalizer has to take it off");
    kube::pause(client.clock(), look_every, &cancel);
  }
}

}  // namespace mlib::targets::kubernetes
