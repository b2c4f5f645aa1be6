#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"
#include "loadgen/result_forms.hpp"
#include "net/client.hpp"
#include "schema/document.hpp"
#include "verbs/measuring.hpp"

namespace mlib::verbs {
namespace {

net::Call call_of(const loadgen::Plan& plan, std::string_view path) {
  // A path before /v1 is the gateway's, and goes before all of these.
  const std::size_t base = plan.path.find("/v1/");
  net::Call call;
  call.url =
      plan.endpoint.url + (base == std::string::npos ? "" : plan.path.substr(0, base)) + std::string(path);
  call.bearer = plan.bearer;
  call.tls = plan.endpoint.tls;
  call.timeout = std::chrono::seconds{10};
  call.body_limit = 8U << 20U;
  return call;
}

/// The answer's body when it is 200; "" when there is none.
std::string body_at(net::Client& http, const loadgen::Plan& plan, std::string_view path,
                    const Cancel& cancel) {
  net::Call call = call_of(plan, path);
  call.connect_timeout = call.timeout = std::chrono::seconds{2};
  try {
    const net::Answer answer = http.call(call, &cancel);
    return answer.status == 200 ? answer.body : "";
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    return "";
  }
}

Node json_at(net::Client& http, const loadgen::Plan& plan, std::string_view path, const Cancel& cancel) {
  Node node;
  schema::JsonError error;
  if (!schema::read_json(body_at(http, plan, path, cancel), node, error) || !node.is_map())
    return Node::map();
  return node;
}

/// The sum of a metric's samples in Prometheus' text format; 0 when it has none.
double metric_sum(const std::string& text, std::string_view name) {
  double sum = 0;
  for (const std::string& line : split(text, '\n')) {
    if (line.rfind(name, 0) != 0 || line.size() == name.size()) continue;
    if (line[name.size()] != ' ' && line[name.size()] != '{') continue;
    const std::size_t blank = line.rfind(' ');
    double value = 0;
    const auto [end, error] = std::from_chars(line.data() + blank + 1, line.data() + line.size(), value);
    if (error == std::errc() && end > line.data() + blank + 1) sum += value;
  }
  return sum;
}

/// What to do about an engine that nobody reaches.
std::string when_unreachable(const std::string& url, const std::string& message) {
  if (message.find("certificate is refused") != std::string::npos)
    return "name what vouches for it with --ca FILE, or do without: --insecure";
  if (message.find("speaks no TLS") != std::string::npos && url.starts_with("https://"))
    return "ask it without: http://" + url.substr(8);
  return "is it running, and is that its address? `mlib endpoint NAME` prints a deployment's";
}

void ask_models(net::Client& http, const loadgen::Plan& plan, EngineSaid& said, const Cancel& cancel) {
  net::Answer answer;
  try {
    answer = http.call(call_of(plan, "/v1/models"), &cancel);
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    throw Problem(problem.kind(), problem.message(), when_unreachable(plan.endpoint.url, problem.message()));
  }
  if (answer.status == 401 || answer.status == 403)
    throw Problem(Kind::forbidden,
                  fmt::format("{} asks for a key (status {})", plan.endpoint.url, answer.status),
                  "--api-key-file FILE or --api-key-stdin");
  Node node;
  schema::JsonError error;
  if (answer.status != 200 || !schema::read_json(answer.body, node, error)) {
    said.no_models = fmt::format("/v1/models answers with status {}{}", answer.status,
                                 answer.status == 200 ? " and no JSON" : "");
    return;
  }
  if (const Node* list = node.find("data"); list != nullptr && list->is_list())
    for (const Node& each : list->items()) {
      if (std::string id = each.text_at({"id"}); !id.empty()) said.models.push_back(std::move(id));
      if (said.name.empty()) said.name = each.text_at({"owned_by"});
    }
  if (said.models.empty()) said.no_models = "/v1/models lists none";
}

void ask_metrics(net::Client& http, const loadgen::Plan& plan, EngineSaid& said, const Cancel& cancel) {
  const std::string metrics = body_at(http, plan, "/metrics", cancel);
  said.started = metric_sum(metrics, "process_start_time_seconds");
  for (const std::string_view name :
       {"vllm:num_requests_running", "llamacpp:requests_processing", "sglang:num_running_reqs"})
    said.running += metric_sum(metrics, name);
}

bool asks_for_model(const loadgen::Plan& plan) { return plan.asking.protocol->asks_model; }

/// One line, about twice a second.
Node live_event(const loadgen::Plan& plan, const loadgen::Live& live) {
  const double seconds = static_cast<double>(live.now) / 1e9;
  const double past = std::max(seconds, 1e-3);
  double done = 0;
  if (plan.stop.duration) done = seconds / (static_cast<double>(*plan.stop.duration) / 1e9);
  if (plan.stop.requests)
    done = std::max(done, static_cast<double>(live.ended) / static_cast<double>(*plan.stop.requests));
  std::string line = plan.users > 0
                         ? loadgen::users_text(plan.users)
                         : loadgen::digits(static_cast<double>(live.offered) / past) + "/s offered";
  line += fmt::format(" {}/s done", loadgen::digits(static_cast<double>(live.ended - live.errors) / past));
  line += fmt::format(" {} errors {} out", live.errors, live.in_flight);
  if (live.ttft) line += fmt::format(" TTFT {} ms", loadgen::digits(*live.ttft));
  if (live.tpot) line += fmt::format(" TPOT {} ms", loadgen::digits(*live.tpot));
  Node event = Node::map();
  event.set("live", std::move(line));
  event.set("done", std::min(done, 1.0));
  event.set("seconds", seconds);
  return event;
}

}  // namespace

EngineSaid ask_engine(net::Client& http, const loadgen::Plan& plan, const Cancel& cancel) {
  EngineSaid said;
  if (!asks_for_model(plan)) return said;
  ask_models(http, plan, said, cancel);
  said.version = json_at(http, plan, "/version", cancel).text_at({"version"});
  if (said.version.empty()) said.version = json_at(http, plan, "/props", cancel).text_at({"build_info"});
  ask_metrics(http, plan, said, cancel);
  return said;
}

std::string model_to_ask(const EngineSaid& said, const loadgen::Plan& plan) {
  const std::string& wanted = plan.asking.model;
  if (!asks_for_model(plan)) return wanted;
  if (wanted.empty()) {
    if (!said.models.empty()) return said.models.front();
    throw Problem(Kind::usage,
                  fmt::format("which model {} serves is not known: {}", plan.endpoint.url, said.no_models),
                  "say it: --model NAME");
  }
  if (said.models.empty() || std::find(said.models.begin(), said.models.end(), wanted) != said.models.end())
    return wanted;
  const std::string hint = suggestion(wanted, said.models);
  throw Problem(Kind::not_found,
                fmt::format("{} does not serve `{}`", plan.endpoint.url, shortened(visible(wanted), 80)),
                visible(hint.empty() ? fmt::format("it serves {}", said.models.front()) : hint));
}

loadgen::Result measure_plan(const World& world, const loadgen::Plan& plan, loadgen::Setting setting,
                             const Sink& sink, const Cancel& cancel) {
  EngineSaid before;
  const bool asks = world.http != nullptr && asks_for_model(plan);
  if (asks) ask_metrics(*world.http, plan, before, cancel);
  if (before.running > 0 && setting.known.other_load.empty())
    setting.known.other_load = fmt::format("{:.0f} requests ran before ours", before.running);
  setting.when = world.clock.wall();
  if (setting.id.empty()) setting.id = loadgen::result_id(setting.when);
  loadgen::RecordSink record;
  if (setting.records != nullptr)
    record = [&](const loadgen::Sample& sample, const std::vector<loadgen::Instant>& gaps) {
      setting.records->add(setting.id, sample, gaps);
    };
  const loadgen::Outcome outcome = loadgen::bench(
      plan, cancel, [&](const loadgen::Live& live) { sink(live_event(plan, live)); }, record);
  if (setting.records != nullptr)
    if (const std::string lost = setting.records->flush(); !lost.empty()) {
      Node event = Node::map();
      event.set("progress", "warning: " + lost);
      sink(event);
    }
  if (before.started > 0) {
    EngineSaid after;
    const Cancel never;
    ask_metrics(*world.http, plan, after, never);
    if (after.started > 0 && std::abs(after.started - before.started) > 0.5) ++setting.known.restarts;
  }
  return loadgen::result_of(plan, outcome, setting);
}

}  // namespace mlib::verbs
