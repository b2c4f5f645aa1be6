#include "verbs/trial.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "verbs/deployments.hpp"
#include "verbs/job.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

constexpr std::string_view name_start = "benchmark-";

/// Removes a deployment with its storage; nothing there is fine.
void clear(const World& world, const Caller& caller, const DeleteArguments& arguments) {
  const Sink nobody = [](const Node&) { return true; };
  const Cancel never;
  try {
    delete_deployment(world, caller, arguments, nobody, never);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::not_found) throw;
  }
}

DeleteArguments delete_of(const targets::Ref& ref, const std::string& target, const TargetOptions& reach) {
  DeleteArguments arguments;
  arguments.name = ref.name;
  arguments.namespace_name = ref.namespace_name;
  arguments.target = target;
  arguments.reach = reach;
  arguments.with_storage = true;
  return arguments;
}

std::unique_ptr<store::Hold> try_hold(const World& world, const targets::Ref& ref) {
  return world.store.hold(ref.namespace_name, "benchmark of " + ref.name);
}

}  // namespace

std::string trial_name(const std::string& template_name) {
  const std::string name = std::string(name_start) + template_name;
  constexpr std::size_t most = 50;  // so that what a manifest puts behind it has room in a DNS label
  if (name.size() <= most) return name;
  return name.substr(0, most - 9) + "-" + sha256_hex(template_name).substr(0, 8);
}

std::unique_ptr<store::Hold> hold_trial(const World& world, const targets::Ref& ref) {
  std::unique_ptr<store::Hold> held = try_hold(world, ref);
  if (held == nullptr)
    throw Problem(Kind::conflict, "another benchmark of this template runs right now",
                  fmt::format("see it: mlib status {}{}", ref.name, in_namespace(ref)));
  return held;
}

void remove_trial(const World& world, const Caller& caller, const store::Deployment& record,
                  const TargetOptions& reach) {
  clear(world, caller, delete_of({record.namespace_name, record.name}, record.target, reach));
}

void remove_leftovers(const World& world, const Caller& caller, const TargetOptions& reach,
                      const Tell& tell) {
  if (world.results != nullptr) world.results->tidy();
  for (const store::Deployment& each : world.store.list()) {
    if (each.user != bench_user || !each.name.starts_with(name_start)) continue;
    const targets::Ref ref{each.namespace_name, each.name};
    const std::unique_ptr<store::Hold> held = try_hold(world, ref);
    if (held == nullptr) continue;  // its benchmark lives
    try {
      remove_trial(world, caller, each, reach);
      tell(fmt::format("removed `{}`, which a benchmark left that did not end well", each.name));
    } catch (const Problem& problem) {
      tell(fmt::format("`{}`, which a benchmark left, cannot be removed now: {}", each.name,
                       problem.message()));
    }
  }
}

Removal::~Removal() {
  try {
    clear(world, caller, delete_of(ref, target, reach));
  } catch (const Problem& problem) {
    tell(fmt::format("`{}` cannot be removed now: {}; the next benchmark tries it again", ref.name,
                     problem.message()));
  }
}

Trial::Trial(const World& world, const Caller& caller, DeployArguments arguments, const Tell& tell,
             const Cancel& cancel)
    : arguments_(std::move(arguments)),
      ref_{arguments_.namespace_name, arguments_.name},
      removal_{world, caller, tell, ref_, arguments_.where.target, arguments_.where.reach},
      target_(target_of(world, arguments_.where.target).second(arguments_.where.reach)) {
  arguments_.user = bench_user;
  arguments_.passing = arguments_.keep_failed = true;
  const Sink take = [&](const Node& event) {
    if (const Node* result = event.find("result")) deployed_ = arguments_of<Deployed>(*result);
    if (const Node* line = event.find("progress")) tell(line->string());
    return !cancel.asked();
  };
  deploy(world, caller, arguments_, take, cancel);
}

}  // namespace mlib::verbs
