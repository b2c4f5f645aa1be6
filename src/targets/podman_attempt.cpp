#include "targets/podman_attempt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "targets/podman_labels.hpp"
#include "targets/podman_probe.hpp"

namespace mlib::targets {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view aside = ".old";
constexpr milliseconds pause{150};
constexpr int port_tries = 4;

bool is_aside(const SeenContainer& each) { return each.name.ends_with(aside); }

}  // namespace

Attempt::Attempt(const Attempting& with, const Ref& ref, PodmanApp app, std::vector<SeenContainer> before)
    : with_(with), ref_(ref), app_(std::move(app)), before_(std::move(before)) {
  sort_out_leftovers();
}

Attempt::~Attempt() {
  if (!done_) undo();
}

/// An apply that was killed leaves `.old` containers beside new ones: a new main that runs is what holds,
/// else the old ones are.
void Attempt::sort_out_leftovers() {
  const bool has_old = std::any_of(before_.begin(), before_.end(), is_aside);
  const bool has_new = std::any_of(before_.begin(), before_.end(), [](const SeenContainer& each) {
    return !is_aside(each) && each.role == label::main && each.running();
  });
  if (!has_old) return;
  std::vector<SeenContainer> held;
  for (SeenContainer& each : before_) {
    if (is_aside(each) == has_new) {
      with_.podman.remove_container(each.id);
      continue;
    }
    if (is_aside(each)) stopped_.push_back(each.id);
    held.push_back(std::move(each));
  }
  before_ = std::move(held);
}

// --- before anything runs

void Attempt::get_image(const PodmanContainer& container) {
  const std::string& image = container.image;
  const bool here = with_.podman.has_image(image);
  if (here && container.pull != "Always") return;
  if (container.pull == "Never")
    throw Problem(Kind::failed,
                  fmt::format("image {} is not on this machine, and its pull policy is Never", image),
                  "build it, or load it: podman load -i FILE");
  const std::string whole = qualified_image(image);
  if (whole.starts_with("localhost/")) {
    if (here) return;
    throw Problem(Kind::failed, fmt::format("image {} is not on this machine", image),
                  "`localhost/` is no registry: build it, or load it: podman load -i FILE");
  }
  with_.progress(fmt::format("pulling image {}", whole));
  try {
    with_.podman.pull(whole, with_.progress, with_.cancel);
  } catch (const Problem& problem) {
    if (!here || problem.kind() == Kind::cancelled) throw;
    with_.progress(fmt::format("no newer image: {}; the one that is here is taken", problem.message()));
  }
}

void Attempt::get_images() {
  for (const PodmanContainer& each : app_.inits) get_image(each);
  get_image(app_.main);
  for (const PodmanContainer& each : app_.sidecars) get_image(each);
}

void Attempt::make_storage() {
  for (const PodmanVolume& each : app_.volumes) {
    with_.cancel.check();
    if (with_.podman.has_volume(each.name)) continue;
    made_volumes_.push_back(each.name);
    with_.podman.create_volume(each, ref_);
    if (!each.claim.empty()) with_.progress(fmt::format("claim {}: volume {} made", each.claim, each.name));
  }
  for (const PodmanSecret& each : app_.secrets) with_.podman.create_secret(each);
}

// --- running

void Attempt::set_aside(std::string_view role) {
  for (SeenContainer& each : before_) {
    if (each.role != role || is_aside(each)) continue;
    if (each.running()) {
      with_.progress(fmt::format("stopping container {} as it was", each.title));
      stopped_.push_back(each.id);
      with_.podman.stop(each.id);
    }
    with_.podman.rename(each.id, each.name + std::string(aside));
    each.name += aside;
  }
}

void Attempt::tell_log(const std::string& id, const std::string& title, const std::string& from) {
  with_.podman.follow(
      id, from,
      [&](std::string_view line) {
        return with_.progress(fmt::format("{}: {}", title, visible(line))), true;
      },
      with_.cancel);
}

void Attempt::run_init(const PodmanContainer& container) {
  const std::string id = with_.podman.create(container.body, container.title);
  made_.push_back(id);
  with_.progress(fmt::format("container {} prepares it", container.title));
  with_.podman.start(id, container.title);
  for (std::string from;; from = "&tail=0") {
    tell_log(id, container.title, from);
    const SeenContainer now = with_.podman.container(id);
    if (now.ended() && now.exit_code == 0) return;
    if (now.ended() || now.id.empty()) died(now);
    with_.cancel.check();
    with_.clock.sleep(pause);
  }
}

void Attempt::prepare() {
  set_aside(label::init);
  for (const PodmanContainer& each : app_.inits) {
    with_.cancel.check();
    run_init(each);
  }
}

