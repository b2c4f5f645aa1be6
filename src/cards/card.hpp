#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cards/hardware_spec.hpp"
#include "cards/model_spec.hpp"
#include "cards/original.hpp"
#include "schema/describe.hpp"

/// The five kinds of card. Each file: apiVersion `model-library/v1`, kind, metadata, spec. Names are file
/// names.
namespace mlib::cards {

struct Metadata {
  std::string name;
  std::string title;
  std::string description;
  Dict<std::string> labels;

  template <class D>
  void describe(D& d) {
    d.field("name", name,
            {.help = "Name of the card, the same as its file's", .required = true, .format = "dns-label"});
    d.field("title", title, {.help = "Name for people"});
    d.field("description", description, {.help = "What it is, in a sentence"});
    d.field("labels", labels, {.help = "Free labels to filter by"});
  }
};

/// One parameter that a Framework's manifest may use, as a subset of JSON Schema.
struct Parameter {
  std::string type = "string";
  std::string help;
  Node default_value;  ///< null: none
  std::string from;    ///< a fact of another card: hardware.cpus, model.weights_file, … (cards/facts.hpp)
  std::vector<Node> one_of;
  std::optional<double> minimum;
  std::optional<double> maximum;
  std::string pattern;  ///< which characters a text may hold: fits_pattern in cards/parameter.hpp
  std::string unit;
  std::string group;
  bool secret = false;
  bool required = false;

  template <class D>
  void describe(D& d) {
    d.field("type", type,
            {.help = "Type of the value",
             .one_of = {"string", "integer", "number", "boolean", "list", "map", "quantity", "name"}});
    d.field("help", help, {.help = "One line for people"});
    d.field("default", default_value, {.help = "Value when nothing else gives one"});
    d.field("from", from, {.help = "The fact of another card that gives it, e.g. hardware.cpus"});
    d.field("enum", one_of, {.help = "The values that are allowed"});
    d.field("minimum", minimum, {.help = "Smallest number"});
    d.field("maximum", maximum, {.help = "Largest number"});
    d.field("pattern", pattern,
            {.help = "What the text may consist of", .one_of = {"", "word", "path", "url", "repository"}});
    d.field("unit", unit, {.help = "Unit of the number"});
    d.field("group", group, {.help = "Heading it is shown under"});
    d.field("secret", secret, {.help = "Only ever written into a Secret"});
    d.field("required", required, {.help = "A deployment without it is refused"});
  }
};

struct Health {
  std::optional<std::string> path;  ///< none: the original's null (no health check)
  int port = 8000;

  template <class D>
  void describe(D& d) {
    d.field("path", path, {.help = "Path that answers 200 when the engine is ready, e.g. /health"});
    d.field("port", port, {.help = "Port of the container", .min = 1, .max = 65535});
  }
};

struct FrameworkSpec {
  std::string engine;  ///< llama.cpp, vllm, …
  std::string version;
  std::string image;
  std::string manifest = "manifest.yaml";
  std::string protocol = "openai";
  Health health;
  Dict<Parameter> parameters;

  std::optional<Original> original;

  template <class D>
  void describe(D& d) {
    d.field("engine", engine, {.help = "The serving engine", .required = true});
    d.field("version", version, {.help = "The engine's version"});
    d.field("image", image, {.help = "Container image, with tag"});
    d.field("manifest", manifest, {.help = "File with the Kubernetes objects, beside this one"});
    d.field("protocol", protocol,
            {.help = "API that the engine speaks", .one_of = {"openai", "deepsparse", "http"}});
    d.field("health", health, {.help = "When it is ready"});
    d.field("parameters", parameters, {.help = "What the manifest's placeholders stand for"});
    d.field("original", original, {.help = "How the original's clients see it"});
  }
};

/// What was measured on exactly this model on exactly this hardware.
struct Benchmark {
  std::string id;
  std::string description;
  Node results = Node::map();

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.help = "Stable id", .required = true});
    d.field("description", description, {.help = "What was measured, how and when", .required = true});
    d.field("results", results, {.help = "The figures", .required = true});
  }
};

