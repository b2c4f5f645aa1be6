#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <set>

#include "base/text.hpp"
#include "formats/model.hpp"
#include "formats/tensor_table.hpp"

namespace mlib::formats {
namespace {

constexpr std::size_t most_tensors = 1'000'000;

/// A model, which may be in several files: the first has the metadata, each its own tensors (llama.cpp,
/// tools/gguf-split).
struct Merged {
  Gguf gguf;
  std::string first;
  std::uint64_t first_size = 0, size = 0;  ///< of that file and of all
  std::int64_t named = 1;                  ///< parts that there are
  std::set<std::int64_t> here;
  std::vector<std::string> cut;  ///< files that are shorter than their tensors

  bool whole() const { return static_cast<std::int64_t>(here.size()) >= named; }

  void add(const Bytes& bytes, const std::string& file) {
    Gguf part = read_gguf(bytes, file);
    const std::int64_t number = part.metadata.integer_at({"split.no"});
    const std::int64_t of_all = std::max<std::int64_t>(1, part.metadata.integer_at({"split.count"}));
    if (!here.insert(number).second)
      throw Problem(Kind::invalid, fmt::format("{}: another file has `split.no` {}, too", file, number));
    if (here.size() > 1 && of_all != named)
      throw Problem(
          Kind::invalid,
          fmt::format("{}: its `split.count` is {}, and that of {} is {}", file, of_all, first, named),
          "they are not of one model: fetch all files of one again");
    if (part.tensors.size() > most_tensors - gguf.tensors.size())
      throw Problem(Kind::too_large,
                    fmt::format("{}: more than {} tensors in all parts", file, most_tensors));
    if (bytes.size() < part.needed)
      cut.push_back(fmt::format("{} has {} bytes, its tensors need {}: it is not whole",
                                of_all == 1 ? "the file" : file, bytes.size(), part.needed));
    size += bytes.size();
    if (number == 0 || here.size() == 1) {
      first = file;
      first_size = bytes.size();
      named = of_all;
      gguf.metadata = std::move(part.metadata);
    }
    std::move(part.tensors.begin(), part.tensors.end(), std::back_inserter(gguf.tensors));
  }
};

/// Fills a card from what a GGUF file says; keys: github.com/ggml-org/ggml, docs/gguf.md.
class GgufCard {
 public:
  GgufCard(const Merged& model, const Wanted& wanted) : model_(model), gguf_(model.gguf), draft_(wanted) {
    architecture_ = gguf_.metadata.text_at({"general.architecture"});
  }

  Imported fill(const Wanted& wanted) {
    const std::string_view file = model_.first, part = part_ending(file);
    const std::size_t end = part.empty() ? file.rfind('.') : file.size() - part.size();
    draft_.name({{text("general.name"), "general.name"}, {file.substr(0, end), "the file's name"}});
    about();
    weights(wanted);
    shape();
    if (model_.whole()) compare();
    leave_out();
    return draft_.done(tensor_bytes());
  }

 private:
  const Node* find(std::string_view key) const { return gguf_.metadata.find(key); }
  std::string text(std::string_view key) const { return gguf_.metadata.text_at({key}); }
  std::string own(std::string_view key) const { return fmt::format("{}.{}", architecture_, key); }

  void take_text(std::string& into, std::string_view key, std::string_view field) {
    used_.emplace_back(key);
    into = text(key);
    if (!into.empty()) draft_.report.take(std::string(field), std::string(key));
  }

  void about() {
    cards::Model& card = draft_.card;
    used_.insert(used_.end(), {"general.architecture", "general.file_type", "general.alignment"});
    take_text(card.metadata.title, "general.name", "metadata.title");
    take_text(card.metadata.description, "general.description", "metadata.description");
    take_text(card.spec.license, "general.license", "spec.license");
    if (!architecture_.empty()) {
      card.metadata.labels.emplace_back("architecture", architecture_);
      draft_.report.take("metadata.labels.architecture", "general.architecture");
    } else {
      draft_.report.leave("general.architecture", "the file does not say: layers and heads are not known");
    }
    card.spec.format = "gguf";
    const Node* pools = find(own("pooling_type"));
    const bool embeds = pools != nullptr;
    constexpr int rank = 4;  // llama.cpp's LLAMA_POOLING_TYPE_RANK
    card.spec.task = !embeds ? "text-generation" : *pools == Node(rank) ? "rerank" : "embedding";
    draft_.report.guess("spec.task", embeds ? own("pooling_type") : "general.architecture",
                        embeds ? "it pools, as embedding models do" : "it does not pool");
  }

