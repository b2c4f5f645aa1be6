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

/// A container that ended, how, and what that may mean.
struct End {
  const SeenContainer& container;
  int exit_code;
  const cards::Causes& causes;
};

std::string logs_hint(const Ref& ref) {
  return fmt::format("mlib logs {} -n {}", ref.name, ref.namespace_name);
}

/// 4.3 never says that it was memory, so a kill under a limit is taken for it.
std::string end_reason(const SeenContainer& container, int exit_code) {
  if (!container.error.empty()) return "StartError";
  if (exit_code < 0) return "Restarted";
  if (container.stopped) return "Stopped";
  if (container.out_of_memory) return "OOMKilled";
  return exit_code == 137 && container.memory > 0 ? "KilledUnderLimit" : "Error";
}

void tell_end(Status& status, const Sight& sight, const End& end) {
  const Cause cause = why_ended(end.container, end.exit_code, sight.log, end.causes);
  status.cause = cause.sentence;
  status.reason = cause.name;
  status.evidence = cause.evidence;
  status.hint = cause.hint.empty() ? fmt::format("its log: {}", logs_hint(sight.ref)) : cause.hint;
}

Status of_inits(const Sight& sight, const cards::Causes& causes, Status status) {
  if (const SeenContainer* failed = find(sight.containers, label::init, has_failed)) {
    status.phase = Phase::failed;
    status.summary = fmt::format("preparing it failed in container {}", failed->title);
    tell_end(status, sight, {*failed, failed->exit_code, causes});
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

Status of_running(const Sight& sight, const SeenContainer& main, const cards::Causes& causes, Status status) {
  const Probe& probe = sight.probe;
  if (const SeenContainer* ended = find(sight.containers, label::sidecar, has_ended)) {
    status.phase = Phase::degraded;
    status.summary = fmt::format("container {} has ended", ended->title);
    tell_end(status, sight, {*ended, ended->exit_code, causes});
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
    tell_end(status, sight, {main, sight.last_exit_code, causes});
  } else if (sight.was_ready) {
    status.phase = Phase::degraded;
    status.summary = "it runs, but its endpoint has stopped answering";
    status.cause = probe.error.empty() ? answer : probe.error;
    status.evidence = telling_line(sight.log);
    status.hint = fmt::format("its log: {}", logs_hint(sight.ref));
  } else {
    status.phase = Phase::starting;
    status.summary = fmt::format("running; {}", answer);
    if (main.restarts == 1) tell_end(status, sight, {main, sight.last_exit_code, causes});
  }
  return status;
}

Status of_ended(const Sight& sight, const SeenContainer& main, const cards::Causes& causes, Status status) {
  SeenContainer ended = main;
  const bool restarts = ended.exit_code != 0 && ended.error.empty() && ended.restarts < ended.tries;
  ended.stopped = restarts && !sight.just_ended;
  status.since = to_seconds(ended.finished);
  status.phase = restarts && sight.just_ended ? Phase::starting : Phase::failed;
  if (restarts)
    status.summary = ended.stopped ? "it was stopped" : "it ended, and podman starts it again";
  else
    status.summary = ended.tries > 0 && ended.restarts >= ended.tries
                         ? fmt::format("it ended, and podman gave up after {} restarts", ended.restarts)
                         : "it has ended";
  tell_end(status, sight, {ended, ended.exit_code, causes});
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
  made.image = inspect.text_at({"ImageName"});
  const std::string id = inspect.text_at({"Image"});
  made.digest = inspect.text_at({"ImageDigest"}, id.empty() ? "" : "sha256:" + id);
  if (std::string program = inspect.text_at({"Path"}); !program.empty()) made.command.push_back(program);
  if (const Node* words = inspect.find("Args"); words != nullptr && words->is_list())
    for (const Node& word : words->items())
      if (word.is_string()) made.command.push_back(word.string());
  made.started = inspect.text_at({"State", "StartedAt"});
  made.finished = inspect.text_at({"State", "FinishedAt"});
  made.memory = inspect.integer_at({"HostConfig", "Memory"});
  if (const std::int64_t period = inspect.integer_at({"HostConfig", "CpuPeriod"}); period > 0)
    made.cpus =
        static_cast<double>(inspect.integer_at({"HostConfig", "CpuQuota"})) / static_cast<double>(period);
  if (const std::int64_t nano = inspect.integer_at({"HostConfig", "NanoCpus"}); nano > 0)
    made.cpus = static_cast<double>(nano) / 1e9;
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

Cause why_ended(const SeenContainer& container, int exit_code, std::string_view log,
                const cards::Causes& causes) {
  const bool unstarted = !container.error.empty();
  cards::Sign sign{unstarted ? "container" : "ended", end_reason(container, exit_code), exit_code,
                   container.error};
  sign.facts["who"] =
      fmt::format("{}container `{}`", container.role == label::init ? "init " : "", container.title);
  if (container.memory > 0) sign.facts["limit"] = in_words(container.memory);
  return ended_cause(causes, sign, [&] { return std::string(log); });
}

Status status_of(const Sight& sight, const cards::Causes& causes) {
  Status status;
  if (sight.containers.empty()) {
    status.summary = "not there";
    return status;
  }
  const SeenContainer* main = find(sight.containers, label::main, any);
  if (main == nullptr || is_waiting(*main)) return of_inits(sight, causes, status);
  status.since = to_seconds(main->started);
  if (main->ended()) return of_ended(sight, *main, causes, status);
  if (!sight.probe.url.empty()) status.endpoint = sight.probe.url.substr(0, sight.probe.url.find('/', 8));
  return of_running(sight, *main, causes, status);
}

}  // namespace mlib::targets
