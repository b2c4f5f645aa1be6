#include "verbs/deploying.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "verbs/lines.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using targets::Phase;

/// One deploy on its way.
struct Job {
  const World& world;
  const Caller& caller;
  const Sink& sink;
  const Cancel& cancel;
  std::unique_ptr<targets::Target> target;
  render::Rendered rendered;
  targets::Ref ref;
  store::Deployment record;
  bool is_new = true;
  bool force_conflicts = false;

  bool tell(std::string_view line) const {
    Node event = Node::map();
    event.set("progress", line);
    return sink(event);
  }
};

store::Audit entry(const Job& job, std::string_view verb, std::string detail) {
  return {utc(job.world.clock.wall()), job.caller.user, std::string(verb),
          fmt::format("{}/{}", job.ref.namespace_name, job.ref.name), std::move(detail)};
}

/// ` -n team-a`, or "" in the default namespace.
std::string in_namespace(const targets::Ref& ref) {
  return ref.namespace_name == default_namespace ? "" : " -n " + ref.namespace_name;
}

std::string how_to_remove(const targets::Ref& ref) {
  return fmt::format("mlib delete deployment {}{}", ref.name, in_namespace(ref));
}

/// Overrides as they may be kept: without those of secret parameters.
cards::Dict<Node> without_secrets(const cards::Dict<Node>& values, const render::Values& merged) {
  cards::Dict<Node> kept;
  for (const auto& [name, value] : values) {
    const auto at = merged.find(name);
    if (at == merged.end() || !at->second.secret) kept.emplace_back(name, value);
  }
  return kept;
}

std::vector<targets::Owned> inventory_of(const store::Deployment& record) {
  schema::Reader reader;
  std::vector<targets::Owned> known;
  schema::decode(reader, record.inventory, known, {});
  return known;
}

void refuse_other(const store::Deployment& there, const std::string& target, const Instance& wanted) {
  const targets::Ref ref{there.namespace_name, there.name};
  const std::string hint = fmt::format("take another --name, or remove it first: {}", how_to_remove(ref));
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
  std::unique_ptr<targets::Target> target = make({where.kubeconfig, where.context});
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
  record.values = without_secrets(wanted.set, job.rendered.values);
  return job;
}

targets::Desired desired_of(const Job& job) {
  targets::Desired desired;
  desired.ref = job.ref;
  desired.rendered = &job.rendered;
  desired.known = inventory_of(job.record);
  desired.force_conflicts = job.force_conflicts;
  return desired;
}

void put(Job& job, std::string_view state, const std::string& message, std::string_view verb) {
  job.record.state = state;
  job.record.message = message;
  job.record.updated = utc(job.world.clock.wall());
  if (job.record.created.empty()) job.record.created = job.record.updated;
  job.record = job.world.store.put(job.record, entry(job, verb, message));
}

Phase phase_now(const Job& job) {
  try {
    return job.target->observe(job.ref).phase;
  } catch (const Problem&) {
    return Phase::failed;
  }
}

/// After a failed apply: the record goes when nothing is there, else it says what went wrong. True when it
/// stays.
bool settle(Job& job, const Problem& problem) {
  if (job.is_new && phase_now(job) == Phase::absent) {
    job.world.store.remove(job.ref.namespace_name, job.ref.name,
                           entry(job, "deploy-failed", problem.message()));
    return false;
  }
  put(job, "failed", problem.message(), "deploy-failed");
  return true;
}

[[noreturn]] void fail_ended(const Job& job, bool left) {
  if (!left)
    throw Problem(Kind::cancelled, fmt::format("ended before `{}` ran; nothing of it is left", job.ref.name));
  throw Problem(Kind::cancelled,
                fmt::format("ended while `{}` was changed; some of it may run", job.ref.name),
                fmt::format("deploy it again, or remove it: {}", how_to_remove(job.ref)));
}

void apply(Job& job) {
  if (job.is_new) job.target->observe(job.ref);  // where nobody answers, nothing is recorded either
  put(job, "deploying", "", job.is_new ? "deploy" : "update");
  try {
    const std::vector<targets::Owned> owned = job.target->apply(
        desired_of(job), [&](std::string_view line) { return job.tell(line); }, job.cancel);
    job.record.inventory = schema::encode(owned);
  } catch (const Problem& problem) {
    const bool left = settle(job, problem);
    if (problem.kind() == Kind::cancelled) fail_ended(job, left);
    throw;
  }
  job.record.manifest = render::to_manifest(job.rendered, false);
  put(job, "deployed", "", "deployed");
}

