#include "kube/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/text.hpp"
#include "kube/client_parts.hpp"
#include "kube/informers.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds first_pause{250};
constexpr milliseconds first_busy_pause{800};
constexpr milliseconds longest_pause{8'000};
constexpr milliseconds longest_busy_pause{30'000};

}  // namespace

bool is_busy(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

milliseconds pause_of(const net::Answer* answer, int number) {
  const milliseconds plain = std::min(longest_pause, first_pause * (1 << number));
  if (answer == nullptr) return plain;
  const std::string asked = answer->header("Retry-After");
  if (const std::uint64_t seconds = number_of(asked); seconds > 0 || asked == "0")
    return std::min(longest_busy_pause, milliseconds{1000 * std::min<std::uint64_t>(seconds, 3600)});
  if (answer->status != 429) return plain;
  const milliseconds whole = std::min(longest_busy_pause, first_busy_pause * (1 << number));
  return whole / 2 + jitter(whole / 2);
}

milliseconds jitter(milliseconds most) {
  thread_local std::minstd_rand random{std::random_device{}()};
  return milliseconds{std::uniform_int_distribution<std::int64_t>(0, most.count())(random)};
}

Node parsed(const net::Answer& answer, const Asked& asked) {
  Node node;
  schema::JsonError error;
  if (!schema::read_json(answer.body, node, error, api_limits()))
    throw Problem(
        Kind::failed,
        fmt::format("cannot {} {}: the answer of {} is not JSON", asked.verb, asked.object, asked.server),
        "is that address a Kubernetes API server?");
  return node;
}

void add_query(std::string& url, std::string_view key, std::string_view value) {
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += fmt::format("{}={}", key, percent_encoded(value));
}

Problem no_answer(const Config& config, const Problem& cause) {
  return {cause.kind(),
          fmt::format("the cluster of context `{}` does not answer: {}", config.context, cause.message()),
          cause.hint().empty() ? fmt::format("{} names {}", config.source, config.server) : cause.hint()};
}

void pause(Clock& clock, milliseconds span, const Cancel* cancel) {
  constexpr milliseconds step{200};
  for (milliseconds left = span; left.count() > 0; left -= step) {
    if (cancel != nullptr) cancel->check();
    clock.sleep(std::min(step, left));
  }
  if (cancel != nullptr) cancel->check();
}

Client::Client(net::Client& http, Clock& clock, Config config, Informers* shared)
    : http_(http),
      clock_(clock),
      config_(std::move(config)),
      credentials_(config_, clock_),
      shared_(shared) {}

Asked Client::asked(std::string verb, const Id& id) const {
  return {std::move(verb), to_text(id), config_.server, id.kind == "Secret"};
}

net::Answer Client::once(const net::Call& call, const net::BodySink* sink, const Cancel* cancel) {
  bool renewed = false;
  std::string accepts = "application/json";
  for (;;) {
    net::Call signed_call = call;
    signed_call.headers.emplace_back("Accept", accepts);
    credentials_.sign(signed_call);
    net::Answer answer =
        sink == nullptr ? http_.call(signed_call, cancel) : http_.stream(signed_call, *sink, cancel);
    const bool again = answer.status == 401 && !renewed && credentials_.renew();
    const bool other = answer.status == 406 && accepts != "*/*";
    if (!again && !other) return answer;
    renewed = renewed || again;
    if (other) accepts = "*/*";
  }
}

net::Answer Client::send(const net::Call& call, const Cancel* cancel) {
  for (int number = 0;; ++number) {
    const bool last = number + 1 >= (reached_ ? tries : first_tries);
    milliseconds wait{0};
    try {
      net::Answer answer = once(call, nullptr, cancel);
      reached_ = true;
      if (!is_busy(answer.status) || number + 1 >= tries) return answer;
      wait = pause_of(&answer, number);
    } catch (const Problem& problem) {
      if (problem.kind() == Kind::cancelled) throw;
      if (problem.kind() != Kind::unavailable || last) throw no_answer(config_, problem);
      wait = pause_of(nullptr, number);
    }
    pause(clock_, wait, cancel);
  }
}

Resource Client::resource(const std::string& api_version, const std::string& kind, const Cancel* cancel) {
  if (const Resource* known = known_resource(api_version, kind)) return *known;
  const std::string key = api_version + " " + kind;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = found_.find(key); found != found_.end()) return found->second;
  }
  net::Call call;
  call.url = config_.server + group_path(api_version);
  const net::Answer answer = send(call, cancel);
  const Asked what{"look up", key, config_.server};
  std::optional<Resource> found;
  if (answer.status == 200) found = find_resource(parsed(answer, what), api_version, kind);
  if (answer.status != 200 && answer.status != 404) throw problem_of(answer, what);
  if (!found)
    throw Problem(
        Kind::unsupported,
        fmt::format("the cluster of context `{}` has no {} of {}", config_.context, kind, api_version),
        "its operator or CustomResourceDefinition is not installed, or the cluster is too old");
  const std::lock_guard lock(mutex_);
  found_.emplace(key, *found);
  return *found;
}

