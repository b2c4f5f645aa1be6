#include <fmt/format.h>

#include <future>
#include <map>
#include <mutex>

#include "targets/kubernetes_logs.hpp"

namespace mlib::targets::kubernetes {
namespace {

constexpr std::chrono::milliseconds look_every{1'000};
constexpr std::size_t most_at_once = 64;
constexpr int most_failures = 30;

/// What is known of the log of one container of one pod. A reader has it until it has ended.
struct Place {
  Position position = {};
  std::int64_t restarts = -1;  ///< the run that is read, or was last
  bool done = false;           ///< that run is read to its end
  int failures = 0;
  std::future<void> reader = {};
};

/// What may be over in a while. A server that is starting refuses what it allowed before, and one that cannot
/// reach a node's kubelet answers with an internal error.
bool is_passing(Kind kind, bool had_answers) {
  const bool refused = kind == Kind::failed || kind == Kind::unauthorized || kind == Kind::forbidden;
  return kind == Kind::unavailable || kind == Kind::timeout || (had_answers && refused);
}

class Follower {
 public:
  Follower(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
           const Cancel& cancel)
      : client_(client), ref_(ref), options_(options), cancel_(cancel) {
    sink_ = [this, &sink](std::string_view line) {
      const std::lock_guard lock(mutex_);
      if (!stop_.asked() && !sink(line)) stop_.ask();
      return !stop_.asked();
    };
  }
  ~Follower() { stop_.ask(); }  // and the futures wait for their readers
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void run() {
    while (!stop_.asked() && look_or_wait()) kube::pause(client_.clock(), look_every, &cancel_);
    for (auto& [key, place] : places_) {
      while (place.reader.valid() &&
             place.reader.wait_for(std::chrono::milliseconds{50}) != std::future_status::ready)
        if (cancel_.asked()) stop_.ask();
      settle(place);
    }
    cancel_.check();
  }

 private:
  /// As `look`; a cluster that is away for a while is waited for.
  bool look_or_wait() {
    try {
      const bool more = look();
      failures_ = 0;
      looked_ = true;
      return more;
    } catch (const Problem& problem) {
      if (!is_passing(problem.kind(), looked_) || ++failures_ > most_failures) throw;
      return true;
    }
  }

  /// Has readers for all that there is to read now; false when the deployment is gone.
  bool look() {
    const std::vector<Node> pods = pods_of(client_, ref_, &cancel_);
    if (pods.empty()) return !workload_of(client_, ref_, &cancel_).is_null();
    for (const Node& pod : pods) {
      for (const LogContainer& container : chosen_containers(pod, options_)) {
        Place& place = places_[uid_of(pod) + " " + container.name];
        if (reads(place)) {
          if (container.prepares) break;
          continue;
        }
        turn(pod, container, place);
        // What an init container says comes before what the next one does.
        if (container.prepares && (place.reader.valid() || !place.done)) break;
      }
      if (!options_.all_pods) break;
    }
    return true;
  }

  static bool reads(Place& place) {
    if (!place.reader.valid()) return false;
    if (place.reader.wait_for(std::chrono::milliseconds{0}) != std::future_status::ready) return true;
    settle(place);
    return false;
  }

  /// Throws what its reader threw.
  static void settle(Place& place) {
    if (place.reader.valid()) place.reader.get();
  }

  std::size_t readers() const {
    std::size_t count = 0;
    for (const auto& [key, place] : places_)
      if (place.reader.valid()) ++count;
    return count;
  }

  /// Starts a reader where there is something new.
  void turn(const Node& pod, const LogContainer& container, Place& place) {
    if (!container.started && place.restarts < 0) return;
    const bool other_run = place.restarts >= 0 && container.restarts > place.restarts;
    // The run that was being read has ended meanwhile, and another one took its place.
    const bool missed = other_run && !(place.done && container.restarts == place.restarts + 1);
    if (!missed && (!container.started || (place.done && !other_run))) return;
    if (readers() >= most_at_once)
      throw Problem(Kind::unsupported,
                    fmt::format("more than {} logs cannot be followed together", most_at_once),
                    "choose with --container, or leave --all-pods out");
    place.reader =
        std::async(std::launch::async, [this, &place, pod = pod.text_at({"metadata", "name"}), container,
                                        missed, prefix = log_prefix(pod, container, options_)] {
          if (missed && !read(place, {pod, container.name, prefix, true, true})) return;
          place.restarts = container.restarts;
          place.done = false;
          if (container.started) read(place, {pod, container.name, prefix, false, container.ended});
        });
  }

  struct Reading {
    std::string pod, container, prefix;
    bool previous = false;
    bool ended = false;  ///< known before it is read, so that nothing is missed
  };

  /// Reads a log from where it was given up to; false when it has to be read again.
  bool read(Place& place, const Reading& reading) {
    LogLines lines(sink_, reading.prefix, place.position, options_.timestamps);
    const bool first = place.position.time.empty();
    kube::LogQuery query{ref_.namespace_name, reading.pod, reading.container, !reading.previous,
                         reading.previous};
    query.tail = first ? options_.tail : -1;
    query.since = first ? options_.since : place.position.time;
    bool whole = false;
    try {
      client_.log(
          query, [&](std::string_view bytes) { return lines.feed(bytes); }, &stop_);
      // A line without an end may go on when it is read again.
      if (reading.ended) lines.finish();
      whole = true;
      place.failures = 0;
    } catch (const Problem& problem) {
      if (stop_.asked()) return false;
      const bool absent = problem.kind() == Kind::invalid || problem.kind() == Kind::not_found;
      // A run whose log the node has thrown away is not waited for.
      whole = reading.previous && absent;
      const bool passing = absent || is_passing(problem.kind(), !first);
      if (!whole && (!passing || ++place.failures > most_failures)) throw;
    }
    place.position = lines.position();
    if (whole && reading.ended && !reading.previous) place.done = true;
    return whole;
  }

  kube::Client& client_;
  const Ref& ref_;
  const LogOptions& options_;
  const Cancel& cancel_;
  LineSink sink_;
  std::mutex mutex_;  ///< of the caller's sink
  Cancel stop_;
  int failures_ = 0;                     ///< to look, one after the other
  bool looked_ = false;                  ///< once at least
  std::map<std::string, Place> places_;  ///< last: readers use the others
};

}  // namespace

void follow_logs(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
                 const Cancel& cancel) {
  Follower(client, ref, options, sink, cancel).run();
}

}  // namespace mlib::targets::kubernetes
