#include "base/wrapped.hpp"

#include "base/text.hpp"

namespace mlib {

std::string wrapped(std::string_view text, std::size_t column) {
  constexpr std::size_t width = 80;
  std::string out;
  std::size_t at = column;
  for (const std::string& word : split(text, ' ')) {
    const std::size_t length = utf8_length(word);
    if (at > column && at + 1 + length > width) {
      out += '\n' + std::string(column, ' ');
      at = column;
    } else if (at > column) {
      out += ' ';
      ++at;
    }
    out += word;
    at += length;
  }
  return out;
}

}  // namespace mlib
