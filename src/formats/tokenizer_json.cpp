#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/problem.hpp"
#include "base/text.hpp"
#include "formats/tokenizer.hpp"
#include "schema/document.hpp"

namespace mlib::formats {
namespace {

using schema::Node;

constexpr std::string_view byte_level_space = "\u0120", word_space = "\u2581";

/// Alternatives of pre-tokenizers' expressions that take a whole word of small letters with the space before
/// it.
constexpr std::string_view takes_words[] = {
    R"( ?\p{L}+)",
    R"(\s?\p{L}+)",
    R"([^\r\n\p{L}\p{N}]?\p{L}+)",
    R"([^\r\n\p{L}\p{N}]?+\p{L}+)",
    R"([^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+)",
    R"([^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)",
    R"( ?[^(\s|[.,!?…。，、।۔،])]+)",
    R"( ?[^(\s|.,!?…。，、।۔،)]+)",
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)",
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)",
    R"((?:[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?))",
};
/// Those that take nothing of plain text as long as a word with its space is taken before.
constexpr std::string_view takes_nothing[] = {
    R"('s)",
    R"('t)",
    R"('re)",
    R"('ve)",
    R"('m)",
    R"('ll)",
    R"('d)",
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d))",
    R"('(?i:[sdmt]|ll|ve|re))",
    R"( ?\p{N}+)",
    R"(\p{N}+)",
    R"(\p{N})",
    R"(\p{N}{1})",
    R"(\p{N}{1,3})",
    R"(\d)",
    R"(\d{1,3}(?=(?:\d{3})*\b))",
    R"([0-9])",
    R"([0-9][0-9][0-9])",
    R"( ?[^\s\p{L}\p{N}]+)",
    R"( ?[^\s\p{L}\p{N}]++[\r\n]*)",
    R"( ?[^\s\p{L}\p{N}]+[\r\n]*)",
    R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)",
    R"( ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*)",
    R"( ?[^\s\p{L}\p{N}\r\n]+)",
    R"( ?[\p{P}\p{S}]+[\r\n]*)",
    R"(\s?\p{P}+)",
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)",
    R"([\p{P}\$\+<=>\^~\|`]+)",
    R"(\s*[\r\n]+)",
    R"(\s*[\r\n])",
    R"([\r\n])",
    R"([\r\n]+)",
    R"(\s+(?!\S))",
    R"(\s+$)",
    R"(\s+)",
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)",
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)",
};

/// The alternatives of an expression, split at each | that stands in no group and no class.
std::vector<std::string> alternatives(std::string_view expression) {
  std::vector<std::string> all(1);
  int groups = 0;
  bool in_class = false;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      all.back() += c;
      all.back() += expression[++i];
      continue;
    }
    if (c == '[') in_class = true;
    if (c == ']') in_class = false;
    if (!in_class) groups += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == '|' && groups == 0 && !in_class)
      all.emplace_back();
    else
      all.back() += c;
  }
  return all;
}

/// `\r` and `\n` may stand in the file as the characters themselves.
std::string escaped(std::string_view expression) {
  std::string made;
  for (const char c : expression) made += c == '\r' ? "\\r" : c == '\n' ? "\\n" : std::string(1, c);
  return made;
}

/// Characters of classes that hold only other scripts than ours: no ASCII letter or space stands in them.
bool is_of_other_scripts(std::string_view alternative) {
  if (!alternative.starts_with('[') || !(alternative.ends_with("]+") || alternative.ends_with("]")))
    return false;
  const std::string_view inside = alternative.substr(1, alternative.rfind(']') - 1);
  return !inside.empty() && std::all_of(inside.begin(), inside.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || c == '-';
  });
}

/// Letters of several scripts, written out.
bool is_class_of_letters(std::string_view alternative) {
  constexpr std::string_view begin = R"(\s?[A-Za-z)";
  return alternative.starts_with(begin) &&
         is_of_other_scripts("[" + std::string(alternative.substr(begin.size())));
}

enum class Splits { nothing, words, unknown };

Splits splits(std::string_view expression) {
  const auto among = [](const auto& known, const std::string& text) {
    return std::find(std::begin(known), std::end(known), text) != std::end(known);
  };
  bool words = false;
  for (const std::string& each : alternatives(escaped(expression))) {
    if (among(takes_words, each) || is_class_of_letters(each))
      words = true;
    else if (each.starts_with("\\s+") && !words && each != "\\s+$")
      return Splits::unknown;  // takes the space away before the word can
    else if (!among(takes_nothing, each) && !is_of_other_scripts(each))
      return Splits::unknown;
  }
  return words ? Splits::words : Splits::nothing;
}

class Reading {
 public:
  Reading(const Node& root, const std::string& name) : root_(root) { made_.file = name; }

  Tokenizer read() {
    const Node* model = root_.find("model");
    if (model == nullptr || !model->is_map())
      throw Problem(Kind::invalid,
                    fmt::format("{}: this is no tokenizer.json: it has no `model`", made_.file));
    check_model(*model);
    normalizer(at(root_, "normalizer"));
    pre_tokenizer(at(root_, "pre_tokenizer"));
    if (made_.rules.space.empty()) refuse("nothing in it says how spaces are written");
    made_.rules.whole_words = is_true(*model, "ignore_merges");
    made_.rules.bytes = made_.rules.space == word_space && is_true(*model, "byte_fallback");
    tokens(*model);
    merges(at(*model, "merges"));
    made_.check();
    return std::move(made_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Problem(Kind::unsupported,
                  fmt::format("{}: {}, so its tokens cannot be counted here", made_.file, why),
                  "known are BPE with ByteLevel or \u2581; without --tokenizer lengths are estimated");
  }
  static const Node& at(const Node& map, std::string_view key) {
    static const Node none;
    const Node* found = map.find(key);
    return found == nullptr ? none : *found;
  }
  static bool is_true(const Node& map, std::string_view key) {
    const Node& value = at(map, key);
    return value.is_boolean() && value.boolean();
  }

  void check_model(const Node& model) {
    const std::string type = model.text_at({"type"}, at(model, "merges").is_list() ? "BPE" : "none");
    if (type != "BPE") refuse(fmt::format("its model is {}", shortened(type, 40)));
    for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!model.text_at({affix}).empty()) refuse(fmt::format("its model has a `{}`", affix));
    if (at(model, "dropout").is_number() && at(model, "dropout").number() > 0)
      refuse("its model leaves merges out by chance (`dropout`)");
  }

