#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/describe.hpp"

namespace mlib::store {

using schema::Node;

/// A deployment as it was asked for and what is known of it. Never holds a secret: values of secret
/// parameters are left out, objects are kept with Secrets masked.
struct Deployment {
  std::string namespace_name;
  std::string name;
  std::string id;     ///< random, its own for as long as it lives (targets::Ref::id)
  std::string target;
  std::string place;  ///< which cluster (targets::Target::place)
  std::string template_name;
  std::string hardware;
  std::string framework;
  std::string model;
  std::string user;
  schema::Dict<Node> values;
  std::string state;              ///< deploying, deployed, incomplete, deleting, failed
  std::string message;            ///< of the last failure
  std::string created;            ///< UTC
  std::string updated;            ///< UTC
  Node inventory = Node::list();  ///< targets::Owned, encoded
  std::string manifest;           ///< as applied, secrets masked
  int port = 0;                   ///< of the container that answers, as applied
  std::string health;             ///< path of its health check, or ""
  int applies = 0;                ///< how often it was applied: the revision that people see
  std::string note;               ///< on the last apply: "rollback to 2"
  int revision = 0;               ///< counts the writes of this record
  Node cards = Node::map();       ///< by kind, what it was made from (cards/revision.hpp)

  template <class D>
  void describe(D& d) {
    d.field("namespace", namespace_name, {.help = "Namespace", .required = true});
    d.field("name", name, {.help = "Name", .required = true});
    d.field("id", id, {.help = "Random; what it is made of carries it"});
    d.field("target", target, {.help = "Where it runs", .required = true});
    d.field("place", place, {.help = "Which cluster that is: uid of its namespace kube-system"});
    d.field("template", template_name, {.help = "Template card", .required = true});
    d.field("hardware", hardware, {.help = "Hardware card"});
    d.field("framework", framework, {.help = "Framework card"});
    d.field("model", model, {.help = "Model card"});
    d.field("user", user, {.help = "Who asked for it"});
    d.field("values", values, {.help = "Overrides"});
    d.field("state", state, {.help = "deploying, deployed, incomplete, deleting, failed", .required = true});
    d.field("message", message, {.help = "Why it failed"});
    d.field("created", created, {.help = "UTC"});
    d.field("updated", updated, {.help = "UTC"});
    d.field("inventory", inventory, {.help = "Objects that the target holds"});
    d.field("manifest", manifest, {.help = "Objects as applied, secrets masked"});
    d.field("port", port, {.help = "Port that answers"});
    d.field("health", health, {.help = "Path of the health check"});
    d.field("applies", applies, {.help = "Counts the applies"});
    d.field("note", note, {.help = "On the last apply"});
    d.field("revision", revision, {.help = "Counts the writes of this record"});
    d.field("cards", cards, {.help = "The cards it was made from, by kind"});
  }
};

/// Who did what, kept with each change in the same transaction.
struct Audit {
  std::string time, who, verb, object, detail;
};

/// A filter that goes by a name.
struct SavedFilter {
  std::string name, expression;
};

/// How many earlier renderings of a deployment are kept.
inline constexpr int kept_renderings = 10;

/// Had by who changes a deployment; given back when it goes.
class Hold {
 public:
  virtual ~Hold() = default;
};

/// Durable state. A change, its audit row and its outbox row are one transaction; when a call returns, it is
/// on disk. Problem{conflict} when `revision` is not the stored one (somebody else changed it),
/// Problem{unavailable} when the file cannot be used (with its path and the cause).
class Store {
 public:
  virtual ~Store() = default;
  virtual std::optional<Deployment> get(std::string_view namespace_name, std::string_view name) const = 0;
  /// All, or of one namespace; sorted by namespace and name.
  virtual std::vector<Deployment> list(std::string_view namespace_name = "") const = 0;
  /// Inserts (revision 0) or replaces (the stored revision); gives it with its new revision. A record put in
  /// state `deployed` is kept in its history, too, under its `applies`.
  virtual Deployment put(Deployment deployment, const Audit& audit) = 0;
  virtual void remove(std::string_view namespace_name, std::string_view name, const Audit& audit) = 0;
  /// The last kept_renderings records as they were deployed, the newest first; gone with the deployment.
  virtual std::vector<Deployment> history(std::string_view namespace_name, std::string_view name) const = 0;
  virtual std::vector<Audit> audit(std::size_t newest) const = 0;
  /// The saved filters by name; `save` replaces one of that name, `remove_filter` may find none.
  virtual std::vector<SavedFilter> filters() const = 0;
  virtual void save_filter(const SavedFilter& filter, const Audit& audit) = 0;
  virtual void remove_filter(std::string_view name, const Audit& audit) = 0;
  /// Nobody else gets it, in this process or another, for as long as what it gives lives; nullptr when
  /// somebody has it. It ends with the process.
  virtual std::unique_ptr<Hold> hold(std::string_view namespace_name, std::string_view name) = 0;
};

std::unique_ptr<Store> memory_store();
/// `folder` is made when absent; the database is `folder`/mlib.db (SQLite, synchronous=FULL, WAL), owned by
/// this user alone. Several processes may share it: a lock on `folder`/lock lets one at a time touch the
/// database, since this SQLite can lose a WAL when two connections write and checkpoint at once.
std::unique_ptr<Store> sqlite_store(const std::string& folder);
/// The store that `open` gives, opened when it is first used.
std::unique_ptr<Store> lazy_store(std::function<std::unique_ptr<Store>()> open);

}  // namespace mlib::store
