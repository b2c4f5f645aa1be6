#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "net/client.hpp"
#include "render/render.hpp"
#include "targets/abilities.hpp"

namespace mlib::targets {

using schema::Node;

/// Names a deployment on its target.
struct Ref {
  std::string namespace_name;
  std::string name;
  /// Of its record, made before anything is applied: an object that carries it is its own, even when nobody
  /// lived to record that object. "" when there is no record.
  std::string id = {};
};

/// One object and what apply would do or did with it.
struct Change {
  enum class Action { create, update, unchanged, remove };
  Action action = Action::unchanged;
  std::string object;  ///< "Deployment team-a/llama"
  std::string before;  ///< YAML, secrets masked; "" when created
  std::string after;   ///< YAML, secrets masked; "" when removed
};

enum class Phase { absent, pending, pulling, starting, ready, degraded, failed, deleting };
std::string_view to_text(Phase phase);

/// One line for people and what stands behind it. `cause`, `evidence` and `hint` when something is wrong.
struct Status {
  Phase phase = Phase::absent;
  std::string summary;
  std::string cause;
  std::string evidence;
  std::string hint;
  std::string since;         ///< when this phase began: UTC, or ""
  std::string endpoint;      ///< URL, or "" while there is none
  std::string forward = {};  ///< command that makes it reachable to all, when the endpoint itself is only
                             ///< with the target's credentials (Target::send has them)
  std::string reason = {};   ///< one word for programs: the cause's name in catalog/causes, or ""
};

struct LogOptions {
  bool follow = false;
  bool previous = false;
  int tail = -1;               ///< lines from the end; -1: all
  std::string since = {};      ///< only what was written after it: RFC 3339, UTC; "" for all
  std::string container = {};  ///< only this one; Problem{not_found} with the known ones
  bool timestamps = false;     ///< each line begins with its time
  bool all_pods = false;       ///< of every replica, `POD CONTAINER | ` before each line
};

/// Takes a line of progress or of a log; false ends it.
using LineSink = std::function<bool(std::string_view line)>;

/// An object that a target holds for a deployment: kind, namespace, name, and the target's own id (uid) for
/// it.
struct Owned {
  std::string kind;
  std::string api_version;
  std::string namespace_name;
  std::string name;
  std::string uid;
  /// Of what it was when applied, by a target that cannot ask for it: a salt, `:` and a salted SHA-256.
  std::string content = {};

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.required = true});
    d.field("apiVersion", api_version, {});
    d.field("namespace", namespace_name, {});
    d.field("name", name, {.required = true});
    d.field("uid", uid, {});
    d.field("content", content, {});
  }
};

/// What is to run: the rendered objects and what a target needs besides.
struct Desired {
  Ref ref;
  const render::Rendered* rendered = nullptr;
  std::vector<Owned> known = {};  ///< what an earlier apply of this deployment made (store's inventory)
  bool force_conflicts = false;
  bool replace = false;  ///< a target that cannot change objects may delete and create them anew
  /// An earlier rendering, whose Secrets' values nobody kept: they are masked, and the Secrets that run stay
  /// as they are. Problem{conflict} when one has to hold a key that the running one lacks.
  bool keeps_secrets = false;
  std::string last = {};  ///< the manifest of the last apply, Secrets masked; "" for none
};

/// The Problem of keeps_secrets.
Problem no_running_secret(std::string_view secret, std::string_view key);

struct RemoveOptions {
  bool with_storage = false;
  std::vector<Owned> known = {};
};

/// Something that happened to a deployment's objects, or a container's state.
struct Event {
  std::string time;    ///< RFC 3339, UTC; "" when nobody knows
  std::string type;    ///< Normal, Warning or State (of a container)
  std::string object;  ///< "Pod llama-5d9"
  std::string reason;
  std::string message;
  int count = 1;  ///< how often, when the target counts
};

struct Removed {
  std::vector<std::string> removed;  ///< "Deployment a/b"
  std::vector<std::string> kept;     ///< claims and volumes, with their size when known
};

/// Of one resource: what there is, what is promised to those that run, and what they use now (nothing where
/// nobody measures).
struct Amount {
  double has = 0;
  double requested = 0;
  std::optional<double> used = {};
  double free() const { return has > requested ? has - requested : 0; }
};

