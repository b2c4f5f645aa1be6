#include "targets/podman_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "targets/podman_labels.hpp"
#include "targets/podman_pod.hpp"

namespace mlib::targets {
namespace {

/// Objects that mean nothing on one machine, and what to say of them ("": nothing).
struct Ignored {
  std::string_view kind, note;
};
constexpr std::array<Ignored, 9> ignored{
    {{"Service", ""},
     {"Namespace", ""},
     {"ServiceAccount", ""},
     {"NetworkPolicy", "only this machine can reach the endpoint anyway"},
     {"Ingress", "the endpoint is on 127.0.0.1 only"},
     {"HTTPRoute", "the endpoint is on 127.0.0.1 only"},
     {"HorizontalPodAutoscaler", "one replica runs"},
     {"PodDisruptionBudget", "one replica runs"},
     {"ServiceMonitor", "nothing scrapes it"}}};

const Ignored* find_ignored(std::string_view kind) {
  const auto* found =
      std::find_if(ignored.begin(), ignored.end(), [&](const Ignored& each) { return each.kind == kind; });
  return found == ignored.end() ? nullptr : found;
}

/// The workload of the objects: a Deployment or a Pod.
struct Workload {
  const Node* spec = nullptr;  ///< of the pod
  const Node* labels = nullptr;
  std::int64_t replicas = 1;
};

Workload workload_of(const std::vector<Node>& objects, PodmanApp& app) {
  Workload found;
  for (const Node& object : objects) {
    const std::string kind = object.text_at({"kind"});
    const bool pod = kind == "Pod";
    if (pod || kind == "Deployment") {
      if (found.spec != nullptr)
        throw Problem(Kind::unsupported, "podman runs one Deployment at a time, and these objects have two",
                      "deploy it with --target kubernetes");
      found.spec = pod ? object.at({"spec"}) : object.at({"spec", "template", "spec"});
      found.labels =
          pod ? object.at({"metadata", "labels"}) : object.at({"spec", "template", "metadata", "labels"});
      found.replicas = pod ? 1 : object.integer_at({"spec", "replicas"}, 1);
    } else if (const Ignored* what = find_ignored(kind)) {
      if (!what->note.empty())
        app.notes.push_back(
            fmt::format("{} {} is left out: {}", kind, object.text_at({"metadata", "name"}), what->note));
    } else if (kind != "Secret" && kind != "ConfigMap" && kind != "PersistentVolumeClaim") {
      throw Problem(Kind::unsupported, fmt::format("podman cannot run a {}", kind),
                    "deploy it with --target kubernetes");
    }
  }
  if (found.spec == nullptr || found.spec->find("containers") == nullptr)
    throw Problem(Kind::unsupported, "there is no Deployment among the objects, so there is nothing to run");
  return found;
}

/// The container that has the endpoint's port, else the first.
std::size_t serving(const Node::List& containers, int port) {
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const Node* ports = containers[i].find("ports");
    if (ports == nullptr || !ports->is_list()) continue;
    for (const Node& each : ports->items())
      if (each.integer_at({"containerPort"}) == port) return i;
  }
  return 0;
}

Node joined_network(const std::string& main) {
  Node netns = Node::map();
  netns.set("nsmode", "container");
  netns.set("value", main);
  return netns;
}

}  // namespace

std::string podman_name(const Ref& ref) { return fmt::format("mlib.{}.{}", ref.namespace_name, ref.name); }

std::string claim_volume(const Ref& ref, std::string_view claim) {
  return fmt::format("mlib.{}_{}", ref.namespace_name, claim);
}

std::string secret_prefix(const Ref& ref) {
  return fmt::format("mlib_{}_", sha256_hex(podman_name(ref)).substr(0, 16));
}

PodmanApp to_containers(const Desired& desired, const std::string& generation, const Machine& machine) {
  const render::Rendered& rendered = *desired.rendered;
  PodmanApp app;
  const Workload workload = workload_of(rendered.objects, app);
  if (workload.replicas == 0)
    throw Problem(Kind::unsupported, "podman does not keep a deployment of 0 replicas",
                  "delete it, or ask for one replica");
  if (workload.replicas > 1)
    app.notes.push_back(fmt::format("{} replicas were asked for; this machine runs one", workload.replicas));

  PodTranslator pod(desired, generation, machine, *workload.spec, workload.labels);
  if (const Node* inits = workload.spec->find("initContainers"); inits != nullptr && inits->is_list())
    for (const Node& each : inits->items()) app.inits.push_back(pod.container(each, label::init));
  const Node::List& containers = workload.spec->find("containers")->items();
  const std::size_t main = serving(containers, rendered.endpoint.port);
  app.main = pod.container(containers.at(main), label::main);
  for (std::size_t i = 0; i < containers.size(); ++i) {
    if (i == main) continue;
    app.sidecars.push_back(pod.container(containers[i], label::sidecar));
    app.sidecars.back().body.set("netns", joined_network(app.main.name));
  }
  app.secrets = pod.secrets();
  app.held = pod.held();
  app.volumes = pod.volumes();
  return app;
}

Node published(const PodmanContainer& main, int container_port, int host_port) {
  Node port = Node::map();
  port.set("container_port", container_port);
  port.set("host_ip", "127.0.0.1");
  port.set("host_port", host_port);
  port.set("protocol", "tcp");
  Node ports = Node::list();
  ports.push(std::move(port));
  Node body = main.body;
  body.set("portmappings", std::move(ports));
  body.child("labels").set(label::host_port, std::to_string(host_port));
  return body;
}

}  // namespace mlib::targets
