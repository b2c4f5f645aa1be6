#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "formats/hub_folder.hpp"
#include "formats/words.hpp"

namespace mlib::formats {
namespace {

using detail::whole;

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

/// True for an encoder without a head, whose vectors are what it is for.
bool gives_vectors(std::string_view name) {
  constexpr std::string_view encoders[] = {"Bert", "Roberta", "MPNet", "Electra", "Deberta"};
  return name.ends_with("Model") &&
         std::any_of(std::begin(encoders), std::end(encoders),
                     [&](std::string_view each) { return name.find(each) != std::string_view::npos; });
}

class HubCard {
 public:
  HubCard(const std::vector<FolderFile>& files, std::string_view folder, const Wanted& wanted)
      : in_(files, folder, wanted) {}

  Imported fill() {
    const std::string_view base = std::string_view(in_.path).substr(in_.path.rfind('/') + 1);
    const std::string origin = in_.config.text_at({"_name_or_path"});
    in_.draft.name({{base, "the folder's name"},
                    {std::string_view(origin).substr(origin.rfind('/') + 1), "config.json: _name_or_path"}});
    about();
    shape();
    attention();
    experts();
    quantization();
    const std::optional<std::int64_t> bytes = detail::take_weights(in_);
    chat_template();
    in_.draft.report.leave("repository", "the folder does not say which of the hub's it is");
    leave_out();
    return in_.draft.done(bytes);
  }

 private:
  void about() {
    cards::Model& card = in_.draft.card;
    card.spec.format = "safetensors";
    in_.used.insert({"model_type", "architectures", "_name_or_path", "transformers_version"});
    const std::string type = in_.config.text_at({"model_type"});
    if (!type.empty()) {
      card.metadata.labels.emplace_back("architecture", type);
      in_.draft.report.take("metadata.labels.architecture", "config.json: model_type");
    }
    license();
    task();
    for (const schema::Entry& entry : in_.readme.entries())
      if (entry.key.starts_with("extra_gated") && !card.spec.gated) {
        card.spec.gated = true;
        in_.draft.report.guess("spec.gated", "README.md: " + entry.key,
                               "the hub asks before it gives the files");
      }
  }

  void license() {
    std::string& into = in_.draft.card.spec.license;
    std::string from = "license";
    into = in_.readme.text_at({"license"});
    if (const std::string named = in_.readme.text_at({"license_name"});
        !named.empty() && (into.empty() || into == "other")) {
      into = named;
      from = "license_name";
    }
    if (!into.empty()) in_.draft.report.take("spec.license", "README.md: " + from);
  }

  void task() {
    std::string& into = in_.draft.card.spec.task;
    into = task_word(in_.readme.text_at({"pipeline_tag"}));
    if (!into.empty()) return in_.draft.report.take("spec.task", "README.md: pipeline_tag");
    const Node* classes = in_.config.find("architectures");
    if (classes == nullptr || !classes->is_list() || classes->items().empty() ||
        !classes->items()[0].is_string())
      return in_.draft.report.leave("task", "neither README.md nor config.json says what it does");
    const std::string& name = classes->items()[0].string();
    if (name.find("ForSequenceClassification") != std::string::npos && gives_one_score()) {
      into = "rerank";
      return in_.draft.report.guess("spec.task", "config.json", "one score for a text, as rerankers give");
    }
    if (in_.file("modules.json") != nullptr) {
      into = "embedding";
      return in_.draft.report.guess("spec.task", "modules.json", "sentence-transformers pools its vectors");
    }
    for (const TaskOf& each : tasks)
      if (into.empty() && name.find(each.part) != std::string::npos) into = each.task;
    const bool sees = in_.config.find("vision_config") != nullptr ||
                      (in_.text != nullptr && in_.config.find("audio_config") == nullptr);
    if (into.empty() && gives_vectors(name)) into = "embedding";
    if (into.empty() && name.ends_with("ForConditionalGeneration"))
      into = sees ? "vision-language" : "text2text-generation";
    if (into.empty())
      return in_.draft.report.leave("task", fmt::format("not known for `{}`", shortened(name, 60)));
    in_.draft.report.guess("spec.task", "config.json: architectures", shortened(name, 60));
  }