/// The last lines of its log, indented; "" when there are none to be had.
std::string last_lines(const Job& job) {
  std::string text;
  targets::LogOptions options;
  options.tail = 10;
  try {
    job.target->logs(
        job.ref, options,
        [&](std::string_view line) {
          text += fmt::format("\n  | {}", line);
          return true;
        },
        job.cancel);
  } catch (const Problem&) {
    return "";
  }
  return text;
}

/// Takes a new deployment that failed away again; gives what to say of it.
std::string taken_away(Job& job) {
  targets::RemoveOptions options;
  options.known = inventory_of(job.record);
  const Cancel never;
  try {
    const targets::Removed removed = job.target->remove(
        job.ref, options, [](std::string_view) { return true; }, never);
    job.world.store.remove(job.ref.namespace_name, job.ref.name, entry(job, "removed-failed", ""));
    if (removed.kept.empty()) return "nothing of it is left (--keep-failed would leave it)";
    return fmt::format("it was removed, but for {} (--keep-failed would leave it)", join(removed.kept, ", "));
  } catch (const Problem& problem) {
    return fmt::format("it could not be removed ({}): {}", problem.message(), how_to_remove(job.ref));
  }
}

[[noreturn]] void fail(Job& job, const targets::Status& status, bool keep) {
  std::string message =
      fmt::format("`{}` failed: {}", job.ref.name, status.cause.empty() ? status.summary : status.cause);
  if (!status.evidence.empty()) message += "\n  " + status.evidence;
  message += last_lines(job);
  put(job, "failed", status.cause.empty() ? status.summary : status.cause, "failed");
  std::string hint = status.hint;
  const std::string after = job.is_new && !keep ? taken_away(job) : "remove it: " + how_to_remove(job.ref);
  hint += (hint.empty() ? "" : "; ") + after;
  throw Problem(Kind::failed, message, hint);
}

/// Watches every second until ready; see deploy for how it may end.
targets::Status wait(Job& job, std::chrono::milliseconds timeout, bool keep) {
  const auto end = job.world.clock.now() + timeout;
  std::string last;
  for (;;) {
    const targets::Status status = job.target->observe(job.ref);
    if (status.phase == Phase::ready) return status;
    if (status.phase == Phase::failed) fail(job, status, keep);
    const std::string line = fmt::format("{}: {}", targets::to_text(status.phase), status.summary);
    const bool listening = line == last || job.tell(line);
    last = line;
    const std::string hint = fmt::format("see it: mlib status {0}{1}; remove it: {2}", job.ref.name,
                                         in_namespace(job.ref), how_to_remove(job.ref));
    if (job.cancel.asked() || !listening)
      throw Problem(Kind::cancelled, fmt::format("stopped waiting; `{}` goes on ({})", job.ref.name, line),
                    hint);
    if (job.world.clock.now() >= end)
      throw Problem(Kind::timeout, fmt::format("`{}` is not ready in time ({})", job.ref.name, line),
                    hint + "; wait longer: --timeout");
    job.world.clock.sleep(std::chrono::seconds{1});
  }
}

/// What became of it, and what may be done next.
void tell_result(const Job& job, const targets::Status& status) {
  Deployed done{job.ref.namespace_name,
                job.ref.name,
                job.record.target,
                job.record.template_name,
                std::string(targets::to_text(status.phase)),
                status.summary,
                status.endpoint,
                job.record.revision};
  const std::string where = in_namespace(job.ref);
  std::string text = fmt::format("{} is {}", job.ref.name, done.phase);
  if (!done.endpoint.empty()) text += fmt::format(" at {}", done.endpoint);
  text += fmt::format("\n  status:  mlib status {0}{1}\n  logs:    mlib logs {0}{1} -f\n  remove:  {2}\n",
                      job.ref.name, where, how_to_remove(job.ref));
  Node event = Node::map();
  event.set("result", schema::encode(done));
  event.set("text", text);
  job.sink(event);
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
  if (arguments.dry_run != "none") return dry_run(job, arguments.dry_run);
  apply(job);
  tell_result(job, arguments.wait ? wait(job, timeout, arguments.keep_failed) : job.target->observe(job.ref));
}

Response diff(const World& world, const Caller& caller, const DiffArguments& arguments) {
  const Cancel never;
  const Sink nobody = [](const Node&) { return true; };
  const Job job = prepared(world, caller, arguments, arguments.where, nobody, never);
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
