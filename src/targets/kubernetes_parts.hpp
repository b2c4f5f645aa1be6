#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cards/cause.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "kube/rights.hpp"
#include "targets/cause.hpp"
#include "targets/target.hpp"

/// What kubernetes.cpp is made of.
namespace mlib::targets::kubernetes {

using kube::Id;

inline constexpr std::string_view managed_by = "app.kubernetes.io/managed-by";
inline constexpr std::string_view instance = "app.kubernetes.io/instance";
inline constexpr std::string_view us = "model-library";
/// The annotation that holds Ref::id.
inline constexpr std::string_view record_id = "model-library/record";

/// True when the object's labels say that it is ours and of this deployment.
bool is_ours(const Node& object, const Ref& ref);
/// True when the object was made under this very record.
bool carries_id(const Node& object, const Ref& ref);
/// True when the object's uid is among `known`.
bool is_among(const std::vector<Owned>& known, const Node& object);
Owned owned_of(const Id& id, const Node& object);
/// The label selector of a deployment's objects.
std::string selector_of(const Ref& ref);
/// The object's uid.
std::string uid_of(const Node& object);
bool is_claim(const Id& id);
Id id_of(const Owned& owned);

/// Lists, or nothing where that is forbidden: a status that lacks something is better than none.
std::vector<Node> list_if_allowed(kube::Client& client, const Id& kind, const kube::Selection& selection);
/// Status::endpoint and Status::forward.
struct Reached {
  std::string url;
  std::string forward;
};
/// How the deployment is reached by what was seen of it: its Ingress, its load balancer, the NodePort at a
/// node's address, else the API server's proxy; "" while there is nothing yet.
Reached endpoint_of(kube::Client& client, const Seen& seen);
/// Target::send: with the cluster's credentials when the URL is of the API server's proxy.
/// Problem{unsupported} for a key there.
net::Answer send(kube::Client& client, net::Client& http, const net::Call& call, const net::BodySink& sink,
                 const Cancel* cancel);
/// Target::capacity, from nodes, pods and, where it is there, metrics.k8s.io.
std::vector<Capacity> capacity(kube::Client& client);
/// Target::running.
std::vector<Running> running(kube::Client& client, const Ref& ref);
/// Target::storage: the recorded claims that are there, and those that a deployment left which has no record.
std::vector<std::string> storage(kube::Client& client, const Ref& ref, const std::vector<Owned>& known);

/// The object as people compare it: without status, managedFields, uid and what else the server adds.
Node cleaned(Node object);
/// Before and after as YAML. Values of a Secret are `***`, and `*** (before)`, `*** (after)` where they
/// differ.
Change change_of(const Id& id, const std::optional<Node>& live, const std::optional<Node>& after);

/// A rendered object, what is there under its name, and what the server's dry run makes of it.
struct Item {
  Id id;
  Node object;
  std::optional<Node> live = {};
  std::optional<Node> after = {};  ///< nothing when the namespace does not exist yet, or it was refused
};

struct Survey {
  std::optional<Node> missing_namespace = {};  ///< what would be made
  std::vector<Item> items = {};                ///< without the Namespace
  std::vector<Owned> stale = {};               ///< known, ours, no longer rendered, no claims
  std::vector<Owned> kept = {};                ///< known claims that are no longer rendered
  std::vector<Problem> refusals = {};
};

/// A refusal for lack of a right, with all rights that `rights` lacks besides, at once.
Problem with_missing_rights(kube::Client& client, const Problem& refusal,
                            const std::vector<kube::Right>& rights);

/// Reads what is there and has the server try all objects, changing nothing.
Survey survey(kube::Client& client, const Desired& desired, const Cancel* cancel);
/// Throws all refusals as one Problem; returns when there is none.
void require_accepted(const Survey& survey);

std::vector<Owned> apply(kube::Client& client, const Desired& desired, const LineSink& progress,
                         const Cancel& cancel);
/// Deletes one recorded object when it is still the same and still ours; false when not.
bool remove_owned(kube::Client& client, const Owned& owned, const Ref& ref, const Cancel* cancel);
Removed remove(kube::Client& client, const Ref& ref, const RemoveOptions& options, const LineSink& progress,
               const Cancel& cancel);
/// What is looked at, from a watch that all deployments share where there is one.
Status observe(kube::Client& client, const Ref& ref, const cards::Causes& causes);
/// The kinds that `observe` looks at.
std::vector<kube::Scope> watched_kinds();
/// The newest Deployment (or StatefulSet) of it; null when there is none.
Node workload_of(kube::Client& client, const Ref& ref, const Cancel* cancel);
/// The deployment's pods, newest first, those that are being deleted last.
std::vector<Node> pods_of(kube::Client& client, const Ref& ref, const Cancel* cancel);
/// Events of its objects and states of its containers, the oldest first.
std::vector<Event> events(kube::Client& client, const Ref& ref);
std::vector<std::string> contents(kube::Client& client, const std::string& namespace_name);
void remove_namespace(kube::Client& client, const std::string& namespace_name, const LineSink& progress,
                      const Cancel& cancel);
/// When an Event object happened last.
std::string time_of(const Node& event);
/// `a, b`, or "" when the object has no finalizers.
std::string finalizers_of(const Node& object);
/// Size of a claim as Kubernetes writes it, or "".
std::string size_of(const Node& claim);
void logs(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
          const Cancel& cancel);

}  // namespace mlib::targets::kubernetes
