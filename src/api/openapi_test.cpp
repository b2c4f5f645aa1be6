#include "api/openapi.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "api/desk.hpp"

using namespace mlib;

namespace {
std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
}  // namespace

TEST_CASE("docs/openapi.json is what /openapi.json answers") {
  const std::string path = std::string(MLIB_SOURCE_DIR) + "/docs/openapi.json";
  if (std::getenv("MLIB_ACCEPT") != nullptr) {
    std::ofstream(path, std::ios::binary) << api::openapi_document();
    FAIL("it was rewritten: look at the difference, then run the test without MLIB_ACCEPT");
  }
  CHECK(read(path) == api::openapi_document());
  CHECK(api::body_of(api::Desk().ask("GET", "/openapi.json")) == read(path));
}

TEST_CASE("every verb has one operation, with an id of its own and no parameter of the command line's") {
  const schema::Node document = api::openapi_of(api::Routes());
  std::vector<std::string> ids;
  for (const schema::Entry& path : document.find("paths")->entries())
    for (const schema::Entry& operation : path.value.entries()) {
      const std::string id = operation.value.text_at({"operationId"});
      CHECK(std::find(ids.begin(), ids.end(), id) == ids.end());
      ids.push_back(id);
      const std::string text = schema::to_json(operation.value);
      CHECK(text.find("kubeconfig") == std::string::npos);
      CHECK(text.find("show_secrets") == std::string::npos);
    }
  CHECK(ids.size() == api::Routes().all().size());
}
