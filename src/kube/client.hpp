#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/clock.hpp"
#include "kube/cache.hpp"
#include "kube/credentials.hpp"
#include "kube/paths.hpp"
#include "kube/status.hpp"

namespace mlib::kube {

struct ApplyOptions {
  bool dry_run = false;
  bool force = false;  ///< take fields over from other managers
};

struct LogQuery {
  std::string namespace_name;
  std::string pod;
  std::string container;
  bool follow = false;
  bool previous = false;
  int tail = -1;           ///< lines from the end; -1: all
  std::string since = {};  ///< RFC 3339; "" for all
};

/// A delete that touches only the object with that uid.
struct Removal {
  Id id;
  std::string uid;
  std::string propagation = "Foreground";
};

/// Waits on the clock in small steps, so that `cancel` is heard.
void pause(Clock& clock, std::chrono::milliseconds span, const Cancel* cancel);

class Informers;

/// One cluster's API; may be used by several threads at once. Reads that may be repeated are, within bounds:
/// connection failures, 429 and 5xx of a gateway, with growing pauses or as Retry-After says; 401 once when
/// the credentials can be read anew. A write whose effect is in doubt (no answer, 502, 504) is first looked
/// for, and done again only when it is not there; one into a namespace that is going waits a little. All
/// throw status.hpp's Problems, and net::Client's.
class Client {
 public:
  /// With `shared`, `look` reads from what the process watches.
  Client(net::Client& http, Clock& clock, Config config, Informers* shared = nullptr);

  const Config& config() const { return config_; }
  Clock& clock() const { return clock_; }

  /// Nothing when there is no such object (or no such namespace or kind).
  std::optional<Node> get(const Id& id, const Cancel* cancel = nullptr);
  /// Gives `take` each object of `kind`, in pages of 500, so that only one page is held; each object has its
  /// apiVersion and kind. Nothing when the pages expired: what was taken comes again.
  using Take = std::function<void(std::optional<Node> object)>;
  void each(const Id& kind, const Selection& selection, const Take& take, const Cancel* cancel = nullptr);
  /// All of them at once, slim.
  std::vector<Node> list(const Id& kind, const Selection& selection, const Cancel* cancel = nullptr);
  /// As `list`, from what the process watches where it does: a moment old, but never older than what it
  /// wrote.
  std::vector<Node> look(const Id& kind, const Selection& selection, const Cancel* cancel = nullptr);
  /// POST; Problem{conflict} when it exists.
  Node create(const Node& object, bool dry_run, const Cancel* cancel = nullptr);
  /// Server-side apply as field manager `model-library`, unknown fields refused. Gives the object as it is
  /// (or would be).
  Node apply(const Node& object, const ApplyOptions& options, const Cancel* cancel = nullptr);
  /// False when it was gone (or another object has its name now).
  bool remove(const Removal& removal, const Cancel* cancel = nullptr);
  /// The log as it comes, each line begun by its time stamp. Problem{invalid} while the container has none.
  void log(const LogQuery& query, const net::BodySink& sink, const Cancel* cancel = nullptr);

  /// Every kind of object that a namespace may hold and that can be listed, in the version the server
  /// prefers; a group whose server does not answer is left out, and put into `away`.
  std::vector<Resource> namespaced(std::vector<std::string>& away, const Cancel* cancel = nullptr);

  /// How the server calls `kind`, asked once when it is not among the known. Problem{unsupported} when it has
  /// no such kind.
  Resource resource(const std::string& api_version, const std::string& kind, const Cancel* cancel = nullptr);

  /// Where `id` is on the server.
  std::string url(const Id& id, const Cancel* cancel = nullptr);
  /// Sends a call as who we are, once (again after 401 when there is something to read anew); any status is
  /// an answer.
  net::Answer once(const net::Call& call, const net::BodySink* sink, const Cancel* cancel);

 private:
  /// The answer of a write whose effect was in doubt, told from the object that is there; nothing when it has
  /// to be done again.
  using Settle = std::function<std::optional<net::Answer>(const std::optional<Node>& live)>;
  net::Answer send(const net::Call& call, const Cancel* cancel);
  net::Answer write(const net::Call& call, const Id& id, const Settle& settle, const Cancel* cancel);
  std::optional<Node> page(const std::string& url, const Asked& asked, const Cancel* cancel);
  std::optional<Node> read(const std::string& path, const Cancel* cancel);
  Asked asked(std::string verb, const Id& id) const;
  Problem refused(std::string verb, const net::Call& call, const Id& id, const net::Answer& answer) const;
  void wrote(const Id& id, const Node& result);

  net::Client& http_;
  Clock& clock_;
  Config config_;
  Credentials credentials_;
  Informers* shared_;
  std::mutex mutex_;
  std::map<std::string, Resource> found_;  ///< under the mutex
  std::atomic<bool> reached_{false};       ///< it answered once
};

}  // namespace mlib::kube