  void weights(const Wanted& wanted) {
    cards::ModelSpec& spec = draft_.card.spec;
    if (!wanted.location.empty()) {
      const std::string folder = wanted.location.substr(0, wanted.location.rfind('/') + 1);
      spec.sources.push_back(
          {"file://" + folder + model_.first, "", static_cast<std::int64_t>(model_.first_size)});
      draft_.report.guess("spec.sources", "the file's path", "other machines find it elsewhere");
      draft_.report.leave("sha256", "the whole file would have to be read: sha256sum gives it");
    }
    if (model_.whole()) {
      spec.weights_bytes = static_cast<std::int64_t>(model_.size);
      draft_.report.take("spec.weights_bytes", model_.named > 1
                                                   ? fmt::format("the sizes of {} files", model_.named)
                                                   : "the file's size");
    }
    used_.emplace_back("tokenizer.chat_template");
    spec.chat_template = find("tokenizer.chat_template") != nullptr;
    draft_.report.take("spec.chat_template",
                       *spec.chat_template ? "tokenizer.chat_template" : "there is none");
    quantization();
    parts();
    for (const std::string& each : model_.cut) draft_.report.doubt("spec.sources", each);
  }

  void parts() {
    cards::ModelSpec& spec = draft_.card.spec;
    used_.insert(used_.end(), {"split.no", "split.count", "split.tensors.count"});
    if (!model_.whole()) {
      draft_.report.leave("parameters, bytes", "only all parts together say them");
      return draft_.report.doubt("spec.sources",
                                 fmt::format("the model is in {} parts, of which {} {} here", model_.named,
                                             model_.here.size(), model_.here.size() == 1 ? "is" : "are"));
    }
    std::uint64_t elements = 0;
    for (const GgufTensor& tensor : gguf_.tensors) elements += tensor.elements;
    if (elements > 0) {
      spec.parameters = static_cast<std::int64_t>(elements);
      draft_.report.take("spec.parameters", fmt::format("{} tensors", gguf_.tensors.size()));
    } else {
      draft_.report.leave("tensors", "there are none: a file of vocabulary alone");
    }
    const std::int64_t counted = gguf_.metadata.integer_at({"split.tensors.count"});
    if (model_.named > 1 && counted > 0 && static_cast<std::size_t>(counted) != gguf_.tensors.size())
      draft_.report.doubt("spec.parameters",
                          fmt::format("split.tensors.count says {} tensors, the parts have {}", counted,
                                      gguf_.tensors.size()));
  }

  void quantization() {
    std::string& into = draft_.card.spec.quantization;
    const Node* type = find("general.file_type");
    if (type != nullptr && type->is_integer()) into = gguf_file_type(type->integer());
    if (!into.empty()) return draft_.report.take("spec.quantization", "general.file_type");
    std::map<std::string_view, std::uint64_t> bytes;
    for (const GgufTensor& tensor : gguf_.tensors) bytes[tensor.type] += tensor.bytes;
    const auto most = std::max_element(bytes.begin(), bytes.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == bytes.end() || most->first.empty())
      return draft_.report.leave("general.file_type", "the file does not say how it is quantized");
    into = most->first;
    draft_.report.guess("spec.quantization", "the tensors", "most of their bytes are of this type");
  }

  /// A number, or a list of the same number for each layer.
  const Node* same_for_all(std::string_view key) {
    used_.push_back(own(key));
    const Node* value = find(own(key));
    if (value == nullptr || !value->is_list()) return value;
    const Node::List& items = value->items();
    if (!items.empty() &&
        std::all_of(items.begin(), items.end(), [&](const Node& each) { return each == items[0]; }))
      return &items[0];
    draft_.report.leave(own(key), "it differs from layer to layer");
    return nullptr;
  }

  template <class T>
  bool take(std::optional<T>& into, std::string_view key, std::string_view field) {
    return draft_.number(into, same_for_all(key), std::string(field), own(key));
  }

