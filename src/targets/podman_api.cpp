#include "targets/podman_api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/text.hpp"
#include "targets/podman_frames.hpp"
#include "targets/podman_labels.hpp"

namespace mlib::targets {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

std::string message_of(const net::Answer& answer) {
  Node node;
  schema::JsonError error;
  if (!schema::read_json(answer.body, node, error)) return fmt::format("HTTP status {}", answer.status);
  return node.text_at({"message"}, fmt::format("HTTP status {}", answer.status));
}

/// podman's words → what to do about it.
struct Advice {
  std::string_view sign, hint;
};
constexpr std::array<Advice, 6> advices{{
    {"cgroups in hybrid mode", "install runc and set runtime = \"runc\" in /etc/containers/containers.conf"},
    {"unresolvable CDI devices",
     "describe the GPUs to podman: nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"},
    {"statfs", "the folder must exist on this machine"},
    {"iptables", "install iptables and netavark (Debian: apt-get install iptables netavark)"},
    {"newuidmap", "install uidmap (Debian: apt-get install uidmap)"},
    {"no space left", "free some disk space: podman image prune"},
}};

Problem failure(std::string_view doing, const net::Answer& answer) {
  const std::string message = message_of(answer);
  for (const Advice& each : advices)
    if (message.find(each.sign) != std::string::npos)
      return {Kind::failed, fmt::format("podman could not {}: {}", doing, message), std::string(each.hint)};
  return {Kind::failed, fmt::format("podman could not {}: {}", doing, message)};
}

bool is_fine(const net::Answer& answer) {
  return (answer.status >= 200 && answer.status < 300) || answer.status == 304;
}

std::string by_labels(const Ref& ref) {
  Node labels = Node::list();
  labels.push(fmt::format("{}={}", label::namespace_name, ref.namespace_name));
  labels.push(fmt::format("{}={}", label::name, ref.name));
  Node filters = Node::map();
  filters.set("label", std::move(labels));
  return percent_encoded(schema::to_json(filters));
}

}  // namespace

net::Call Libpod::request(std::string_view method, const std::string& path) {
  if (!service_) service_ = std::make_unique<PodmanService>(client_, options_);
  net::Call call;
  call.method = std::string(method);
  call.url = "http://podman/v4.0.0/libpod/" + path;
  call.socket = service_->socket();
  call.timeout = minutes(3);
  return call;
}

net::Answer Libpod::send(std::string_view method, const std::string& path) {
  return client_.call(request(method, path));
}

net::Answer Libpod::send(std::string_view method, const std::string& path, const Node& body) {
  net::Call call = request(method, path);
  call.headers = {{"Content-Type", "application/json"}};
  call.body = schema::to_json(body);
  return client_.call(call);
}

Node Libpod::get(const std::string& path, std::string_view what) {
  const net::Answer answer = send("GET", path);
  if (answer.status == 404) return {};
  if (!is_fine(answer)) throw failure(fmt::format("tell of {}", what), answer);
  return schema::read_json(answer.body);
}

// --- containers

std::vector<SeenContainer> Libpod::containers(const Ref& ref) {
  const Node list = get("containers/json?all=true&filters=" + by_labels(ref), "containers");
  std::vector<SeenContainer> found;
  if (!list.is_list()) return found;
  for (const Node& each : list.items())
    if (SeenContainer one = container(each.text_at({"Id"})); !one.id.empty()) found.push_back(std::move(one));
  std::sort(found.begin(), found.end(),
            [](const SeenContainer& a, const SeenContainer& b) { return a.name < b.name; });
  return found;
}

std::vector<SeenContainer> Libpod::running() {
  const Node list = get("containers/json", "containers");
  std::vector<SeenContainer> found;
  if (!list.is_list()) return found;
  for (const Node& each : list.items())
    if (SeenContainer one = container(each.text_at({"Id"})); one.running()) found.push_back(std::move(one));
  return found;
}

std::optional<double> Libpod::worked(const std::string& id) {
  const net::Answer answer =
      send("GET", fmt::format("containers/stats?stream=false&containers={}", percent_encoded(id)));
  Node told;
  schema::JsonError error;
  if (!is_fine(answer) || !schema::read_json(answer.body, told, error)) return {};
  const Node* nanoseconds = told.at({"Stats", "0", "CPUNano"});
  if (nanoseconds == nullptr || !nanoseconds->is_number()) return {};
  return nanoseconds->number() / 1e9;
}

Node Libpod::info() { return get("info", "this machine"); }

SeenContainer Libpod::container(const std::string& name) {
  const std::string path = fmt::format("containers/{}/json", percent_encoded(name));
  net::Answer answer = send("GET", path);
  // In the moment of a container's end podman looks for its process and fails.
  for (int tries = 0; answer.status == 500 && tries < 20; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    answer = send("GET", path);
  }
  if (answer.status == 404) return {};
  if (!is_fine(answer)) throw failure("tell of container " + name, answer);
  return seen(schema::read_json(answer.body));
}

