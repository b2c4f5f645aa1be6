#include "cards/placeholder.hpp"

#include <doctest/doctest.h>

using namespace mlib::cards;

namespace {
/// `lit|<name>|!` with ! for a stray dollar.
std::string shown(std::string_view text) {
  std::string all;
  for (const Piece& piece : pieces(text)) {
    if (!all.empty()) all += '|';
    if (piece.what == Piece::What::literal) all += piece.text;
    if (piece.what == Piece::What::placeholder) all += "<" + piece.text + ">";
    if (piece.what == Piece::What::stray) all += "!";
  }
  return all;
}
}  // namespace

TEST_CASE("placeholders are read as the original reads them") {
  CHECK(shown("") == "");
  CHECK(shown("plain") == "plain");
  CHECK(shown("$name") == "<name>");
  CHECK(shown("${name}") == "<name>");
  CHECK(shown("a-$name-b") == "a-|<name>|-b");
  CHECK(shown("${name}_x") == "<name>|_x");
  CHECK(shown("$name_x.y") == "<name_x>|.y");
  CHECK(shown("$a$b${c}") == "<a>|<b>|<c>");
  CHECK(shown("$API_key") == "<API_key>");
}

TEST_CASE("two dollars are one, whatever follows") {
  CHECK(shown("$$HOME") == "$HOME");
  CHECK(shown("a$$b$c") == "a$b|<c>");
  CHECK(shown("$${x}") == "${x}");
  CHECK(shown("$$$x") == "$|<x>");
}

TEST_CASE("a dollar that begins nothing is stray") {
  CHECK(shown("$") == "!");
  CHECK(shown("$5") == "!|5");
  CHECK(shown("${a") == "!|{a");
  CHECK(shown("${}") == "!|{}");
  CHECK(shown("${a-b}") == "!|{a-b}");
  CHECK(shown("$(id)") == "!|(id)");
  CHECK(shown("$é") == "!|é");
}

TEST_CASE("a placeholder says where it begins") {
  const auto found = pieces("ab $x ${y}");
  REQUIRE(found.size() == 4);
  CHECK(found[1].offset == 3);
  CHECK(found[3].offset == 6);
}
