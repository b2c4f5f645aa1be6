#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "base/text.hpp"
#include "formats/front_matter.hpp"
#include "formats/model.hpp"
#include "formats/safetensors.hpp"
#include "formats/words.hpp"
#include "schema/document.hpp"

namespace mlib::formats {
namespace {

constexpr std::size_t longest_config = 4U << 20U, longest_readme = 4U << 20U, longest_index = 32U << 20U;

/// Names that configurations give one fact, the usual one first.
using Keys = std::initializer_list<std::string_view>;

/// What architectures are for, by a part of their class name.
struct TaskOf {
  std::string_view part, task;
};
constexpr TaskOf tasks[] = {{"ForCausalLM", "text-generation"},
                            {"LMHeadModel", "text-generation"},
                            {"ForSequenceClassification", "text-classification"},
                            {"ForTokenClassification", "token-classification"},
                            {"ForQuestionAnswering", "question-answering"},
                            {"ForMaskedLM", "fill-mask"},
                            {"Whisper", "speech"},
                            {"ForSpeechSeq2Seq", "speech"},
                            {"ForImageTextToText", "vision-language"}};

/// Puts a null where Python wrote a number that JSON has none of; false when `at` is no such place.
bool without_no_number(std::string& text, std::size_t at) {
  for (const std::string_view word : {"NaN", "Infinity"}) {
    if (text.compare(std::min(at, text.size()), word.size(), word) != 0) continue;
    const std::size_t sign = at > 0 && text[at - 1] == '-' ? 1 : 0;
    text.replace(at - sign, word.size() + sign, "null");
    return true;
  }
  return false;
}

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column =
      utf8_length(start == std::string_view::npos ? before : before.substr(start + 1)) + 1;
  return fmt::format("{}:{}", line, column);
}

class Folder {
 public:
  Folder(const std::vector<FolderFile>& files, std::string_view folder, const Wanted& wanted)
      : files_(files), folder_(folder), wanted_(wanted), draft_(wanted) {}

  Imported fill() {
    read_config();
    read_readme();
    const std::string_view base = std::string_view(folder_).substr(folder_.rfind('/') + 1);
    const std::string origin = config_.text_at({"_name_or_path"});
    draft_.name({{base, "the folder's name"},
                 {std::string_view(origin).substr(origin.rfind('/') + 1), "config.json: _name_or_path"}});
    about();
    shape();
    attention();
    experts();
    quantization();
    weights();
    draft_.card.spec.weights_bytes = bytes_;
    if (bytes_)
      draft_.report.take("spec.weights_bytes",
                         shards_ > 0 ? "headers of the weights" : "the index: total_size");
    parameters();
    chat_template();
    draft_.report.leave("repository", "the folder does not say which of the hub's it is");
    leave_out();
    return draft_.done(bytes_);
  }

 private:
  const FolderFile* file(std::string_view name) const {
    for (const FolderFile& each : files_)
      if (each.name == name) return &each;
    return nullptr;
  }

  std::string text_of(const FolderFile& file, std::size_t longest) const {
    if (file.bytes->size() > longest)
      throw Problem(Kind::too_large, fmt::format("{}/{}: {} bytes: at most {} are read", folder_, file.name,
                                                 file.bytes->size(), longest));
    return file.bytes->read(0, longest);
  }

  Node json_of(const FolderFile& file, std::size_t longest) const {
    std::string text = text_of(file, longest);
    Node node;
    schema::JsonError error;
    const schema::Limits limits{64, longest, 2'000'000};
    bool read = schema::read_json(text, node, error, limits);
    for (int number = 0; !read && number < 64 && without_no_number(text, error.offset); ++number)
      read = schema::read_json(text, node, error = {}, limits);
    if (!read)
      throw Problem(Kind::invalid, fmt::format("{}/{}:{}: no sound JSON: {}", folder_, file.name,
                                               line_and_column(text, error.offset), error.message));
    if (!node.is_map())
      throw Problem(Kind::invalid,
                    fmt::format("{}/{}: this is a {}, no JSON object", folder_, file.name, node.kind()));
    return node;
  }

