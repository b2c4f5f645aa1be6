#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/clock.hpp"
#include "kube/credentials.hpp"
#include "kube/paths.hpp"
#include "kube/status.hpp"

namespace mlib::kube {

struct ApplyOptions {
  bool dry_run = false;
  bool force = false;  ///< take fields over from other managers
};

/// Which objects of a kind: label and field selectors, "" for all.
struct Selection {
  std::string labels = {};
  std::string fields = {};
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

/// One cluster's API. Calls that may be repeated are, within bounds: connection failures, 429 and 5xx of a
/// gateway, with growing pauses or as Retry-After says; 401 once when the credentials can be read anew. All
/// throw status.hpp's Problems, and net::Client's.
class Client {
 public:
  Client(net::Client& http, Clock& clock, Config config);

  const Config& config() const { return config_; }
  Clock& clock() const { return clock_; }

  /// Nothing when there is no such object (or no such namespace or kind).
  std::optional<Node> get(const Id& id, const Cancel* cancel = nullptr);
  /// All objects of `kind`, in pages of 500; each with its apiVersion and kind.
  std::vector<Node> list(const Id& kind, const Selection& selection, const Cancel* cancel = nullptr);
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
  /// prefers; a group whose server does not answer is left out.
  std::vector<Resource> namespaced(const Cancel* cancel = nullptr);

  /// How the server calls `kind`, asked once when it is not among the known. Problem{unsupported} when it has
  /// no such kind.
  Resource resource(const std::string& api_version, const std::string& kind, const Cancel* cancel = nullptr);

 private:
  net::Answer send(const net::Call& call, const Cancel* cancel);
  bool list_page(Node& page, const std::string& url, const Asked& asked, const Cancel* cancel);
  std::optional<Node> read(const std::string& path, const Cancel* cancel);
  Asked asked(std::string verb, const Id& id) const;
  std::string url(const Id& id, const Cancel* cancel);

  net::Client& http_;
  Clock& clock_;
  Config config_;
  Credentials credentials_;
  std::map<std::string, Resource> found_;
  bool reached_ = false;  ///< it answered once
};

}  // namespace mlib::kube
