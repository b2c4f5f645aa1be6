#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "base/text.hpp"
#include "targets/kubernetes_parts.hpp"

namespace mlib::targets::kubernetes {
namespace {

constexpr std::size_t longest_line = 1U << 20U;
constexpr std::chrono::milliseconds look_every{1'000};

/// Cuts a log into lines, takes the time stamp that begins each off, and leaves out what came before.
class Lines {
 public:
  Lines(const LineSink& sink, std::string prefix, std::string after, bool timestamps)
      : sink_(sink),
        prefix_(std::move(prefix)),
        last_(std::move(after)),
        after_(last_),
        timestamps_(timestamps) {}

  bool feed(std::string_view bytes) {
    for (std::size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos;
         bytes.remove_prefix(end + 1)) {
      rest_ += bytes.substr(0, end);
      if (!flush(true)) return false;
    }
    rest_ += bytes;
    return rest_.size() < longest_line || flush(false);
  }
  bool finish() { return rest_.empty() || flush(true); }
  const std::string& last() const { return last_; }

 private:
  bool flush(bool whole) {
    std::string_view text = rest_;
    if (!inside_) {
      const std::size_t space = text.find(' ');
      const std::string time(text.substr(0, space));
      text = space == std::string_view::npos ? "" : text.substr(space + 1);
      skip_ = !after_.empty() && time <= after_;
      if (!skip_) last_ = time;
      time_ = timestamps_ ? time + " " : "";
    }
    inside_ = !whole;
    const bool go_on = skip_ || sink_(prefix_ + time_ + visible(text));
    rest_.clear();
    return go_on;
  }

  const LineSink& sink_;
  std::string prefix_;
  std::string last_;
  std::string after_;
  std::string rest_;
  std::string time_;
  bool timestamps_;
  bool inside_ = false;  ///< what follows belongs to a line that was begun
  bool skip_ = false;
};

struct Container {
  std::string name;
  std::int64_t restarts = 0;
  bool started = false;
  bool ended = false;
  bool ran_before = false;
  std::string waiting;
};

std::vector<Container> containers_of(const Node& pod) {
  std::vector<Container> result;
  for (const std::string_view list : {"initContainers", "containers"}) {
    const Node* found = pod.at({"spec", list});
    if (found == nullptr || !found->is_list()) continue;
    for (const Node& each : found->items()) result.push_back({each.text_at({"name"})});
  }
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    const Node* found = pod.at({"status", list});
    if (found == nullptr || !found->is_list()) continue;
    for (const Node& status : found->items())
      for (Container& container : result) {
        if (container.name != status.text_at({"name"})) continue;
        container.restarts = status.integer_at({"restartCount"});
        container.ran_before = status.at({"lastState", "terminated"}) != nullptr;
        container.ended = status.at({"state", "terminated"}) != nullptr;
        container.started =
            container.ended || container.ran_before || status.at({"state", "running"}) != nullptr;
        container.waiting = status.text_at({"state", "waiting", "reason"});
      }
  }
  return result;
}

std::string name_of(const Node& pod) { return pod.text_at({"metadata", "name"}); }

/// The containers whose logs are asked for; Problem{not_found} with the known ones.
std::vector<Container> chosen(const Node& pod, const LogOptions& options) {
  std::vector<Container> all = containers_of(pod);
  if (options.container.empty()) return all;
  std::vector<std::string> known;
  for (const Container& each : all) known.push_back(each.name);
  std::erase_if(all, [&](const Container& each) { return each.name != options.container; });
  if (all.empty())
    throw Problem(Kind::not_found,
                  fmt::format("pod {} has no container `{}`", name_of(pod), shortened(options.container, 60)),
                  "its containers: " + join(known, ", "));
  return all;
}

std::string prefix_of(const Node& pod, const Container& container, const LogOptions& options) {
  if (options.all_pods) return fmt::format("{} {} | ", name_of(pod), container.name);
  return options.container.empty() && containers_of(pod).size() > 1 ? container.name + " | " : "";
}

/// The pods whose logs are asked for: the newest, or all, the oldest first.
std::vector<Node> chosen_pods(kube::Client& client, const Ref& ref, const LogOptions& options,
                              const Cancel& cancel) {
  std::vector<Node> pods = pods_of(client, ref, &cancel);
  if (!options.all_pods && pods.size() > 1) pods.resize(1);
  std::reverse(pods.begin(), pods.end());
  return pods;
}

/// All containers of the pods, one after the other, as their logs are now.
void read_once(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
               const Cancel& cancel) {
  const std::vector<Node> pods = chosen_pods(client, ref, options, cancel);
  if (pods.empty())
    throw Problem(Kind::not_found, fmt::format("{}/{} has no pod, so no log", ref.namespace_name, ref.name),
                  "mlib status tells why");
  bool any = false;
  std::string waiting;
  std::deque<std::string> last;  // with --tail: of all containers together
  const LineSink keep = [&](std::string_view line) {
    last.emplace_back(line);
    if (last.size() > static_cast<std::size_t>(options.tail)) last.pop_front();
    return true;
  };
  const LineSink& out = options.tail >= 0 ? keep : sink;
  for (const Node& pod : pods)
    for (const Container& container : chosen(pod, options)) {
      if (options.previous ? !container.ran_before : !container.started) {
        waiting = container.waiting.empty() ? "waiting" : container.waiting;
        continue;
      }
      any = true;
      Lines lines(out, prefix_of(pod, container, options), "", options.timestamps);
      bool go_on = true;
      const kube::LogQuery query{ref.namespace_name, name_of(pod), container.name, false,
                                 options.previous,   options.tail, options.since};
      client.log(
          query, [&](std::string_view bytes) { return go_on = lines.feed(bytes); }, &cancel);
      if (!go_on || !lines.finish()) return;
    }
  for (const std::string& line : last)
    if (!sink(line)) return;
  if (any) return;
  if (options.previous)
    throw Problem(Kind::not_found,
                  fmt::format("no container of {}/{} ran before", ref.namespace_name, ref.name),
                  "leave --previous out");
  throw Problem(
      Kind::unavailable,
      fmt::format("no container of {}/{} has started yet ({})", ref.namespace_name, ref.name, waiting),
      "mlib status tells why; -f waits for it");
}

/// Follows the newest pod across init steps, restarts, lost connections and pods that take its place.
class Follower {
 public:
  Follower(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
           const Cancel& cancel)
      : client_(client), ref_(ref), options_(options), sink_(sink), cancel_(cancel) {}

