#include "formats/contradict.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.hpp"

namespace mlib::formats {
namespace {

/// Bits that a weight can have in a file of this quantization: from what is smallest to what is largest in
/// it, with room for tensors that are kept in 32 bits and for counts that were rounded.
struct Bits {
  std::string_view beginning;
  double least, most;
};
constexpr Bits sixteen{"BF16", 15.5, 17}, thirty_two{"FP32", 30.5, 33};
constexpr std::array bits{
    Bits{"IQ1", 1.3, 6},
    Bits{"IQ2", 1.9, 7},
    Bits{"IQ3", 2.8, 8},
    Bits{"IQ4", 4, 9},
    Bits{"TQ", 1.5, 6},
    Bits{"Q2", 2.3, 7},
    Bits{"Q3", 3, 8},
    Bits{"Q4", 4, 9},
    Bits{"Q5", 5, 10},
    Bits{"Q6", 6, 11},
    Bits{"Q8", 8, 13},
    Bits{"BF16", 15.5, 17},
    Bits{"FP16", 15.5, 17},
    Bits{"F16", 15.5, 17},
    Bits{"FP32", 30.5, 33},
    Bits{"F32", 30.5, 33},
    Bits{"FP8", 7.5, 13},
    Bits{"F8", 7.5, 13},
    Bits{"AWQ", 3.5, 11},
    Bits{"GPTQ", 1.8, 13},
    Bits{"MXFP4", 4, 9},
    Bits{"NVFP4", 4, 9},
    Bits{"INT4", 3.5, 11},
    Bits{"INT8", 7.5, 13},
    Bits{"BITSANDBYTES", 3.5, 13},
};

/// The word for the type of the weights: what they were quantized to, else what they were trained in.
std::string_view type_of(const cards::ModelSpec& spec) {
  std::string_view type = spec.quantization;
  // Unsloth's name for files that keep more bits where they matter most.
  if (type.starts_with("UD-")) type.remove_prefix(3);
  if (!type.empty()) return type;
  if (spec.dtype == "bfloat16") return "BF16";
  if (spec.dtype == "float16") return "FP16";
  return spec.dtype == "float32" ? "FP32" : "";
}

void heads(const cards::Shape& shape, std::vector<Remark>& found) {
  if (shape.heads && shape.kv_heads && *shape.kv_heads > *shape.heads)
    found.push_back(
        {"spec.shape.kv_heads", "",
         fmt::format("{} key-value heads are more than {} heads", *shape.kv_heads, *shape.heads)});
  else if (shape.heads && shape.kv_heads && *shape.heads % *shape.kv_heads != 0)
    found.push_back({"spec.shape.kv_heads", "",
                     fmt::format("{} heads cannot share {} key-value heads", *shape.heads, *shape.kv_heads)});
  if (!shape.heads || !shape.hidden) return;
  const bool latent = std::any_of(shape.attention.begin(), shape.attention.end(),
                                  [](const cards::Attention& each) { return each.kind == "mla"; });
  if (!shape.head_size && !latent && *shape.hidden % *shape.heads != 0)
    found.push_back(
        {"spec.shape.hidden", "",
         fmt::format("a hidden size of {} is no multiple of {} heads", *shape.hidden, *shape.heads)});
  // Models with a head size of their own (Gemma, Qwen3, DeepSeek V4) project to up to eight times the hidden
  // size.
  const std::int64_t wide = shape.head_size ? std::int64_t{*shape.heads} * *shape.head_size : 0;
  if (wide > 8 * std::int64_t{*shape.hidden} || (wide > 0 && 4 * wide < *shape.hidden))
    found.push_back({"spec.shape.head_size", "",
                     fmt::format("{} heads of {} make {}, far from the hidden size {}", *shape.heads,
                                 *shape.head_size, wide, *shape.hidden)});
}

/// What the layers must hold at least: query and output projections, the token table.
void parameters(const cards::ModelSpec& spec, std::vector<Remark>& found) {
  const cards::Shape& shape = spec.shape;
  if (!spec.parameters || !shape.layers || !shape.hidden) return;
  const double hidden = *shape.hidden, count = static_cast<double>(*spec.parameters);
  double least = shape.vocabulary ? hidden * *shape.vocabulary : 0;
  if (shape.heads && shape.head_size) {
    const double own = static_cast<double>(*shape.heads) * *shape.head_size;
    least += *shape.layers * hidden * own;
  }
  if (count < least * 0.5)
    found.push_back({"spec.parameters", "",
                     fmt::format("{} are too few: {} layers of hidden size {} need at least {:.3g}",
                                 *spec.parameters, *shape.layers, *shape.hidden, least)});
}

/// The size of all weight files, when each is given.
std::optional<std::int64_t> size_of(const cards::ModelSpec& spec) {
  if (spec.weights_bytes) return spec.weights_bytes;
  if (spec.sources.size() != 1) return {};
  return spec.sources[0].bytes;
}

/// How many bits a parameter has.
class Density {
 public:
  Density(const cards::ModelSpec& spec, const Beside& beside, std::int64_t size) {
    const auto count = static_cast<double>(*spec.parameters);
    each_ = static_cast<double>(size) * 8 / count;
    // A token table that is the output layer, too, counts once; some files hold it twice (Qwen3 0.6B).
    twice_ =
        1 + static_cast<double>(spec.shape.hidden.value_or(0)) * spec.shape.vocabulary.value_or(0) / count;
    // A GGUF file brings its vocabulary along; sizes of others are sums of tensors, or rounded.
    if (!beside.tensor_bytes) header_ = spec.format == "gguf" ? 16e6 * 8 / count : each_ / 100;
  }
  double each() const { return each_; }
  bool below(const Bits& row) const { return each_ < row.least; }
  bool above(const Bits& row) const { return each_ > row.most * twice_ + header_; }