struct Gpus {
  std::string product;   ///< as its node's label calls it, or ""
  std::string resource;  ///< "nvidia.com/gpu"
  Amount amount = {};
};

/// One machine that pods or containers run on.
struct Capacity {
  std::string name;
  std::string closed;   ///< why nothing new may come to it, or ""
  Amount cpus, memory;  ///< cores, bytes
  std::vector<Gpus> gpus = {};
  /// Core-seconds that its CPUs have worked, where that is told: between two looks so much was used.
  std::optional<double> worked = {};
};

/// One container of a deployment as it runs now.
struct Running {
  std::string container;             ///< its name in the manifest
  std::string image;                 ///< as it was asked for
  std::string digest;                ///< sha256:… of the image that runs, or ""
  std::vector<std::string> command;  ///< the program, where the target tells it, and its arguments
  std::string machine;               ///< a node's name; "" is this machine
  double cpus = 0, memory = 0;       ///< limits in cores and bytes; 0: none
  std::string started;               ///< as the target writes it
  int restarts = 0;
  std::optional<double> used = {};    ///< cores that it uses now, where somebody measures
  std::optional<double> worked = {};  ///< core-seconds since it started, as of Capacity
};

/// What helps where a target lacks the ability: a sentence, often with a command.
std::string instead_of(Ability ability, const Ref& ref);

/// Where deployments run. All calls block; they look at `cancel` between steps. Problems: unavailable (the
/// target is down: says how to start it), conflict (a name is taken by something of others), failed (it died
/// at start), …
class Target {
 public:
  virtual ~Target() = default;
  virtual std::string_view name() const = 0;
  /// Tells a cluster from all others; "" where there is but one, or it cannot be told.
  virtual std::string place() { return ""; }
  /// What it cannot do; asks the target where that depends on it.
  virtual std::vector<Ability> lacks() { return {}; }
  bool can(Ability ability);
  /// Asks the target (its dry run where it has one) what apply would change; changes nothing.
  virtual std::vector<Change> plan(const Desired& desired) = 0;
  /// Makes it so; a failure leaves nothing of a new deployment behind. Gives what now exists.
  virtual std::vector<Owned> apply(const Desired& desired, const LineSink& progress,
                                   const Cancel& cancel) = 0;
  virtual Status observe(const Ref& ref) = 0;
  virtual void logs(const Ref& ref, const LogOptions& options, const LineSink& sink,
                    const Cancel& cancel) = 0;
  /// Removes what apply made (by our label and id only); storage stays unless asked. Absent is fine: empty
  /// lists.
  virtual Removed remove(const Ref& ref, const RemoveOptions& options, const LineSink& progress,
                         const Cancel& cancel) = 0;
  /// What happened to its objects and how its containers are, the oldest first.
  virtual std::vector<Event> events(const Ref& ref);
  /// What removing the whole namespace would take, one line each. Problem{forbidden} for one that is not ours
  /// to remove (with the reason), Problem{not_found}.
  virtual std::vector<std::string> contents(const std::string& namespace_name);
  /// Removes the namespace with everything in it, storage too, and waits for the end; refuses as `contents`.
  /// Problem{timeout} names what holds it.
  virtual void remove_namespace(const std::string& namespace_name, const LineSink& progress,
                                const Cancel& cancel);
  /// The storage that remove(with_storage) would take, one line each, with its size where known.
  virtual std::vector<std::string> storage(const Ref& ref, const std::vector<Owned>& known);
  /// Its machines, what they have and what of it is taken.
  virtual std::vector<Capacity> capacity();
  /// Its containers that run now, without those that only prepare; empty where the target does not tell.
  virtual std::vector<Running> running(const Ref& ref);
  /// Sends a call whose URL begins with an endpoint of this target, with the target's credentials where the
  /// endpoint needs them; as net::Client::stream, or ::call without a sink.
  virtual net::Answer send(net::Client& http, const net::Call& call, const net::BodySink& sink,
                           const Cancel* cancel);

 protected:
  /// `target podman`, with its version where that matters.
  virtual std::string title() const;
  /// Problem{unsupported}, and what to do instead.
  [[noreturn]] void cannot(Ability ability, const Ref& ref) const;
};

}  // namespace mlib::targets