  void run() {
    while (step()) kube::pause(client_.clock(), look_every, &cancel_);
  }

 private:
  /// Follows what there is to follow now; false at the end.
  bool step() {
    const std::vector<Node> pods = pods_of(client_, ref_, &cancel_);
    if (pods.empty()) return !workload_of(client_, ref_, &cancel_).is_null();
    for (const Container& container : chosen(pods.front(), options_)) {
      const std::string key =
          fmt::format("{} {} {}", uid_of(pods.front()), container.name, container.restarts);
      if (done_.count(key) > 0) continue;
      if (!container.started) return true;
      // Whether it has ended is asked before its log is read to the end, so that nothing is missed.
      const bool more = follow(pods.front(), container, prefix_of(pods.front(), container, options_));
      if (container.ended) done_.insert(key);
      return more;
    }
    return true;
  }

  bool follow(const Node& pod, const Container& container, const std::string& prefix) {
    const std::string place = uid_of(pod) + " " + container.name;
    std::string& last = last_[place];
    Lines lines(sink_, prefix, last, options_.timestamps);
    bool go_on = true;
    kube::LogQuery query{ref_.namespace_name, name_of(pod), container.name, true, false};
    query.tail = last.empty() ? options_.tail : -1;
    query.since = last.empty() ? options_.since : last;
    try {
      client_.log(
          query, [&](std::string_view bytes) { return go_on = lines.feed(bytes); }, &cancel_);
      go_on = go_on && lines.finish();
      failures_ = 0;
    } catch (const Problem& problem) {
      cancel_.check();
      const bool passing = problem.kind() == Kind::unavailable || problem.kind() == Kind::timeout ||
                           problem.kind() == Kind::invalid || problem.kind() == Kind::not_found;
      if (!passing || ++failures_ > 30) throw;
    }
    last = lines.last();
    return go_on;
  }

  kube::Client& client_;
  const Ref& ref_;
  const LogOptions& options_;
  const LineSink& sink_;
  const Cancel& cancel_;
  int failures_ = 0;
  std::set<std::string> done_;
  std::map<std::string, std::string> last_;
};

}  // namespace

void logs(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
          const Cancel& cancel) {
  if (!options.follow || options.previous) return read_once(client, ref, options, sink, cancel);
  if (pods_of(client, ref, &cancel).empty() && workload_of(client, ref, &cancel).is_null())
    throw Problem(Kind::not_found, fmt::format("{}/{} does not exist here", ref.namespace_name, ref.name));
  if (options.all_pods)
    throw Problem(Kind::unsupported, "the logs of all pods cannot be followed together",
                  "leave --all-pods out to follow the newest pod, or leave -f out");
  Follower(client, ref, options, sink, cancel).run();
}

}  // namespace mlib::targets::kubernetes
