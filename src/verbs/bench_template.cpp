#include "verbs/bench_template.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/benchmark.hpp"
#include "loadgen/result_forms.hpp"
#include "verbs/bench_facts.hpp"
#include "verbs/bench_inside.hpp"
#include "verbs/bench_points.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using loadgen::Result;

/// One call: what all its points share.
struct Benching {
  const World& world;
  const Caller& caller;
  const Sink& sink;
  const Cancel& cancel;
  std::shared_ptr<const cards::Library> library;
  const cards::Template& card;
  std::string target;
  TargetOptions reach;
  targets::Ref ref;
  std::string timeout, key;
  std::string in_cluster;  ///< image of a client inside the cluster; "": it is measured from here
  loadgen::Records* records = nullptr;  ///< of single requests, where they are wanted
  std::string requests;                 ///< the file of those that are the caller's own, or ""

  void tell(const std::string& line) const {
    Node event = Node::map();
    event.set("progress", line);
    sink(event);
  }
};

/// A point's result, kept; with the Problem that it failed for.
struct Kept {
  Result result;
  std::string file;
  std::optional<Problem> problem;
};

/// Whether a failure belongs to what was asked for, so that it is a result, and a sweep goes on: not when the
/// call makes no sense or was ended, a target does not answer or know the caller, somebody else is in the
/// way, or we failed.
bool is_result(Kind kind, bool sweeping) {
  switch (kind) {
    case Kind::failed:
    case Kind::timeout:
      return true;
    case Kind::invalid:
    case Kind::forbidden:
    case Kind::not_found:
    case Kind::too_large:
    case Kind::unsupported:
      return sweeping;
    default:
      return false;
  }
}

/// In order of time, and a name of a card.
std::string id_of(std::chrono::system_clock::time_point when) {
  std::string id = "b";
  for (const char c : utc(when))
    if (c >= '0' && c <= '9') id += c;
  return id.insert(9, "-") + "-" + random_hex(2);
}

loadgen::Setting setting_for(const Benching& bench, const Point& point) {
  loadgen::Setting setting = setting_of(*bench.library, bench.card, point.hardware);
  setting.when = bench.world.clock.wall();
  setting.id = id_of(setting.when);
  setting.subject.target = bench.target;
  setting.subject.deployment = bench.ref.name;
  setting.subject.namespace_name = bench.ref.namespace_name;
  setting.position = bench.target == "podman" ? "same-machine" : "outside";
  if (!bench.in_cluster.empty()) setting.position = "in-cluster";
  setting.records = bench.records;
  const cards::Framework& framework = bench.library->framework_of(bench.card);
  for (const auto& [name, value] : point.set) {
    const auto same = [&, &name = name](const auto& each) { return each.first == name; };
    const auto found = std::find_if(framework.spec.parameters.begin(), framework.spec.parameters.end(), same);
    if (found == framework.spec.parameters.end() || !found->second.secret)
      setting.subject.values.emplace_back(name, value);
  }
  return setting;
}

DeployArguments deploy_of(const Benching& bench, const Point& point) {
  DeployArguments made;
  made.template_name = bench.card.metadata.name;
  made.name = bench.ref.name;
  made.namespace_name = bench.ref.namespace_name;
  made.hardware = point.hardware == bench.card.spec.hardware ? "" : point.hardware;
  made.set = point.set;
  made.api_key = bench.key;
  made.where = {bench.target, bench.reach};
  made.timeout = bench.timeout;
  return made;
}

/// Measures by a client inside the cluster, which asks the engine itself what it serves.
Result from_inside(const Benching& bench, Trial& trial, const loadgen::Plan& plan,
                   const loadgen::Setting& setting, const Tell& tell) {
  const Inside inside{
      bench.world, bench.caller,   tell,         bench.cancel, bench.in_cluster,
      bench.key,   bench.requests, bench.target, bench.reach,  span_of(bench.timeout, "--start-timeout")};
  return measure_inside(inside, trial, plan, setting);
}

/// What the engine says of itself. One that came up and does not answer failed: its target is there.
EngineSaid asked(const Benching& bench, const loadgen::Plan& plan) {
  try {
    return ask_engine(*bench.world.http, plan, bench.cancel);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::unavailable) throw;
    throw Problem(Kind::failed, problem.message(), problem.hint());
  }
}

