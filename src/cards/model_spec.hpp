#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cards/original.hpp"

namespace mlib::cards {

/// Where weights come from: hf://ORG/REPO/FILE, https://…, file:///…, pvc://CLAIM/PATH, image:///PATH.
struct Source {
  std::string uri;
  std::string sha256;
  std::optional<std::int64_t> bytes;

  template <class D>
  void describe(D& d) {
    d.field("uri", uri, {.help = "hf://, https://, file://, pvc:// or image://", .required = true});
    d.field("sha256", sha256, {.help = "Checksum of the file, 64 hex digits"});
    d.field("bytes", bytes, {.help = "Size of the file", .min = 1, .unit = "bytes"});
  }
};

/// A file of the weights, as the hub lists it.
struct WeightsFile {
  std::string name;
  std::optional<std::int64_t> bytes;
  std::string sha256;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Path in the repository", .required = true});
    d.field("bytes", bytes, {.help = "Size", .min = 1, .unit = "bytes"});
    d.field("sha256", sha256, {.help = "Checksum, 64 hex digits"});
  }
};

/// Layers that attend in the same way. The counts of a model's kinds add up to its layers where all are
/// known.
struct Attention {
  std::string kind;
  std::optional<int> layers;
  std::optional<int> window;
  std::optional<int> latent;
  std::optional<int> rope;

  template <class D>
  void describe(D& d) {
    d.field(
        "kind", kind,
        {.help = "full, sliding (a window), chunked (within chunks), mla (one latent vector for all heads), "
                 "linear (a state of fixed size: mamba, deltanet), cross (over another input's states), "
                 "bidirectional (an encoder)",
         .required = true,
         .one_of = {"full", "sliding", "chunked", "mla", "linear", "cross", "bidirectional"}});
    d.field("layers", layers, {.help = "How many layers attend so", .min = 1});
    d.field("window", window, {.help = "Window or chunk", .min = 1, .unit = "tokens"});
    d.field("latent", latent, {.help = "Size of the latent vector (kv_lora_rank)", .min = 1});
    d.field("rope", rope, {.help = "Size of the part that carries the position (mla)", .min = 1});
  }
};

/// The shape that memory and speed follow from.
struct Shape {
  std::optional<int> layers, heads, kv_heads, head_size, hidden, vocabulary;
  std::optional<int> intermediate;  ///< of one expert where there are experts
  std::optional<int> experts, active_experts;
  std::vector<Attention> attention;
  std::optional<std::int64_t> kv_bytes_per_token;

  template <class D>
  void describe(D& d) {
    d.field("layers", layers, {.help = "Transformer layers", .min = 1});
    d.field("heads", heads, {.help = "Attention heads", .min = 1});
    d.field("kv_heads", kv_heads, {.help = "Key-value heads", .min = 1});
    d.field("head_size", head_size, {.help = "Size of a head", .min = 1});
    d.field("hidden", hidden, {.help = "Hidden size", .min = 1});
    d.field("vocabulary", vocabulary, {.help = "Tokens of the vocabulary", .min = 1});
    d.field("intermediate", intermediate,
            {.help = "Width of a feed-forward layer, or of one expert", .min = 1});
    d.field("experts", experts, {.help = "Experts of a layer", .min = 1});
    d.field("active_experts", active_experts, {.help = "Experts that a token passes", .min = 1});
    d.field("attention", attention, {.help = "How the layers attend"});
    d.field("kv_bytes_per_token", kv_bytes_per_token,
            {.help = "What a token of the context keeps at 16 bits, over the layers that grow with it",
             .min = 1,
             .unit = "bytes"});
  }
};

struct ModelSpec {
  std::string framework;
  std::string repository;
  std::vector<Source> sources;
  std::string format;
  std::string quantization;
  std::string dtype;
  std::string task;
  std::vector<std::string> modalities;
  std::optional<bool> chat_template;
  std::string family;
  std::string license;
  std::optional<bool> gated;
  std::string released;
  std::optional<std::int64_t> parameters;
  std::optional<std::int64_t> active_parameters;
  std::optional<std::int64_t> weights_bytes;
  std::optional<int> context_length;
  Shape shape;
  std::vector<WeightsFile> files;
  std::vector<std::string> conversions;
  std::vector<std::string> evidence;
  Dict<Node> values;
  std::optional<Original> original;

  template <class D>
  void describe(D& d) {
    d.field("framework", framework,
            {.help = "Framework that serves it", .required = true, .format = "framework"});
    d.field("repository", repository, {.help = "Repository of the hub, ORG/NAME"});
    d.field("sources", sources, {.help = "Where the weights come from; the first that can be used is"});
    d.field("format", format,
            {.help = "File format of the weights",
             .one_of = {"", "gguf", "safetensors", "onnx", "pytorch", "none"}});
    d.field("quantization", quantization, {.help = "e.g. Q4_K_M, FP8, BF16"});
    d.field("dtype", dtype, {.help = "Type of the weights in the model's own config, e.g. bfloat16"});
    d.field("task", task, {.help = "What it does, e.g. text-generation"});
    d.field("modalities", modalities, {.help = "What it takes: text, image, audio"});
    d.field("chat_template", chat_template, {.help = "It has a chat template; absent when not established"});
    d.field("family", family, {.help = "e.g. qwen3"});
    d.field("license", license, {.help = "SPDX id or name; absent when not established"});
    d.field("gated", gated, {.help = "The hub asks for an accepted licence; absent when not established"});
    d.field("released", released, {.help = "Day it came out, YYYY-MM-DD", .format = "date"});
    d.field("parameters", parameters, {.help = "Number of weights", .min = 1});
    d.field("active_parameters", active_parameters, {.help = "Weights that a token passes", .min = 1});
    d.field("weights_bytes", weights_bytes,
            {.help = "Size of all weights' files", .min = 1, .unit = "bytes"});
    d.field("context_length", context_length, {.help = "Longest context", .min = 1, .unit = "tokens"});
    d.field("shape", shape, {.help = "Layers and heads"});
    d.field("files", files, {.help = "The weights' files"});
    d.field("conversions", conversions, {.help = "Same weights in other formats, as FORMAT:ORG/NAME"});
    d.field("evidence", evidence, {.help = "Where the facts come from, as WHAT repository:path@commit"});
    d.field("values", values, {.help = "Values for the framework's parameters"});
    d.field("original", original, {.help = "How the original's clients see it"});
  }
};

}  // namespace mlib::cards
