#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mlib::cards {

/// A part of a manifest's text: literal text (a `$$` already read as `$`), or the name of a placeholder.
struct Piece {
  enum class What { literal, placeholder, stray } what;
  std::string text;        ///< the literal text, or the placeholder's name; of a stray `$` the `$`
  std::size_t offset = 0;  ///< where it begins in the text, in bytes
};

/// The pieces of `text`: `$name` and `${name}` (ASCII letters, digits, `_`), `$$` a literal `$`; any other
/// `$` is stray.
std::vector<Piece> pieces(std::string_view text);

/// The first piece of `text` (not empty) without a copy, and how many bytes it takes there.
struct Front {
  Piece::What what = Piece::What::literal;
  std::string_view text;
  std::size_t bytes = 0;
};
Front front_piece(std::string_view text);

/// The name of the placeholder that `text` is exactly, or "".
std::string_view whole_placeholder(std::string_view text);

}  // namespace mlib::cards