/// Nothing when there is no such path, or its server does not answer.
std::optional<Node> Client::read(const std::string& path, const Cancel* cancel) {
  net::Call call;
  call.url = config_.server + path;
  const net::Answer answer = send(call, cancel);
  const Asked what{"read", path, config_.server};
  if (answer.status == 404 || is_busy(answer.status)) return std::nullopt;
  if (answer.status != 200) throw problem_of(answer, what);
  return parsed(answer, what);
}

std::vector<Resource> Client::namespaced(std::vector<std::string>& away, const Cancel* cancel) {
  std::vector<std::string> versions{"v1"};
  if (const std::optional<Node> groups = read("/apis", cancel))
    if (const Node* list = groups->find("groups"); list != nullptr && list->is_list())
      for (const Node& group : list->items())
        versions.push_back(group.text_at({"preferredVersion", "groupVersion"}));
  std::vector<Resource> found;
  for (const std::string& version : versions) {
    // What it tells is measured, not kept.
    if (version.empty() || version.starts_with("metrics.k8s.io/")) continue;
    const std::optional<Node> kinds = read(group_path(version), cancel);
    if (!kinds) away.push_back(version);
    for (Resource& each : kinds ? listable(*kinds, version) : std::vector<Resource>{}) {
      const std::lock_guard lock(mutex_);
      found_.emplace(version + " " + each.kind, each);
      found.push_back(std::move(each));
    }
  }
  return found;
}

std::string Client::url(const Id& id, const Cancel* cancel) {
  return config_.server + path_of(resource(id.api_version, id.kind, cancel), id);
}

std::optional<Node> Client::get(const Id& id, const Cancel* cancel) {
  net::Call call;
  call.url = url(id, cancel);
  const net::Answer answer = send(call, cancel);
  if (answer.status == 404) return std::nullopt;
  if (answer.status != 200) throw problem_of(answer, asked("get", id));
  return parsed(answer, asked("get", id));
}

/// Nothing when it expired.
std::optional<Node> Client::page(const std::string& url, const Asked& asked, const Cancel* cancel) {
  net::Call call;
  call.url = url;
  const net::Answer answer = send(call, cancel);
  if (answer.status == 410) return std::nullopt;
  if (answer.status != 200) throw problem_of(answer, asked);
  return parsed(answer, asked);
}

void Client::each(const Id& kind, const Selection& selection, const Take& take, const Cancel* cancel) {
  std::string base = url(kind, cancel);
  add_query(base, "limit", "500");
  if (!selection.labels.empty()) add_query(base, "labelSelector", selection.labels);
  if (!selection.fields.empty()) add_query(base, "fieldSelector", selection.fields);
  std::string token;
  int restarts = 0;
  for (;;) {
    std::string page_url = base;
    if (!token.empty()) add_query(page_url, "continue", token);
    std::optional<Node> found = page(page_url, asked("list", kind), cancel);
    if (!found) {
      // The pages expired: from the start.
      if (++restarts > 3)
        throw Problem(Kind::unavailable,
                      fmt::format("the list of {} expires while it is read", to_text(kind)));
      take(std::nullopt);
      token.clear();
      continue;
    }
    if (Node* items = found->find("items"); items != nullptr && items->is_list())
      for (Node& item : items->items()) {
        item.set("apiVersion", kind.api_version);
        item.set("kind", kind.kind);
        take(std::exchange(item, Node()));
      }
    token = found->text_at({"metadata", "continue"});
    if (token.empty()) return;
  }
}

std::vector<Node> Client::list(const Id& kind, const Selection& selection, const Cancel* cancel) {
  std::vector<Node> items;
  const Take take = [&](std::optional<Node> object) {
    if (!object) return items.clear();
    slim_metadata(*object);
    items.push_back(std::move(*object));
  };
  each(kind, selection, take, cancel);
  return items;
}

std::vector<Node> Client::look(const Id& kind, const Selection& selection, const Cancel* cancel) {
  if (shared_ != nullptr)
    if (auto found = shared_->find(config_, kind, selection, cancel)) return std::move(*found);
  return list(kind, selection, cancel);
}

void Client::log(const LogQuery& query, const net::BodySink& sink, const Cancel* cancel) {
  const Id id{"v1", "Pod", query.namespace_name, query.pod};
  net::Call call;
  call.url = url(id, cancel) + "/log";
  add_query(call.url, "container", query.container);
  add_query(call.url, "timestamps", "true");
  if (query.follow) add_query(call.url, "follow", "true");
  if (query.previous) add_query(call.url, "previous", "true");
  if (query.tail >= 0) add_query(call.url, "tailLines", std::to_string(query.tail));
  if (!query.since.empty()) add_query(call.url, "sinceTime", query.since);
  if (query.follow) call.timeout = std::chrono::minutes{10};
  const net::Answer answer = once(call, &sink, cancel);
  if (answer.status != 200) throw problem_of(answer, asked("read the log of", id));
}

}  // namespace mlib::kube
