#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "formats/hub_folder.hpp"
#include "formats/safetensors.hpp"
#include "formats/tensor_table.hpp"

namespace mlib::formats::detail {
namespace {

constexpr std::size_t longest_index = 32U << 20U;

bool is_float(std::string_view type) { return type.starts_with("F") || type == "BF16"; }

class Weights {
 public:
  explicit Weights(HubFolder& folder) : in_(folder) {}

  std::optional<std::int64_t> take() {
    weights();
    in_.draft.card.spec.weights_bytes = bytes_;
    if (bytes_)
      in_.draft.report.take("spec.weights_bytes",
                            shards_ > 0 ? "headers of the weights" : "the index: total_size");
    parameters();
    return bytes_;
  }

 private:
  void weights() {
    cards::ModelSpec& spec = in_.draft.card.spec;
    std::uint64_t bytes = 0;
    const TensorTaker noted = [this](const std::string& name, const std::string& type,
                                     const std::vector<std::uint64_t>& shape) {
      // What is packed into integers has other rows.
      if (is_float(type)) table_.add(name, shape.size() == 2 ? shape[0] : 0);
    };
    for (const FolderFile& each : in_.files) {
      if (!each.name.ends_with(".safetensors")) continue;
      const Safetensors header = read_safetensors(*each.bytes, in_.path + "/" + each.name, noted);
      if (each.bytes->size() < header.needed)
        in_.draft.report.doubt("spec.sources",
                               fmt::format("{} has {} bytes, its tensors need {}: it is not whole", each.name,
                                           each.bytes->size(), header.needed));
      ++shards_;
      elements_ += header.elements;
      bytes += header.bytes;
      for (const auto& [type, sum] : header.types)
        if (!is_float(type) && sum.elements > 0) packed_ = true;
      if (!in_.wanted.location.empty())
        spec.sources.push_back({fmt::format("file://{}/{}", in_.wanted.location, each.name), "",
                                static_cast<std::int64_t>(each.bytes->size())});
    }
    if (shards_ > 0) bytes_ = static_cast<std::int64_t>(bytes);
    if (!spec.sources.empty())
      in_.draft.report.guess("spec.sources", "the folder's path", "other machines find it elsewhere");
    index();
    if (shards_ == 0) other_weights();
    compare();
  }

  /// With a shard missing, tensors are, too.
  void compare() {
    const auto is_shard = [](const FolderFile& each) {
      return each.name.ends_with(".safetensors") && each.name.find("-of-") != std::string::npos;
    };
    if (listed_ == 0 && std::any_of(in_.files.begin(), in_.files.end(), is_shard)) return;
    if (listed_ > 0 && listed_ != shards_) return;
    // Layers that predict more than one token are counted apart (DeepSeek V3, GLM 4.5).
    std::string where;
    const std::optional<int> more = whole(in_.find({"num_nextn_predict_layers"}, where));
    table_.compare(in_.draft.card.spec.shape, more ? std::min(*more, 64) : 0, in_.draft.report);
  }

  void index() {
    const FolderFile* found = in_.file("model.safetensors.index.json");
    if (found == nullptr) return;
    const Node index = in_.json_of(*found, longest_index);
    const std::int64_t total = index.integer_at({"metadata", "total_size"});
    std::set<std::string> shards;
    if (const Node* map = index.find("weight_map"); map != nullptr && map->is_map())
      for (const schema::Entry& each : map->entries())
        if (each.value.is_string()) shards.insert(each.value.string());
    listed_ = shards.size();
    if (shards_ > 0 && shards.size() != shards_)
      in_.draft.report.doubt("spec.sources",
                             fmt::format("the index names {} files, {} are here", shards.size(), shards_));
    if (total > 0 && bytes_ && *bytes_ != total && shards.size() == shards_)
      in_.draft.report.doubt(
          "spec.parameters",
          fmt::format("the index says {} bytes, the files' tensors have {}", total, *bytes_));
    if (total > 0 && (!bytes_ || shards.size() != shards_)) bytes_ = total;
    if (total > 0) indexed_ = true;
    stated_ = index.integer_at({"metadata", "total_parameters"});
  }

  void other_weights() {
    for (const FolderFile& each : in_.files) {
      const bool torch = each.name.ends_with(".bin") && each.name.find("pytorch_model") != std::string::npos;
      if (!torch && !each.name.ends_with(".onnx")) continue;
      in_.draft.card.spec.format = torch ? "pytorch" : "onnx";
      return in_.draft.report.take("spec.format", each.name);
    }
    if (!indexed_) in_.draft.report.guess("spec.format", "config.json", "no weights are in the folder");
  }

  void parameters() {
    std::optional<std::int64_t>& into = in_.draft.card.spec.parameters;
    const std::string& type = in_.draft.card.spec.quantization;
    const Node stated(stated_);
    if (stated_ > 0 &&
        in_.draft.number(into, &stated, "spec.parameters", "model.safetensors.index.json: total_parameters"))
      return;
    const int each = type == "BF16" || type == "FP16" ? 2 : type == "FP32" ? 4 : 0;
    const bool whole = shards_ > 0 && (!indexed_ || elements_ * static_cast<unsigned>(each) ==
                                                        static_cast<std::uint64_t>(bytes_.value_or(0)));
    if (packed_)
      return in_.draft.report.leave("parameters",
                                    "weights are packed into integers: the files do not say how many");
    if (shards_ > 0 && (whole || each == 0)) {
      const Node counted(static_cast<std::int64_t>(elements_));
      in_.draft.number(into, &counted, "spec.parameters",
                       fmt::format("headers of {} safetensors file{}", shards_, shards_ == 1 ? "" : "s"));
    } else if (bytes_ && each > 0) {
      into = *bytes_ / each;
      in_.draft.report.guess("spec.parameters", "model.safetensors.index.json: total_size",
                             fmt::format("{} bytes each", each));
    } else {
      in_.draft.report.leave("parameters", "neither files nor index of the weights say how many");
    }
  }

  HubFolder& in_;
  std::optional<std::int64_t> bytes_;  ///< of all weights
  std::uint64_t elements_ = 0, shards_ = 0;
  std::size_t listed_ = 0;  ///< shards that the index names
  TensorTable table_;
  std::int64_t stated_ = 0;
  bool packed_ = false;
  bool indexed_ = false;
};

}  // namespace

std::optional<std::int64_t> take_weights(HubFolder& folder) { return Weights(folder).take(); }

}  // namespace mlib::formats::detail
