#include "cards/pattern.hpp"

#include <doctest/doctest.h>

namespace mlib::cards {
namespace {

TEST_CASE("a pattern without gaps is found anywhere, whatever the letters' case") {
  CHECK(match("out of memory", "CUDA Out Of Memory."));
  CHECK_FALSE(match("out of memory", "out of mind, memory"));
  CHECK(match("", "anything"));
}

TEST_CASE("gaps take as little as they can, and names keep it as it was written") {
  const auto found =
      match("allocate {size}. GPU {gpu} has", "Tried to allocate 2.00 GiB. GPU 0 has a GPU 1 has");
  REQUIRE(found);
  CHECK(found->at("size") == "2.00 GiB");
  CHECK(found->at("gpu") == "0");
  CHECK(match("a*c{rest}", "xabc  the End ")->at("rest") == "the End");
  CHECK(match("{before} refused", "dial tcp 127.0.0.1:9: refused")->at("before") == "dial tcp 127.0.0.1:9:");
  CHECK(match("{two}{one}!", "ab!")->at("one") == "ab");
  CHECK_FALSE(match("a{x}b", "b a"));
  CHECK_FALSE(match("a{x}b", ""));
  CHECK(match("url: {url}", "Not Found for url: https://a.b/c.")->at("url") == "https://a.b/c");
}

TEST_CASE("braces that hold no name are themselves") {
  CHECK(match("taint {gpu: }", "had taint {gpu: }"));
  CHECK(match("x{", "x{"));
  CHECK(names_in("{a} {B} {a_b} {} {c") == std::vector<std::string>{"a", "a_b"});
}

TEST_CASE("a sentence is filled, and a part without a value is left out") {
  const Facts facts{{"who", "it"}, {"n", "3"}, {"empty", ""}};
  CHECK(fill("{who} ended[, {n} times][ in {where}][ of {empty}].", facts) == "it ended, 3 times.");
  CHECK(fill("{where} is [open", facts) == " is [open");
  CHECK(fill("a ] b [c]", facts) == "a ] b c");
}

TEST_CASE("what a log says cannot reach the terminal as it is") {
  CHECK(fill("{x}", {{"x", "\x1b[31mred"}}) == "\\x1b[31mred");
  CHECK(fill("{x}", {{"x", std::string(900, 'a')}}).size() < 210);
}

}  // namespace
}  // namespace mlib::cards
