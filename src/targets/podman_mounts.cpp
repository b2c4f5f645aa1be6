#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.hpp"
#include "targets/podman_pod.hpp"

/// What the containers of a pod see of claims, folders, Secrets and ConfigMaps.
namespace mlib::targets {
namespace {

using schema::Entry;

bool is_true(const Node& node, std::string_view field) {
  const Node* value = node.find(field);
  return value != nullptr && value->is_boolean() && value->boolean();
}

Node mount_entry(std::string_view type, const std::string& source, const std::string& destination,
                 const std::vector<std::string>& options) {
  Node entry = Node::map();
  entry.set("type", type);
  entry.set("source", source);
  entry.set("destination", destination);
  Node list = Node::list();
  for (const std::string& option : options) list.push(option);
  entry.set("options", std::move(list));
  return entry;
}

/// A file for each key: all of them, or those of `items` under their paths.
std::vector<std::pair<std::string, std::string>> files_of(const Node& source, const Node& data) {
  std::vector<std::pair<std::string, std::string>> files;
  if (const Node* items = source.find("items"); items != nullptr && items->is_list()) {
    for (const Node& item : items->items()) files.emplace_back(item.text_at({"key"}), item.text_at({"path"}));
  } else {
    for (const Entry& entry : data.entries()) files.emplace_back(entry.key, entry.key);
  }
  return files;
}

}  // namespace

void PodTranslator::use_volume(const std::string& name, const std::string& claim) {
  const bool there =
      std::any_of(volumes_.begin(), volumes_.end(), [&](const auto& each) { return each.name == name; });
  if (!there) volumes_.push_back({name, claim});
}

void PodTranslator::mounts(const Node& container, Node& body) {
  const Node* mounts = container.find("volumeMounts");
  if (mounts == nullptr || !mounts->is_list()) return;
  const Node* volumes = spec_.find("volumes");
  for (const Node& at : mounts->items()) {
    const std::string name = at.text_at({"name"});
    const Node* volume = nullptr;
    if (volumes != nullptr && volumes->is_list())
      for (const Node& each : volumes->items())
        if (each.text_at({"name"}) == name) volume = &each;
    if (volume == nullptr)
      throw Problem(Kind::invalid, fmt::format("container {} mounts a volume {} that the pod does not have",
                                               container.text_at({"name"}), name));
    mount(*volume, at, body);
  }
}

void PodTranslator::mount(const Node& volume, const Node& at, Node& body) {
  const std::string path = at.text_at({"mountPath"});
  const std::string sub_path = at.text_at({"subPath"});
  const bool read_only = is_true(at, "readOnly");
  if (volume.find("secret") != nullptr || volume.find("configMap") != nullptr)
    return mount_files(volume, at, body);

  if (const Node* folder = volume.find("hostPath")) {
    const std::string source = folder->text_at({"path"}) + (sub_path.empty() ? "" : "/" + sub_path);
    if (body.find("mounts") == nullptr) body.set("mounts", Node::list());
    body.find("mounts")->push(mount_entry("bind", source, path, {read_only ? "ro" : "rw", "rbind"}));
    return;
  }
  if (!sub_path.empty())
    throw Problem(Kind::unsupported,
                  fmt::format("podman 4.3 cannot mount the part `{}` of a volume", sub_path),
                  "mount the whole volume, or give the folder as file:///…");
  const Node* scratch = volume.find("emptyDir");
  if (scratch != nullptr && scratch->text_at({"medium"}) == "Memory") {
    const std::optional<double> size = quantity(scratch->text_at({"sizeLimit"}));
    std::vector<std::string> options{"mode=1777"};
    if (size) options.push_back(fmt::format("size={}", static_cast<std::int64_t>(*size)));
    if (body.find("mounts") == nullptr) body.set("mounts", Node::list());
    body.find("mounts")->push(mount_entry("tmpfs", "tmpfs", path, options));
    return;
  }
  const std::string claim = volume.text_at({"persistentVolumeClaim", "claimName"});
  if (claim.empty() && scratch == nullptr)
    throw Problem(Kind::unsupported, fmt::format("podman cannot mount volume {}", volume.text_at({"name"})),
                  "known: persistentVolumeClaim, emptyDir, hostPath, secret, configMap");
  const std::string name = claim.empty() ? fmt::format("{}_{}_{}", podman_name(desired_.ref), generation_,
                                                       volume.text_at({"name"}))
                                         : claim_volume(desired_.ref, claim);
  use_volume(name, claim);
  Node entry = Node::map();
  entry.set("Name", name);
  entry.set("Dest", path);
  Node options = Node::list();
  const Node* user = body.find("user");
  if (read_only) {
    options.push("ro");
  } else if (user != nullptr && !user->string().starts_with("0")) {
    options.push("U");  // the folder becomes the container's user's
  }
  entry.set("Options", std::move(options));
  if (body.find("volumes") == nullptr) body.set("volumes", Node::list());
  body.find("volumes")->push(std::move(entry));
}

/// podman has no ConfigMaps; its secrets are files as well.
void PodTranslator::mount_files(const Node& volume, const Node& at, Node& body) {
  const bool secret_volume = volume.find("secret") != nullptr;
  const Node& source = *volume.find(secret_volume ? "secret" : "configMap");
  const std::string kind = secret_volume ? "Secret" : "ConfigMap";
  const std::string name = source.text_at({secret_volume ? "secretName" : "name"});
  const Node* owner = object(kind, name);
  if (owner == nullptr && is_true(source, "optional")) return;
  if (owner == nullptr)
    throw Problem(Kind::not_found, fmt::format("{} {} is not among the objects", kind, name));
  const Node* data = owner->find("data");
  if (data == nullptr || !data->is_map()) return;
  const std::string path = at.text_at({"mountPath"});
  const std::string sub_path = at.text_at({"subPath"});
  for (const auto& [key, file] : files_of(source, *data)) {
    const Node* value = data->find(key);
    if (value == nullptr) throw Problem(Kind::not_found, fmt::format("{} {} has no key {}", kind, name, key));
    if (!sub_path.empty() && sub_path != file) continue;
    const std::string held = secret_volume && desired_.keeps_secrets ? held_secret(name, key) : "";
    std::optional<std::string> bytes;
    if (secret_volume && value->is_string())
      bytes = desired_.keeps_secrets ? "" : from_base64(value->string());
    if (!secret_volume && value->is_string()) bytes = value->string();
    if (!bytes)
      throw Problem(Kind::invalid, fmt::format("{} {}: the value of `{}` cannot be read", kind, name, key));
    Node entry = Node::map();
    entry.set("Source", !held.empty() ? held
                                      : secret(secret_volume ? name : "configmap." + name, key,
                                               bytes->empty() ? "\n" : std::move(*bytes)));
    entry.set("Target", sub_path.empty() ? fmt::format("{}/{}", path, file) : path);
    entry.set("UID", 0);
    entry.set("GID", 0);
    entry.set("Mode", source.integer_at({"defaultMode"}, 0444));
    if (body.find("secrets") == nullptr) body.set("secrets", Node::list());
    body.find("secrets")->push(std::move(entry));
  }
}

}  // namespace mlib::targets