/// Points the plan to what was deployed, and asks it which model it serves.
void aim_at(loadgen::Plan& plan, loadgen::Setting& setting, const Benching& bench, Trial& trial) {
  const std::string& name = trial.ref().name;
  if (trial.endpoint().empty())
    throw Problem(Kind::unsupported, fmt::format("`{}` has no endpoint to measure", name));
  if (!trial.target().observe(trial.ref()).forward.empty())
    throw Problem(
        Kind::unsupported,
        fmt::format("`{}` is only reached through the API server, which would be measured too", name),
        "measure inside the cluster: --in-cluster IMAGE; or give it a Service of type NodePort");
  aim(plan, trial.endpoint());
  plan.bearer = Secret<std::string>(bench.key);
  if (bench.world.http == nullptr) return;
  const EngineSaid said = asked(bench, plan);
  plan.asking.model = model_to_ask(said, plan);
  if (!said.version.empty()) setting.subject.engine_version = said.version;
}

/// Cores that a client in the cluster used there: its loop, and at most as much to decode.
double client_cores(const Result& result) {
  if (result.client.position != "in-cluster" || !(result.seconds > 0)) return 0;
  return 2 * result.client.cpu_seconds / result.seconds;
}

/// What containers that were started anew and others on their machines mean for a result; it is kept, too,
/// when the target does not tell.
void doubt_run(Result& result, const Benching& bench, Trial& trial, const Look& before) {
  try {
    const Look after = look_at(trial.target(), trial.ref(), bench.world.clock);
    const std::string others = others_between(before, after, client_cores(result));
    if (!others.empty()) doubt(result, loadgen::Validity::suspect, "something else ran there: " + others);
    const int restarts = restarts_between(before.ours, after.ours);
    if (restarts > 0)
      doubt(result, loadgen::Validity::invalid,
            fmt::format("{} of its containers {} started anew during the run", restarts,
                        restarts == 1 ? "was" : "were"));
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    doubt(result, loadgen::Validity::suspect,
          "whether its containers were started anew during the run is not known: " + problem.message());
  }
}

/// Keeps a result, in place of those that were to measure the same and failed. One of those that cannot be
/// removed is told and stays: what was measured is kept.
std::string save(const Benching& bench, const Result& result, const Result& planned) {
  std::string file = bench.world.results->save(card_of(result));
  for (const std::string& id : failed_before(bench.card, planned)) {
    try {
      bench.world.results->remove(bench.card.metadata.name, id);
    } catch (const Problem& problem) {
      bench.tell(fmt::format("warning: the failed {} stays: {}", id, problem.message()));
    }
  }
  return file;
}

/// Deploys, measures, keeps the result, and removes the deployment again.
Kept measured(const Benching& bench, const Point& point, loadgen::Plan plan, loadgen::Setting setting,
              const Result& planned) {
  const Tell tell = [&](const std::string& line) { bench.tell(line); };
  const std::vector<targets::Capacity> machines =
      machines_of(*target_of(bench.world, bench.target).second(bench.reach));
  Trial trial(bench.world, bench.caller, deploy_of(bench, point), tell, bench.cancel);
  if (bench.in_cluster.empty()) aim_at(plan, setting, bench, trial);
  const Look before = look_at(trial.target(), trial.ref(), bench.world.clock);
  add_running(setting, before.ours, machines);
  Kept kept;
  if (bench.in_cluster.empty()) {
    tell("measuring " + plan.endpoint.url);
    kept.result = measure_plan(bench.world, plan, setting, bench.sink, bench.cancel);
  } else {
    kept.result = from_inside(bench, trial, plan, setting, tell);
  }
  if (bench.cancel.asked() || kept.result.ended == "interrupted")
    throw Problem(Kind::cancelled, "ended before it was measured; nothing of it is kept");
  doubt_run(kept.result, bench, trial, before);
  for (std::string& reason :
       off_card(bench.library->get_hardware(point.hardware).spec, before.ours, machines))
    doubt(kept.result, loadgen::Validity::suspect, std::move(reason));
  kept.file = save(bench, kept.result, planned);
  tell("removing " + trial.ref().name);
  return kept;
}

/// The point as a result that is not measured yet.
Result planned_for(const Benching& bench, const Point& point, const loadgen::Plan& plan) {
  return loadgen::failed_result(plan, Problem(Kind::failed, ""), setting_for(bench, point));
}

