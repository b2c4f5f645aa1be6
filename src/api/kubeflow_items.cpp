#include "api/kubeflow_items.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "cards/benchmark.hpp"
#include "kube/exec.hpp"

namespace mlib::api::kubeflow {
namespace {

void text(Node& into, std::string_view key, const std::string& value) {
  if (!value.empty()) into.set(key, value);
}

void set_property(Node& properties, std::string_view name, const Node& value) {
  if (value.is_null() || (value.is_string() && value.string().empty())) return;
  properties.set(name, property(value));
}

/// Milliseconds since 1970 of a day or an instant of UTC, as the OpenAPI writes them; "" when it is neither.
std::string milliseconds(const std::string& when) {
  const auto time = kube::from_utc(when.find('T') == std::string::npos ? when + "T00:00:00Z" : when);
  if (!time) return "";
  return std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(time->time_since_epoch()).count());
}

/// The type of the weights by its usual name: a quantization's, or that of the model's own config.
std::string tensor_type(const cards::ModelSpec& spec) {
  if (!spec.quantization.empty()) return spec.quantization;
  for (const auto& [dtype, name] :
       {std::pair{"bfloat16", "BF16"}, std::pair{"float16", "FP16"}, std::pair{"float32", "FP32"}})
    if (spec.dtype == dtype) return name;
  return "";
}

/// The leaves of a benchmark's results, by dotted names; of one that does not count only its verdict.
void figures(const cards::Benchmark& benchmark, const Node& results, const std::string& before,
             Node& properties) {
  for (const schema::Entry& entry : results.entries()) {
    const bool why = entry.key == cards::results_verdict || entry.key == cards::results_reasons;
    if (before.empty() && !why && !cards::counts(benchmark)) continue;
    const std::string name = before.empty() ? entry.key : before + "." + entry.key;
    if (entry.value.is_map())
      figures(benchmark, entry.value, name, properties);
    else
      set_property(properties, name, entry.value);
  }
}

/// What it was measured on: as the benchmark says, which may be another machine than its template's.
void add_hardware(const cards::Library& library, const cards::Template& card,
                  const cards::Benchmark& benchmark, Node& properties) {
  const std::string said = benchmark.results.text_at({"hardware_type"});
  const cards::Hardware* named = library.find_hardware(said);
  const cards::Hardware* hardware = named != nullptr ? named : library.find_hardware(card.spec.hardware);
  if (hardware == nullptr) return;
  const auto& gpu = hardware->spec.gpu;
  const bool known = named != nullptr || said.empty();
  const std::string type = !known                         ? said
                           : gpu && !gpu->product.empty() ? gpu->product
                                                          : hardware->metadata.name;
  const Node* counted = benchmark.results.find("hardware_count");
  const Node count =
      counted != nullptr ? *counted : Node(gpu ? gpu->count : hardware->spec.replicas.value_or(1));
  set_property(properties, "hardware_type", type);
  set_property(properties, "hardware_count", count);
  set_property(properties, "hardware_configuration", fmt::format("{} x {}", schema::to_json(count), type));
}

/// The engine, and of a run that is kept whole its version, image and tokens of a request.
void add_run(const cards::Framework& framework, const cards::Benchmark& benchmark, Node& properties) {
  const Node& run = benchmark.run;
  set_property(properties, "framework_type", framework.spec.engine);
  set_property(properties, "framework_version", run.text_at({"subject", "engine_version"}));
  set_property(properties, "docker_image", run.text_at({"subject", "image"}));
  const Node* good = run.at({"counts", "good"});
  if (!cards::counts(benchmark) || good == nullptr || !good->is_number() || good->number() <= 0) return;
  for (const auto& [ours, theirs] :
       {std::pair{"prompt_tokens", "mean_input_tokens"}, std::pair{"output_tokens", "mean_output_tokens"}})
    if (const Node* tokens = run.at({"counts", ours}); tokens != nullptr && tokens->is_number())
      set_property(properties, theirs, Node(tokens->number() / good->number()));
}

Node metrics_item(const cards::Library& library, const cards::Template& card,
                  const cards::Benchmark& benchmark) {
  Node properties = Node::map();
  if (benchmark.results.is_map()) figures(benchmark, benchmark.results, "", properties);
  add_hardware(library, card, benchmark, properties);
  set_property(properties, "template", card.metadata.name);
  add_run(library.framework_of(card), benchmark, properties);
  Node item = Node::map();
  item.set("artifactType", "metrics-artifact");
  item.set("metricsType", "performance-metrics");
  item.set("name", fmt::format("{}/{}", card.metadata.name, benchmark.id));
  item.set("externalId", benchmark.id);
  text(item, "createTimeSinceEpoch", milliseconds(benchmark.run.text_at({"when"})));
  text(item, "description", benchmark.description);
  item.set("customProperties", std::move(properties));
  return item;
}

}  // namespace