std::string Libpod::create(const Node& body, const std::string& title) {
  const net::Answer answer = send("POST", "containers/create", body);
  if (is_fine(answer)) return schema::read_json(answer.body).text_at({"Id"});
  if (message_of(answer).find("already in use") != std::string::npos)
    throw Problem(
        Kind::conflict,
        fmt::format("the container name {} is taken by a container of others", body.text_at({"name"})),
        fmt::format("choose another --name, or remove it: podman rm -f {}", body.text_at({"name"})));
  throw failure("make container " + title, answer);
}

void Libpod::start(const std::string& id, const std::string& title) {
  const net::Answer answer = send("POST", fmt::format("containers/{}/start", id));
  if (is_fine(answer)) return;
  // Somebody took the port between choosing and using it: Problem{conflict} makes the caller choose again.
  if (message_of(answer).find("address already in use") != std::string::npos)
    throw Problem(Kind::conflict, fmt::format("a port of container {} is in use", title),
                  "end the program that listens there, or try again");
  throw failure("start container " + title, answer);
}

void Libpod::stop(const std::string& id) {
  const net::Answer answer = send("POST", fmt::format("containers/{}/stop", id));
  if (!is_fine(answer) && answer.status != 404) throw failure("stop a container", answer);
}

void Libpod::rename(const std::string& id, const std::string& name) {
  const net::Answer answer = send("POST", fmt::format("containers/{}/rename?name={}", id, name));
  if (!is_fine(answer)) throw failure("rename a container to " + name, answer);
}

void Libpod::remove_container(const std::string& id) {
  const net::Answer answer = send("DELETE", fmt::format("containers/{}?force=true", id));
  if (!is_fine(answer) && answer.status != 404) throw failure("remove a container", answer);
}

std::vector<Node> Libpod::events(const std::string& id) {
  Node filters = Node::map();
  Node one = Node::list();
  one.push(id);
  filters.set("container", std::move(one));
  const net::Answer answer =
      send("GET", "events?stream=false&since=0&filters=" + percent_encoded(schema::to_json(filters)));
  std::vector<Node> all;
  if (!is_fine(answer)) return all;  // podman keeps none when its events_logger is `none`
  for (const std::string& line : split(answer.body, '\n')) {
    Node event;
    schema::JsonError error;
    if (!trim(line).empty() && schema::read_json(line, event, error)) all.push_back(std::move(event));
  }
  return all;
}

int Libpod::last_exit_code(const std::string& id) {
  Node filters = Node::map();
  Node one = Node::list();
  one.push(id);
  Node died = Node::list();
  died.push("died");
  filters.set("container", std::move(one));
  filters.set("event", std::move(died));
  const net::Answer answer =
      send("GET", "events?stream=false&since=0&filters=" + percent_encoded(schema::to_json(filters)));
  if (!is_fine(answer)) return -1;
  int code = -1;
  for (const std::string& line : split(answer.body, '\n')) {
    Node event;
    schema::JsonError error;
    if (trim(line).empty() || !schema::read_json(line, event, error)) continue;
    const std::string text = event.text_at({"Actor", "Attributes", "containerExitCode"});
    if (const std::optional<double> number = quantity(text)) code = static_cast<int>(*number);
  }
  return code;
}

// --- logs

void Libpod::logs(const std::string& id, const std::string& query, const LineSink& sink,
                  const Cancel* cancel) {
  net::Call call = request("GET", fmt::format("containers/{}/logs?stdout=true&stderr=true{}{}", id,
                                              query.empty() ? "" : "&", query));
  call.timeout = std::chrono::hours(24);
  Frames frames;
  bool wanted = true;
  const auto give = [&](const std::vector<std::string>& lines) {
    for (const std::string& line : lines) wanted = wanted && sink(line);
    return wanted;
  };
  const net::Answer answer = client_.stream(
      call, [&](std::string_view bytes) { return give(frames.feed(bytes)); }, cancel);
  if (answer.status == 404 || answer.status == 409) return;
  if (!is_fine(answer)) throw failure("give the log", answer);
  if (wanted) give(frames.rest());
}

/// Podman 4.3 follows a log until it hears that the container has ended, and does not hear it when that was
/// just before it listened. So the container is looked at beside it.
void Libpod::follow(const std::string& id, const std::string& query, const LineSink& sink,
                    const Cancel& cancel) {
  Cancel over;
  std::atomic<bool> spoke{false};
  const auto watch = [&](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any woken;
    std::unique_lock lock(mutex);
    for (int looks = 1, silent = 0; silent < 3; ++looks) {
      woken.wait_for(lock, stop, std::chrono::milliseconds(50), [] { return false; });
      if (stop.stop_requested() || cancel.asked()) break;
      if (looks % 20 == 0) silent = has_ended(id) && !spoke.exchange(false) ? silent + 1 : 0;
    }
    over.ask();
  };
  try {
    const std::jthread watcher(watch);
    logs(
        id, "follow=true" + query, [&](std::string_view line) { return spoke = true, sink(line); }, &over);
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::cancelled || cancel.asked()) throw;
  }
}

