#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/client.hpp"
#include "targets/podman_phase.hpp"
#include "targets/podman_service.hpp"
#include "targets/podman_spec.hpp"

namespace mlib::targets {

/// A named volume that is ours.
struct SeenVolume {
  std::string name;
  std::string claim;  ///< "" for scratch space
};

/// podman's REST API as we use it, the service behind it found or started at the first call. Every failure is
/// a Problem that names the thing and podman's own words; what is absent is no failure where it says so.
class Libpod {
 public:
  Libpod(net::Client& client, const PodmanOptions& options) : client_(client), options_(options) {}

  /// All containers of that deployment, init and old ones too.
  std::vector<SeenContainer> containers(const Ref& ref);
  /// The container of that name, ours or not; `id` is empty when there is none.
  SeenContainer container(const std::string& name);
  /// Its id. Problem{conflict} when the name is taken.
  std::string create(const Node& body, const std::string& title);
  void start(const std::string& id, const std::string& title);
  void stop(const std::string& id);
  void rename(const std::string& id, const std::string& name);
  void remove_container(const std::string& id);  ///< stopped or not; absent is fine
  /// Names of the deployments that have containers or volumes in that namespace.
  std::vector<std::string> names_in(const std::string& namespace_name);
  /// podman's events of a container as far as it still has them, the oldest first.
  std::vector<Node> events(const std::string& id);
  /// Exit code of the run that ended last, by the events; -1 when they do not tell.
  int last_exit_code(const std::string& id);

  /// All containers that run now, of others too.
  std::vector<SeenContainer> running();
  /// Core-seconds that a container has worked since it started; nothing when podman does not tell, as without
  /// cgroups of version 2 for a user who is not root.
  std::optional<double> worked(const std::string& id);
  /// podman's `info`: `host.cpus`, `host.memTotal`, `host.hostname`.
  Node info();

  bool has_image(const std::string& image);
  /// Downloads it; `progress` gets podman's lines. Problem{failed} or {unavailable} with cause and next step.
  void pull(const std::string& image, const LineSink& progress, const Cancel& cancel);

  /// Lines of a container's log. `query` is tail=…, since=… and the like.
  void logs(const std::string& id, const std::string& query, const LineSink& sink, const Cancel* cancel);
  /// The same as they come, until the container has ended and its log is silent.
  void follow(const std::string& id, const std::string& query, const LineSink& sink, const Cancel& cancel);
  std::string end_of_log(const std::string& id);  ///< its last 200 lines

  void create_volume(const PodmanVolume& volume, const Ref& ref);
  bool has_volume(const std::string& name);
  std::vector<SeenVolume> volumes(const Ref& ref);
  /// "" when it is gone, else why it is kept.
  std::string remove_volume(const std::string& name);
  std::int64_t volume_bytes(const std::string& name);  ///< -1 when podman does not tell

  void create_secret(const PodmanSecret& secret);
  std::vector<std::string> secrets(const Ref& ref);
  void remove_secret(const std::string& name);

  /// Ends and starts a service of our own, so that it lets go of what a failed start left in it (4.3 keeps
  /// the port); false when the service is not ours.
  bool restart_service() { return service_ && service_->restart(); }

 private:
  net::Call request(std::string_view method, const std::string& path);
  net::Answer send(std::string_view method, const std::string& path);
  net::Answer send(std::string_view method, const std::string& path, const Node& body);
  Node get(const std::string& path, std::string_view what);
  bool has_ended(const std::string& id);

  net::Client& client_;
  const PodmanOptions& options_;
  std::unique_ptr<PodmanService> service_;
};

/// Why a pull failed, from podman's text: what is missing and what to do.
Problem pull_problem(const std::string& image, const std::string& error);
/// `docker.io/library/NAME` for a name without a registry, as Kubernetes reads it.
std::string qualified_image(const std::string& image);

}  // namespace mlib::targets
