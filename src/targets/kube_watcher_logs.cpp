#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

std::string created_of(const Node& object) { return object.text_at({"metadata", "creationTimestamp"}); }

Node pods_body(const Ref& ref) {
  Node body = Node::map();
  body.child("labels").set(deployment_label, mark_of(ref));
  body.set("force_namespace", ref.namespace_name);
  return body;
}

/// As many lines as are asked for at most.
constexpr int all_lines = 100'000;
constexpr std::chrono::milliseconds ask_every{1'000};

/// The last `count` lines of a text; all for a negative one.
std::string_view last_lines(std::string_view text, int count) {
  if (count < 0) return text;
  std::size_t at = text.size();
  if (at > 0 && text.back() == '\n') --at;
  for (; count > 0 && at != std::string_view::npos; --count)
    at = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return at == std::string_view::npos ? text : text.substr(std::min(at + 1, text.size()));
}

/// The one container that logs can be had of; Problem when another is asked for, or there are several.
std::string container_of(const Ref& ref, const Node& pod, const LogOptions& options) {
  const std::string name = pod.text_at({"spec", "containers", "0", "name"});
  const Node* containers = pod.at({"spec", "containers"});
  const bool several = containers != nullptr && containers->is_list() && containers->items().size() > 1;
  if (several || (!options.container.empty() && options.container != name))
    throw Problem(Kind::unsupported,
                  several ? fmt::format("Kube Watcher gives no log of a pod with several containers")
                          : fmt::format("Kube Watcher gives the log of container {} only", name),
                  instead_of(Ability::preparation, ref));
  return name;
}

/// Tells lines with what stands before each; false when the sink wants no more.
bool tell_lines(std::string_view text, const std::string& before, const LineSink& sink) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (!sink(before + std::string(text.substr(0, end)))) return false;
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return true;
}

}  // namespace

std::vector<Node> pods_of(Watcher& watcher, const Ref& ref) {
  std::vector<Node> pods;
  const Node answer = watcher.ask("/v1/describe_pods_for_label", pods_body(ref), nullptr);
  const Node* found = answer.find(mark_of(ref));
  if (found != nullptr && found->is_map())
    for (const schema::Entry& entry : found->entries())
      if (entry.value.is_map() && entry.value.text_at({"metadata", "namespace"}) == ref.namespace_name)
        pods.push_back(camel(entry.value));
  std::stable_sort(pods.begin(), pods.end(),
                   [](const Node& a, const Node& b) { return created_of(a) > created_of(b); });
  return pods;
}

std::vector<std::pair<std::string, std::string>> logs_of(Watcher& watcher, const Ref& ref, int lines,
                                                         const Cancel* cancel) {
  std::vector<std::pair<std::string, std::string>> logs;
  Node body = pods_body(ref);
  body.set("tail_lines", lines);
  Node answer;
  try {
    answer = watcher.ask("/v1/get_logs_for_label", body, cancel);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::failed) throw;  // while no container has started, it fails inside
    return logs;
  }
  const Node* pods = answer.find(mark_of(ref));
  if (pods != nullptr && pods->is_map())
    for (const schema::Entry& entry : pods->entries())
      if (entry.value.is_string()) logs.emplace_back(entry.key, entry.value.string());
  return logs;
}

std::string_view fresh(std::string_view before, std::string_view now) {
  if (now.starts_with(before)) return now.substr(before.size());
  // A long log moves on at its front; one that begins anew is of another run.
  const std::string_view end = before.substr(before.size() - std::min<std::size_t>(before.size(), 4096));
  const std::size_t at = now.find(end);
  return at == std::string_view::npos ? now : now.substr(at + end.size());
}

void logs(const Life& life, const LogOptions& options, const LineSink& sink) {
  std::map<std::string, std::string> told;
  for (bool first = true;; first = false) {
    std::vector<Node> pods = pods_of(life.watcher, life.ref);
    if (!options.all_pods && pods.size() > 1) pods.resize(1);
    std::map<std::string, std::string> titles;
    for (const Node& pod : pods) {
      const std::string name = pod.text_at({"metadata", "name"});
      const std::string container = container_of(life.ref, pod, options);
      titles[name] = options.all_pods ? fmt::format("{} {} | ", name, container) : container + " | ";
    }
    for (auto& [name, text] : logs_of(life.watcher, life.ref, all_lines, &life.cancel)) {
      const auto title = titles.find(name);
      if (title == titles.end()) continue;
      // What goes on is told line by line.
      if (options.follow) text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
      const std::string_view news = first ? last_lines(text, options.tail) : fresh(told[name], text);
      if (!tell_lines(news, title->second, sink)) return;
      told[name] = text;
    }
    if (!options.follow ||
        (!first && pods.empty() && look(life.watcher, life.ref, &life.cancel).objects.empty()))
      return;
    life.clock.sleep(ask_every);
    if (life.cancel.asked()) return;
  }
}

}  // namespace mlib::targets::kube_watcher
