#pragma once
#include <string>
#include <vector>

#include "targets/podman_spec.hpp"

namespace mlib::targets {

/// Translates the containers of one pod spec; gathers the secrets and volumes that they use.
class PodTranslator {
 public:
  PodTranslator(const Desired& desired, std::string generation, const Machine& machine, const Node& spec,
                const Node* labels);

  /// A container of the spec; `role` is one of label::main, sidecar, init.
  PodmanContainer container(const Node& container, std::string_view role);

  const std::vector<PodmanSecret>& secrets() const { return secrets_; }
  const std::vector<std::string>& held() const { return held_; }
  const std::vector<PodmanVolume>& volumes() const { return volumes_; }

 private:
  void environment(const Node& container, Node& body);
  void variables_from(const Node& source, Node& body);
  void variable(const Node& entry, Node& body);
  void set_secret_variable(Node& body, const std::string& name, const std::string& object,
                           const std::string& key);
  void command(const Node& container, Node& body) const;
  void mounts(const Node& container, Node& body);
  void mount(const Node& volume, const Node& at, Node& body);
  void mount_files(const Node& volume, const Node& at, Node& body);
  void security(const Node& container, Node& body) const;
  void resources(const Node& container, Node& body) const;
  Node labels(const std::string& title, std::string_view role) const;
  /// The podman secret that holds `bytes` of key `key` of `object`; made on first use.
  std::string secret(const std::string& object, const std::string& key, std::string bytes);
  /// With keeps_secrets: podman's secret of what runs for that key; "" when its value is empty.
  std::string held_secret(const std::string& object, const std::string& key);
  void use_volume(const std::string& name, const std::string& claim);
  const Node* object(std::string_view kind, std::string_view name) const;

  const Desired& desired_;
  std::string generation_;
  const Machine& machine_;
  const Node& spec_;
  const Node* labels_;
  std::vector<PodmanSecret> secrets_;
  std::vector<std::string> held_;
  std::vector<PodmanVolume> volumes_;
};

}  // namespace mlib::targets