struct TemplateSpec {
  std::string model;
  std::string framework;  ///< "": the model's own
  std::string hardware;
  std::vector<std::string> viable_hardware;
  Dict<Node> values;
  std::optional<int> context_length;
  std::vector<std::string> evidence;
  std::optional<bool> modelled;
  std::vector<Benchmark> benchmarks;
  std::optional<Original> original;

  template <class D>
  void describe(D& d) {
    d.field("model", model, {.help = "Model card", .required = true, .format = "model"});
    d.field(
        "framework", framework,
        {.help = "Framework that serves it, where it is another than the model's", .format = "framework"});
    d.field("hardware", hardware, {.help = "Hardware card", .required = true, .format = "hardware"});
    d.field("viable_hardware", viable_hardware,
            {.help = "Other hardware that it runs on", .format = "hardware"});
    d.field("values", values, {.help = "Values for the framework's parameters"});
    d.field("context_length", context_length,
            {.help = "Context that has room beside the weights on all of this hardware",
             .min = 1,
             .unit = "tokens"});
    d.field("evidence", evidence, {.help = "Who serves it so, as repository:path@commit"});
    d.field("modelled", modelled, {.help = "The evidence says that it can be modelled, not that it was run"});
    d.field("benchmarks", benchmarks, {.help = "Measured on exactly this pair"});
    d.field("original", original, {.help = "How the original's clients see it"});
  }
};

/// A running instance: what was asked for. Its life is in store/ and targets/.
struct DeploymentSpec {
  std::string template_name;
  std::string hardware;
  std::string target;
  std::string namespace_name;
  std::string user;
  Dict<Node> values;

  template <class D>
  void describe(D& d) {
    d.field("template", template_name, {.help = "Template card", .required = true, .format = "template"});
    d.field("hardware", hardware, {.help = "Hardware instead of the template's", .format = "hardware"});
    d.field("target", target,
            {.help = "Where it runs", .required = true, .one_of = {"podman", "kubernetes", "kube-watcher"}});
    d.field("namespace", namespace_name, {.help = "Namespace", .required = true, .format = "dns-label"});
    d.field("user", user, {.help = "Who asked for it"});
    d.field("values", values, {.help = "Overrides"});
  }
};

template <class Spec>
struct Card {
  Metadata metadata;
  Spec spec;
  std::string file;  ///< where it was read, as given to load

  template <class D>
  void describe(D& d) {
    std::string version = "model-library/v1";
    std::string kind(kind_of(static_cast<Spec*>(nullptr)));
    d.field("apiVersion", version,
            {.help = "Version of the format", .required = true, .one_of = {"model-library/v1"}});
    d.field("kind", kind, {.help = "Kind of card", .required = true});
    d.field("metadata", metadata, {.help = "Name and labels", .required = true});
    d.field("spec", spec, {.help = "The card's facts", .required = true});
  }

 private:
  static constexpr std::string_view kind_of(FrameworkSpec*) { return "Framework"; }
  static constexpr std::string_view kind_of(ModelSpec*) { return "Model"; }
  static constexpr std::string_view kind_of(HardwareSpec*) { return "Hardware"; }
  static constexpr std::string_view kind_of(TemplateSpec*) { return "Template"; }
  static constexpr std::string_view kind_of(DeploymentSpec*) { return "Deployment"; }
};

using Model = Card<ModelSpec>;
using Hardware = Card<HardwareSpec>;
using Template = Card<TemplateSpec>;
using Deployment = Card<DeploymentSpec>;

/// A Framework with its manifest's documents (parsed, placeholders in place) and text.
struct Framework : Card<FrameworkSpec> {
  std::vector<Node> manifest;
  std::string manifest_text;
  std::string manifest_file;
};

}  // namespace mlib::cards
