#include "targets/podman_phase.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "targets/podman_labels.hpp"

namespace mlib::targets {
namespace {

const SeenContainer* find(const std::vector<SeenContainer>& all, std::string_view role,
                          bool (*is)(const SeenContainer&)) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const SeenContainer& each) { return each.role == role && is(each); });
  return found == all.end() ? nullptr : &*found;
}

bool any(const SeenContainer&) { return true; }
bool is_running(const SeenContainer& each) { return each.running(); }
bool has_ended(const SeenContainer& each) { return each.ended(); }
bool has_failed(const SeenContainer& each) { return each.ended() && each.exit_code != 0; }
bool is_waiting(const SeenContainer& each) { return !each.ended() && !each.running(); }

std::string to_seconds(const std::string& time) {
  if (time.starts_with("0001-") || time.size() < 19) return "";
  const std::size_t fraction = time.find('.');
  const std::size_t zone = time.find_first_of("Z+-", 19);
  if (fraction == std::string::npos || zone == std::string::npos) return time;
  return time.substr(0, fraction) + time.substr(zone);
}

std::string in_words(std::int64_t bytes) {
  if (bytes % (1 << 30) == 0) return fmt::format("{}Gi", bytes >> 30U);
  return bytes % (1 << 20) == 0 ? fmt::format("{}Mi", bytes >> 20U) : fmt::format("{} bytes", bytes);
}

std::string logs_hint(const Ref& ref) {
  return fmt::format("mlib logs {} -n {}", ref.name, ref.namespace_name);
}

void tell_end(Status& status, const Sight& sight, const SeenContainer& container, int exit_code) {
  const Cause cause = why_ended(container, exit_code, sight.log);
  status.cause = container.error.empty() ? cause.sentence : container.error;
  status.evidence = cause.evidence;
  status.hint = cause.hint.empty() ? fmt::format("its log: {}", logs_hint(sight.ref)) : cause.hint;
}

/// 4.3 never says that it was memory, so a kill under a limit is taken for it.
bool out_of_memory(const SeenContainer& container, int exit_code) {
  return container.out_of_memory || (exit_code == 137 && container.memory > 0);
}

std::string exit_text(const SeenContainer& container, int exit_code) {
  const std::string what = fmt::format("container {}", container.title);
  if (exit_code < 0) return fmt::format("{} ended and was started again", what);
  if (out_of_memory(container, exit_code))
    return fmt::format(
        "{} was killed (exit code {}), most likely because it needs more memory than its limit of {}", what,
        exit_code, in_words(container.memory));
  switch (exit_code) {
    case 0:
      return fmt::format("{} ended by itself (exit code 0)", what);
    case 126:
    case 127:
      return fmt::format("{} could not run its command (exit code {})", what, exit_code);
    case 132:
      return fmt::format("{} used an instruction that this CPU does not have (exit code 132)", what);
    case 134:
      return fmt::format("{} aborted (exit code 134)", what);
    case 137:
      return fmt::format("{} was killed (exit code 137)", what);
    case 139:
      return fmt::format("{} crashed (segmentation fault, exit code 139)", what);
    case 143:
      return fmt::format("{} was asked to end (exit code 143)", what);
    default:
      return fmt::format("{} ended with exit code {}", what, exit_code);
  }
}

Status of_inits(const Sight& sight, Status status) {
  if (const SeenContainer* failed = find(sight.containers, label::init, has_failed)) {
    status.phase = Phase::failed;
    status.summary = fmt::format("preparing it failed in container {}", failed->title);
    tell_end(status, sight, *failed, failed->exit_code);
    return status;
  }
  if (const SeenContainer* running = find(sight.containers, label::init, is_running)) {
    status.phase = Phase::starting;
    const std::string said = last_line(sight.log);
    status.summary = said.empty() ? fmt::format("container {} prepares it", running->title)
                                  : fmt::format("{}: {}", running->title, said);
    return status;
  }
  status.phase = Phase::pending;
  status.summary = "its containers are being made";
  status.hint = "if this lasts, the deploy was interrupted: deploy it again, or delete it";
  return status;
}

