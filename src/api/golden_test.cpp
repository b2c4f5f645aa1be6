#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "api/desk.hpp"
#include "base/text.hpp"

/// tests/golden/api/NAME.test: a request (METHOD TARGET, headers, an empty line, the body), a line of ten
/// dashes, and the answer in the same form. With MLIB_ACCEPT set the answers are rewritten, and the test
/// fails so that accepting cannot pass for a check.
namespace {

using namespace mlib;
namespace files = std::filesystem;

constexpr std::string_view bar = "\n----------\n";

std::string read(const files::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string asked(api::Desk& desk, const std::string& request) {
  const std::size_t gap = request.find("\n\n");
  const std::vector<std::string> head = split(request.substr(0, gap), '\n');
  const std::string body = gap == std::string::npos ? "" : request.substr(gap + 2);
  net::Headers headers;
  for (std::size_t i = 1; i < head.size(); ++i) {
    const std::size_t colon = head[i].find(": ");
    headers.emplace_back(head[i].substr(0, colon), head[i].substr(colon + 2));
  }
  const std::size_t space = head[0].find(' ');
  const net::Reply reply =
      desk.ask(head[0].substr(0, space), head[0].substr(space + 1), std::move(headers), body);
  std::string answer = fmt::format("{}\n", reply.status);
  for (const auto& [name, value] : reply.headers) answer += fmt::format("{}: {}\n", name, value);
  answer += '\n';
  if (!reply.stream) return answer + api::body_of(reply) + '\n';
  reply.stream([&](std::string_view piece) {
    answer += piece;
    return true;
  });
  return answer;
}

std::vector<files::path> goldens() {
  std::vector<files::path> all;
  for (const auto& entry : files::directory_iterator(files::path(MLIB_SOURCE_DIR) / "tests/golden/api"))
    if (entry.path().extension() == ".test") all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace

TEST_CASE("every request of tests/golden/api gets the answer that stands there") {
  const bool accept = std::getenv("MLIB_ACCEPT") != nullptr;
  const std::vector<files::path> all = goldens();
  REQUIRE(all.size() > 30);
  for (const files::path& path : all) {
    CAPTURE(path.filename().string());
    const std::string text = read(path);
    const std::size_t at = text.find(bar);
    const std::string request =
        text.substr(0, at == std::string::npos ? text.find_last_not_of('\n') + 1 : at);
    api::Desk desk;
    const std::string answer = asked(desk, request);
    if (accept) {
      std::ofstream(path, std::ios::binary) << request << bar << answer;
    } else {
      REQUIRE(at != std::string::npos);
      CHECK(text.substr(at + bar.size()) == answer);
    }
  }
  if (accept)
    FAIL("the answers were rewritten: look at the difference, then run the test without MLIB_ACCEPT");
}

TEST_CASE("docs/openapi.json is what /openapi.json answers") {
  const files::path path = files::path(MLIB_SOURCE_DIR) / "docs/openapi.json";
  if (std::getenv("MLIB_ACCEPT") != nullptr) std::ofstream(path, std::ios::binary) << api::openapi_document();
  CHECK(read(path) == api::openapi_document());
  api::Desk desk;
  CHECK(api::body_of(desk.ask("GET", "/openapi.json")) == read(path));
}