  void read_config() {
    const FolderFile* found = file("config.json");
    if (found == nullptr)
      throw Problem(Kind::invalid, fmt::format("{}: there is no config.json in this folder", folder_),
                    "a Hugging Face folder has one; a GGUF file is imported by its own name");
    config_ = json_of(*found, longest_config);
    for (const std::string_view part : {"text_config", "llm_config", "language_config", "thinker_config"}) {
      const Node* inner = config_.find(part);
      if (inner == nullptr || !inner->is_map()) continue;
      text_ = inner;
      prefix_ = fmt::format("config.json: {}.", part);
      used_.emplace(part);
      return;
    }
  }

  void read_readme() {
    const FolderFile* found = file("README.md");
    if (found == nullptr)
      return draft_.report.leave("README.md", "there is none: license and task are guessed or missing");
    std::string flaw;
    readme_ = front_matter(text_of(*found, longest_readme), flaw);
    if (!flaw.empty()) draft_.report.leave("README.md", flaw);
  }

  /// The first of `keys` that the configuration of the text model or the whole has; `where` says which.
  const Node* find(Keys keys, std::string& where) {
    const Node* first = nullptr;
    for (const Node* part : {text_, static_cast<const Node*>(&config_)}) {
      if (part == nullptr) continue;
      for (const std::string_view key : keys) {
        const Node* value = part->find(key);
        if (value == nullptr || value->is_null()) continue;
        used_.emplace(key);
        if (first == nullptr) where = (part == text_ ? prefix_ : "config.json: ") + std::string(key);
        if (first == nullptr) first = value;
      }
    }
    return first;
  }

  template <class T>
  bool take(std::optional<T>& into, std::string field, Keys keys) {
    std::string where;
    const Node* value = find(keys, where);
    return draft_.number(into, value, std::move(field), std::move(where));
  }

  void about() {
    cards::Model& card = draft_.card;
    card.spec.format = "safetensors";
    used_.insert({"model_type", "architectures", "_name_or_path", "transformers_version"});
    const std::string type = config_.text_at({"model_type"});
    if (!type.empty()) {
      card.metadata.labels.emplace_back("architecture", type);
      draft_.report.take("metadata.labels.architecture", "config.json: model_type");
    }
    license();
    task();
    for (const schema::Entry& entry : readme_.entries())
      if (entry.key.starts_with("extra_gated") && !card.spec.gated) {
        card.spec.gated = true;
        draft_.report.guess("spec.gated", "README.md: " + entry.key,
                            "the hub asks before it gives the files");
      }
  }

  void license() {
    std::string& into = draft_.card.spec.license;
    std::string from = "license";
    into = readme_.text_at({"license"});
    if (const std::string named = readme_.text_at({"license_name"});
        !named.empty() && (into.empty() || into == "other")) {
      into = named;
      from = "license_name";
    }
    if (!into.empty()) draft_.report.take("spec.license", "README.md: " + from);
  }

  void task() {
    std::string& into = draft_.card.spec.task;
    into = task_word(readme_.text_at({"pipeline_tag"}));
    if (!into.empty()) return draft_.report.take("spec.task", "README.md: pipeline_tag");
    const Node* classes = config_.find("architectures");
    if (classes == nullptr || !classes->is_list() || classes->items().empty() ||
        !classes->items()[0].is_string())
      return draft_.report.leave("task", "neither README.md nor config.json says what it does");
    const std::string& name = classes->items()[0].string();
    for (const TaskOf& each : tasks)
      if (into.empty() && name.find(each.part) != std::string::npos) into = each.task;
    const bool sees = config_.find("vision_config") != nullptr ||
                      (text_ != nullptr && config_.find("audio_config") == nullptr);
    if (into.empty() && name.ends_with("ForConditionalGeneration"))
      into = sees ? "vision-language" : "text2text-generation";
    if (into.empty())
      return draft_.report.leave("task", fmt::format("not known for `{}`", shortened(name, 60)));
    draft_.report.guess("spec.task", "config.json: architectures", shortened(name, 60));
  }