Status of_running(const Sight& sight, const SeenContainer& main, Status status) {
  const Probe& probe = sight.probe;
  if (const SeenContainer* ended = find(sight.containers, label::sidecar, has_ended)) {
    status.phase = Phase::degraded;
    status.summary = fmt::format("container {} has ended", ended->title);
    tell_end(status, sight, *ended, ended->exit_code);
    return status;
  }
  if (probe.ready()) {
    status.phase = Phase::ready;
    status.summary = "ready";
    if (main.restarts > 0) status.summary += fmt::format(", after {} restarts", main.restarts);
    return status;
  }
  const std::string answer = probe.status > 0 ? fmt::format("{} answers {}", probe.url, probe.status)
                                              : fmt::format("{} does not answer", probe.url);
  if (main.restarts >= 2) {
    status.phase = Phase::failed;
    status.summary = fmt::format("it ends again and again: {} restarts", main.restarts);
    tell_end(status, sight, main, sight.last_exit_code);
  } else if (sight.was_ready) {
    status.phase = Phase::degraded;
    status.summary = "it runs, but its endpoint has stopped answering";
    status.cause = probe.error.empty() ? answer : probe.error;
    status.evidence = telling_line(sight.log);
    status.hint = fmt::format("its log: {}", logs_hint(sight.ref));
  } else {
    status.phase = Phase::starting;
    status.summary = fmt::format("running; {}", answer);
    if (main.restarts == 1) tell_end(status, sight, main, sight.last_exit_code);
  }
  return status;
}

}  // namespace

SeenContainer seen(const Node& inspect) {
  SeenContainer made;
  made.id = inspect.text_at({"Id"});
  made.name = inspect.text_at({"Name"});
  made.state = inspect.text_at({"State", "Status"});
  made.error = inspect.text_at({"State", "Error"});
  made.exit_code = static_cast<int>(inspect.integer_at({"State", "ExitCode"}));
  made.restarts = static_cast<int>(inspect.integer_at({"RestartCount"}));
  made.tries = static_cast<int>(inspect.integer_at({"HostConfig", "RestartPolicy", "MaximumRetryCount"}));
  made.started = inspect.text_at({"State", "StartedAt"});
  made.finished = inspect.text_at({"State", "FinishedAt"});
  made.memory = inspect.integer_at({"HostConfig", "Memory"});
  const Node* killed = inspect.at({"State", "OOMKilled"});
  made.out_of_memory = killed != nullptr && killed->is_boolean() && killed->boolean();
  if (const Node* labels = inspect.at({"Config", "Labels"}); labels != nullptr && labels->is_map())
    made.labels = *labels;
  made.role = made.label(label::role);
  made.title = made.label(label::container);
  return made;
}

const SeenContainer* culprit(const std::vector<SeenContainer>& all) {
  if (const SeenContainer* found = find(all, label::init, has_failed)) return found;
  if (const SeenContainer* found = find(all, label::main, has_ended)) return found;
  if (const SeenContainer* found = find(all, label::sidecar, has_ended)) return found;
  if (const SeenContainer* found = find(all, label::init, is_running)) return found;
  return find(all, label::main, any);
}

Cause why_ended(const SeenContainer& container, int exit_code, std::string_view log) {
  Cause cause;
  cause.sentence = exit_text(container, exit_code);
  cause.evidence = telling_line(log);
  const bool memory = out_of_memory(container, exit_code);
  if (memory || exit_code == 137)
    cause.hint = "choose a hardware card with more memory, a smaller model or a shorter context";
  if (exit_code == 126 || exit_code == 127) cause.hint = "check the framework's command and image";
  if (exit_code == 132) cause.hint = "take an image that is built for this CPU";
  if (const std::optional<Cause> known = known_line(log); known && !memory) {
    cause.sentence = fmt::format("{}: {}", known->sentence, cause.sentence);
    cause.evidence = known->evidence;
    cause.hint = known->hint;
  }
  return cause;
}

Status status_of(const Sight& sight) {
  Status status;
  if (sight.containers.empty()) {
    status.summary = "not there";
    return status;
  }
  const SeenContainer* main = find(sight.containers, label::main, any);
  if (main == nullptr || is_waiting(*main)) return of_inits(sight, status);
  status.since = to_seconds(main->started);
  if (main->ended()) {
    status.since = to_seconds(main->finished);
    status.phase = Phase::failed;
    status.summary = main->tries > 0 && main->restarts >= main->tries
                         ? fmt::format("it ended, and podman gave up after {} restarts", main->restarts)
                         : "it has ended";
    tell_end(status, sight, *main, main->exit_code);
    return status;
  }
  if (!sight.probe.url.empty()) status.endpoint = sight.probe.url.substr(0, sight.probe.url.find('/', 8));
  return of_running(sight, *main, status);
}

}  // namespace mlib::targets