  bool gives_one_score() const {
    const Node* labels = in_.config.find("id2label");
    if (labels != nullptr && labels->is_map()) return labels->entries().size() == 1;
    return in_.config.integer_at({"num_labels"}) == 1;
  }

  void shape() {
    cards::Shape& shape = in_.draft.card.spec.shape;
    in_.take(shape.layers, "spec.shape.layers", {"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
    in_.take(shape.hidden, "spec.shape.hidden", {"hidden_size", "n_embd", "d_model", "dim", "hidden_dim"});
    in_.take(shape.heads, "spec.shape.heads", {"num_attention_heads", "n_head", "n_heads", "num_heads"});
    in_.take(shape.vocabulary, "spec.shape.vocabulary", {"vocab_size", "padded_vocab_size"});
    std::string where;
    const Node* one = in_.find({"multi_query"}, where);
    const bool kv = in_.take(shape.kv_heads, "spec.shape.kv_heads",
                             {"num_key_value_heads", "n_head_kv", "num_kv_heads", "multi_query_group_num"});
    if (!kv && shape.heads) {
      const bool single = one != nullptr && one->is_boolean() && one->boolean();
      shape.kv_heads = single ? 1 : *shape.heads;
      in_.draft.report.guess("spec.shape.kv_heads", single ? where : "config.json",
                             single ? "all heads share one" : "no other number is given: as many as heads");
    }
    head_size();
    detail::take_context(in_);
  }

  void head_size() {
    cards::Shape& shape = in_.draft.card.spec.shape;
    std::string where;
    if (in_.find({"kv_lora_rank"}, where) != nullptr)
      return in_.draft.report.leave("head size", where + ": latent attention has no single one");
    if (in_.take(shape.head_size, "spec.shape.head_size", {"head_dim", "attention_head_dim", "kv_channels"}))
      return;
    if (!shape.hidden || !shape.heads || *shape.hidden % *shape.heads != 0) return;
    shape.head_size = *shape.hidden / *shape.heads;
    in_.draft.report.guess("spec.shape.head_size", "config.json", "hidden size / heads");
  }

  void attention() {
    cards::Shape& shape = in_.draft.card.spec.shape;
    std::string types_at, window_at, latent_at, at;
    const Node* types = in_.find({"layer_types"}, types_at);
    const Node* slides = in_.find({"use_sliding_window"}, at);
    const std::optional<int> window = whole(in_.find({"sliding_window"}, window_at));
    const std::optional<int> chunk = whole(in_.find({"attention_chunk_size"}, at));
    const std::optional<int> rope = whole(in_.find({"qk_rope_head_dim"}, at));
    const bool mixed = in_.find({"linear_attn_config"}, at) != nullptr;
    cards::Attention one;
    if (const auto latent = whole(in_.find({"kv_lora_rank"}, latent_at))) {
      one.kind = "mla";
      one.latent = latent;
      one.rope = rope;
      if (!mixed) one.layers = shape.layers;
      shape.attention.push_back(std::move(one));
      return in_.draft.report.take("spec.shape.attention", latent_at);
    }
    if (types != nullptr && types->is_list()) return layer_types(types->items(), types_at, window, chunk);
    if (!window || (slides != nullptr && slides->is_boolean() && !slides->boolean())) return;
    one.kind = "sliding";
    one.window = window;
    shape.attention.push_back(std::move(one));
    in_.draft.report.guess("spec.shape.attention", window_at, "how many layers slide is not said");
  }

  void layer_types(const Node::List& types, const std::string& where, std::optional<int> window,
                   std::optional<int> chunk) {
    std::vector<cards::Attention> all;
    for (const Node& type : types) {
      const std::string kind = type.is_string() ? attention_word(type.string()) : "";
      if (kind.empty())
        return in_.draft.report.leave(where, "it holds more than the kinds of attention that a card knows");
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
    in_.draft.card.spec.shape.attention = std::move(all);
    in_.draft.report.take("spec.shape.attention", where);
  }

  void chat_template() {
    std::optional<bool>& into = in_.draft.card.spec.chat_template;
    for (const std::string_view name : {"chat_template.jinja", "chat_template.json"}) {
      if (in_.file(name) == nullptr) continue;
      into = true;
      return in_.draft.report.take("spec.chat_template", std::string(name));
    }
    if (in_.file("tokenizer_config.json") == nullptr) return;
    const Node* text = in_.tokenizer.find("chat_template");
    into = text != nullptr && !text->is_null();
    in_.draft.report.take("spec.chat_template",
                          *into ? "tokenizer_config.json" : "tokenizer_config.json: there is none");
  }

  void experts() {
    cards::Shape& shape = in_.draft.card.spec.shape;
    in_.take(shape.experts, "spec.shape.experts", {"num_local_experts", "num_experts", "n_routed_experts"});
    in_.take(shape.active_experts, "spec.shape.active_experts", {"num_experts_per_tok", "moe_topk"});
    if (!in_.take(shape.intermediate, "spec.shape.intermediate", {"moe_intermediate_size"}))
      in_.take(shape.intermediate, "spec.shape.intermediate", {"intermediate_size", "ffn_dim", "n_inner"});
  }

  void quantization() {
    std::string& into = in_.draft.card.spec.quantization;
    std::string where;
    const Node* how = in_.find({"quantization_config", "compression_config"}, where);
    if (how != nullptr && (how->find("quant_method") != nullptr || how->find("quant_algo") != nullptr)) {
      into = quantization_word(*how);
      if (into.empty())
        return in_.draft.report.leave("quantization", where + " has no one word for all weights");
      return in_.draft.report.take(
          "spec.quantization",
          where + (how->find("quant_algo") != nullptr ? ".quant_algo" : ".quant_method"));
    }
    const Node* type = in_.find({"torch_dtype", "dtype"}, where);
    const std::string name = type != nullptr && type->is_string() ? type->string() : "";
    const std::string_view plain = std::string_view(name).substr(name.rfind('.') + 1);
    if (plain == "bfloat16") into = "BF16";
    if (plain == "float16" || plain == "half") into = "FP16";
    if (plain == "float32" || plain == "float") into = "FP32";
    if (!into.empty()) return in_.draft.report.take("spec.quantization", where);
    in_.draft.report.leave("quantization", "config.json does not say in what type the weights are");
  }

  void leave_out() {
    for (const auto& [what, node] :
         {std::pair{"README.md", &in_.readme}, std::pair{"config.json", static_cast<Node*>(&in_.config)}}) {
      std::vector<std::string> keys;
      for (const schema::Entry& entry : node->entries())
        if (!in_.used.contains(entry.key) && !taken_from_readme(what, entry.key))
          keys.push_back(shortened(visible(entry.key), 40));
      const std::size_t count = keys.size();
      if (count > 6) keys.resize(6);
      if (count > 0)
        in_.draft.report.leave(what, fmt::format("{}{}", join(keys, ", "),
                                                 count > 6 ? fmt::format(" and {} more", count - 6) : ""));
    }
  }

  static bool taken_from_readme(std::string_view file, std::string_view key) {
    return file == "README.md" && (key == "license" || key == "license_name" || key == "pipeline_tag" ||
                                   key.starts_with("extra_gated"));
  }

  detail::HubFolder in_;
};

}  // namespace

Imported from_hugging_face(const std::vector<FolderFile>& files, std::string_view folder,
                           const Wanted& wanted) {
  return HubCard(files, folder, wanted).fill();
}

}  // namespace mlib::formats
