#include "targets/kubernetes_logs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "base/text.hpp"

namespace mlib::targets::kubernetes {
namespace {

constexpr std::size_t longest_line = (1U << 20U) + 64;  // a megabyte and its time stamp

/// Each line of a log is stamped; what is not is the kubelet's own word, under status 200, that it has no
/// log.
void refuse_unstamped(std::string_view line) {
  if (line.size() > 10 && line[4] == '-' && line[7] == '-' && line[10] == 'T') return;
  throw Problem(Kind::not_found, "the node does not have that log: " + shortened(visible(line), 200),
                "a run's log goes with its container, which is kept until the one after it has ended");
}

std::string name_of(const Node& pod) { return pod.text_at({"metadata", "name"}); }

std::vector<LogContainer> containers_of(const Node& pod) {
  std::vector<LogContainer> result;
  for (const std::string_view list : {"initContainers", "containers"}) {
    const Node* found = pod.at({"spec", list});
    if (found == nullptr || !found->is_list()) continue;
    for (const Node& each : found->items())
      result.push_back(
          {each.text_at({"name"}), list == "initContainers" && each.text_at({"restartPolicy"}) != "Always"});
  }
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    const Node* found = pod.at({"status", list});
    if (found == nullptr || !found->is_list()) continue;
    for (const Node& status : found->items())
      for (LogContainer& container : result) {
        if (container.name != status.text_at({"name"})) continue;
        const bool runs = status.at({"state", "running"}) != nullptr;
        container.restarts = status.integer_at({"restartCount"});
        container.ran_before = status.at({"lastState", "terminated"}) != nullptr;
        // Between two runs the log is still that of the first.
        container.ended = status.at({"state", "terminated"}) != nullptr || (container.ran_before && !runs);
        container.started = container.ended || runs;
        container.waiting = status.text_at({"state", "waiting", "reason"});
      }
  }
  return result;
}

/// The pods whose logs are asked for: the newest, or all, the oldest first.
std::vector<Node> chosen_pods(kube::Client& client, const Ref& ref, const LogOptions& options,
                              const Cancel& cancel) {
  std::vector<Node> pods = pods_of(client, ref, &cancel);
  if (!options.all_pods && pods.size() > 1) pods.resize(1);
  std::reverse(pods.begin(), pods.end());
  return pods;
}

[[noreturn]] void nothing_to_read(const Ref& ref, const LogOptions& options, const std::string& waiting) {
  if (options.previous)
    throw Problem(Kind::not_found,
                  fmt::format("no container of {}/{} ran before", ref.namespace_name, ref.name),
                  "leave --previous out");
  throw Problem(
      Kind::unavailable,
      fmt::format("no container of {}/{} has started yet ({})", ref.namespace_name, ref.name, waiting),
      "mlib status tells why; -f waits for it");
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
    for (const LogContainer& container : chosen_containers(pod, options)) {
      if (options.previous ? !container.ran_before : !container.started) {
        waiting = container.waiting.empty() ? "waiting" : container.waiting;
        continue;
      }
      any = true;
      LogLines lines(out, log_prefix(pod, container, options), {}, options.timestamps);
      bool go_on = true;
      const kube::LogQuery query{ref.namespace_name, name_of(pod), container.name, false,
                                 options.previous,   options.tail, options.since};
      client.log(
          query, [&](std::string_view bytes) { return go_on = lines.feed(bytes); }, &cancel);
      if (!go_on || !lines.finish()) return;
    }
  for (const std::string& line : last)
    if (!sink(line)) return;
  if (!any) nothing_to_read(ref, options, waiting);
}

}  // namespace

bool LogLines::feed(std::string_view bytes) {
  for (std::size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos;
       bytes.remove_prefix(end + 1)) {
    rest_ += bytes.substr(0, end);
    if (!flush(true)) return false;
  }
  rest_ += bytes;
  return rest_.size() < longest_line || flush(false);
}

bool LogLines::finish() { return rest_.empty() || flush(true); }

/// A line of that time begins.
void LogLines::begin(std::string_view time) {
  leave_out_ = 0;
  skip_ = !from_.time.empty() && time < from_.time;
  if (time == from_.time) {
    ++same_;
    skip_ = same_ <= from_.lines;
    if (same_ == from_.lines + 1) leave_out_ = from_.bytes;
  } else if (!skip_ && time != at_.time) {
    at_ = {std::string(time), 0, 0};
  }
  stamp_ = timestamps_ ? std::string(time) + " " : "";
}

bool LogLines::flush(bool whole) {
  std::string_view text = rest_;
  const bool begun = inside_;
  if (!begun) {
    refuse_unstamped(text);
    const std::size_t space = text.find(' ');
    begin(text.substr(0, space));
    text = space == std::string_view::npos ? "" : text.substr(space + 1);
  }
  const bool goes_on = begun || leave_out_ > 0;
  const std::size_t left_out = std::min(leave_out_, text.size());
  text.remove_prefix(left_out);
  leave_out_ -= left_out;
  inside_ = !whole;
  bool go_on = true;
  if (!skip_) {
    // What is left of a line that was given up to its end is no line.
    if (!text.empty() || !goes_on) go_on = sink_(prefix_ + stamp_ + visible(text));
    at_.bytes = whole ? 0 : at_.bytes + text.size();
    if (whole) ++at_.lines;
  }
  rest_.clear();
  return go_on;
}

std::vector<LogContainer> chosen_containers(const Node& pod, const LogOptions& options) {
  std::vector<LogContainer> all = containers_of(pod);
  if (options.container.empty()) return all;
  std::vector<std::string> known;
  for (const LogContainer& each : all) known.push_back(each.name);
  std::erase_if(all, [&](const LogContainer& each) { return each.name != options.container; });
  if (all.empty())
    throw Problem(Kind::not_found,
                  fmt::format("pod {} has no container `{}`", name_of(pod), shortened(options.container, 60)),
                  "its containers: " + join(known, ", "));
  return all;
}

std::string log_prefix(const Node& pod, const LogContainer& container, const LogOptions& options) {
  if (options.all_pods) return fmt::format("{} {} | ", name_of(pod), container.name);
  return options.container.empty() && containers_of(pod).size() > 1 ? container.name + " | " : "";
}

void logs(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
          const Cancel& cancel) {
  if (!options.follow || options.previous) return read_once(client, ref, options, sink, cancel);
  if (pods_of(client, ref, &cancel).empty() && workload_of(client, ref, &cancel).is_null())
    throw Problem(Kind::not_found, fmt::format("{}/{} does not exist here", ref.namespace_name, ref.name));
  follow_logs(client, ref, options, sink, cancel);
}

}  // namespace mlib::targets::kubernetes
