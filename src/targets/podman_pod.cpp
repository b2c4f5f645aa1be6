#include "targets/podman_pod.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "targets/podman_labels.hpp"

namespace mlib::targets {
namespace {

using schema::Entry;

constexpr std::size_t largest_secret = 511'999;
constexpr std::int64_t log_bytes = 100 << 20;
constexpr int restarts = 5;

Node limit(std::string_view type, std::uint64_t value) {
  Node node = Node::map();
  node.set("type", type);
  node.set("soft", static_cast<std::int64_t>(value));
  node.set("hard", static_cast<std::int64_t>(value));
  return node;
}

bool is_optional(const Node& reference) {
  const Node* optional = reference.find("optional");
  return optional != nullptr && optional->is_boolean() && optional->boolean();
}

/// Text of a variable: Kubernetes' schema makes it a string; a number that slipped through is written out.
std::string text_of(const Node& node) { return node.is_string() ? node.string() : schema::to_json(node); }

/// Kubernetes' `$(NAME)` in commands and values; `$$(` is a literal `$(`; an unknown name stays as it is.
std::string expanded(const std::string& text, const Node& plain, const Node* secret) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view left = std::string_view(text).substr(at);
    const std::size_t close = left.starts_with("$(") ? left.find(')') : std::string::npos;
    if (left.starts_with("$$")) {
      out += '$';
      at += 2;
      continue;
    }
    if (close == std::string::npos) {
      out += text[at++];
      continue;
    }
    const std::string_view name = left.substr(2, close - 2);
    if (secret != nullptr && secret->find(name) != nullptr)
      throw Problem(Kind::unsupported,
                    fmt::format("$({}) would put a secret into a command line that everybody can read", name),
                    "let the program read the environment variable itself");
    const Node* value = plain.find(name);
    out += value == nullptr ? std::string(left.substr(0, close + 1)) : value->string();
    at += close + 1;
  }
  return out;
}

/// Data of a Secret or ConfigMap as bytes.
std::string bytes_of(const Node& object, const std::string& key, const Node& value) {
  if (object.text_at({"kind"}) != "Secret") return text_of(value);
  std::optional<std::string> bytes = value.is_string() ? from_base64(value.string()) : std::nullopt;
  if (!bytes)
    throw Problem(Kind::invalid, fmt::format("Secret {}: the value of `{}` is no base64",
                                             object.text_at({"metadata", "name"}), key));
  return std::move(*bytes);
}

/// What the name of podman's secret for a key of an object ends with.
std::string secret_suffix(const std::string& object, const std::string& key) {
  return '_' + sha256_hex(object + '/' + key).substr(0, 16);
}

Node list_of(std::vector<std::string> words) {
  Node list = Node::list();
  for (std::string& word : words) list.push(std::move(word));
  return list;
}

}  // namespace

PodTranslator::PodTranslator(const Desired& desired, std::string generation, const Machine& machine,
                             const Node& spec, const Node* labels)
    : desired_(desired),
      generation_(std::move(generation)),
      machine_(machine),
      spec_(spec),
      labels_(labels) {}

PodmanContainer PodTranslator::container(const Node& container, std::string_view role) {
  PodmanContainer made;
  made.title = container.text_at({"name"});
  made.name = podman_name(desired_.ref);
  if (role != label::main) made.name += '_' + made.title;
  made.image = container.text_at({"image"});
  if (made.image.empty())
    throw Problem(Kind::invalid, fmt::format("container {} names no image", made.title));
  made.pull = container.text_at({"imagePullPolicy"}, "IfNotPresent");

  Node& body = made.body;
  body.set("name", made.name);
  body.set("image", made.image);
  body.set("labels", labels(made.title, role));
  if (role == label::main) body.set("hostname", desired_.ref.name);
  environment(container, body);
  command(container, body);
  security(container, body);
  mounts(container, body);
  resources(container, body);
  // podman restarts without a pause between, so it gives up after a few; an init container runs once.
  if (role != label::init && spec_.text_at({"restartPolicy"}, "Always") != "Never") {
    body.set("restart_policy", "on-failure");
    body.set("restart_tries", restarts);
  }
  body.set("stop_timeout", spec_.integer_at({"terminationGracePeriodSeconds"}, 30));
  Node& log = body.child("log_configuration");
  log.set("driver", "k8s-file");
  log.set("size", log_bytes);
  return made;
}

Node PodTranslator::labels(const std::string& title, std::string_view role) const {
  Node labels = Node::map();
  if (labels_ != nullptr && labels_->is_map())
    for (const Entry& entry : labels_->entries()) labels.set(entry.key, text_of(entry.value));
  labels.set(label::managed_by, label::us);
  labels.set(label::namespace_name, desired_.ref.namespace_name);
  labels.set(label::name, desired_.ref.name);
  labels.set(label::role, role);
  labels.set(label::container, title);
  labels.set(label::generation, generation_);
  if (role == label::main) {
    labels.set(label::port, std::to_string(desired_.rendered->endpoint.port));
    if (const auto& path = desired_.rendered->endpoint.health_path) labels.set(label::health, *path);
  }
  return labels;
}

