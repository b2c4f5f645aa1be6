#include "cards/placeholder.hpp"

#include <algorithm>

namespace mlib::cards {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The length of the name that begins at `from`, 0 when none does.
std::size_t name_length(std::string_view text, std::size_t from) {
  if (from >= text.size() || !is_letter(text[from])) return 0;
  std::size_t end = from;
  while (end < text.size() && (is_letter(text[end]) || is_digit(text[end]))) ++end;
  return end - from;
}

void add_literal(std::vector<Piece>& found, std::string_view text, std::size_t offset) {
  if (text.empty()) return;
  if (!found.empty() && found.back().what == Piece::What::literal) {
    found.back().text += text;
  } else {
    found.push_back({Piece::What::literal, std::string(text), offset});
  }
}

}  // namespace

Front front_piece(std::string_view text) {
  const std::size_t dollar = std::min(text.find('$'), text.size());
  if (dollar > 0) return {Piece::What::literal, text.substr(0, dollar), dollar};
  if (text.substr(1).starts_with('$')) return {Piece::What::literal, text.substr(0, 1), 2};
  const std::size_t from = text.substr(1).starts_with('{') ? 2 : 1;
  const std::size_t length = name_length(text, from);
  const bool closed = from == 1 || text.substr(std::min(from + length, text.size())).starts_with('}');
  if (length == 0 || !closed) return {Piece::What::stray, text.substr(0, 1), 1};
  return {Piece::What::placeholder, text.substr(from, length), length + (from == 1 ? 1 : 3)};
}

std::string_view whole_placeholder(std::string_view text) {
  if (!text.starts_with('$')) return {};
  const Front front = front_piece(text);
  return front.what == Piece::What::placeholder && front.bytes == text.size() ? front.text
                                                                              : std::string_view{};
}

std::vector<Piece> pieces(std::string_view text) {
  std::vector<Piece> found;
  for (std::size_t at = 0; at < text.size();) {
    const Front front = front_piece(text.substr(at));
    if (front.what == Piece::What::literal)
      add_literal(found, front.text, at);
    else
      found.push_back({front.what, std::string(front.text), at});
    at += front.bytes;
  }
  return found;
}

}  // namespace mlib::cards
