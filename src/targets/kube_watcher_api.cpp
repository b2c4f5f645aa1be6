#include "targets/kube_watcher_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "net/url.hpp"
#include "schema/document.hpp"

namespace mlib::targets::kube_watcher {
namespace {

std::string harmless(std::string_view text) { return shortened(visible(trim(text)), 256); }

/// What FastAPI's `detail` says: a text, or per field where and what; never the input that it repeats.
std::string detail_of(const net::Answer& answer) {
  Node body;
  schema::JsonError error;
  if (!schema::read_json(answer.body, body, error)) return harmless(answer.body);
  const Node* detail = body.find("detail");
  if (detail == nullptr || !detail->is_list())
    return harmless(detail != nullptr && detail->is_string() ? detail->string() : answer.body);
  std::vector<std::string> parts;
  for (const Node& each : detail->items()) {
    std::string where;
    if (const Node* path = each.find("loc"); path != nullptr && path->is_list())
      for (const Node& step : path->items())
        where += (where.empty() ? "" : ".") + (step.is_string() ? step.string() : schema::to_json(step));
    parts.push_back(fmt::format("{}: {}", where, each.text_at({"msg"})));
  }
  return harmless(join(parts, "; "));
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

/// Of the Python text of one created object, whose metadata ends with its uid; "" when it does not look so.
std::string uid_in(const std::string& text) {
  constexpr std::string_view begin = "'uid': '", end = "'}, 'spec': {";
  constexpr std::size_t length = 36;
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  const std::string uid = text.substr(at + begin.size(), length);
  const bool whole = text.compare(at + begin.size() + uid.size(), end.size(), end) == 0;
  return whole && uid.find_first_not_of("0123456789abcdef-") == std::string::npos ? uid : "";
}

/// A gateway before it, or it itself, is away for a moment; nobody knows what became of the call.
bool is_away(int status) { return status == 502 || status == 503 || status == 504; }
constexpr int too_many = 429;
constexpr int most_tries = 5;

std::string_view word_of(const Node& value) {
  return value.is_null() ? "null" : value.is_list() ? "a list" : value.is_map() ? "a map" : "a plain value";
}

}  // namespace

Watcher::Watcher(net::Client& http, Clock& clock, KubeWatcherOptions options)
    : http_(http), clock_(clock), options_(std::move(options)) {
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

net::Call Watcher::call_of(std::string_view path) const {
  net::Call call;
  call.url = base_ + std::string(path);
  call.bearer = options_.key;
  call.timeout = std::chrono::seconds{30};
  call.body_limit = 32U << 20U;
  return call;
}

net::Answer Watcher::send(const net::Call& call, const Cancel* cancel) const {
  try {
    return http_.call(call, cancel);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::unavailable && problem.kind() != Kind::timeout) throw;
    throw Problem(problem.kind(),
                  fmt::format("Kube Watcher at {} does not answer: {}", origin_, problem.message()),
                  "is it running there? --kube-watcher-url says where it is");
  }
}

/// Half a second, doubled each time, or what `answer` asks for, at most half a minute.
void Watcher::pause(const net::Answer& answer, int tries, const Cancel* cancel) const {
  using std::chrono::milliseconds;
  milliseconds left{500 << (tries - 1)};
  int seconds = 0;
  const std::string asked = answer.header("retry-after");
  if (std::from_chars(asked.data(), asked.data() + asked.size(), seconds).ec == std::errc{} && seconds > 0)
    left = std::chrono::seconds{std::min(seconds, 30)};
  for (constexpr milliseconds step{500}; left.count() > 0; left -= step) {
    if (cancel != nullptr) cancel->check();
    clock_.sleep(std::min(left, step));
  }
}

net::Answer Watcher::patient(const net::Call& call, const Cancel* cancel) const {
  for (int tries = 1;; ++tries) {
    net::Answer answer;
    try {
      answer = send(call, cancel);
      if (tries == most_tries || (answer.status != too_many && !is_away(answer.status))) return answer;
    } catch (const Problem& problem) {
      // What never answered is told at once.
      if (problem.kind() != Kind::unavailable || !asked_ || tries == most_tries) throw;
    }
    pause(answer, tries, cancel);
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
  if (answer.status == too_many || is_away(answer.status))
    throw Problem(Kind::unavailable, fmt::format("{} answers {}: {}", call, answer.status, detail_of(answer)),
                  "it, or the gateway before it, is away or has too much to do; try again later");
  if (answer.status == 404 || answer.status == 405)
    throw Problem(
        Kind::unsupported,
        fmt::format("{}: it has no such route, so it is of a version that mlib does not know", call),
        "docs/kube-watcher.md says which versions mlib drives");
  if (answer.status == 413)
    throw Problem(Kind::too_large,
                  fmt::format("{} takes no request that large: {}", call, detail_of(answer)));
  if (answer.status != 200)
    throw Problem(Kind::failed, fmt::format("{} answers {}: {}", call, answer.status, detail_of(answer)),
                  answer.status == 500 ? "its own log says more; a missing key may be the cause, too"
                                       : "is it of a version that mlib does not know?");
  Node value;
  schema::JsonError error;
  if (!schema::read_json(answer.body, value, error))
    throw Problem(Kind::failed, fmt::format("{} does not answer with JSON: {}", call, harmless(answer.body)),
                  "is this a Kube Watcher?");
  for (const std::string_view word : {"error", "detail"})
    if (const Node* told = value.find(word); told != nullptr && !told->is_map() && !told->is_null())
      throw Problem(Kind::failed,
                    fmt::format("{} answers 200, but tells an error: {}", call, detail_of(answer)),
                    "its own log says more");
  return value;
}

Node Watcher::map_of(const net::Answer& answer, std::string_view path) const {
  Node value = value_of(answer, path);
  if (value.is_map()) return value;
  throw Problem(Kind::failed,
                fmt::format("Kube Watcher at {}: {} answers with {} where a map belongs", origin_, path,
                            word_of(value)),
                "is it of a version that mlib does not know?");
}

net::Call Watcher::post(std::string_view path, const Node& body) const {
  net::Call call = call_of(path);
  call.method = "POST";
  call.headers = {{"Content-Type", "application/json"}};
  call.body = schema::to_json(body);
  return call;
}

Node Watcher::get(std::string_view path, const Cancel* cancel) const {
  return map_of(patient(call_of(path), cancel), path);
}

Node Watcher::ask(std::string_view path, const Node& body, const Cancel* cancel) const {
  return map_of(patient(post(path, body), cancel), path);
}

std::optional<Node> Watcher::change(std::string_view path, const Node& body, const Cancel* cancel) const {
  net::Call call = post(path, body);
  call.timeout = std::chrono::seconds{60};
  for (int tries = 1;; ++tries) {
    net::Answer answer;
    try {
      answer = send(call, cancel);
    } catch (const Problem& problem) {
      if (problem.kind() != Kind::unavailable && problem.kind() != Kind::timeout) throw;
      return std::nullopt;
    }
    if (is_away(answer.status)) return std::nullopt;
    if (answer.status != too_many || tries == most_tries) {
      Node value;
      schema::JsonError error;
      const bool told = answer.status == 200 && schema::read_json(answer.body, value, error);
      // What it says of a Secret may repeat its values.
      if (!told && call.body.find("Secret") != std::string::npos)
        answer.body = "(not shown: it may hold a secret)";
      return value_of(answer, path);
    }
    pause(answer, tries, cancel);
  }
}

Generation Watcher::generation(const Cancel* cancel) {
  if (asked_) return generation_;
  const net::Answer health = patient(call_of("/v1/health"), cancel);
  if (is_away(health.status)) value_of(health, "/v1/health");
  Node body;
  schema::JsonError error;
  if (health.status == 200 && schema::read_json(health.body, body, error) && body.find("status_code")) {
    generation_ = Generation::today;
  } else {
    // Today's has no such route; the early one has it for POST only.
    const net::Answer list = patient(call_of("/v1/list_deepsparse_deployments"), cancel);
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
    verdict.code = static_cast<int>(status.integer_at({"code"}));
    verdict.exists = status.text_at({"reason"}) == "AlreadyExists" ||
                     (status.is_null() && text.find("(409)") != std::string::npos);
    verdict.reason = harmless(status.text_at({"message"}, text));
    return verdict;
  }
  const Node* successful = answer.find("successful");
  verdict.made = successful != nullptr && successful->is_list() && !successful->items().empty();
  if (verdict.made && successful->items().front().is_string())
    verdict.uid = uid_in(successful->items().front().string());
  if (!verdict.made) verdict.reason = "it did nothing and says nothing";
  return verdict;
}

}  // namespace mlib::targets::kube_watcher
