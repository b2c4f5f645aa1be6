#include "api/app.hpp"

#include <doctest/doctest.h>

#include "api/desk.hpp"
#include "schema/document.hpp"

using namespace mlib;
using api::body_of;
using api::Desk;
using api::header_of;
using schema::Node;

TEST_CASE("/get_all is one body for a whole library and anew for the next") {
  Desk desk;
  const net::Reply first = desk.ask("GET", "/get_all");
  CHECK(first.status == 200);
  CHECK(header_of(first, "content-type") == "application/json");
  CHECK(first.shared_body == desk.ask("GET", "/get_all").shared_body);
  const std::string etag = header_of(first, "etag");
  CHECK(desk.ask("GET", "/get_all", {{"if-none-match", etag}}).status == 304);
  desk.shelf().replace(cards::load({}, "none/"));
  const net::Reply emptied = desk.ask("GET", "/get_all", {{"if-none-match", etag}});
  CHECK(emptied.status == 200);
  CHECK(body_of(emptied) ==
        R"({"ArchitectureCard":[],"ModelCard":[],"DeploymentCard":[],"ModelDeploymentTemplateCard":[]})");
}

TEST_CASE("bytes that are no UTF-8 are FastAPI's 400 on the original's routes and a problem on ours") {
  Desk desk;
  const net::Reply original = desk.post("/create", "{\"a\":\"\xff\"}");
  CHECK(original.status == 400);
  CHECK(original.body == R"({"detail":"There was an error parsing the body"})");
  const net::Reply ours = desk.post("/api/v1/render", "{\"a\":\"\xff\"}");
  CHECK(ours.status == 400);
  CHECK(ours.body.find("/problems/invalid-utf8") != std::string::npos);
  CHECK(desk.post("/api/v1/render", "\xEF\xBB\xBF{}").body.find("byte order mark") != std::string::npos);
}

