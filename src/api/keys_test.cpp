#include "api/keys.hpp"

#include <doctest/doctest.h>

#include "base/problem.hpp"

namespace mlib::api {
namespace {

bool admits(const Keys& keys, const std::string& name, const std::string& value) {
  net::Received received;
  received.headers = {{name, value}};
  return keys.admit(received);
}

std::string refusal(std::string_view text) {
  try {
    const Keys keys(text, "keys");
    return "";
  } catch (const Problem& problem) {
    return problem.message();
  }
}

}  // namespace

TEST_CASE("one of the keys, whole, in either header, lets in") {
  const Keys keys("# of ann\ncanary-of-ann-0001\r\n\ncanary-of-bob-0002\n", "keys");
  CHECK(admits(keys, "X-API-KEY", "canary-of-ann-0001"));
  CHECK(admits(keys, "authorization", "Bearer canary-of-bob-0002"));
  CHECK(admits(keys, "Authorization", "bearer  canary-of-bob-0002 "));
  for (const std::string wrong :
       {"", "canary-of-ann-000", "canary-of-ann-00012", "# of ann", "CANARY-OF-ANN-0001"})
    CHECK_FALSE(admits(keys, "X-API-KEY", wrong));
  CHECK_FALSE(admits(keys, "Authorization", "Basic canary-of-bob-0002"));
  CHECK_FALSE(admits(keys, "Authorization", "Bearer "));
  CHECK_FALSE(admits(keys, "Cookie", "canary-of-ann-0001"));
  CHECK_FALSE(admits(Keys(), "X-API-KEY", "canary-of-ann-0001"));
}

TEST_CASE("a file of keys that will not do is refused by its line, without the key") {
  CHECK(refusal("\n# none\n") == "keys: there is no key in it");
  CHECK(refusal("canary-of-ann-0001\ncanary\n") == "keys:2: a key has at least 16 characters");
  CHECK(refusal("canary of ann and so on\n") == "keys:1: a key has no blanks in it");
}

}  // namespace mlib::api