  void shape() {
    cards::ModelSpec& spec = draft_.card.spec;
    take(spec.context_length, "context_length", "spec.context_length");
    take(spec.shape.layers, "block_count", "spec.shape.layers");
    take(spec.shape.hidden, "embedding_length", "spec.shape.hidden");
    take(spec.shape.heads, "attention.head_count", "spec.shape.heads");
    const bool kv = take(spec.shape.kv_heads, "attention.head_count_kv", "spec.shape.kv_heads");
    if (!kv && find(own("attention.head_count_kv")) == nullptr && spec.shape.heads) {
      spec.shape.kv_heads = spec.shape.heads;
      draft_.report.guess("spec.shape.kv_heads", own("attention.head_count"), "no other number is given");
    }
    const bool size = take(spec.shape.head_size, "attention.key_length", "spec.shape.head_size");
    if (!size && spec.shape.hidden && spec.shape.heads && *spec.shape.hidden % *spec.shape.heads == 0) {
      spec.shape.head_size = *spec.shape.hidden / *spec.shape.heads;
      draft_.report.guess("spec.shape.head_size", own("embedding_length"), "hidden size / heads");
    }
    take(spec.shape.experts, "expert_count", "spec.shape.experts");
    take(spec.shape.active_experts, "expert_used_count", "spec.shape.active_experts");
    if (!take(spec.shape.intermediate, "expert_feed_forward_length", "spec.shape.intermediate"))
      take(spec.shape.intermediate, "feed_forward_length", "spec.shape.intermediate");
    vocabulary();
  }

  void vocabulary() {
    std::optional<int>& into = draft_.card.spec.shape.vocabulary;
    used_.insert(used_.end(), {own("vocab_size"), "tokenizer.ggml.tokens"});
    const Node* tokens = find("tokenizer.ggml.tokens");
    std::int64_t listed = 0;
    if (tokens != nullptr)
      listed = tokens->is_list() ? static_cast<std::int64_t>(tokens->items().size())
                                 : tokens->integer_at({"items"});
    take(into, "vocab_size", "spec.shape.vocabulary");
    if (into && listed > 0 && *into != listed)
      draft_.report.doubt("spec.shape.vocabulary", fmt::format("{} says {}, but {} tokens are listed",
                                                               own("vocab_size"), *into, listed));
    const Node counted(listed);
    if (!into && listed > 0) draft_.number(into, &counted, "spec.shape.vocabulary", "tokenizer.ggml.tokens");
  }

  /// Names what the card has no place for, groups as one line.
  void leave_out() {
    std::map<std::string, int> groups;
    for (const schema::Entry& entry : gguf_.metadata.entries()) {
      if (std::find(used_.begin(), used_.end(), entry.key) != used_.end()) continue;
      ++groups[entry.key.substr(0, entry.key.find('.'))];
    }
    for (const auto& [group, count] : groups)
      draft_.report.leave(
          fmt::format("{}.*", shortened(visible(group), 60)),
          fmt::format("{} value{} that a card has no place for", count, count == 1 ? "" : "s"));
  }

  void compare() {
    TensorTable table;
    for (const GgufTensor& tensor : gguf_.tensors)
      table.add(tensor.name, tensor.shape.size() == 2 ? tensor.shape[1] : 0);
    table.compare(draft_.card.spec.shape, 0, draft_.report);
  }

  /// Of all tensors without the header, unless one is of a type that nobody here knows.
  std::optional<std::int64_t> tensor_bytes() const {
    std::uint64_t bytes = 0;
    for (const GgufTensor& tensor : gguf_.tensors) {
      if (tensor.type.empty()) return {};
      bytes += tensor.bytes;
    }
    if (bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return {};
    return static_cast<std::int64_t>(bytes);
  }

  const Merged& model_;
  const Gguf& gguf_;
  ModelDraft draft_;
  std::string architecture_;
  std::vector<std::string> used_;
};

}  // namespace

Imported from_gguf(const Bytes& bytes, std::string_view file, const Wanted& wanted) {
  Merged model;
  model.add(bytes, std::string(file));
  return GgufCard(model, wanted).fill(wanted);
}

Imported from_gguf(const std::vector<FolderFile>& parts, const Wanted& wanted) {
  Merged model;
  for (const FolderFile& each : parts) model.add(*each.bytes, each.name);
  return GgufCard(model, wanted).fill(wanted);
}

}  // namespace mlib::formats
