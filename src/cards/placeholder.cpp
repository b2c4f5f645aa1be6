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

std::vector<Piece> pieces(std::string_view text) {
  std::vector<Piece> found;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t dollar = std::min(text.find('$', at), text.size());
    add_literal(found, text.substr(at, dollar - at), at);
    if (dollar == text.size()) break;
    const bool braced = dollar + 1 < text.size() && text[dollar + 1] == '{';
    const std::size_t from = dollar + (braced ? 2 : 1);
    const std::size_t length = name_length(text, from);
    const bool closed = !braced || (from + length < text.size() && text[from + length] == '}');
    if (dollar + 1 < text.size() && text[dollar + 1] == '$') {
      add_literal(found, "$", dollar);
      at = dollar + 2;
    } else if (length > 0 && closed) {
      found.push_back({Piece::What::placeholder, std::string(text.substr(from, length)), dollar});
      at = from + length + (braced ? 1 : 0);
    } else {
      found.push_back({Piece::What::stray, "$", dollar});
      at = dollar + 1;
    }
  }
  return found;
}

}  // namespace mlib::cards
