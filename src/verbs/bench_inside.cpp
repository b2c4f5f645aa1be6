#include "verbs/bench_inside.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "render/own.hpp"
#include "schema/document.hpp"
#include "verbs/job.hpp"
#include "verbs/measuring.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

constexpr std::string_view plan_folder = "/bench/plan", key_folder = "/bench/key",
                           requests_folder = "/bench/requests";
constexpr std::size_t most_requests = 1U << 20U;  // bytes that Kubernetes lets a Secret hold
constexpr std::string_view policy_name = "benchmark-client";

Node object(std::string_view api_version, std::string_view kind, const std::string& name) {
  Node made = Node::map();
  made.set("apiVersion", api_version);
  made.set("kind", kind);
  made.child("metadata").set("name", name);
  return made;
}

/// Mounts a ConfigMap or a Secret of that name.
void mount(Node& pod, Node& container, std::string_view source, std::string_view field,
           const std::string& name, std::string_view path) {
  const std::string_view title = path.substr(path.rfind('/') + 1);
  Node volume = Node::map();
  volume.set("name", title);
  volume.child(source).set(field, name);
  Node* volumes = pod.find("volumes");
  if (volumes == nullptr) volumes = &pod.set("volumes", Node::list());
  volumes->push(std::move(volume));
  Node place = Node::map();
  place.set("name", title);
  place.set("mountPath", path);
  place.set("readOnly", true);
  Node* mounts = container.find("volumeMounts");
  if (mounts == nullptr) mounts = &container.set("volumeMounts", Node::list());
  mounts->push(std::move(place));
}

/// The plan alone tells which requests are sent: they are made text, or a trace that is kept with a result.
bool says_requests(const loadgen::Plan& plan) {
  const auto& scripts = plan.workload.scripts;
  return scripts.empty() || !loadgen::trace_text({scripts, plan.arrivals.trace}).empty();
}

/// Puts a text of the caller's, which no record is to show, where the client reads it as a file.
std::string hand_over(std::vector<Node>& objects, Node& pod, Node& container, const std::string& name,
                      std::string_view folder, const std::string& text) {
  const std::string_view key = folder.substr(folder.rfind('/') + 1);
  Node secret = object("v1", "Secret", fmt::format("{}-{}", name, key));
  secret.child("stringData").set(key, text);
  objects.push_back(std::move(secret));
  mount(pod, container, "secret", "secretName", fmt::format("{}-{}", name, key), folder);
  return fmt::format("{}/{}", folder, key);
}

/// The Job, the plan that it reads, requests that the plan does not say, and the key that it sends.
std::vector<Node> client_objects(const Inside& inside, const std::string& name, const std::string& url,
                                 const std::string& plan, const std::string& requests) {
  std::vector<Node> objects;
  Node map = object("v1", "ConfigMap", name + "-plan");
  map.child("data").set("plan.json", plan);
  objects.push_back(std::move(map));
  Node pod = Node::map(), container = Node::map();
  Node command(Node::List{"mlib", "bench", "endpoint", url, "--like",
                          fmt::format("{}/plan.json", plan_folder), "-o", "json", "--state", "/tmp"});
  mount(pod, container, "configMap", "name", name + "-plan", plan_folder);
  if (!requests.empty()) {
    command.push("--prompts");
    command.push(hand_over(objects, pod, container, name, requests_folder, requests));
  }
  if (!inside.key.empty()) {
    command.push("--api-key-file");
    command.push(hand_over(objects, pod, container, name, key_folder, inside.key));
  }
  container.set("name", "client");
  container.set("image", inside.image);
  container.set("imagePullPolicy", "IfNotPresent");
  container.set("command", std::move(command));
  pod.set("restartPolicy", "Never");
  pod.set("containers", Node(Node::List{std::move(container)}));
  Node job = object("batch/v1", "Job", name);
  job.child("spec").set("backoffLimit", 0);
  job.child("spec").child("template").set("spec", std::move(pod));
  objects.push_back(std::move(job));
  return objects;
}

void start(const Inside& inside, const targets::Ref& ref, std::vector<Node> objects) {
  const Sink quiet = [&](const Node&) { return !inside.cancel.asked(); };
  std::unique_ptr<targets::Target> target = target_of(inside.world, inside.target).second(inside.reach);
  render::Rendered rendered =
      render::own_objects(std::move(objects), {ref.name, ref.namespace_name, std::string(bench_user)},
                          std::string(policy_name), inside.world.policy);
  Job job{inside.world, inside.caller, quiet, inside.cancel, std::move(target), std::move(rendered), ref, {}};
  job.record.namespace_name = ref.namespace_name;
  job.record.name = ref.name;
  job.record.target = inside.target;
  job.record.template_name = policy_name;
  job.record.framework = policy_name;
  job.record.user = bench_user;
  carry_out(job, {.wait = false});
}

/// The log as it is now; what it waits for while there is none.
std::string waiting_for(targets::Target& target, const targets::Ref& ref, std::vector<std::string>& lines,
                        const Cancel& cancel) {
  lines.clear();
  try {
    target.logs(
        ref, {},
        [&](std::string_view line) {
          lines.emplace_back(line);
          return true;
        },
        cancel);
    return "";
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::unavailable && problem.kind() != Kind::not_found) throw;
    return problem.message();
  }
}

