#include "cards/facts.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mlib::cards {
namespace {

struct Cards {
  const Framework& framework;
  const Model& model;
  const Hardware& hardware;
};

/// A null is "the card does not say".
Node text(const std::string& value) { return value.empty() ? Node() : Node(value); }

template <class T>
Node maybe(const std::optional<T>& value) {
  return value ? Node(*value) : Node();
}

Node node_selector(const Cards& cards) {
  if (cards.hardware.spec.node_selector.empty()) return {};
  return schema::encode(cards.hardware.spec.node_selector);
}

Node tolerations(const Cards& cards) {
  if (cards.hardware.spec.tolerations.empty()) return {};
  return Node(cards.hardware.spec.tolerations);
}

/// A whole number of cores is an integer, so that it is written `4`.
Node cpus(const Cards& cards) {
  const std::optional<double>& cores = cards.hardware.spec.cpus;
  if (!cores) return {};
  if (*cores == std::floor(*cores)) return Node(static_cast<std::int64_t>(*cores));
  return Node(*cores);
}

/// Threads that make sense on these cores: at least one.
Node threads(const Cards& cards) {
  const std::optional<double>& cores = cards.hardware.spec.cpus;
  return cores ? Node(static_cast<std::int64_t>(std::max(1.0, std::floor(*cores)))) : Node();
}

Node gpu_count(const Cards& cards) {
  return cards.hardware.spec.gpu ? Node(cards.hardware.spec.gpu->count) : Node();
}

Node gpu_resource(const Cards& cards) {
  return cards.hardware.spec.gpu ? text(cards.hardware.spec.gpu->resource) : Node();
}

const Source* first_source(const Cards& cards) {
  return cards.model.spec.sources.empty() ? nullptr : &cards.model.spec.sources.front();
}

Node weights_file(const Cards& cards) {
  const Source* source = first_source(cards);
  if (source == nullptr) return {};
  return text(source->uri.substr(source->uri.rfind('/') + 1));
}

Node weights_uri(const Cards& cards) {
  const Source* source = first_source(cards);
  return source == nullptr ? Node() : text(source->uri);
}

Node weights_sha256(const Cards& cards) {
  const Source* source = first_source(cards);
  return source == nullptr ? Node() : text(source->sha256);
}

struct Row {
  std::string_view name;
  Node (*get)(const Cards&);
};
constexpr std::array rows{
    Row{"hardware.cpus", cpus},
    Row{"hardware.threads", threads},
    Row{"hardware.memory", [](const Cards& cards) { return text(cards.hardware.spec.memory); }},
    Row{"hardware.storage", [](const Cards& cards) { return text(cards.hardware.spec.storage); }},
    Row{"hardware.replicas", [](const Cards& cards) { return maybe(cards.hardware.spec.replicas); }},
    Row{"hardware.gpu_count", gpu_count},
    Row{"hardware.gpu_resource", gpu_resource},
    Row{"hardware.node_selector", node_selector},
    Row{"hardware.tolerations", tolerations},
    Row{"model.name", [](const Cards& cards) { return text(cards.model.metadata.name); }},
    Row{"model.repository", [](const Cards& cards) { return text(cards.model.spec.repository); }},
    Row{"model.quantization", [](const Cards& cards) { return text(cards.model.spec.quantization); }},
    Row{"model.context_length", [](const Cards& cards) { return maybe(cards.model.spec.context_length); }},
    Row{"model.weights_file", weights_file},
    Row{"model.weights_uri", weights_uri},
    Row{"model.weights_sha256", weights_sha256},
    Row{"framework.image", [](const Cards& cards) { return text(cards.framework.spec.image); }},
    Row{"framework.version", [](const Cards& cards) { return text(cards.framework.spec.version); }},
};

constexpr std::string_view gpus_of = "hardware.gpu_count(";

/// RESOURCE of `hardware.gpu_count(RESOURCE)`, or "".
std::string_view resource_of(std::string_view name) {
  if (!name.starts_with(gpus_of) || !name.ends_with(')')) return {};
  return name.substr(gpus_of.size(), name.size() - gpus_of.size() - 1);
}

constexpr std::array<std::string_view, 9> given{
    "name",           "namespace",    "user",         "id", "deployment_name", "weights_volumes",
    "weights_mounts", "weights_init", "weights_path",
};

}  // namespace

std::vector<std::string> fact_names() {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

bool is_fact(std::string_view name) {
  const auto same = [&](const Row& row) { return row.name == name; };
  return std::any_of(rows.begin(), rows.end(), same) || !resource_of(name).empty();
}

std::optional<Node> fact(std::string_view name, const Framework& framework, const Model& model,
                         const Hardware& hardware) {
  const Cards cards{framework, model, hardware};
  if (const std::string_view resource = resource_of(name); !resource.empty()) {
    const std::optional<Gpu>& gpu = hardware.spec.gpu;
    if (!gpu || gpu->resource != resource) return {};
    return Node(gpu->count);
  }
  for (const Row& row : rows) {
    if (row.name != name) continue;
    Node value = row.get(cards);
    if (value.is_null()) return {};
    return value;
  }
  return {};
}

std::vector<std::string> given_names() { return {given.begin(), given.end()}; }

bool is_given(std::string_view name) { return std::find(given.begin(), given.end(), name) != given.end(); }

bool is_weights_value(std::string_view name) { return is_given(name) && name.starts_with("weights_"); }

}  // namespace mlib::cards
