#include "cards/pattern.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

constexpr std::size_t longest_value = 200;

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

/// The name that begins at `at` as `{name}`, or "".
std::string_view name_at(std::string_view text, std::size_t at) {
  if (text[at] != '{') return "";
  const std::size_t end = text.find('}', at);
  if (end == std::string_view::npos) return "";
  const std::string_view name = text.substr(at + 1, end - at - 1);
  return is_name(name) ? name : "";
}

/// A gap and the literal that ends it; the last literal is "" when the pattern ends with a gap.
struct Piece {
  bool gap = false;
  std::string name = {};  ///< of the gap; "" when it is not kept
  std::string literal = {};
};

std::vector<Piece> pieces_of(std::string_view pattern) {
  std::vector<Piece> pieces(1);
  for (std::size_t at = 0; at < pattern.size();) {
    const std::string_view name = name_at(pattern, at);
    if (name.empty() && pattern[at] != '*') {
      pieces.back().literal += lower(pattern.substr(at, 1));
      ++at;
      continue;
    }
    pieces.push_back({true, std::string(name)});
    at += name.empty() ? 1 : name.size() + 2;
  }
  return pieces;
}

/// Appends the text with its names filled in; false when one of them has no value.
bool append(std::string& out, std::string_view text, const Facts& facts) {
  bool whole = true;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view name = name_at(text, at);
    if (name.empty()) {
      out += text[at++];
      continue;
    }
    const auto found = facts.find(name);
    if (found == facts.end() || found->second.empty())
      whole = false;
    else
      out += shortened(visible(found->second), longest_value);
    at += name.size() + 2;
  }
  return whole;
}

}  // namespace

std::optional<Facts> match(std::string_view pattern, std::string_view text) {
  const std::string low = lower(text);
  const std::vector<Piece> pieces = pieces_of(pattern);
  Facts facts;
  std::size_t at = low.find(pieces.front().literal);
  if (at == std::string::npos) return std::nullopt;
  at += pieces.front().literal.size();
  for (std::size_t i = 1; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const bool open = piece.literal.empty() && i + 1 == pieces.size();
    const std::size_t next = open ? low.size() : low.find(piece.literal, at);
    if (next == std::string::npos) return std::nullopt;
    std::string_view kept = trim(text.substr(at, next - at));
    if (open && kept.ends_with('.')) kept.remove_suffix(1);
    if (!piece.name.empty()) facts[piece.name] = std::string(kept);
    at = next + piece.literal.size();
  }
  return facts;
}

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < text.size(); ++at)
    if (const std::string_view name = name_at(text, at); !name.empty()) names.emplace_back(name);
  return names;
}

std::string fill(std::string_view sentence, const Facts& facts) {
  std::string out;
  while (!sentence.empty()) {
    const std::size_t open = sentence.find('[');
    const std::size_t close = open == std::string_view::npos ? open : sentence.find(']', open);
    append(out, sentence.substr(0, close == std::string_view::npos ? close : open), facts);
    if (close == std::string_view::npos) break;
    std::string part;
    if (append(part, sentence.substr(open + 1, close - open - 1), facts)) out += part;
    sentence.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace mlib::cards