/// How long a run may take at most.
std::chrono::milliseconds span_of_plan(const loadgen::Plan& plan) {
  const loadgen::Instant load = plan.stop.duration.value_or(
      plan.timeout * static_cast<loadgen::Instant>(plan.stop.requests.value_or(1)));
  const loadgen::Instant whole = load + plan.drain + plan.timeout * (plan.warm_up + 1);
  return std::chrono::milliseconds{whole / 1'000'000};
}

/// The error that a command ended with, as it printed it.
void throw_error_of(const std::vector<std::string>& lines) {
  constexpr std::string_view error = "error: ", hint = "hint: ";
  const auto at = std::find_if(lines.begin(), lines.end(),
                               [&](const std::string& each) { return each.starts_with(error); });
  if (at == lines.end()) return;
  const std::string_view next = at + 1 == lines.end() ? "" : trim(*(at + 1));
  throw Problem(Kind::failed, "the client in the cluster failed: " + at->substr(error.size()),
                std::string(next.starts_with(hint) ? next.substr(hint.size()) : ""));
}

std::string read_result(const Inside& inside, const targets::Ref& ref, std::chrono::milliseconds longest) {
  const std::unique_ptr<targets::Target> target = target_of(inside.world, inside.target).second(inside.reach);
  const auto begun = inside.world.clock.now();
  std::vector<std::string> lines;
  for (std::size_t told = 0;;) {
    inside.cancel.check();
    const std::string waits = waiting_for(*target, ref, lines, inside.cancel);
    throw_error_of(lines);
    if (std::string json = json_of_log(lines); !json.empty()) return json;
    for (; told < lines.size() && lines[told] != "{"; ++told) inside.tell(lines[told]);
    const auto allowed = waits.empty() ? inside.start_timeout + longest : inside.start_timeout;
    if (inside.world.clock.now() - begun > allowed)
      throw Problem(Kind::timeout,
                    waits.empty() ? "the client in the cluster did not end in time"
                                  : fmt::format("the client in the cluster did not start: {}", waits),
                    fmt::format("is its image there? --in-cluster {}", inside.image));
    inside.world.clock.sleep(std::chrono::seconds{1});
  }
}

}  // namespace

std::string client_name(const std::string& trial) { return trial + "-client"; }

std::string inside_url(const std::string& manifest, const std::string& namespace_name) {
  for (const Node& each : schema::read_yaml({"manifest", manifest})) {
    if (each.text_at({"kind"}) != "Service") continue;
    const std::int64_t port = each.integer_at({"spec", "ports", "0", "port"});
    if (port > 0)
      return fmt::format("http://{}.{}.svc:{}", each.text_at({"metadata", "name"}), namespace_name, port);
  }
  return "";
}

std::string json_of_log(const std::vector<std::string>& lines) {
  const auto end = std::find(lines.rbegin(), lines.rend(), "}");
  const auto begin = std::find(end, lines.rend(), "{");
  if (end == lines.rend() || begin == lines.rend()) return "";
  return join({begin.base() - 1, end.base()}, "\n");
}

void check_inside(const loadgen::Plan& plan, const std::string& requests) {
  if (says_requests(plan) || requests.size() <= most_requests) return;
  throw Problem(
      Kind::too_large,
      fmt::format("--prompts has {} bytes, and a Secret, by which they go into the cluster, holds {}",
                  requests.size(), most_requests),
      "give fewer of them, or leave out --in-cluster");
}

loadgen::Result measure_inside(const Inside& inside, Trial& trial, loadgen::Plan plan,
                               const loadgen::Setting& setting) {
  const targets::Ref ref{trial.ref().namespace_name, client_name(trial.ref().name)};
  const store::Deployment record =
      record_of(inside.world.store, trial.ref().namespace_name, trial.ref().name);
  const std::string url = inside_url(record.manifest, ref.namespace_name);
  if (url.empty())
    throw Problem(Kind::unsupported,
                  fmt::format("`{}` has no Service to measure inside the cluster", record.name));
  aim(plan, url);
  const std::unique_ptr<store::Hold> held = hold_trial(inside.world, ref);
  const Removal removal{inside.world, inside.caller, inside.tell, ref, inside.target, inside.reach};
  const Node like = loadgen::to_node(loadgen::failed_result(plan, Problem(Kind::failed, ""), setting));
  const std::string requests = says_requests(plan) ? "" : inside.requests;
  start(inside, ref, client_objects(inside, ref.name, url, schema::to_json(like), requests));
  inside.tell("measuring inside the cluster, " + url);
  loadgen::Result result =
      loadgen::result_from(schema::read_json(read_result(inside, ref, span_of_plan(plan))));
  const std::string version = result.subject.engine_version;
  result.id = setting.id;
  result.subject = setting.subject;
  result.subject.url = url;
  if (!version.empty()) result.subject.engine_version = version;
  loadgen::add_known(result, setting);
  result.client.position = "in-cluster";
  return result;
}

}  // namespace mlib::verbs
