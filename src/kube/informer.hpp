#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "base/clock.hpp"
#include "kube/cache.hpp"
#include "kube/watch.hpp"

namespace mlib::kube {

class Client;

/// Objects that one list and one watch bring: all of a kind in a namespace ("" all) that the labels choose.
struct Scope {
  Id kind;
  std::string labels = {};
  std::size_t most = 64U << 20U;  ///< bytes that are kept
};

/// Keeps a Cache as the cluster is: asks what a Watch says. One thread calls `turn`, any thread the others.
class Informer {
 public:
  Informer(Client& client, Clock& clock, Scope scope, std::uint32_t seed);

  /// The next list or watch, with the pause before it; a watch lasts until it ends. Problem{cancelled}.
  void turn(const Cancel& cancel);

  /// The objects that `selection` chooses, once it has them all and those that this process wrote; nothing
  /// when it cannot get them, or has none of the last five seconds: whoever asks may list then.
  std::optional<std::vector<Node>> find(const std::string& namespace_name, const Selection& selection,
                                        const Cancel* cancel);
  /// This process wrote an object: a `find` waits until it is seen. Without a version it was deleted.
  void expect(const Id& id, const std::string& uid, const std::string& version);

  bool idle_for(std::chrono::seconds span) const;  ///< nobody asked for so long
  bool refused() const;                            ///< we may not list it: 403
  std::size_t skipped() const;                     ///< lines of a watch that were left out
  std::size_t bytes() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  Heard list(const Ask& ask, const Cancel& cancel);
  Heard watch(const Ask& ask, const Cancel& cancel);
  std::optional<Heard> take(std::string_view line);
  void note(const Heard& heard);
  bool fresh() const;
  bool settled();
  std::string query(const Ask& ask) const;

  Client& client_;
  Clock& clock_;
  const Scope scope_;
  Watch watch_;
  Ask next_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Cache cache_;
  bool complete_ = false;         ///< it was listed once
  std::optional<Time> trouble_;   ///< since when nothing succeeds
  std::optional<Time> watching_;  ///< since when a watch runs
  int status_ = 0;                ///< of the last refusal
  std::size_t skipped_ = 0;
  Time asked_;  ///< somebody, last
  struct Expected {
    Id id;
    std::string uid, version;
  };
  std::vector<Expected> expected_;
};

}  // namespace mlib::kube