/// 4.3's service holds on to the port of a start that failed, so each try takes another one.
std::string Attempt::start_main(int port, int container_port) {
  for (int tries = 1;; ++tries) {
    const std::string id = with_.podman.create(published(app_.main, container_port, port), app_.main.title);
    made_.push_back(id);
    try {
      with_.podman.start(id, app_.main.title);
      return id;
    } catch (const Problem& problem) {
      if (problem.kind() != Kind::conflict || tries == port_tries) throw;
    }
    with_.podman.remove_container(id);
    made_.pop_back();
    port = free_port();
  }
}

void Attempt::run(int port) {
  with_.cancel.check();
  set_aside(label::sidecar);
  set_aside(label::main);
  const std::string container_port = app_.main.body.text_at({"labels", label::port}, "0");
  start_main(port != 0 ? port : free_port(), std::stoi(container_port));
  for (const PodmanContainer& each : app_.sidecars) {
    made_.push_back(with_.podman.create(each.body, each.title));
    with_.podman.start(made_.back(), each.title);
  }
  with_.progress(fmt::format("container {} started", app_.main.name));
}

void Attempt::settle() {
  const auto end = with_.clock.now() + with_.options.settle;
  for (bool ready = false; !ready && with_.clock.now() < end;) {
    with_.cancel.check();
    for (const std::string& id : made_) {
      const SeenContainer now = with_.podman.container(id);
      if (now.role == label::init) continue;
      if (now.ended() || now.restarts > 0) died(now);
      if (now.role == label::main) ready = probe(with_.client, now, milliseconds(500)).ready();
    }
    if (!ready) with_.clock.sleep(pause);
  }
}

void Attempt::died(const SeenContainer& container) {
  int code = container.exit_code;
  if (!container.ended() || container.restarts > 0) code = with_.podman.last_exit_code(container.id);
  const Cause cause = why_ended(container, code, with_.podman.end_of_log(container.id), with_.options.causes);
  std::string message =
      fmt::format("{} {}: {}", ref_.name,
                  container.role == label::init ? "could not be prepared" : "died at start", cause.sentence);
  if (!cause.evidence.empty()) message += fmt::format("; its log says: {}", cause.evidence);
  throw Problem(Kind::failed, message,
                cause.hint.empty() ? "mend what its log says, and deploy it again" : cause.hint);
}

// --- the end

void Attempt::remove_storage() {
  const std::string ours = app_.main.body.text_at({"labels", label::generation});
  const std::string prefix = fmt::format("{}_{}_", podman_name(ref_), ours);
  const std::string secret_names = fmt::format("{}{}_", secret_prefix(ref_), ours);
  const auto& held = app_.held;
  for (const std::string& each : with_.podman.secrets(ref_))
    if (each.starts_with(secret_names) != done_ && std::find(held.begin(), held.end(), each) == held.end())
      with_.podman.remove_secret(each);
  for (const SeenVolume& each : with_.podman.volumes(ref_))
    if (each.claim.empty() && each.name.starts_with(prefix) != done_) with_.podman.remove_volume(each.name);
}

void Attempt::keep() {
  done_ = true;
  for (const std::string_view role : {label::sidecar, label::init, label::main})
    for (const SeenContainer& each : before_)
      if (each.role == role) with_.podman.remove_container(each.id);
  remove_storage();
}

void Attempt::bring_back(const SeenContainer& container) {
  if (is_aside(container))
    with_.podman.rename(container.id, container.name.substr(0, container.name.size() - aside.size()));
  if (std::find(stopped_.begin(), stopped_.end(), container.id) == stopped_.end()) return;
  try {
    with_.podman.start(container.id, container.title);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::conflict || !with_.podman.restart_service()) throw;
    with_.podman.start(container.id, container.title);
  }
}

/// Runs while another Problem is under way: what cannot be undone is told and left.
void Attempt::undo() {
  const auto try_to = [&](const char* what, const auto& step) {
    try {
      step();
    } catch (const Problem& problem) {
      with_.progress(fmt::format("{}: {}", what, problem.message()));
    }
  };
  for (auto id = made_.rbegin(); id != made_.rend(); ++id)
    try_to("a container is left", [&] { with_.podman.remove_container(*id); });
  try_to("secrets are left", [&] { remove_storage(); });
  for (const std::string& each : made_volumes_)
    try_to("a volume is left", [&] { with_.podman.remove_volume(each); });
  for (const std::string_view role : {label::init, label::main, label::sidecar})
    for (const SeenContainer& each : before_)
      if (each.role == role) try_to("what ran before does not run again", [&] { bring_back(each); });
  if (!stopped_.empty()) with_.progress(fmt::format("{} runs again as it was", ref_.name));
}

}  // namespace mlib::targets