  void shape() {
    cards::Shape& shape = draft_.card.spec.shape;
    take(shape.layers, "spec.shape.layers", {"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
    take(shape.hidden, "spec.shape.hidden", {"hidden_size", "n_embd", "d_model", "dim", "hidden_dim"});
    take(shape.heads, "spec.shape.heads", {"num_attention_heads", "n_head", "n_heads", "num_heads"});
    take(shape.vocabulary, "spec.shape.vocabulary", {"vocab_size", "padded_vocab_size"});
    std::string where;
    const Node* one = find({"multi_query"}, where);
    const bool kv = take(shape.kv_heads, "spec.shape.kv_heads",
                         {"num_key_value_heads", "n_head_kv", "num_kv_heads", "multi_query_group_num"});
    if (!kv && shape.heads) {
      const bool single = one != nullptr && one->is_boolean() && one->boolean();
      shape.kv_heads = single ? 1 : *shape.heads;
      draft_.report.guess("spec.shape.kv_heads", single ? where : "config.json",
                          single ? "all heads share one" : "no other number is given: as many as heads");
    }
    head_size();
    context();
  }

  void head_size() {
    cards::Shape& shape = draft_.card.spec.shape;
    std::string where;
    if (find({"kv_lora_rank"}, where) != nullptr)
      return draft_.report.leave("head size", where + ": latent attention has no single one");
    if (take(shape.head_size, "spec.shape.head_size", {"head_dim", "attention_head_dim", "kv_channels"}))
      return;
    if (!shape.hidden || !shape.heads || *shape.hidden % *shape.heads != 0) return;
    shape.head_size = *shape.hidden / *shape.heads;
    draft_.report.guess("spec.shape.head_size", "config.json", "hidden size / heads");
  }

  void attention() {
    cards::Shape& shape = draft_.card.spec.shape;
    std::string types_at, window_at, latent_at, at;
    const Node* types = find({"layer_types"}, types_at);
    const Node* slides = find({"use_sliding_window"}, at);
    const std::optional<int> window = whole(find({"sliding_window"}, window_at));
    const std::optional<int> chunk = whole(find({"attention_chunk_size"}, at));
    const std::optional<int> rope = whole(find({"qk_rope_head_dim"}, at));
    const bool mixed = find({"linear_attn_config"}, at) != nullptr;
    cards::Attention one;
    if (const auto latent = whole(find({"kv_lora_rank"}, latent_at))) {
      one.kind = "mla";
      one.latent = latent;
      one.rope = rope;
      if (!mixed) one.layers = shape.layers;
      shape.attention.push_back(std::move(one));
      return draft_.report.take("spec.shape.attention", latent_at);
    }
    if (types != nullptr && types->is_list()) return layer_types(types->items(), types_at, window, chunk);
    if (!window || (slides != nullptr && slides->is_boolean() && !slides->boolean())) return;
    one.kind = "sliding";
    one.window = window;
    shape.attention.push_back(std::move(one));
    draft_.report.guess("spec.shape.attention", window_at, "how many layers slide is not said");
  }

  void layer_types(const Node::List& types, const std::string& where, std::optional<int> window,
                   std::optional<int> chunk) {
    std::vector<cards::Attention> all;
    for (const Node& type : types) {
      const std::string kind = type.is_string() ? attention_word(type.string()) : "";
      if (kind.empty())
        return draft_.report.leave(where, "it holds more than the kinds of attention that a card knows");
      const auto same = [&](const cards::Attention& each) { return each.kind == kind; };
      auto found = std::find_if(all.begin(), all.end(), same);
      if (found == all.end()) {
        found = all.insert(all.end(), cards::Attention{});
        found->kind = kind;
        if (kind == "sliding") found->window = window;
        if (kind == "chunked") found->window = chunk;
      }
      found->layers = found->layers.value_or(0) + 1;
    }
    if (all.empty()) return;
    draft_.card.spec.shape.attention = std::move(all);
    draft_.report.take("spec.shape.attention", where);
  }

  /// The number where it is a whole one from 1 on.
  static std::optional<int> whole(const Node* value) {
    if (value == nullptr || !value->is_integer()) return {};
    if (value->integer() < 1 || value->integer() > std::numeric_limits<int>::max()) return {};
    return static_cast<int>(value->integer());
  }

  void chat_template() {
    std::optional<bool>& into = draft_.card.spec.chat_template;
    for (const std::string_view name : {"chat_template.jinja", "chat_template.json"}) {
      if (file(name) == nullptr) continue;
      into = true;
      return draft_.report.take("spec.chat_template", std::string(name));
    }
    const FolderFile* found = file("tokenizer_config.json");
    if (found == nullptr) return;
    const Node config = json_of(*found, longest_index);
    const Node* text = config.find("chat_template");
    into = text != nullptr && !text->is_null();
    draft_.report.take("spec.chat_template",
                       *into ? "tokenizer_config.json" : "tokenizer_config.json: there is none");
  }

  void context() {
    constexpr std::string_view names[] = {"max_position_embeddings", "n_positions", "n_ctx",
                                          "max_sequence_length",     "max_seq_len", "seq_length",
                                          "model_max_length"};
    std::optional<int>& into = draft_.card.spec.context_length;
    std::map<std::int64_t, std::string> said;
    for (const std::string_view name : names) {
      std::string where;
      const Node* value = find({name}, where);
      if (value != nullptr && value->is_integer()) said.emplace(value->integer(), where);
      if (!into && value != nullptr) draft_.number(into, value, "spec.context_length", where);
    }
    if (said.size() > 1)
      draft_.report.doubt("spec.context_length",
                          fmt::format("two different contexts: {} ({}) and {} ({})", said.begin()->first,
                                      said.begin()->second, said.rbegin()->first, said.rbegin()->second));
    std::string where;
    const Node* scaling = find({"rope_scaling"}, where);
    const Node* factor = scaling == nullptr ? nullptr : scaling->find("factor");
    if (factor == nullptr || !factor->is_number()) return;
    const std::int64_t first = scaling->integer_at({"original_max_position_embeddings"});
    draft_.report.leave(
        where, first > 0 ? fmt::format("{} is {} scaled by {}", into.value_or(0), first, factor->number())
                         : fmt::format("positions are scaled by {}", factor->number()));
  }

  void experts() {
    cards::Shape& shape = draft_.card.spec.shape;
    take(shape.experts, "spec.shape.experts", {"num_local_experts", "num_experts", "n_routed_experts"});
    take(shape.active_experts, "spec.shape.active_experts", {"num_experts_per_tok", "moe_topk"});
    if (!take(shape.intermediate, "spec.shape.intermediate", {"moe_intermediate_size"}))
      take(shape.intermediate, "spec.shape.intermediate", {"intermediate_size", "ffn_dim", "n_inner"});
  }

  void quantization() {
    std::string& into = draft_.card.spec.quantization;
    std::string where;
    const Node* how = find({"quantization_config", "compression_config"}, where);
    if (how != nullptr && (how->find("quant_method") != nullptr || how->find("quant_algo") != nullptr)) {
      into = quantization_word(*how);
      if (into.empty())
        return draft_.report.leave("quantization", where + " has no one word for all weights");
      return draft_.report.take(
          "spec.quantization",
          where + (how->find("quant_algo") != nullptr ? ".quant_algo" : ".quant_method"));
    }
    const Node* type = find({"torch_dtype", "dtype"}, where);
    const std::string name = type != nullptr && type->is_string() ? type->string() : "";
    const std::string_view plain = std::string_view(name).substr(name.rfind('.') + 1);
    if (plain == "bfloat16") into = "BF16";
    if (plain == "float16" || plain == "half") into = "FP16";
    if (plain == "float32" || plain == "float") into = "FP32";
    if (!into.empty()) return draft_.report.take("spec.quantization", where);
    draft_.report.leave("quantization", "config.json does not say in what type the weights are");
  }

  void weights() {
    cards::ModelSpec& spec = draft_.card.spec;
    std::uint64_t bytes = 0;
    for (const FolderFile& each : files_) {
      if (!each.name.ends_with(".safetensors")) continue;
      const Safetensors header = read_safetensors(*each.bytes, folder_ + "/" + each.name);
      if (each.bytes->size() < header.needed)
        draft_.report.doubt("spec.sources",
                            fmt::format("{} has {} bytes, its tensors need {}: it is not whole", each.name,
                                        each.bytes->size(), header.needed));
      ++shards_;
      elements_ += header.elements;
      bytes += header.bytes;
      for (const auto& [type, sum] : header.types)
        if (!type.starts_with("F") && type != "BF16" && sum.elements > 0) packed_ = true;
      if (!wanted_.location.empty())
        spec.sources.push_back({fmt::format("file://{}/{}", wanted_.location, each.name), "",
                                static_cast<std::int64_t>(each.bytes->size())});
    }
    if (shards_ > 0) bytes_ = static_cast<std::int64_t>(bytes);
    if (!spec.sources.empty())
      draft_.report.guess("spec.sources", "the folder's path", "other machines find it elsewhere");
    index();
    if (shards_ == 0) other_weights();
  }

  void index() {
    const FolderFile* found = file("model.safetensors.index.json");
    if (found == nullptr) return;
    const Node index = json_of(*found, longest_index);
    const std::int64_t total = index.integer_at({"metadata", "total_size"});
    std::set<std::string> shards;
    if (const Node* map = index.find("weight_map"); map != nullptr && map->is_map())
      for (const schema::Entry& each : map->entries())
        if (each.value.is_string()) shards.insert(each.value.string());
    if (shards_ > 0 && shards.size() != shards_)
      draft_.report.doubt("spec.sources",
                          fmt::format("the index names {} files, {} are here", shards.size(), shards_));
    if (total > 0 && bytes_ && *bytes_ != total && shards.size() == shards_)
      draft_.report.doubt("spec.parameters",
                          fmt::format("the index says {} bytes, the files' tensors have {}", total, *bytes_));
    if (total > 0 && (!bytes_ || shards.size() != shards_)) bytes_ = total;
    if (total > 0) indexed_ = true;
    stated_ = index.integer_at({"metadata", "total_parameters"});
  }

  void other_weights() {
    for (const FolderFile& each : files_) {
      const bool torch = each.name.ends_with(".bin") && each.name.find("pytorch_model") != std::string::npos;
      if (!torch && !each.name.ends_with(".onnx")) continue;
      draft_.card.spec.format = torch ? "pytorch" : "onnx";
      return draft_.report.take("spec.format", each.name);
    }
    if (!indexed_) draft_.report.guess("spec.format", "config.json", "no weights are in the folder");
  }

  void parameters() {
    std::optional<std::int64_t>& into = draft_.card.spec.parameters;
    const std::string& type = draft_.card.spec.quantization;
    const Node stated(stated_);
    if (stated_ > 0 &&
        draft_.number(into, &stated, "spec.parameters", "model.safetensors.index.json: total_parameters"))
      return;
    const int each = type == "BF16" || type == "FP16" ? 2 : type == "FP32" ? 4 : 0;
    const bool whole = shards_ > 0 && (!indexed_ || elements_ * static_cast<unsigned>(each) ==
                                                        static_cast<std::uint64_t>(bytes_.value_or(0)));
    if (packed_)
      return draft_.report.leave("parameters",
                                 "weights are packed into integers: the files do not say how many");
    if (shards_ > 0 && (whole || each == 0)) {
      const Node counted(static_cast<std::int64_t>(elements_));
      draft_.number(into, &counted, "spec.parameters",
                    fmt::format("headers of {} safetensors file{}", shards_, shards_ == 1 ? "" : "s"));
    } else if (bytes_ && each > 0) {
      into = *bytes_ / each;
      draft_.report.guess("spec.parameters", "model.safetensors.index.json: total_size",
                          fmt::format("{} bytes each", each));
    } else {
      draft_.report.leave("parameters", "neither files nor index of the weights say how many");
    }
  }

  void leave_out() {
    for (const auto& [what, node] :
         {std::pair{"README.md", &readme_}, std::pair{"config.json", static_cast<Node*>(&config_)}}) {
      std::vector<std::string> keys;
      for (const schema::Entry& entry : node->entries())
        if (!used_.contains(entry.key) && !taken_from_readme(what, entry.key))
          keys.push_back(shortened(visible(entry.key), 40));
      const std::size_t count = keys.size();
      if (count > 6) keys.resize(6);
      if (count > 0)
        draft_.report.leave(what, fmt::format("{}{}", join(keys, ", "),
                                              count > 6 ? fmt::format(" and {} more", count - 6) : ""));
    }
  }

  static bool taken_from_readme(std::string_view file, std::string_view key) {
    return file == "README.md" && (key == "license" || key == "license_name" || key == "pipeline_tag" ||
                                   key.starts_with("extra_gated"));
  }

  const std::vector<FolderFile>& files_;
  std::string folder_;
  const Wanted& wanted_;
  ModelDraft draft_;
  Node config_ = Node::map(), readme_ = Node::map();
  const Node* text_ = nullptr;  ///< the text model's part of a configuration of several models
  std::string prefix_;
  std::set<std::string, std::less<>> used_;
  std::optional<std::int64_t> bytes_;  ///< of all weights
  std::uint64_t elements_ = 0, shards_ = 0;
  std::int64_t stated_ = 0;
  bool packed_ = false;
  bool indexed_ = false;
};

}  // namespace

Imported from_hugging_face(const std::vector<FolderFile>& files, std::string_view folder,
                           const Wanted& wanted) {
  return Folder(files, folder, wanted).fill();
}

}  // namespace mlib::formats