const Node* PodTranslator::object(std::string_view kind, std::string_view name) const {
  for (const Node& each : desired_.rendered->objects)
    if (each.text_at({"kind"}) == kind && each.text_at({"metadata", "name"}) == name) return &each;
  return nullptr;
}

std::string PodTranslator::secret(const std::string& object, const std::string& key, std::string bytes) {
  const std::string name = secret_prefix(desired_.ref) + generation_ + secret_suffix(object, key);
  const bool there =
      std::any_of(secrets_.begin(), secrets_.end(), [&](const auto& each) { return each.name == name; });
  if (there) return name;
  if (bytes.size() > largest_secret)
    throw Problem(Kind::unsupported, fmt::format("{} of {} has {} bytes; podman keeps at most {}", key,
                                                 object, bytes.size(), largest_secret));
  secrets_.push_back({name, Secret<std::string>(std::move(bytes))});
  return name;
}

std::string PodTranslator::held_secret(const std::string& object, const std::string& key) {
  const std::string prefix = secret_prefix(desired_.ref);
  const std::string suffix = secret_suffix(object, key);
  std::vector<std::string> found;
  for (const std::string& each : machine_.held) {
    if (each == prefix + machine_.generation + suffix) {
      found = {each};
      break;
    }
    if (each.starts_with(prefix) && each.ends_with(suffix)) found.push_back(each);
  }
  if (found.empty()) return "";
  if (found.size() > 1)
    throw Problem(Kind::conflict,
                  fmt::format("podman holds {} secrets for {} of Secret {}", found.size(), key, object),
                  "deploy it again, with the key");
  if (std::find(held_.begin(), held_.end(), found[0]) == held_.end()) held_.push_back(found[0]);
  return found[0];
}

// --- environment and command
// ----------------------------------------------------------------------------------------------------

void PodTranslator::set_secret_variable(Node& body, const std::string& name, const std::string& object_name,
                                        const std::string& key) {
  const Node& owner = *object("Secret", object_name);
  std::string from;  // podman keeps no empty secret
  if (desired_.keeps_secrets) {
    from = held_secret(object_name, key);
  } else if (std::string bytes = bytes_of(owner, key, *owner.at({"data", key})); !bytes.empty()) {
    from = secret(object_name, key, std::move(bytes));
  }
  body.child("env").erase(name);
  body.child("secret_env").erase(name);
  body.child(from.empty() ? "env" : "secret_env").set(name, from);
}

void PodTranslator::variables_from(const Node& source, Node& body) {
  const std::string prefix = source.text_at({"prefix"});
  for (const auto& [field, kind] :
       {std::pair{"secretRef", "Secret"}, std::pair{"configMapRef", "ConfigMap"}}) {
    const Node* reference = source.find(field);
    if (reference == nullptr) continue;
    const std::string name = reference->text_at({"name"});
    const Node* owner = object(kind, name);
    if (owner == nullptr && is_optional(*reference)) continue;
    if (owner == nullptr)
      throw Problem(Kind::not_found, fmt::format("{} {} is not among the objects", kind, name));
    const Node* data = owner->find("data");
    if (data == nullptr || !data->is_map()) continue;
    for (const Entry& entry : data->entries()) {
      if (std::string_view(kind) == "Secret") {
        set_secret_variable(body, prefix + entry.key, name, entry.key);
      } else {
        body.child("secret_env").erase(prefix + entry.key);
        body.child("env").set(prefix + entry.key, text_of(entry.value));
      }
    }
  }
}

