#include "targets/kube_watcher_api.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "net/url.hpp"
#include "schema/document.hpp"

namespace mlib::targets::kube_watcher {
namespace {

std::string harmless(std::string_view text) { return shortened(visible(trim(text)), 400); }

/// FastAPI's `detail`, or the text itself.
std::string detail_of(const net::Answer& answer) {
  Node body;
  schema::JsonError error;
  if (!schema::read_json(answer.body, body, error)) return harmless(answer.body);
  const Node* detail = body.find("detail");
  if (detail == nullptr) return harmless(answer.body);
  return harmless(detail->is_string() ? detail->string() : schema::to_json(*detail));
}

std::string bracketed(const std::string& address) {
  return address.find(':') == std::string::npos || address.front() == '[' ? address : "[" + address + "]";
}

/// The Status object that an error's text ends with, as the Kubernetes client for Python writes it.
Node status_in(const std::string& text) {
  for (std::size_t at = text.find('{'); at != std::string::npos; at = text.find('{', at + 1)) {
    Node found;
    schema::JsonError error;
    const std::string_view rest = trim(std::string_view(text).substr(at, text.rfind('}') + 1 - at));
    if (schema::read_json(rest, found, error) && found.text_at({"kind"}) == "Status") return found;
  }
  return {};
}

}  // namespace

Watcher::Watcher(net::Client& http, KubeWatcherOptions options) : http_(http), options_(std::move(options)) {
  if (options_.url.empty())
    throw Problem(Kind::usage, "nobody says where Kube Watcher is",
                  "give --kube-watcher-url http://HOST:PORT, or set KUBE_WATCHER_URL");
  const net::Url url = net::parse_url(options_.url);
  origin_ = url.origin();
  base_ = options_.url;
  while (base_.back() == '/') base_.pop_back();
}

std::string Watcher::node_address() const {
  if (knows_node()) return bracketed(options_.node_address);
  return bracketed(net::parse_url(options_.url).host);
}

net::Answer Watcher::send(net::Call call, std::string_view path, const Cancel* cancel) const {
  call.url = base_ + std::string(path);
  call.bearer = options_.key;
  call.timeout = std::chrono::milliseconds{120'000};  // it creates object after object before it answers
  try {
    return http_.call(call, cancel);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::unavailable && problem.kind() != Kind::timeout) throw;
    throw Problem(problem.kind(),
                  fmt::format("Kube Watcher at {} does not answer: {}", origin_, problem.message()),
                  "is it running there? --kube-watcher-url says where it is");
  }
}

Node Watcher::value_of(const net::Answer& answer, std::string_view path) const {
  const std::string call = fmt::format("Kube Watcher at {}: {}", origin_, path);
  if (answer.status == 401 || answer.status == 403)
    throw Problem(Kind::unauthorized, fmt::format("{} refuses the key: {}", call, detail_of(answer)),
                  "deploying takes its admin key, in KUBE_WATCHER_KEY or the file that KUBE_WATCHER_KEY_FILE "
                  "names");
  if (answer.status / 100 == 3)
    throw Problem(Kind::failed,
                  fmt::format("{} sends elsewhere, to {}, where no key of yours is sent", call,
                              harmless(answer.header("location"))),
                  "give the address itself as --kube-watcher-url");
  if (answer.status != 200)
    throw Problem(Kind::failed, fmt::format("{} answers {}: {}", call, answer.status, detail_of(answer)),
                  "its own log says more; a missing key may be the cause, too");
  Node value;
  schema::JsonError error;
  if (!schema::read_json(answer.body, value, error))
    throw Problem(Kind::failed, fmt::format("{} does not answer with JSON: {}", call, harmless(answer.body)),
                  "is this a Kube Watcher?");
  return value;
}

Node Watcher::get(std::string_view path, const Cancel* cancel) const {
  return value_of(send({}, path, cancel), path);
}

Node Watcher::post(std::string_view path, const Node& body, const Cancel* cancel) const {
  net::Call call;
  call.method = "POST";
  call.headers = {{"Content-Type", "application/json"}};
  call.body = schema::to_json(body);
  return value_of(send(std::move(call), path, cancel), path);
}

Generation Watcher::generation(const Cancel* cancel) {
  if (asked_) return generation_;
  const net::Answer health = send({}, "/v1/health", cancel);
  Node body;
  schema::JsonError error;
  if (health.status == 200 && schema::read_json(health.body, body, error) && body.find("status_code")) {
    generation_ = Generation::today;
  } else {
    // Today's has no such route; the early one has it for POST only.
    const net::Answer list = send({}, "/v1/list_deepsparse_deployments", cancel);
    if (list.status != 405)
      throw Problem(
          Kind::unavailable,
          fmt::format("what answers at {} is no Kube Watcher ({} to GET /v1/health)", origin_, health.status),
          "--kube-watcher-url says where it is");
    generation_ = Generation::early;
  }
  asked_ = true;
  return generation_;
}

Verdict verdict_of(const Node& answer) {
  Verdict verdict;
  if (answer.is_boolean()) {
    verdict.made = answer.boolean();
    verdict.exists = !verdict.made;  // a guess: it says no more
    return verdict;
  }
  const Node* failed = answer.find("failed");
  if (failed != nullptr && failed->is_list() && !failed->items().empty()) {
    const Node& first = failed->items().front();
    const std::string text = first.text_at({"error"}, "it gives no reason");
    const Node status = status_in(text);
    verdict.exists = status.text_at({"reason"}) == "AlreadyExists" ||
                     (status.is_null() && text.find("(409)") != std::string::npos);
    verdict.reason = harmless(status.text_at({"message"}, text));
    return verdict;
  }
  const Node* successful = answer.find("successful");
  verdict.made = successful != nullptr && successful->is_list() && !successful->items().empty();
  if (!verdict.made) verdict.reason = "it did nothing and says nothing";
  return verdict;
}

}  // namespace mlib::targets::kube_watcher