  void normalizer(const Node& node) {
    if (node.is_null()) return;
    const std::string type = node.text_at({"type"});
    constexpr std::array harmless{"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip"};
    if (type == "Sequence") {
      for (const Node& each : items(at(node, "normalizers"))) normalizer(each);
    } else if (type == "Prepend" && node.text_at({"prepend"}) == word_space) {
      made_.rules.leading_space = true;
    } else if (type == "Replace" && node.text_at({"pattern", "String"}) == " " &&
               node.text_at({"content"}) == word_space) {
      made_.rules.space = word_space;
    } else if (std::find(harmless.begin(), harmless.end(), type) == harmless.end()) {
      refuse(fmt::format("it has a normalizer {}", shortened(type, 40)));
    }
  }

  void pre_tokenizer(const Node& node) {
    if (node.is_null()) return;
    const std::string type = node.text_at({"type"});
    if (type == "Sequence") {
      for (const Node& each : items(at(node, "pretokenizers"))) pre_tokenizer(each);
    } else if (type == "ByteLevel") {
      made_.rules.space = byte_level_space;
      made_.rules.leading_space |=
          at(node, "add_prefix_space").is_null() || is_true(node, "add_prefix_space");
      made_.rules.by_words |= at(node, "use_regex").is_null() || is_true(node, "use_regex");
    } else if (type == "Metaspace") {
      metaspace(node);
    } else if (type == "Split") {
      split(node);
    } else if (type != "Digits" && type != "Punctuation") {
      refuse(fmt::format("it has a pre-tokenizer {}", shortened(type, 40)));
    }
  }

  void metaspace(const Node& node) {
    if (node.text_at({"replacement"}, word_space) != word_space) refuse("its Metaspace is none of \u2581");
    made_.rules.space = word_space;
    const std::string scheme = node.text_at({"prepend_scheme"});
    made_.rules.leading_space |=
        scheme.empty() ? at(node, "add_prefix_space").is_null() || is_true(node, "add_prefix_space")
                       : scheme != "never";
    made_.rules.by_words |= at(node, "split").is_null() || is_true(node, "split");
  }

  void split(const Node& node) {
    if (is_true(node, "invert") && node.text_at({"behavior"}) != "Removed") refuse("its Split is inverted");
    const std::string text = node.text_at({"pattern", "String"});
    if (!text.empty()) {  // a space that was replaced before is not there any more
      if (text == " " ? made_.rules.space == word_space : !made_.is_within_plain_text(text)) return;
      refuse(fmt::format("it splits at `{}`", shortened(text, 40)));
    }
    const std::string expression = node.text_at({"pattern", "Regex"});
    const Splits how = splits(expression);
    if (how == Splits::unknown || expression.empty())
      refuse(fmt::format("it splits by `{}`", shortened(visible(expression), 120)));
    made_.rules.by_words |= how == Splits::words;
  }

  const Node::List& items(const Node& list) const {
    if (!list.is_list()) refuse("a Sequence in it is none");
    return list.items();
  }

  void tokens(const Node& model) {
    for (const Node& each :
         at(root_, "added_tokens").is_list() ? root_.find("added_tokens")->items() : Node::List{})
      if (const std::string text = each.text_at({"content"}); made_.is_within_plain_text(text))
        refuse(fmt::format("its added token `{}` is found within plain text", shortened(text, 40)));
    if (!at(model, "vocab").is_map()) refuse("its model has no `vocab`");
    for (const schema::Entry& each : at(model, "vocab").entries()) made_.add_token(each.key, 0);
  }

  void merges(const Node& list) {
    if (!list.is_list()) refuse("its model has no `merges`");
    for (const Node& each : list.items()) {
      if (each.is_list() && each.items().size() == 2 && each.items()[0].is_string() &&
          each.items()[1].is_string()) {
        made_.add_merge(each.items()[0].string(), each.items()[1].string());
        continue;
      }
      const std::string text = each.is_string() ? each.string() : "";
      const std::size_t space = text.find(' ', 1);
      if (space == std::string::npos) refuse("one of its merges is no pair");
      made_.add_merge(std::string_view(text).substr(0, space), std::string_view(text).substr(space + 1));
    }
  }

  const Node& root_;
  Tokenizer made_;
};

}  // namespace

Tokenizer json_tokenizer(const std::string& text, const std::string& name) {
  Node root;
  schema::JsonError error;
  if (!schema::read_json(text, root, error, {.bytes = 128U << 20U, .nodes = 8'000'000}))
    throw Problem(Kind::invalid, fmt::format("{}: neither a GGUF file nor a tokenizer.json: byte {}: {}",
                                             name, error.offset, error.message));
  Tokenizer made = Reading(root, name).read();
  made.form = "tokenizer.json";
  made.sha256 = sha256_hex(text);
  return made;
}

}  // namespace mlib::formats