 private:
  double each_ = 0, twice_ = 1, header_ = 0;
};

void bytes(const cards::ModelSpec& spec, const Beside& beside, std::vector<Remark>& found) {
  const std::optional<std::int64_t> size = beside.tensor_bytes ? beside.tensor_bytes : size_of(spec);
  if (!spec.parameters || *spec.parameters < 1 || !size || *size <= 0) return;
  const Density density(spec, beside, *size);
  const auto tell = [&](std::string_view what) {
    found.push_back({"spec.parameters", "",
                     fmt::format("{} parameters in {} bytes are {:.3g} bits each, which {}", *spec.parameters,
                                 *size, density.each(), what)});
  };
  const std::string_view type = type_of(spec);
  if (type.empty()) {
    // Of 16 bits or fewer nothing can be said: there are quantizations of every size.
    if (spec.format == "safetensors" && density.above(sixteen) &&
        (density.below(thirty_two) || density.above(thirty_two)))
      tell("no plain type has: they are 16 or 32");
    return;
  }
  for (const Bits& row : bits) {
    if (!type.starts_with(row.beginning)) continue;
    const std::string_view word =
        spec.quantization.empty() ? std::string_view(spec.dtype) : spec.quantization;
    if (density.below(row) || density.above(row)) tell(fmt::format("{} is not", word));
    return;
  }
}

/// Parts that are more than the whole: layers by how they attend, parameters that a token passes.
void parts(const cards::ModelSpec& spec, std::vector<Remark>& found) {
  std::int64_t counted = 0;
  for (const cards::Attention& each : spec.shape.attention) counted += each.layers.value_or(0);
  if (spec.shape.layers && counted > *spec.shape.layers)
    found.push_back(
        {"spec.shape.attention", "", fmt::format("{} layers attend, of {}", counted, *spec.shape.layers)});
  if (spec.active_parameters && spec.parameters && *spec.active_parameters > *spec.parameters)
    found.push_back({"spec.active_parameters", "",
                     fmt::format("{} active of {} parameters", *spec.active_parameters, *spec.parameters)});
}

/// The context that the framework is told, beside the model's own.
void contexts(const cards::ModelSpec& spec, std::vector<Remark>& found) {
  if (!spec.context_length) return;
  for (const auto& [name, value] : spec.values)
    if ((name == "context_length" || name == "max_model_len") && value.is_integer() &&
        value.integer() > *spec.context_length)
      found.push_back({"spec.values." + name, "",
                       fmt::format("two different contexts: {} here, {} by `context_length`", value.integer(),
                                   *spec.context_length)});
}

}  // namespace

std::vector<Remark> contradictions(const cards::ModelSpec& spec, const Beside& beside) {
  std::vector<Remark> found;
  heads(spec.shape, found);
  parameters(spec, found);
  parts(spec, found);
  contexts(spec, found);
  bytes(spec, beside, found);
  for (const cards::Source& source : spec.sources) {
    const std::string_view file = std::string_view(source.uri).substr(source.uri.rfind('/') + 1);
    if (spec.format == "safetensors" && file.ends_with(".gguf"))
      found.push_back({"spec.format", "", fmt::format("`{}` is no safetensors file", shortened(file, 80))});
    if (spec.format == "gguf" && file.ends_with(".safetensors"))
      found.push_back({"spec.format", "", fmt::format("`{}` is no GGUF file", shortened(file, 80))});
  }
  return found;
}

}  // namespace mlib::formats