/// The problem with its first finding in its message, which is all that a result keeps of it.
Problem told_whole(const Problem& problem) {
  if (problem.findings().empty()) return problem;
  std::string message = fmt::format("{}: {}", problem.message(), problem.findings().front().message);
  if (const std::size_t more = problem.findings().size() - 1; more > 0)
    message += fmt::format(" (and {} more)", more);
  return {problem.kind(), std::move(message), problem.hint(), problem.findings()};
}

Kept keep(const Benching& bench, const Point& point, const loadgen::Plan& plan, bool sweeping) {
  const loadgen::Setting setting = setting_for(bench, point);
  const Result planned = planned_for(bench, point, plan);
  try {
    return measured(bench, point, plan, setting, planned);
  } catch (const Problem& problem) {
    if (!is_result(problem.kind(), sweeping) || bench.cancel.asked()) throw;
    Kept kept{loadgen::failed_result(plan, told_whole(problem), setting), "", problem};
    kept.file = save(bench, kept.result, planned);
    return kept;
  }
}

/// What both verbs begin with: nobody else at it, somewhere to keep results, and nothing left of before.
std::unique_ptr<store::Hold> begin(const Benching& bench, const loadgen::Plan& plan) {
  if (!bench.in_cluster.empty() && bench.target != "kubernetes")
    throw Problem(Kind::usage, fmt::format("--in-cluster is of --target kubernetes, not {}", bench.target));
  if (!bench.in_cluster.empty()) check_inside(plan, bench.requests);
  if (bench.world.results == nullptr)
    throw Problem(Kind::unsupported, "there is nowhere to keep results here");
  std::unique_ptr<store::Hold> held = hold_trial(bench.world, bench.ref);
  bench.world.results->check();
  if (bench.target == "kubernetes" && bench.in_cluster.empty())
    bench.tell("the network from here to the cluster is part of what is measured (--in-cluster IMAGE: not)");
  remove_leftovers(bench.world, bench.caller, bench.reach,
                   [&](const std::string& line) { bench.tell(line); });
  if (const auto old = bench.world.store.get(bench.ref.namespace_name, bench.ref.name)) {
    bench.tell("removing the old " + bench.ref.name);
    remove_trial(bench.world, bench.caller, *old, bench.reach);
  }
  return held;
}

/// One line for each point of a sweep: what came of it.
std::string line_of(const std::string& title, const std::string& id, const std::string& headline) {
  return fmt::format("{}: {} [{}]\n", title, headline, id);
}

std::string headline_of(const Result& result) {
  const cards::BenchmarkCard card = card_of(result);
  return cards::headline({card.metadata.name, card.metadata.description, card.spec.results, {}});
}

/// Of a sweep, before anything is deployed.
void tell_outputs(const Sink& sink) {
  Node outputs = Node::list();
  for (const auto& [name, text] : loadgen::forms_of(std::vector<Result>{})) outputs.push(name);
  Node event = Node::map();
  event.set("outputs", std::move(outputs));
  sink(event);
}

void sweep(const Benching& bench, const std::vector<Point>& points, const loadgen::Plan& plan, bool again) {
  std::vector<Result> results;
  std::string text;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& point = points[i];
    const std::string place = fmt::format("[{}/{}] {}", i + 1, points.size(), point.title);
    const Result planned = planned_for(bench, point, plan);
    if (const cards::Benchmark* done = again ? nullptr : done_already(bench.card, planned)) {
      bench.tell(fmt::format("{}: measured already ({})", place, done->id));
      text += line_of(point.title, done->id, cards::headline(*done));
      results.push_back(result_of(*done));
      continue;
    }
    bench.tell(place);
    const Kept kept = keep(bench, point, plan, true);
    const std::string headline = headline_of(kept.result);
    bench.tell(fmt::format("{}: {}", place, headline));
    text += line_of(point.title, kept.result.id, headline);
    results.push_back(kept.result);
  }
  Node event = Node::map();
  event.set("result", schema::encode(results));
  event.set("forms", schema::encode(loadgen::forms_of(results)));
  event.set("text", std::move(text));
  bench.sink(event);
}