Node property(const Node& value) {
  Node made = Node::map();
  if (value.is_boolean()) {
    made.set("metadataType", "MetadataBoolValue");
    made.set("bool_value", value);
  } else if (value.is_integer()) {
    made.set("metadataType", "MetadataIntValue");
    made.set("int_value", std::to_string(value.integer()));
  } else if (value.is_number()) {
    made.set("metadataType", "MetadataDoubleValue");
    made.set("double_value", value);
  } else {
    made.set("metadataType", "MetadataStringValue");
    made.set("string_value", value.is_string() ? value.string() : schema::to_json(value));
  }
  return made;
}

Node model_item(const cards::Model& card, std::size_t row) {
  Node item = Node::map();
  item.set("name", card.metadata.name);
  item.set("source_id", source_id);
  item.set("id", std::to_string(row + 1));
  item.set("externalId", card.metadata.name);
  text(item, "description", card.metadata.description);
  if (!card.spec.task.empty()) item.set("tasks", Node(Node::List{card.spec.task}));
  text(item, "license", card.spec.license);
  if (const std::size_t slash = card.spec.repository.find('/'); slash != std::string::npos)
    text(item, "provider", card.spec.repository.substr(0, slash));
  text(item, "createTimeSinceEpoch", milliseconds(card.spec.released));
  Node properties = Node::map();
  for (const auto& [key, value] : card.metadata.labels) set_property(properties, key, value);
  set_property(properties, "title", card.metadata.title);
  set_property(properties, "framework", card.spec.framework);
  set_property(properties, "format", card.spec.format);
  set_property(properties, "quantization", card.spec.quantization);
  set_property(properties, "tensor_type", tensor_type(card.spec));
  set_property(properties, "family", card.spec.family);
  set_property(properties, "repository", card.spec.repository);
  if (card.spec.gated) set_property(properties, "gated", *card.spec.gated);
  if (card.spec.parameters) set_property(properties, "parameters", *card.spec.parameters);
  if (card.spec.active_parameters)
    set_property(properties, "active_parameters", *card.spec.active_parameters);
  if (card.spec.weights_bytes) set_property(properties, "weights_bytes", *card.spec.weights_bytes);
  if (card.spec.context_length) set_property(properties, "context_length", *card.spec.context_length);
  item.set("customProperties", std::move(properties));
  return item;
}

Artifacts::Artifacts(const cards::Library& library) : library_(library) {
  for (const cards::Template& each : library.templates)
    if (!each.spec.benchmarks.empty()) measured_[each.spec.model].push_back(&each);
}

std::vector<Node> Artifacts::of(const std::string& model) const {
  std::vector<Node> all;
  const cards::ModelSpec& spec = library_.get_model(model).spec;
  std::vector<cards::Source> sources = spec.sources;
  // An engine that fetches for itself is given the repository, as KServe is.
  if (sources.empty() && !spec.repository.empty()) {
    sources.emplace_back();
    sources.back().uri = "hf://" + spec.repository;
    sources.back().bytes = spec.weights_bytes;
  }
  for (const cards::Source& source : sources) {
    Node item = Node::map();
    item.set("artifactType", "model-artifact");
    item.set("uri", source.uri);
    Node properties = Node::map();
    set_property(properties, "sha256", source.sha256);
    if (source.bytes) set_property(properties, "bytes", *source.bytes);
    item.set("customProperties", std::move(properties));
    all.push_back(std::move(item));
  }
  if (const auto templates = measured_.find(model); templates != measured_.end())
    for (const cards::Template* each : templates->second)
      for (const cards::Benchmark& benchmark : each->spec.benchmarks)
        all.push_back(metrics_item(library_, *each, benchmark));
  for (std::size_t i = 0; i < all.size(); ++i) all[i].set("id", std::to_string(i + 1));
  return all;
}

std::string bare_name(std::string_view name) {
  for (const std::string_view suffix :
       {".string_value", ".int_value", ".double_value", ".bool_value", ".array_value"})
    if (name.ends_with(suffix)) return std::string(name.substr(0, name.size() - suffix.size()));
  return std::string(name);
}

Node value_of(const Node& item, std::string_view name) {
  if (name != "customProperties")
    if (const Node* field = item.find(name)) return *field;
  const Node* properties = item.find("customProperties");
  const Node* found = properties == nullptr ? nullptr : properties->find(name);
  if (found == nullptr) return {};
  const Node& value = found->entries()[1].value;
  return found->entries()[1].key == "int_value" ? schema::scalar_of(value.string()) : value;
}

}  // namespace mlib::api::kubeflow