/// It does not run any more, or is away; false when podman does not say.
bool Libpod::has_ended(const std::string& id) {
  try {
    const SeenContainer now = container(id);
    return now.id.empty() || now.ended();
  } catch (const Problem&) {
    return false;
  }
}

std::string Libpod::end_of_log(const std::string& id) {
  std::string log;
  logs(
      id, "tail=200",
      [&](std::string_view line) {
        log.append(line).push_back('\n');
        return true;
      },
      nullptr);
  return log;
}

// --- volumes and secrets

std::vector<std::string> Libpod::names_in(const std::string& namespace_name) {
  std::set<std::string> names;
  Node wanted = Node::list();
  wanted.push(fmt::format("{}={}", label::namespace_name, namespace_name));
  Node filters = Node::map();
  filters.set("label", std::move(wanted));
  const std::string query = "filters=" + percent_encoded(schema::to_json(filters));
  for (const std::string& path : {"containers/json?all=true&" + query, "volumes/json?" + query}) {
    const Node list = get(path, "what is in a namespace");
    if (!list.is_list()) continue;
    for (const Node& each : list.items())
      if (each.text_at({"Labels", label::namespace_name}) == namespace_name &&
          each.text_at({"Labels", label::managed_by}) == label::us)
        names.insert(each.text_at({"Labels", label::name}));
  }
  return {names.begin(), names.end()};
}

void Libpod::create_volume(const PodmanVolume& volume, const Ref& ref) {
  if (has_volume(volume.name)) return;
  Node body = Node::map();
  body.set("Name", volume.name);
  Node& labels = body.child("Labels");
  labels.set(label::managed_by, label::us);
  labels.set(label::namespace_name, ref.namespace_name);
  labels.set(label::name, ref.name);
  if (!volume.claim.empty()) labels.set(label::claim, volume.claim);
  const net::Answer answer = send("POST", "volumes/create", body);
  if (!is_fine(answer)) throw failure("make volume " + volume.name, answer);
}

bool Libpod::has_volume(const std::string& name) {
  return send("GET", fmt::format("volumes/{}/exists", percent_encoded(name))).status == 204;
}

std::vector<SeenVolume> Libpod::volumes(const Ref& ref) {
  const Node list = get("volumes/json?filters=" + by_labels(ref), "volumes");
  std::vector<SeenVolume> found;
  if (!list.is_list()) return found;
  for (const Node& each : list.items()) {
    const Node* labels = each.find("Labels");
    if (labels == nullptr || labels->text_at({label::name}) != ref.name ||
        labels->text_at({label::namespace_name}) != ref.namespace_name)
      continue;  // filters of several labels mean "any of them" in some versions
    found.push_back({each.text_at({"Name"}), labels->text_at({label::claim})});
  }
  return found;
}

std::string Libpod::remove_volume(const std::string& name) {
  const net::Answer answer = send("DELETE", "volumes/" + percent_encoded(name));
  return is_fine(answer) || answer.status == 404 ? "" : message_of(answer);
}

std::int64_t Libpod::volume_bytes(const std::string& name) {
  const Node usage = get("system/df", "disk usage");
  const Node* volumes = usage.find("Volumes");
  if (volumes == nullptr || !volumes->is_list()) return -1;
  for (const Node& each : volumes->items())
    if (each.text_at({"VolumeName"}) == name) return each.integer_at({"Size"}, -1);
  return -1;
}

void Libpod::create_secret(const PodmanSecret& secret) {
  net::Call call = request("POST", "secrets/create?name=" + percent_encoded(secret.name));
  call.headers = {{"Content-Type", "application/octet-stream"}};  // else 4.3 takes it for a form
  call.body = secret.bytes.reveal();
  const net::Answer answer = client_.call(call);
  if (!is_fine(answer)) throw failure("keep secret " + secret.name, answer);
}

std::vector<std::string> Libpod::secrets(const Ref& ref) {
  const Node list = get("secrets/json", "secrets");
  std::vector<std::string> names;
  if (!list.is_list()) return names;
  for (const Node& each : list.items())
    if (std::string name = each.text_at({"Spec", "Name"}); name.starts_with(secret_prefix(ref)))
      names.push_back(std::move(name));
  return names;
}

void Libpod::remove_secret(const std::string& name) {
  const net::Answer answer = send("DELETE", "secrets/" + percent_encoded(name));
  if (!is_fine(answer) && answer.status != 404) throw failure("remove secret " + name, answer);
}

}  // namespace mlib::targets