void one(const Benching& bench, const Point& point, const loadgen::Plan& plan) {
  const Kept kept = keep(bench, point, plan, false);
  if (kept.problem)
    throw Problem(kept.problem->kind(), kept.problem->message(),
                  kept.problem->hint() +
                      fmt::format("{}kept as {}", kept.problem->hint().empty() ? "" : "; ", kept.file));
  Node event = result_event(kept.result);
  event.set("text", fmt::format("{}\nkept as {}\nagain: mlib bench repeat {}\n", event.text_at({"text"}),
                                kept.file, kept.result.id));
  bench.sink(event);
}

/// The plan that was asked for, by the protocol that the engine speaks where none is named.
loadgen::Plan plan_for(LoadArguments load, const cards::Library& library, const cards::Template& card) {
  const std::string& spoken = library.framework_of(card).spec.protocol;
  const std::string& task = library.get_model(card.spec.model).spec.task;
  if (!load.protocol) load.protocol = cards::call_for(library.protocols, spoken, task).first;
  // A new deployment has nothing in its cache, and a sweep that goes on has to find what it measured.
  if (!load.seed) load.seed = 1;
  return plan_of(load, library);
}

/// What has changed since a result was measured.
void tell_changes(const Benching& bench, const Result& then) {
  const loadgen::Setting now = setting_of(*bench.library, bench.card, then.subject.hardware);
  for (const auto& [card, revision] : now.subject.revisions)
    for (const auto& [name, was] : then.subject.revisions)
      if (name == card && was != revision)
        bench.tell(
            fmt::format("warning: {} has changed since: revision {} then, {} now", card, was, revision));
}

}  // namespace

void bench_template(const World& world, const Caller& caller, const BenchTemplateArguments& arguments,
                    const Sink& sink, const Cancel& cancel) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const cards::Template& card = library->get_template(arguments.template_name);
  span_of(arguments.start_timeout, "--start-timeout");
  if (!arguments.records.empty() && !arguments.in_cluster.empty())
    throw Problem(Kind::usage, "--records and --in-cluster do not go together",
                  "what comes back from the cluster is the result, with a sample of its requests");
  const std::vector<Point> points =
      points_of(*library, card, arguments.hardware, arguments.sweep, arguments.set);
  Benching bench{world,
                 caller,
                 sink,
                 cancel,
                 library,
                 card,
                 target_of(world, arguments.where.target).first,
                 arguments.where.reach,
                 {namespace_or_default(arguments.namespace_name), trial_name(card.metadata.name)},
                 arguments.start_timeout,
                 arguments.api_key,
                 arguments.in_cluster,
                 nullptr,
                 requests_in(arguments.load.prompts).text};
  const loadgen::Plan plan = plan_for(arguments.load, *library, card);
  const bool several = points.size() > 1 || !arguments.sweep.empty();
  if (several) tell_outputs(sink);
  const std::unique_ptr<store::Hold> held = begin(bench, plan);
  // Not before: what is refused empties no file, nor one that another benchmark writes.
  std::optional<loadgen::Records> records;
  if (!arguments.records.empty()) bench.records = &records.emplace(arguments.records);
  if (!several) return one(bench, points.front(), plan);
  sweep(bench, points, plan, arguments.again);
}

void bench_repeat(const World& world, const Caller& caller, const RepeatArguments& arguments,
                  const Sink& sink, const Cancel& cancel) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const cards::FoundBenchmark found = cards::get_benchmark(*library, arguments.id);
  const Result then = result_of(*found.benchmark);
  if (then.client.position == "in-cluster" && arguments.in_cluster.empty())
    throw Problem(Kind::usage, fmt::format("`{}` was measured inside the cluster", arguments.id),
                  "name an image in which mlib is: --in-cluster IMAGE");
  const loadgen::Plan plan = loadgen::plan_of(then, requests_in(arguments.prompts));
  const Benching bench{
      world,
      caller,
      sink,
      cancel,
      library,
      *found.measured,
      target_of(world, then.subject.target).first,
      arguments.reach,
      {namespace_or_default(then.subject.namespace_name), trial_name(found.measured->metadata.name)},
      arguments.start_timeout,
      arguments.api_key,
      arguments.in_cluster,
      nullptr,
      requests_in(arguments.prompts).text};
  library->get_hardware(then.subject.hardware);
  const std::unique_ptr<store::Hold> held = begin(bench, plan);
  tell_changes(bench, then);
  one(bench, {then.subject.hardware, then.subject.values, ""}, plan);
}

}  // namespace mlib::verbs
