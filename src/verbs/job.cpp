#include "verbs/job.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "verbs/deploying.hpp"
#include "verbs/names.hpp"
#include "verbs/probing.hpp"

namespace mlib::verbs {
namespace {

using targets::Phase;

store::Audit entry(const Job& job, std::string_view verb, std::string detail) {
  return {utc(job.world.clock.wall()), job.caller.user, std::string(verb),
          fmt::format("{}/{}", job.ref.namespace_name, job.ref.name), std::move(detail)};
}

std::string how_to_remove(const targets::Ref& ref) {
  return fmt::format("mlib delete deployment {}{}", ref.name, in_namespace(ref));
}

void put(Job& job, std::string_view state, const std::string& message, std::string_view verb) {
  job.record.state = state;
  job.record.message = message;
  job.record.updated = utc(job.world.clock.wall());
  if (job.record.created.empty()) job.record.created = job.record.updated;
  const std::string detail = message.empty() && job.force_conflicts ? "--force-conflicts" : message;
  job.record = job.world.store.put(job.record, entry(job, verb, detail));
}

/// Whether nothing of a new deployment runs, and what else of it the apply left is removed.
bool nothing_left(const Job& job) {
  try {
    if (job.target->observe(job.ref).phase != Phase::absent) return false;
    job.target->remove(job.ref, {}, {}, Cancel());
    return true;
  } catch (const Problem&) {
    return false;  // it stays recorded, so that it can be removed later
  }
}

/// After a failed apply: the record goes when nothing of it is there, and is as it was when a conflict kept
/// everything from being changed; else it says what went wrong. True when it stays.
bool settle(Job& job, std::optional<store::Deployment> before, const Problem& problem) {
  const bool refused = problem.kind() == Kind::conflict;
  if (refused && before) {
    before->revision = job.record.revision;
    job.record = *before;
    put(job, before->state, before->message, "deploy-refused");
    return true;
  }
  if (job.is_new && (refused || nothing_left(job))) {
    job.world.store.remove(job.ref.namespace_name, job.ref.name,
                           entry(job, "deploy-failed", problem.message()));
    return false;
  }
  std::string message = problem.message();
  for (const Finding& each : problem.findings())
    message += (each.warning ? "\n  warning: " : "\n  ") + each.message;
  put(job, incomplete_state, message, "deploy-failed");
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
  const std::unique_ptr<store::Hold> held = hold(job.world, job.ref);
  std::optional<store::Deployment> before = job.world.store.get(job.ref.namespace_name, job.ref.name);
  job.record.place = checked_place(job.record, *job.target);
  if (job.record.id.empty()) job.record.id = random_hex(16);
  job.ref.id = job.record.id;
  ++job.record.applies;
  put(job, "deploying", "", job.verb == "deploy" && !job.is_new ? "update" : job.verb);
  try {
    const std::vector<targets::Owned> owned = job.target->apply(
        desired_of(job), [&](std::string_view line) { return job.tell(line); }, job.cancel);
    job.record.inventory = schema::encode(owned);
  } catch (const Problem& problem) {
    const bool left = settle(job, std::move(before), problem);
    if (problem.kind() == Kind::cancelled) fail_ended(job, left);
    throw;
  }
  job.record.manifest = render::to_manifest(job.rendered, false);
  job.record.port = job.rendered.endpoint.port;
  job.record.health = job.rendered.endpoint.health_path.value_or("");
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

/// What becomes of a deployment that failed.
std::string afterwards(Job& job, const Waiting& waiting) {
  if (waiting.passing) return "";
  return job.is_new && !waiting.keep_failed ? taken_away(job) : "remove it: " + how_to_remove(job.ref);
}

[[noreturn]] void fail(Job& job, const targets::Status& status, const Waiting& waiting) {
  std::string message =
      fmt::format("`{}` failed: {}", job.ref.name, status.cause.empty() ? status.summary : status.cause);
  if (!status.evidence.empty()) message += "\n  " + status.evidence;
  message += last_lines(job);
  put(job, "failed", status.cause.empty() ? status.summary : status.cause, "failed");
  std::string hint = status.hint;
  const std::string after = afterwards(job, waiting);
  hint += (hint.empty() || after.empty() ? "" : "; ") + after;
  throw Problem(Kind::failed, message, hint);
}

/// Asks the endpoint itself, since a pod that is ready may take a second to be reachable through its Service.
/// Tells when it does not answer from this machine within ten seconds.
void await_answer(const Job& job, const std::string& endpoint) {
  if (job.world.http == nullptr || endpoint.empty() || job.record.health.empty()) return;
  const Asking asking{job.world, *job.target, job.record, endpoint, "", &job.cancel};
  const auto end = job.world.clock.now() + std::chrono::seconds{10};
  while (!job.cancel.asked()) {
    const Answered answered = ask_health(asking);
    if (answered.status > 0) return;
    if (job.world.clock.now() >= end) {
      job.tell(fmt::format("its endpoint does not answer from here: {}", answered.said));
      return;
    }
    job.world.clock.sleep(std::chrono::milliseconds{200});
  }
}

/// Watches every second until ready; see deploy for how it may end.
targets::Status wait(Job& job, const Waiting& waiting) {
  const auto end = job.world.clock.now() + waiting.timeout;
  std::string last;
  for (;;) {
    const targets::Status status = status_or_away(*job.target, job.ref, true);
    if (status.phase == Phase::ready) {
      await_answer(job, status.endpoint);
      return status;
    }
    if (status.phase == Phase::failed) fail(job, status, waiting);
    const std::string line = fmt::format("{}: {}", targets::to_text(status.phase), status.summary);
    const bool listening = line == last || job.tell(line);
    last = line;
    const std::string hint = fmt::format("see it: mlib status {0}{1}; remove it: {2}", job.ref.name,
                                         in_namespace(job.ref), how_to_remove(job.ref));
    if (job.cancel.asked() || !listening)
      throw Problem(Kind::cancelled, fmt::format("stopped waiting; `{}` goes on ({})", job.ref.name, line),
                    hint);
    const std::string evidence = status.evidence.empty() ? "" : "\n  " + status.evidence;
    if (job.world.clock.now() >= end)
      throw Problem(Kind::timeout,
                    fmt::format("`{}` is not ready in time ({}){}", job.ref.name, line, evidence),
                    (waiting.passing ? "" : hint + "; ") + "wait longer: --timeout");
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
                job.record.applies};
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

}  // namespace

std::string in_namespace(const targets::Ref& ref) {
  return ref.namespace_name == default_namespace ? "" : " -n " + ref.namespace_name;
}

targets::Status status_or_away(targets::Target& target, const targets::Ref& ref, bool answered) {
  try {
    return target.observe(ref);
  } catch (const Problem& problem) {
    const bool may_pass = problem.kind() == Kind::unavailable || problem.kind() == Kind::timeout ||
                          problem.kind() == Kind::failed;
    if (!answered || !may_pass) throw;
    targets::Status status;
    status.phase = Phase::pending;
    status.summary = "not known now: " + problem.message();
    return status;
  }
}

targets::Ref ref_of(const store::Deployment& record) {
  return {record.namespace_name, record.name, record.id};
}

std::string checked_place(const store::Deployment& record, targets::Target& target) {
  const std::string now = target.place();
  if (now.empty()) return record.place;
  if (record.place.empty() || now == record.place) return now;
  throw Problem(
      Kind::conflict,
      fmt::format("`{}` is on another cluster than the one that is reached now (kube-system of that "
                  "one has uid {}, of this one {})",
                  record.name, record.place, now),
      "reach that one: --context or --kubeconfig");
}

std::vector<targets::Owned> inventory_of(const store::Deployment& record) {
  schema::Reader reader;
  std::vector<targets::Owned> known;
  schema::decode(reader, record.inventory, known, {});
  return known;
}

targets::Desired desired_of(const Job& job) {
  targets::Desired desired;
  desired.ref = job.ref;
  desired.ref.id = job.record.id;
  desired.rendered = &job.rendered;
  desired.known = inventory_of(job.record);
  desired.force_conflicts = job.force_conflicts;
  desired.replace = job.replace;
  desired.keeps_secrets = job.keeps_secrets;
  desired.last = job.record.manifest;
  return desired;
}

std::unique_ptr<store::Hold> hold(const World& world, const targets::Ref& ref) {
  std::unique_ptr<store::Hold> held = world.store.hold(ref.namespace_name, ref.name);
  if (held == nullptr)
    throw Problem(Kind::conflict, fmt::format("`{}` is being changed by somebody else right now", ref.name),
                  fmt::format("wait until that is done: mlib status {}{}", ref.name, in_namespace(ref)));
  return held;
}

void carry_out(Job& job, const Waiting& waiting) {
  apply(job);
  tell_result(job, waiting.wait ? wait(job, waiting) : job.target->observe(job.ref));
}

}  // namespace mlib::verbs
