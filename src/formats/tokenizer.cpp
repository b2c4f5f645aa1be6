#include "formats/tokenizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/problem.hpp"
#include "formats/bytes.hpp"

namespace mlib::formats {
namespace {

constexpr std::uint64_t largest_json = 128U << 20U;

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

std::string pair_key(std::string_view left, std::string_view right) {
  std::string key(left);
  key += '\0';
  return key.append(right);
}

/// Whether a file of a folder is the only one of its model, or the first part, which has the tokenizer.
bool is_gguf(std::string_view name) {
  if (!name.ends_with(".gguf") || name.starts_with("mmproj")) return false;
  const std::size_t part = name.find("-of-");
  return part == std::string_view::npos || name.substr(0, part).ends_with("-00001");
}

std::string file_in(const std::string& folder) {
  std::vector<std::string> ggufs;
  bool other = false;
  for (const FolderFile& each : open_folder(folder)) {
    if (each.name == "tokenizer.json") return folder + "/" + each.name;
    if (is_gguf(each.name)) ggufs.push_back(each.name);
    other |= each.name == "tokenizer.model" || each.name == "vocab.txt";
  }
  if (ggufs.size() == 1) return folder + "/" + ggufs[0];
  if (ggufs.empty())
    throw Problem(Kind::not_found, fmt::format("{}: there is no tokenizer.json and no GGUF file", folder),
                  other
                      ? "tokenizer.model and vocab.txt are not read: transformers' save_pretrained writes a "
                        "tokenizer.json"
                      : "");
  throw Problem(Kind::usage, fmt::format("{}: there are {} GGUF files", folder, ggufs.size()),
                fmt::format("name one: {}/{}", folder, ggufs[0]));
}

}  // namespace

bool Tokenizer::is_plain(std::string_view text) const {
  while (!text.empty()) {
    if (text.starts_with(rules.space))
      text.remove_prefix(rules.space.size());
    else if (is_letter(text.front()))
      text.remove_prefix(1);
    else
      return false;
  }
  return true;
}

bool Tokenizer::is_within_plain_text(std::string_view text) const {
  if (text == " " || text == rules.space) return true;
  return std::any_of(text.begin(), text.end(), is_letter) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_letter(c) || c == ' '; });
}

void Tokenizer::add_token(std::string_view text, double score) {
  if (text.empty() || !is_plain(text)) return;
  const std::size_t space = text.rfind(rules.space);
  across_ |= space != std::string_view::npos &&
             std::any_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(space), is_letter);
  tokens_.emplace(text, score);
}

void Tokenizer::add_merge(std::string_view left, std::string_view right) {
  --next_rank_;
  if (is_plain(left) && is_plain(right)) merges_.emplace(pair_key(left, right), next_rank_);
}

void Tokenizer::check() const {
  if (tokens_.empty())
    throw Problem(Kind::unsupported, fmt::format("{}: none of its tokens is made of letters a to z", file));
  if (!rules.by_words && across_)
    throw Problem(Kind::unsupported,
                  fmt::format("{}: it has tokens that reach from one word into the next", file),
                  "without --tokenizer lengths are estimated");
}

std::optional<double> Tokenizer::rank_of(const std::string& left, const std::string& right) const {
  if (rules.by_score) {
    const auto found = tokens_.find(left + right);
    return found == tokens_.end() ? std::nullopt : std::optional(found->second);
  }
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? std::nullopt : std::optional(found->second);
}

int Tokenizer::count(std::string_view word, bool spaced) const {
  std::vector<std::string> parts;
  if (spaced) parts.push_back(rules.space);
  for (const char letter : word) parts.emplace_back(1, letter);
  if (rules.whole_words && tokens_.contains((spaced ? rules.space : "") + std::string(word))) return 1;
  for (;;) {  // the best pair, of equal ones the first, becomes one
    std::size_t best = parts.size();
    double rank = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i)
      if (const auto found = rank_of(parts[i], parts[i + 1]);
          found && (best == parts.size() || *found > rank)) {
        best = i;
        rank = *found;
      }
    if (best == parts.size()) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  int tokens = 0;
  for (const std::string& part : parts) {
    const bool known = tokens_.contains(part);
    if (!known && !rules.bytes)
      throw Problem(Kind::unsupported, fmt::format("{}: `{}` is none of its tokens", file, part));
    tokens += known ? 1 : static_cast<int>(part.size());
  }
  return tokens;
}

Tokenizer read_tokenizer(const std::string& path) {
  const std::string name = is_folder(path) ? file_in(path) : path;
  const std::shared_ptr<const Bytes> bytes = open_file(name);
  if (bytes->read(0, 4) == "GGUF") return gguf_tokenizer(*bytes, name);
  if (bytes->size() > largest_json)
    throw Problem(Kind::too_large,
                  fmt::format("{}: {} bytes, more than {} MiB", name, bytes->size(), largest_json >> 20U));
  return json_tokenizer(bytes->read(0, static_cast<std::size_t>(bytes->size())), name);
}

}  // namespace mlib::formats
