#include "verbs/deploying.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/revision.hpp"
#include "verbs/job.hpp"
#include "verbs/lines.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

/// Overrides as they may be kept: without those of secret parameters.
cards::Dict<Node> without_secrets(const cards::Dict<Node>& values, const render::Values& merged) {
  cards::Dict<Node> kept;
  for (const auto& [name, value] : values) {
    const auto at = merged.find(name);
    if (at == merged.end() || !at->second.secret) kept.emplace_back(name, value);
  }
  return kept;
}

void refuse_other(const store::Deployment& there, const std::string& target, const Instance& wanted) {
  const targets::Ref ref{there.namespace_name, there.name};
  const std::string hint = fmt::format("take another --name, or remove it first: mlib delete deployment {}{}",
                                       ref.name, in_namespace(ref));
  if (there.template_name != wanted.template_name)
    throw Problem(Kind::conflict,
                  fmt::format("`{}` exists already, from template `{}`", there.name, there.template_name),
                  hint);
  if (there.target != target)
    throw Problem(Kind::conflict,
                  fmt::format("`{}` exists already, on target `{}`", there.name, there.target), hint);
}

/// Rendered, with its target made and what the store knows of that name.
Job prepared(const World& world, const Caller& caller, const Instance& wanted, const Where& where,
             const Sink& sink, const Cancel& cancel) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const render::Request request = request_of(wanted, caller);
  render::Rendered rendered = render::render(*library, request, world.policy);
  const targets::Ref ref{request.identity.namespace_name, request.identity.name};
  const std::optional<store::Deployment> there = world.store.get(ref.namespace_name, ref.name);
  const bool as_before = there && where.target.empty();
  const auto& [name, make] = target_of(world, as_before ? there->target : where.target);
  if (there) refuse_other(*there, name, wanted);
  std::unique_ptr<targets::Target> target = make(where.reach);
  Job job{world, caller, sink, cancel, std::move(target), std::move(rendered), ref, {}, !there};
  if (there) job.record = *there;
  store::Deployment& record = job.record;
  record.namespace_name = ref.namespace_name;
  record.name = ref.name;
  record.target = name;
  record.template_name = job.rendered.template_name;
  record.hardware = job.rendered.hardware;
  record.framework = job.rendered.framework;
  record.model = job.rendered.model;
  record.user = request.identity.user;
  record.cards = cards::cards_of(*world.shelf.library(), record.template_name, record.hardware);
  record.values = without_secrets(wanted.set, job.rendered.values);
  record.note.clear();
  return job;
}

std::string_view verb_of(targets::Change::Action action) {
  switch (action) {
    case targets::Change::Action::create:
      return "create";
    case targets::Change::Action::update:
      return "update";
    case targets::Change::Action::remove:
      return "remove";
    case targets::Change::Action::unchanged:
      return "unchanged";
  }
  return "unchanged";
}

Node changes_of(const std::vector<targets::Change>& changes) {
  Node list = Node::list();
  for (const targets::Change& change : changes) {
    Node item = Node::map();
    item.set("action", verb_of(change.action));
    item.set("object", change.object);
    item.set("before", change.before);
    item.set("after", change.after);
    list.push(std::move(item));
  }
  return list;
}

std::string listed(const std::vector<targets::Change>& changes) {
  std::string text;
  for (const targets::Change& change : changes)
    text += fmt::format("{:<9}  {}\n", verb_of(change.action), change.object);
  return text.empty() ? "nothing would change\n" : text;
}

void dry_run(const Job& job, const std::string& how) {
  Node event = Node::map();
  if (how == "client") {
    event.set("result", list_of(masked(job.rendered.objects)));
    event.set("text", render::to_manifest(job.rendered, false));
  } else {
    const std::vector<targets::Change> changes = job.target->plan(desired_of(job));
    event.set("result", changes_of(changes));
    event.set("text", listed(changes));
  }
  job.sink(event);
}

}  // namespace

void deploy(const World& world, const Caller& caller, const DeployArguments& arguments, const Sink& sink,
            const Cancel& cancel) {
  const std::chrono::milliseconds timeout = span_of(arguments.timeout, "--timeout");
  Job job = prepared(world, caller, arguments, arguments.where, sink, cancel);
  job.force_conflicts = arguments.force_conflicts;
  job.replace = arguments.replace;
  for (const std::string& each : render::warning_lines(job.rendered)) {
    Node event = Node::map();
    event.set("progress", "warning: " + each);
    sink(event);
  }
  if (arguments.dry_run != "none") return dry_run(job, arguments.dry_run);
  carry_out(job, {arguments.wait, timeout, arguments.keep_failed, arguments.passing});
}

void deploy_adopted(const World& world, const Caller& caller, Adoption adoption, const Cancel& cancel) {
  const render::Identity& identity = adoption.objects.identity;
  const targets::Ref ref{identity.namespace_name, identity.name};
  if (world.store.get(ref.namespace_name, ref.name))
    throw Problem(Kind::conflict, fmt::format("`{}` exists already", ref.name),
                  fmt::format("remove it first: mlib delete deployment {}{}", ref.name, in_namespace(ref)));
  const auto& [name, make] = target_of(world, adoption.target);
  const Sink nobody = [](const Node&) { return true; };
  std::unique_ptr<targets::Target> target = make({});
  Job job{world, caller, nobody, cancel, std::move(target), std::move(adoption.objects.rendered), ref, {}};
  job.record.namespace_name = ref.namespace_name;
  job.record.name = ref.name;
  job.record.target = name;
  job.record.template_name = job.rendered.template_name;
  job.record.framework = job.rendered.framework;
  job.record.model = job.rendered.model;
  job.record.user = identity.user;
  carry_out(job, {.wait = false});
}

Response diff(const World& world, const Caller& caller, const DiffArguments& arguments) {
  const Cancel never;
  const Sink nobody = [](const Node&) { return true; };
  Job job = prepared(world, caller, arguments, arguments.where, nobody, never);
  job.force_conflicts = arguments.force_conflicts;
  const std::vector<targets::Change> changes = job.target->plan(desired_of(job));
  std::string text;
  for (const targets::Change& change : changes) {
    if (change.action == targets::Change::Action::unchanged) continue;
    text += fmt::format("{} {}\n{}", verb_of(change.action), change.object,
                        line_diff(change.before, change.after));
  }
  const bool differs = !text.empty();
  if (!differs) text = "no differences\n";
  return {.value = changes_of(changes), .text = std::move(text), .exit_code = differs ? 1 : 0};
}

}  // namespace mlib::verbs