void PodTranslator::variable(const Node& entry, Node& body) {
  const std::string name = entry.text_at({"name"});
  const Node* from = entry.find("valueFrom");
  if (from == nullptr) {
    const Node* value = entry.find("value");
    const std::string text = value == nullptr || value->is_null() ? "" : text_of(*value);
    body.child("secret_env").erase(name);
    const Node secret_variables = body.child("secret_env");
    body.child("env").set(name, expanded(text, body.child("env"), &secret_variables));
    return;
  }
  if (const Node* field = from->find("fieldRef")) {
    const std::string path = field->text_at({"fieldPath"});
    if (path != "metadata.name" && path != "metadata.namespace")
      throw Problem(Kind::unsupported, fmt::format("variable {}: podman has no {}", name, path));
    body.child("env").set(name, path == "metadata.name" ? desired_.ref.name : desired_.ref.namespace_name);
    return;
  }
  const bool secret = from->find("secretKeyRef") != nullptr;
  const Node* reference = from->find(secret ? "secretKeyRef" : "configMapKeyRef");
  if (reference == nullptr)
    throw Problem(Kind::unsupported,
                  fmt::format("variable {}: podman takes it from a Secret or a ConfigMap only", name));
  const std::string owner_name = reference->text_at({"name"});
  const std::string key = reference->text_at({"key"});
  const Node* owner = object(secret ? "Secret" : "ConfigMap", owner_name);
  const Node* value = owner == nullptr ? nullptr : owner->at({"data", key});
  if (value == nullptr && is_optional(*reference)) return;
  if (value == nullptr)
    throw Problem(Kind::not_found, fmt::format("variable {}: {} {} with key {} is not among the objects",
                                               name, secret ? "Secret" : "ConfigMap", owner_name, key));
  if (secret) return set_secret_variable(body, name, owner_name, key);
  body.child("secret_env").erase(name);
  body.child("env").set(name, text_of(*value));
}

void PodTranslator::environment(const Node& container, Node& body) {
  body.set("env", Node::map());
  body.set("secret_env", Node::map());
  if (const Node* from = container.find("envFrom"); from != nullptr && from->is_list())
    for (const Node& each : from->items()) variables_from(each, body);
  if (const Node* env = container.find("env"); env != nullptr && env->is_list())
    for (const Node& each : env->items()) variable(each, body);
}

void PodTranslator::command(const Node& container, Node& body) const {
  for (const auto& [ours, theirs] : {std::pair{"command", "entrypoint"}, std::pair{"args", "command"}}) {
    const Node* words = container.find(ours);
    if (words == nullptr || !words->is_list() || words->items().empty()) continue;
    std::vector<std::string> texts;
    for (const Node& word : words->items())
      texts.push_back(expanded(text_of(word), *body.find("env"), body.find("secret_env")));
    body.set(theirs, list_of(std::move(texts)));
  }
  if (const std::string folder = container.text_at({"workingDir"}); !folder.empty())
    body.set("work_dir", folder);
}

// --- security and resources
// -----------------------------------------------------------------------------------------------------

void PodTranslator::security(const Node& container, Node& body) const {
  const auto field = [&](std::string_view name) -> const Node* {
    const Node* own = container.at({"securityContext", name});
    return own != nullptr ? own : spec_.at({"securityContext", name});
  };
  const auto is_set = [&](std::string_view name) {
    const Node* value = field(name);
    return value != nullptr && value->is_boolean() && value->boolean();
  };
  if (is_set("privileged"))
    throw Problem(Kind::forbidden, "a privileged container is not run on this machine");
  const Node* user = field("runAsUser");
  const Node* group = field("runAsGroup");
  if (user != nullptr && user->is_integer())
    body.set("user", group != nullptr && group->is_integer()
                         ? fmt::format("{}:{}", user->integer(), group->integer())
                         : std::to_string(user->integer()));
  const Node* escalation = field("allowPrivilegeEscalation");
  if (escalation != nullptr && !is_set("allowPrivilegeEscalation")) body.set("no_new_privileges", true);
  if (is_set("readOnlyRootFilesystem")) body.set("read_only_filesystem", true);
  if (const Node* drop = container.at({"securityContext", "capabilities", "drop"}))
    body.set("cap_drop", *drop);
  if (const Node* add = container.at({"securityContext", "capabilities", "add"})) body.set("cap_add", *add);
  Node limits = Node::list();
  limits.push(limit("nofile", machine_.files));
  limits.push(limit("nproc", machine_.processes));
  body.set("r_limits", std::move(limits));
}

void PodTranslator::resources(const Node& container, Node& body) const {
  const Node* limits = container.at({"resources", "limits"});
  if (limits == nullptr || !limits->is_map()) return;
  Node devices = Node::list();
  for (const Entry& entry : limits->entries()) {
    const std::optional<double> amount = quantity(text_of(entry.value));
    if (!amount) continue;
    if (entry.key == "memory") {
      body.child("resource_limits").child("memory").set("limit", static_cast<std::int64_t>(*amount));
    } else if (entry.key == "cpu") {
      Node& cpu = body.child("resource_limits").child("cpu");
      cpu.set("period", 100'000);
      cpu.set("quota", std::max<std::int64_t>(1'000, std::llround(*amount * 100'000)));
    } else if (entry.key.find('/') !=
               std::string::npos) {  // a device plugin's resource: CDI names it likewise
      for (int i = 0; i < static_cast<int>(*amount); ++i) {
        Node device = Node::map();
        device.set("path", fmt::format("{}={}", entry.key, i));
        devices.push(std::move(device));
      }
    }
  }
  if (!devices.items().empty()) body.set("devices", std::move(devices));
}

}  // namespace mlib::targets
