#include "targets/podman.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <deque>
#include <filesystem>
#include <fstream>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "targets/podman_attempt.hpp"
#include "targets/podman_labels.hpp"
#include "targets/podman_machine.hpp"
#include "targets/podman_probe.hpp"
#include "targets/podman_record.hpp"

namespace mlib::targets {
namespace {

using std::chrono::milliseconds;

const SeenContainer* main_of(const std::vector<SeenContainer>& all) {
  const std::string_view old = ".old";
  for (const SeenContainer& each : all)
    if (each.role == label::main && !each.name.ends_with(old)) return &each;
  return nullptr;
}

/// Nothing of it has ended or is half made.
bool is_whole(const std::vector<SeenContainer>& all) {
  return std::all_of(all.begin(), all.end(), [](const SeenContainer& each) {
    return each.role == label::init ? each.ended() && each.exit_code == 0 : each.running();
  });
}

/// Leaves the container of that title, or all for "".
void choose(std::vector<SeenContainer>& all, const std::string& title) {
  if (title.empty()) return;
  std::vector<std::string> known;
  for (const SeenContainer& each : all) known.push_back(each.title);
  std::erase_if(all, [&](const SeenContainer& each) { return each.title != title; });
  if (all.empty())
    throw Problem(Kind::not_found, fmt::format("there is no container `{}`", shortened(title, 60)),
                  "its containers: " + join(known, ", "));
}

/// podman's time, `2026-11-28T18:00:00.123+01:00`, as UTC to the second; "" when it is none.
std::string short_time(const std::string& time) {
  std::tm parts{};
  if (::strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return "";
  int hours = 0, minutes = 0;
  const std::size_t zone = time.find_first_of("+-", 19);
  if (zone != std::string::npos) std::sscanf(time.c_str() + zone, "%d:%d", &hours, &minutes);
  const bool west = zone != std::string::npos && time[zone] == '-';
  const std::time_t local = ::timegm(&parts);
  return utc(std::chrono::system_clock::from_time_t(local - hours * 3600 - (west ? -minutes : minutes) * 60));
}

Owned owned(std::string kind, const Ref& ref, std::string name, std::string uid) {
  Owned made;
  made.kind = std::move(kind);
  made.api_version = "podman";
  made.namespace_name = ref.namespace_name;
  made.name = std::move(name);
  made.uid = std::move(uid);
  return made;
}

class Podman final : public Target {
 public:
  Podman(net::Client& client, Clock& clock, PodmanOptions options)
      : client_(client), clock_(clock), options_(std::move(options)), podman_(client_, options_) {}

  std::string_view name() const override { return "podman"; }
  std::vector<Change> plan(const Desired& desired) override;
  std::vector<Owned> apply(const Desired& desired, const LineSink& progress, const Cancel& cancel) override;
  Status observe(const Ref& ref) override;
  void logs(const Ref& ref, const LogOptions& options, const LineSink& sink, const Cancel& cancel) override;
  Removed remove(const Ref& ref, const RemoveOptions& options, const LineSink& progress,
                 const Cancel& cancel) override;
  std::vector<Event> events(const Ref& ref) override;
  std::vector<std::string> contents(const std::string& namespace_name) override;
  void remove_namespace(const std::string& namespace_name, const LineSink& progress,
                        const Cancel& cancel) override;
  std::vector<std::string> storage(const Ref& ref, const std::vector<Owned>&) override {
    return storage_of(podman_, ref);
  }
  std::vector<Capacity> capacity() override { return {capacity_of(podman_)}; }
  std::vector<Running> running(const Ref& ref) override { return running_of(podman_, ref); }

 private:
  std::vector<Change> changes(const Desired& desired, const std::vector<SeenContainer>& there) const;
  void refuse_foreign(const PodmanApp& app, const Ref& ref);
  void refuse_missing_claims(const PodmanApp& app, const Desired& desired);
  std::vector<Owned> inventory(const Ref& ref);
  void remove_storage(const Ref& ref, const RemoveOptions& options, Removed& removed);
  /// Whether the main container has answered since it started; a probe that is ready notes it.
  bool was_ready(const Ref& ref, const SeenContainer& main, bool ready) const;

  net::Client& client_;
  Clock& clock_;
  PodmanOptions options_;
  Libpod podman_;
};

/// A name that a container of others has, before anything is touched.
void Podman::refuse_foreign(const PodmanApp& app, const Ref& ref) {
  std::vector<std::string> names{app.main.name};
  for (const PodmanContainer& each : app.inits) names.push_back(each.name);
  for (const PodmanContainer& each : app.sidecars) names.push_back(each.name);
  for (const std::string& name : names) {
    const SeenContainer there = podman_.container(name);
    if (there.id.empty()) continue;
    if (there.label(label::managed_by) == label::us && there.label(label::name) == ref.name &&
        there.label(label::namespace_name) == ref.namespace_name)
      continue;
    throw Problem(
        Kind::conflict,
        fmt::format("`{}` cannot be deployed: a container {} exists that is not ours", ref.name, name),
        fmt::format("choose another --name, or remove it: podman rm -f {}", name));
  }
}

/// A claim that is named but not among the objects must be there already.
void Podman::refuse_missing_claims(const PodmanApp& app, const Desired& desired) {
  for (const PodmanVolume& each : app.volumes) {
    if (each.claim.empty()) continue;
    const std::vector<Node>& objects = desired.rendered->objects;
    const bool made = std::any_of(objects.begin(), objects.end(), [&](const Node& object) {
      return object.text_at({"kind"}) == "PersistentVolumeClaim" &&
             object.text_at({"metadata", "name"}) == each.claim;
    });
    if (!made && !podman_.has_volume(each.name))
      throw Problem(
          Kind::not_found,
          fmt::format("claim {} does not exist in namespace {}", each.claim, desired.ref.namespace_name),
          fmt::format("make and fill it: podman volume create {}", each.name));
  }
}

std::vector<Change> Podman::changes(const Desired& desired, const std::vector<SeenContainer>& there) const {
  const SeenContainer* main = main_of(there);
  if (main == nullptr) return compare({}, record_of(desired, ""));
  std::vector<Change> changes =
      compare(from_label(main->label(label::record)), record_of(desired, main->label(label::generation)));
  if (!is_whole(there))
    for (Change& each : changes)  // the same values again, but it does not run
      if (each.object.starts_with("Deployment ") && each.action == Change::Action::unchanged)
        each.action = Change::Action::update;
  return changes;
}

std::vector<Change> Podman::plan(const Desired& desired) {
  const PodmanApp app = to_containers(desired, "plan", this_machine());
  const std::vector<SeenContainer> there = podman_.containers(desired.ref);
  refuse_foreign(app, desired.ref);
  refuse_missing_claims(app, desired);
  return changes(desired, there);
}

/// For keeps_secrets: the Secrets of `objects` as they run, their values masked.
std::vector<Node> with_running_secrets(std::vector<Node> objects, const std::vector<Recorded>& running) {
  for (Node& object : objects) {
    if (object.text_at({"kind"}) != "Secret") continue;
    const std::string name = object.text_at({"metadata", "name"});
    Node data = Node::map();
    for (const Recorded& each : running)
      if (each.masked.text_at({"kind"}) == "Secret" && each.masked.text_at({"metadata", "name"}) == name)
        if (const Node* found = each.masked.find("data"); found != nullptr && found->is_map()) data = *found;
    if (const Node* then = object.find("data"); then != nullptr && then->is_map())
      for (const schema::Entry& entry : then->entries())
        if (data.find(entry.key) == nullptr) throw no_running_secret(name, entry.key);
    object.set("data", std::move(data));
  }
  return objects;
}

std::vector<Owned> Podman::apply(const Desired& wish, const LineSink& progress, const Cancel& cancel) {
  const std::vector<SeenContainer> there = podman_.containers(wish.ref);
  Desired desired = wish;
  render::Rendered kept;
  Machine machine = this_machine();
  if (wish.keeps_secrets) {
    const SeenContainer* main = main_of(there);
    kept = *wish.rendered;
    kept.objects = with_running_secrets(
        std::move(kept.objects),
        main == nullptr ? std::vector<Recorded>{} : from_label(main->label(label::record)));
    desired.rendered = &kept;
    machine.held = podman_.secrets(wish.ref);
    machine.generation = main == nullptr ? "" : main->label(label::generation);
  }
  const std::vector<Change> wanted = changes(desired, there);
  if (std::all_of(wanted.begin(), wanted.end(),
                  [](const Change& each) { return each.action == Change::Action::unchanged; })) {
    progress(fmt::format("{} runs already as asked for", desired.ref.name));
    return inventory(desired.ref);
  }
  const std::string generation = random_hex(4);
  PodmanApp app = to_containers(desired, generation, machine);
  refuse_foreign(app, desired.ref);
  refuse_missing_claims(app, desired);
  app.main.body.child("labels").set(label::record, to_label(record_of(desired, generation)));
  for (const std::string& note : app.notes) progress(note);
  const SeenContainer* main = main_of(there);
  const std::optional<double> port = main == nullptr ? std::nullopt : quantity(main->label(label::host_port));

  const Attempting with{podman_, client_, clock_, options_, progress, cancel};
  Attempt attempt(with, desired.ref, std::move(app), there);
  attempt.get_images();
  attempt.make_storage();
  attempt.prepare();
  attempt.run(static_cast<int>(port.value_or(0)));
  attempt.settle();
  attempt.keep();
  return inventory(desired.ref);
}

std::vector<Owned> Podman::inventory(const Ref& ref) {
  std::vector<Owned> all;
  for (const SeenContainer& each : podman_.containers(ref))
    all.push_back(owned("Container", ref, each.name, each.id));
  for (const SeenVolume& each : podman_.volumes(ref)) all.push_back(owned("Volume", ref, each.name, ""));
  for (const std::string& each : podman_.secrets(ref)) all.push_back(owned("Secret", ref, each, ""));
  return all;
}

bool Podman::was_ready(const Ref& ref, const SeenContainer& main, bool ready) const {
  namespace fs = std::filesystem;
  if (options_.state.empty()) return false;
  const fs::path folder = fs::path(options_.state) / "ready";
  const fs::path file = folder / fmt::format("{}.{}", ref.namespace_name, ref.name);
  const std::string run = fmt::format("{} {}", main.id, main.started);
  std::string noted;
  std::ifstream in(file);
  std::getline(in, noted);
  if (noted == run) return true;
  if (!ready) return false;
  std::error_code error;
  fs::create_directories(folder, error);
  std::ofstream(file, std::ios::trunc) << run << '\n';
  return true;
}

Status Podman::observe(const Ref& ref) {
  Sight sight;
  sight.ref = ref;
  sight.containers = podman_.containers(ref);
  std::erase_if(sight.containers, [](const SeenContainer& each) { return each.name.ends_with(".old"); });
  const SeenContainer* main = main_of(sight.containers);
  if (main != nullptr && main->running()) {
    sight.probe = probe(client_, *main, milliseconds(2'000));
    sight.was_ready = was_ready(ref, *main, sight.probe.ready());
  }
  if (main != nullptr && main->ended())
    sight.just_ended = short_time(main->finished) >= utc(clock_.wall() - std::chrono::seconds(3));
  const SeenContainer* blamed = culprit(sight.containers);
  if (blamed != nullptr && !sight.probe.ready()) {
    sight.log = podman_.end_of_log(blamed->id);
    if (blamed->restarts > 0 && blamed->running()) sight.last_exit_code = podman_.last_exit_code(blamed->id);
  }
  return status_of(sight, options_.causes);
}

void Podman::logs(const Ref& ref, const LogOptions& options, const LineSink& sink, const Cancel& cancel) {
  std::vector<SeenContainer> all = podman_.containers(ref);
  std::erase_if(all, [](const SeenContainer& each) { return each.name.ends_with(".old"); });
  if (all.empty())
    throw Problem(Kind::not_found, fmt::format("{} is not deployed on this machine", ref.name));
  const bool prefixed = options.all_pods || (all.size() > 1 && options.container.empty());
  choose(all, options.container);
  const SeenContainer* main = main_of(all);
  if (main == nullptr) main = &all.front();
  std::string common = options.timestamps ? "&timestamps=true" : "";
  if (!options.since.empty()) common += "&since=" + percent_encoded(options.since);
  const auto lines_of = [&](const SeenContainer& from, const LineSink& to) -> LineSink {
    if (!prefixed) return to;
    return [to, prefix = from.title + " | "](std::string_view line) { return to(prefix + std::string(line)); };
  };
  const auto give = [&](const SeenContainer& from, const std::string& query, const LineSink& to) {
    podman_.logs(from.id, query + common, lines_of(from, to), &cancel);
  };
  if (options.previous) {
    if (main->restarts == 0)
      throw Problem(Kind::not_found, fmt::format("{} has not been started before this run", ref.name));
    const std::string boundary = main->ended() ? main->started : main->finished;
    give(*main, "until=" + percent_encoded(boundary), sink);
    return;
  }
  std::deque<std::string> kept;
  const bool bounded = options.tail >= 0;
  bool wanted = true;
  const auto take = [&](std::string_view line) {
    if (!bounded) return wanted = wanted && sink(line);
    kept.emplace_back(line);
    if (kept.size() > static_cast<std::size_t>(options.tail)) kept.pop_front();
    return true;
  };
  // Not podman's own `tail`: of lines that were written in pieces it makes others.
  for (const std::string_view role : {label::init, label::sidecar, label::main})
    for (const SeenContainer& each : all) {
      if (each.role != role || !wanted || (options.follow && &each == main && !bounded)) continue;
      give(each, "tail=all", take);
    }
  for (const std::string& line : kept) wanted = wanted && sink(line);
  if (options.follow && wanted)
    podman_.follow(main->id, (bounded ? "&tail=0" : "") + common, lines_of(*main, sink), cancel);
}

std::vector<Event> Podman::events(const Ref& ref) {
  std::vector<Event> all;
  for (const SeenContainer& each : podman_.containers(ref)) {
    const std::string object = "Container " + each.title;
    for (const Node& event : podman_.events(each.id)) {
      const std::string what = event.text_at({"Action"}, event.text_at({"status"}));
      const std::string code = event.text_at({"Actor", "Attributes", "containerExitCode"});
      const bool died = what == "died";
      Event told{utc(std::chrono::system_clock::time_point(std::chrono::seconds(event.integer_at({"time"})))),
                 died && code != "0" ? "Warning" : "Normal", object, what,
                 died && !code.empty() ? "exit code " + code : ""};
      all.push_back(std::move(told));
    }
    const bool now = each.running();
    all.push_back({short_time(now ? each.started : each.finished), "State", object, each.state,
                   now ? "" : fmt::format("exit code {}", each.exit_code)});
  }
  if (all.empty())
    throw Problem(Kind::not_found, fmt::format("{} is not deployed on this machine", ref.name));
  std::stable_sort(all.begin(), all.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
  return all;
}

std::vector<std::string> Podman::contents(const std::string& namespace_name) {
  std::vector<std::string> lines;
  for (const std::string& name : podman_.names_in(namespace_name)) {
    const Ref ref{namespace_name, name};
    for (const SeenContainer& each : podman_.containers(ref))
      lines.push_back(fmt::format("Container {}, of {}", each.name, name));
    for (const SeenVolume& each : podman_.volumes(ref)) {
      const std::int64_t bytes = podman_.volume_bytes(each.name);
      const std::string size = bytes < 0 ? "" : fmt::format(" ({})", size_text(bytes));
      lines.push_back(fmt::format("Volume {}{}, of {}", each.name, size, name));
    }
  }
  if (lines.empty())
    throw Problem(Kind::not_found,
                  fmt::format("nothing of ours is in namespace {} on this machine", namespace_name));
  return lines;
}

void Podman::remove_namespace(const std::string& namespace_name, const LineSink& progress,
                              const Cancel& cancel) {
  RemoveOptions options;
  options.with_storage = true;
  for (const std::string& name : podman_.names_in(namespace_name)) {
    cancel.check();
    const Removed removed = remove({namespace_name, name}, options, progress, cancel);
    if (!removed.kept.empty())
      throw Problem(Kind::conflict, fmt::format("{} is still there", removed.kept.front()));
  }
}

void Podman::remove_storage(const Ref& ref, const RemoveOptions& options, Removed& removed) {
  for (const std::string& each : podman_.secrets(ref)) {
    podman_.remove_secret(each);
    removed.removed.push_back("Secret " + each);
  }
  for (const SeenVolume& each : podman_.volumes(ref)) {
    if (each.claim.empty()) {
      podman_.remove_volume(each.name);
      continue;
    }
    const std::string claim =
        fmt::format("PersistentVolumeClaim {}/{} (volume {}", ref.namespace_name, each.claim, each.name);
    const std::string why = options.with_storage ? podman_.remove_volume(each.name) : "";
    const std::int64_t bytes = options.with_storage && why.empty() ? -1 : podman_.volume_bytes(each.name);
    const std::string size = bytes < 0 ? "" : ", " + size_text(bytes);
    if (options.with_storage && why.empty()) {
      removed.removed.push_back(claim + ")");
    } else {
      removed.kept.push_back(claim + size + (why.empty() ? ")" : ", " + why + ")"));
    }
  }
}

Removed Podman::remove(const Ref& ref, const RemoveOptions& options, const LineSink& progress,
                       const Cancel&) {
  Removed removed;
  const std::vector<SeenContainer> all = podman_.containers(ref);
  if (all.empty() && !options.with_storage && podman_.secrets(ref).empty()) return removed;
  // Sidecars live in the main container's network, so they go first.
  for (const std::string_view role : {label::sidecar, label::init, label::main})
    for (const SeenContainer& each : all) {
      if (each.role != role) continue;
      if (each.running()) progress(fmt::format("stopping container {}", each.name));
      podman_.remove_container(each.id);
      removed.removed.push_back("Container " + each.name);
    }
  remove_storage(ref, options, removed);
  if (!options_.state.empty()) {
    std::error_code error;
    std::filesystem::remove(
        std::filesystem::path(options_.state) / "ready" / fmt::format("{}.{}", ref.namespace_name, ref.name),
        error);
  }
  return removed;
}

}  // namespace

std::unique_ptr<Target> podman_target(net::Client& client, Clock& clock, PodmanOptions options) {
  return std::make_unique<Podman>(client, clock, std::move(options));
}

}  // namespace mlib::targets