TEST_CASE("a hundred thousand brackets, and a million elements, are refused with the limit's name") {
  Desk desk;
  const std::string deep(100'000, '[');
  CHECK(desk.post("/create", deep).body == R"({"detail":"There was an error parsing the body"})");
  const net::Reply nested = desk.post("/api/v1/render", deep);
  CHECK(nested.status == 400);
  CHECK(nested.body.find("/problems/too-deep") != std::string::npos);
  std::string wide = "[0";
  for (int i = 0; i < 400'000; ++i) wide += ",0";
  const net::Reply many = desk.post("/api/v1/render", wide + "]");
  CHECK(many.status == 422);
  CHECK(many.body.find("/problems/limit-exceeded") != std::string::npos);
}

TEST_CASE("a thousand wrong places are told, and what they echo is bounded") {
  Desk desk;
  std::string cards = "{}";
  for (int i = 0; i < 5'000; ++i) cards += ",{}";
  const std::string body = R"({"id":"a","name":"n","description":"d","model_card":{},"deployment_card":{},)"
                           R"("params":{},"viable_deployment_cards":[)" +
                           cards + "]}";
  const net::Reply reply = desk.post("/validate_template", body);
  CHECK(reply.status == 422);
  CHECK(reply.body.size() < 1'000'000);
}

TEST_CASE("an API key is never echoed by a 422, wherever it stands") {
  Desk desk;
  const std::string canary = "canary-7f3a9c";
  for (const std::string& body :
       {R"({"template":1,"user":{"id":1,"API_key":")" + canary + R"("}})",
        R"({"template":{"user":{"API_key":")" + canary + R"("}},"user":{"id":"a"}})",
        R"({"user":{"id":"a","namespace":"b","API_key":[")" + canary + R"("]}})"}) {
    const net::Reply reply = desk.post("/create", body);
    CHECK(reply.status == 422);
    CHECK(reply.body.find(canary) == std::string::npos);
  }
  const net::Reply text = desk.ask("POST", "/validate_template", {{"content-type", "text/plain"}}, canary);
  CHECK(text.status == 422);
  CHECK(text.body.find(canary) == std::string::npos);
}

TEST_CASE("requests are counted by route and status") {
  Desk desk;
  desk.ask("GET", "/get_all");
  desk.ask("GET", "/get_all");
  desk.ask("GET", "/nowhere");
  desk.post("/create", "{");
  const std::string text = desk.ask("GET", "/metrics").body;
  CHECK(text.find("mlib_http_requests_total{route=\"GET /get_all\",status=\"200\"} 2\n") !=
        std::string::npos);
  CHECK(text.find("mlib_http_requests_total{route=\"none\",status=\"404\"} 1\n") != std::string::npos);
  CHECK(text.find("mlib_http_requests_total{route=\"POST /create\",status=\"422\"} 1\n") !=
        std::string::npos);
  CHECK(text.find("mlib_http_request_duration_seconds_bucket{route=\"GET /get_all\",le=\"+Inf\"} 2\n") !=
        std::string::npos);
  CHECK(text.find("mlib_library_cards{kind=\"template\"} ") != std::string::npos);
}

TEST_CASE("only what never waits is fast") {
  Desk desk;
  net::Received received;
  received.path = "/create";
  CHECK(desk.app().fast(received));
  received.body.assign(100'000, 'x');
  CHECK_FALSE(desk.app().fast(received));
  received.path = "/api/v1/deployments";
  received.body.clear();
  CHECK_FALSE(desk.app().fast(received));
}

TEST_CASE("a library without a template is not ready, and says so") {
  Desk desk({}, cards::load({}, "none/"));
  CHECK(desk.ask("GET", "/readyz").status == 503);
  CHECK(desk.ask("GET", "/healthz").status == 200);
  CHECK(Desk().ask("GET", "/readyz").status == 200);
}

TEST_CASE("a list of cards has an ETag, and 304 for who has it; a change has none") {
  Desk desk;
  const net::Reply first = desk.ask("GET", "/api/v1/templates");
  CHECK(first.status == 200);
  const std::string etag = header_of(first, "etag");
  REQUIRE(etag.size() == 34);
  for (const std::string& known : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const net::Reply second = desk.ask("GET", "/api/v1/templates", {{"if-none-match", known}});
    CHECK(second.status == 304);
    CHECK(second.body.empty());
  }
  CHECK(desk.ask("GET", "/api/v1/templates", {{"if-none-match", "\"x\""}}).status == 200);
  const net::Reply rendered =
      desk.post("/api/v1/render", R"({"template":"llama-2-7b-minimal","name":"demo"})");
  CHECK(rendered.status == 200);
  CHECK(header_of(rendered, "etag").empty());
  CHECK(header_of(rendered, "cache-control") == "no-store");
}

namespace {

std::string streamed(const net::Reply& reply) {
  std::string all;
  REQUIRE(reply.stream != nullptr);
  reply.stream([&](std::string_view piece) {
    all += piece;
    return true;
  });
  return all;
}

}  // namespace

TEST_CASE(
    "a stream fails with its last event, in lines or as server-sent events; waited for, with a status") {
  Desk desk;
  const std::string body = R"({"template":"nothing-like-it","name":"demo"})";
  const auto deploy = [&](const std::string& accept) {
    return desk.ask("POST", "/api/v1/deployments", {{"content-type", "application/json"}, {"accept", accept}},
                    body);
  };
  const net::Reply lines = deploy("*/*");
  CHECK(header_of(lines, "content-type") == "application/jsonl");
  const std::string line = streamed(lines);
  CHECK(line.find(R"("status":404)") != std::string::npos);
  CHECK(schema::read_json(line).find("problem") != nullptr);
  const net::Reply events = deploy("text/event-stream");
  CHECK(header_of(events, "content-type") == "text/event-stream");
  const std::string event = streamed(events);
  CHECK(event.starts_with("event: problem\ndata: {"));
  CHECK(event.ends_with("}\n\n"));
  const net::Reply waited = deploy("application/json");
  CHECK(waited.status == 404);
  CHECK(header_of(waited, "content-type") == "application/problem+json");
}

TEST_CASE("HEAD is GET without a body, except on the original's calls") {
  Desk desk;
  CHECK(desk.ask("HEAD", "/healthz").status == 200);
  CHECK(desk.ask("HEAD", "/api/v1/templates").status == 200);
  CHECK(desk.ask("HEAD", "/get_all").status == 405);
}

TEST_CASE("a caller's role must be enough for the verb") {
  Desk desk({.caller = {"viewer", verbs::Role::viewer}});
  CHECK(desk.ask("GET", "/api/v1/templates").status == 200);
  const net::Reply reply = desk.ask("POST", "/api/v1/deployments",
                                    {{"content-type", "application/json"}, {"accept", "application/json"}},
                                    R"({"template":"llama-2-7b-minimal","name":"demo"})");
  CHECK(reply.status == 403);
}
