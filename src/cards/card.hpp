#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cards/hardware_spec.hpp"
#include "cards/model_spec.hpp"
#include "cards/original.hpp"
#include "schema/describe.hpp"

/// The kinds of card. Each file: apiVersion `model-library/v1`, kind, metadata, spec. Names are file
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
  std::string pattern;  ///< word, path, url, repository (safe in a shell: cards/parameter.hpp), or RE2 syntax
  std::string unit;
  std::string group;
  bool secret = false;
  bool advanced = false;
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
    d.field(
        "pattern", pattern,
        {.help = "What the whole text must be: word, path, url, repository, or a regular expression (RE2)"});
    d.field("unit", unit, {.help = "Unit of the number"});
    d.field("group", group, {.help = "Heading it is shown under"});
    d.field("secret", secret, {.help = "Only ever written into a Secret"});
    d.field("advanced", advanced, {.help = "Few people change it: shown last"});
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

/// What must hold between parameters, as expressions (cards/expression.hpp) over `parameters`, `framework`,
/// `model`, `hardware` and `template`. One that asks for what no card says does not apply.
struct Condition {
  std::string when;
  std::string require;
  std::string message;

  template <class D>
  void describe(D& d) {
    d.field("when", when, {.help = "Only where this holds; always without it"});
    d.field("require", require,
            {.help = "What must hold, e.g. parameters.a <= parameters.b", .required = true});
    d.field("message", message, {.help = "Why, for people", .required = true, .min = 1});
  }
};

/// A version of the engine that the manifest is made for.
struct EngineVersion {
  std::string version;
  std::string image;
  std::string digest;
  std::string released;

  template <class D>
  void describe(D& d) {
    d.field("version", version,
            {.help = "As the engine calls it", .required = true, .min = 1, .format = "version"});
    d.field("image", image, {.help = "Container image of this version, with tag"});
    d.field("digest", digest, {.help = "The image's sha256:…, where it is known"});
    d.field("released", released, {.help = "Day of release, YYYY-MM-DD", .format = "date"});
  }
};

/// What the engine can load and do, as far as it is known; an empty list says nothing.
struct Serves {
  std::vector<std::string> formats, quantizations, tasks, vendors;
  std::optional<bool> own_weights;

  template <class D>
  void describe(D& d) {
    d.field("formats", formats, {.help = "File formats of weights that it loads, e.g. gguf, safetensors"});
    d.field("quantizations", quantizations, {.help = "Quantizations that it loads, e.g. FP8, AWQ"});
    d.field("tasks", tasks, {.help = "Tasks that it serves, e.g. text-generation, embedding"});
    d.field("vendors", vendors, {.help = "What its image computes on: cpu, nvidia, amd, intel, google, …"});
    d.field(
        "own_weights", own_weights,
        {.help = "It loads weights of a registry of its own, in a form that the Model card does not say"});
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
  std::vector<Condition> conditions;
  std::vector<EngineVersion> versions;
  std::string flags;
  Serves serves;

  std::optional<Original> original;

  template <class D>
  void describe(D& d) {
    d.field("engine", engine, {.help = "The serving engine", .required = true});
    d.field("version", version, {.help = "The engine's version", .format = "version"});
    d.field("image", image, {.help = "Container image, with tag"});
    d.field("manifest", manifest, {.help = "File with the Kubernetes objects, beside this one"});
    d.field("protocol", protocol, {.help = "API that the engine speaks, one of those in protocols/"});
    d.field("health", health, {.help = "When it is ready"});
    d.field("parameters", parameters, {.help = "What the manifest's placeholders stand for"});
    d.field("conditions", conditions, {.help = "What must hold between parameters"});
    d.field("versions", versions, {.help = "Versions of the engine that this works with, newest last"});
    d.field("flags", flags,
            {.help = "Table in flags/ that the arguments of the container with this image are checked with"});
    d.field("serves", serves, {.help = "What the engine can load and do"});
    d.field("original", original, {.help = "How the original's clients see it"});
  }
};

/// What was measured on exactly this model on exactly this hardware.
struct Benchmark {
  std::string id;
  std::string description;
  Node results = Node::map();
  Node run = {};  ///< of a BenchmarkCard; it stays with the card, since it is long

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

/// A Benchmark in a file of its own, `benchmarks/TEMPLATE/ID.yaml`: load gives it to its template.
struct BenchmarkSpec {
  std::string template_name;
  Node results = Node::map();
  Node run;

  template <class D>
  void describe(D& d) {
    d.field("template", template_name,
            {.help = "Template that was measured", .required = true, .format = "template"});
    d.field("results", results, {.help = "The figures", .required = true});
    d.field("run", run, {.help = "All that is known of the run: what it was measured on, with, and how"});
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
  std::string extends;  ///< the card whose values stand where this one's file says nothing, or ""
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
    d.field("extends", extends, {.help = "Card of the same kind that gives what this one leaves out"});
    d.field("metadata", metadata, {.help = "Name and labels", .required = true});
    d.field("spec", spec, {.help = "The card's facts", .required = true});
  }

 private:
  static constexpr std::string_view kind_of(FrameworkSpec*) { return "Framework"; }
  static constexpr std::string_view kind_of(ModelSpec*) { return "Model"; }
  static constexpr std::string_view kind_of(HardwareSpec*) { return "Hardware"; }
  static constexpr std::string_view kind_of(TemplateSpec*) { return "Template"; }
  static constexpr std::string_view kind_of(BenchmarkSpec*) { return "Benchmark"; }
  static constexpr std::string_view kind_of(DeploymentSpec*) { return "Deployment"; }
};

using Model = Card<ModelSpec>;
using Hardware = Card<HardwareSpec>;
using Template = Card<TemplateSpec>;
using BenchmarkCard = Card<BenchmarkSpec>;
using Deployment = Card<DeploymentSpec>;

struct Contract;

/// A Framework with its manifest's documents (parsed, placeholders in place) and text, and what its values
/// are held to (a null pointer: only to their parameters).
struct Framework : Card<FrameworkSpec> {
  std::shared_ptr<const Contract> contract;
  std::vector<Node> manifest;
  std::string manifest_text;
  std::string manifest_file;
};

}  // namespace mlib::cards
