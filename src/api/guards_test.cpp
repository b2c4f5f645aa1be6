#include "api/guards.hpp"

#include <doctest/doctest.h>

#include "api/arguments.hpp"
#include "api/problem_json.hpp"

using namespace mlib;
using api::accepted;

TEST_CASE("Accept picks the best that is offered") {
  const std::vector<std::string_view> offered{"application/jsonl", "text/event-stream", "application/json"};
  CHECK(accepted("", offered) == "application/jsonl");
  CHECK(accepted("*/*", offered) == "application/jsonl");
  CHECK(accepted("application/json", offered) == "application/json");
  CHECK(accepted("text/event-stream, */*;q=0.1", offered) == "text/event-stream");
  CHECK(accepted("application/*; q=0.5, text/*", offered) == "text/event-stream");
  CHECK(accepted("image/png", offered) == "");
  CHECK(accepted("application/json;q=0", offered) == "");
}

TEST_CASE("a change from a page of another origin is told from our own and from a program's") {
  net::Received received;
  received.method = "POST";
  received.headers = {{"host", "127.0.0.1:8001"}};
  CHECK_FALSE(api::is_cross_site(received));
  received.headers.emplace_back("origin", "http://127.0.0.1:8001");
  CHECK_FALSE(api::is_cross_site(received));
  for (const char* origin :
       {"http://evil.test", "null", "http://127.0.0.1:9000", "http://127.0.0.1:8001.evil.test"}) {
    received.headers[1].second = origin;
    CHECK(api::is_cross_site(received));
  }
  received.headers = {{"host", "a"}, {"sec-fetch-site", "cross-site"}};
  CHECK(api::is_cross_site(received));
  received.method = "GET";
  CHECK_FALSE(api::is_cross_site(received));
}

TEST_CASE("a query gives typed arguments, lists by repeating and maps by a dot") {
  const verbs::Verb verb{"x", verbs::Method::get, "/x/{name}", verbs::Role::viewer, "", nullptr, {}, {}};
  schema::JsonError error;
  schema::Node schema;
  REQUIRE(
      schema::read_json(R"({"properties":{"name":{"type":"string"},"tail":{"type":"integer"},)"
                        R"("follow":{"type":"boolean"},"filter":{"type":"array","items":{"type":"string"}},)"
                        R"("set":{"type":"object"},"key":{"type":"string","writeOnly":true},)"
                        R"("kubeconfig":{"type":"string","format":"local"}}})",
                        schema, error));
  const auto arguments = [&](const std::string& query) {
    net::Received received;
    received.method = "GET";
    received.query = query;
    return to_json(api::arguments_of(verb, schema, {{"name", "12"}}, received));
  };
  CHECK(arguments("tail=5&follow=true&filter=a%3D1&filter=b&set.x=1&set.y=a+b") ==
        R"({"tail":5,"follow":true,"filter":["a=1","b"],"set":{"x":1,"y":"a b"},"name":"12"})");
  CHECK(arguments("tail=many") == R"({"tail":"many","name":"12"})");
  for (const char* wrong : {"tail=1&tail=2", "key=s", "kubeconfig=/etc/passwd", "a=%zz", "set.x=1&set.x=2"})
    CHECK_THROWS_AS(arguments(wrong), api::Refusal);
}

TEST_CASE("a JSON pointer escapes its steps") {
  CHECK(api::json_pointer({{"a/b"}, {"c~d"}, {"", 3}}) == "/a~1b/c~0d/3");
}
