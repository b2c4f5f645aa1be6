#include "kube/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using std::chrono::milliseconds;
constexpr int tries = 5;        // of a cluster that answered before
constexpr int first_tries = 2;  // of one that may as well be down: people wait for this
constexpr milliseconds first_pause{250};
constexpr milliseconds longest_pause{8'000};
constexpr milliseconds longest_asked_pause{30'000};
constexpr std::string_view manager = "model-library";

bool busy(int status) { return status == 429 || status == 502 || status == 503 || status == 504; }

/// What to wait before try `number` (0-based) is repeated.
milliseconds pause_of(const net::Answer* answer, int number) {
  milliseconds span = std::min(longest_pause, first_pause * (1 << number));
  if (answer == nullptr) return span;
  const std::string asked = answer->header("Retry-After");
  int seconds = 0;
  const auto [end, error] = std::from_chars(asked.data(), asked.data() + asked.size(), seconds);
  if (error == std::errc{} && end == asked.data() + asked.size() && seconds >= 0)
    span = std::min(longest_asked_pause, milliseconds{1000LL * seconds});
  return span;
}

/// Objects of the API server are deeper and larger than cards.
Node parsed(const net::Answer& answer, const Asked& asked) {
  schema::Limits limits;
  limits.depth = 128;
  limits.bytes = 64U << 20U;
  limits.nodes = 4'000'000;
  Node node;
  schema::JsonError error;
  if (!schema::read_json(answer.body, node, error, limits))
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

}  // namespace

void pause(Clock& clock, milliseconds span, const Cancel* cancel) {
  constexpr milliseconds step{200};
  for (milliseconds left = span; left.count() > 0; left -= step) {
    if (cancel != nullptr) cancel->check();
    clock.sleep(std::min(step, left));
  }
  if (cancel != nullptr) cancel->check();
}

Client::Client(net::Client& http, Clock& clock, Config config)
    : http_(http), clock_(clock), config_(std::move(config)), credentials_(config_, clock_) {}

Asked Client::asked(std::string verb, const Id& id) const {
  return {std::move(verb), to_text(id), config_.server, id.kind == "Secret"};
}

net::Answer Client::send(const net::Call& call, const Cancel* cancel) {
  bool renewed = false;
  for (int number = 0;; ++number) {
    const bool last = number + 1 >= (reached_ ? tries : first_tries);
    net::Call signed_call = call;
    signed_call.headers.emplace_back("Accept", "application/json");
    credentials_.sign(signed_call);
    milliseconds wait{0};
    try {
      net::Answer answer = http_.call(signed_call, cancel);
      reached_ = true;
      if (answer.status == 401 && !renewed && credentials_.renew()) {
        renewed = true;
        continue;
      }
      if (!busy(answer.status) || number + 1 >= tries) return answer;
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
  if (const auto found = found_.find(key); found != found_.end()) return found->second;
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
  return found_.emplace(key, *found).first->second;
}

/// Nothing when there is no such path, or its server does not answer.
std::optional<Node> Client::read(const std::string& path, const Cancel* cancel) {
  net::Call call;
  call.url = config_.server + path;
  const net::Answer answer = send(call, cancel);
  const Asked what{"read", path, config_.server};
  if (answer.status == 404 || busy(answer.status)) return std::nullopt;
  if (answer.status != 200) throw problem_of(answer, what);
  return parsed(answer, what);
}

std::vector<Resource> Client::namespaced(const Cancel* cancel) {
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
    for (Resource& each : kinds ? listable(*kinds, version) : std::vector<Resource>{}) {
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

bool Client::list_page(Node& page, const std::string& url, const Asked& asked, const Cancel* cancel) {
  net::Call call;
  call.url = url;
  const net::Answer answer = send(call, cancel);
  if (answer.status == 410) return false;
  if (answer.status != 200) throw problem_of(answer, asked);
  page = parsed(answer, asked);
  return true;
}

std::vector<Node> Client::list(const Id& kind, const Selection& selection, const Cancel* cancel) {
  std::string base = url(kind, cancel);
  add_query(base, "limit", "500");
  if (!selection.labels.empty()) add_query(base, "labelSelector", selection.labels);
  if (!selection.fields.empty()) add_query(base, "fieldSelector", selection.fields);
  std::vector<Node> items;
  std::string token;
  int restarts = 0;
  for (;;) {
    std::string page_url = base;
    if (!token.empty()) add_query(page_url, "continue", token);
    Node page;
    if (!list_page(page, page_url, asked("list", kind), cancel)) {
      // The pages expired: from the start.
      if (++restarts > 3)
        throw Problem(Kind::unavailable,
                      fmt::format("the list of {} expires while it is read", to_text(kind)));
      items.clear();
      token.clear();
      continue;
    }
    if (Node* found = page.find("items"); found != nullptr && found->is_list())
      for (Node& item : found->items()) {
        item.set("apiVersion", kind.api_version);
        item.set("kind", kind.kind);
        items.push_back(std::move(item));
      }
    token = page.text_at({"metadata", "continue"});
    if (token.empty()) break;
  }
  return items;
}

Node Client::create(const Node& object, bool dry_run, const Cancel* cancel) {
  const Id id = id_of(object);
  Id collection = id;
  collection.name.clear();
  net::Call call;
  call.method = "POST";
  call.url = url(collection, cancel);
  add_query(call.url, "fieldManager", manager);
  if (dry_run) add_query(call.url, "dryRun", "All");
  call.headers.emplace_back("Content-Type", "application/json");
  call.body = schema::to_json(object);
  const net::Answer answer = send(call, cancel);
  if (answer.status != 200 && answer.status != 201 && answer.status != 202)
    throw problem_of(answer, asked("create", id));
  return parsed(answer, asked("create", id));
}

Node Client::apply(const Node& object, const ApplyOptions& options, const Cancel* cancel) {
  const Id id = id_of(object);
  net::Call call;
  call.method = "PATCH";
  call.url = url(id, cancel);
  add_query(call.url, "fieldManager", manager);
  add_query(call.url, "fieldValidation", "Strict");
  if (options.dry_run) add_query(call.url, "dryRun", "All");
  if (options.force) add_query(call.url, "force", "true");
  // JSON is YAML: servers before 1.33 know only this name for it.
  call.headers.emplace_back("Content-Type", "application/apply-patch+yaml");
  call.body = schema::to_json(object);
  const net::Answer answer = send(call, cancel);
  if (answer.status != 200 && answer.status != 201) throw problem_of(answer, asked("apply", id));
  return parsed(answer, asked("apply", id));
}

bool Client::remove(const Removal& removal, const Cancel* cancel) {
  net::Call call;
  call.method = "DELETE";
  call.url = url(removal.id, cancel);
  Node options = Node::map();
  options.set("apiVersion", "v1");
  options.set("kind", "DeleteOptions");
  options.set("propagationPolicy", removal.propagation);
  options.set("preconditions", Node::map()).set("uid", removal.uid);
  call.headers.emplace_back("Content-Type", "application/json");
  call.body = schema::to_json(options);
  const net::Answer answer = send(call, cancel);
  if (answer.status == 404 || answer.status == 409) return false;
  if (answer.status != 200 && answer.status != 202) throw problem_of(answer, asked("delete", removal.id));
  return true;
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
  credentials_.sign(call);
  const net::Answer answer = http_.stream(call, sink, cancel);
  if (answer.status != 200) throw problem_of(answer, asked("read the log of", id));
}

}  // namespace mlib::kube
