/// The rows of the fault table that need a socket.
#include <doctest/doctest.h>

#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "kube/scripted_http.hpp"
#include "net/scripted_server.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using net::test::ScriptedServer;

const Id service{"v1", "Service", "a", "s"};
const std::string object =
    R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"a","uid":"u",)"
    R"("managedFields":[{"manager":"model-library"}]}})";

std::string http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Answers each connection with the next bytes, the last ones again and again; `reset` ends with RST.
struct Play {
  struct Part {
    std::string bytes;
    bool reset = false;
  };
  std::vector<Part> parts;
  std::vector<std::string> asked;
  ScriptedServer server{[this](int connection, int) {
    asked.push_back(net::test::read_until(connection, "\r\n\r\n"));
    const Part& part = parts[std::min(asked.size(), parts.size()) - 1];
    net::test::send_all(connection, part.bytes);
    if (part.reset) net::test::reset_on_close(connection);
  }};
  std::unique_ptr<net::Client> client = net::make_client();
  HeldClock clock;
  Config config() const {
    Config config;
    config.context = "test";
    config.server = server.url("");
    config.token = Secret<std::string>("t0ken");
    return config;
  }
  explicit Play(std::vector<Part> parts_given) : parts(std::move(parts_given)) {}
};

TEST_CASE("row 24: a connection reset in head, body or JSON is no answer; a read is asked again") {
  for (const std::string& whole : {http(200, object)})
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{9}, whole.size() - object.size() + 5, whole.size() - 2}) {
      Play play({{whole.substr(0, at), true}, {whole}});
      Client client(*play.client, play.clock, play.config());
      const auto found = client.get(service);
      REQUIRE(found);
      CHECK(found->text_at({"metadata", "uid"}) == "u");
      CHECK(play.server.connections() == 2);
    }
}

TEST_CASE("row 24: a write whose connection was reset is looked for before it is sent again") {
  Play play({{"", true}, {http(200, object)}});
  Client client(*play.client, play.clock, play.config());
  const Node made = client.create(schema::read_json(object), false);
  CHECK(made.text_at({"metadata", "uid"}) == "u");
  REQUIRE(play.asked.size() == 2);
  CHECK(play.asked[0].starts_with("POST "));
  CHECK(play.asked[1].starts_with("GET /api/v1/namespaces/a/services/s "));
}

TEST_CASE("row 25: a body that is shorter than announced, or whose chunks are broken, is an error") {
  const std::string head =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(object.size() + 1) + "\r\n\r\n";
  for (const std::string& bytes :
       {head + object, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + object}) {
    Play play({{bytes}});
    Client client(*play.client, play.clock, play.config());
    CHECK_THROWS_AS(client.get(service), Problem);
    CHECK(play.server.connections() <= 5);
  }
}

TEST_CASE("row 33: nothing follows a redirect to another host, and no token goes there") {
  Play other({{http(200, object)}});
  Play play(
      {{"HTTP/1.1 302 Found\r\nLocation: " + other.server.url("/x") + "\r\nContent-Length: 0\r\n\r\n"}});
  Client client(*play.client, play.clock, play.config());
  CHECK_THROWS_AS(client.get(service), Problem);
  CHECK_THROWS_AS(client.create(schema::read_json(object), false), Problem);
  CHECK_THROWS_AS(client.log({"a", "p", "c"}, [](std::string_view) { return true; }), Problem);
  CHECK(other.server.connections() == 0);
  CHECK(play.asked[0].find("Authorization: Bearer t0ken") != std::string::npos);
}

TEST_CASE("row 24: an informer goes on behind the last whole event of a stream that was reset") {
  const std::string list = R"({"metadata":{"resourceVersion":"9"},"items":[]})";
  const std::string event = R"({"type":"ADDED","object":{"metadata":{"name":"one","resourceVersion":"10"}}})";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto chunk = [](const std::string& text) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx", text.size());
    return std::string(size) + "\r\n" + text + "\r\n";
  };
  Play play({{http(200, list)},
             {chunked + chunk(event + "\n") + chunk(R"({"type":"ADDED","obj)"), false},
             {chunked + "0\r\n\r\n"}});
  Client client(*play.client, play.clock, play.config());
  Informer informer(client, play.clock, {{"v1", "Pod", "", ""}}, 1);
  const Cancel never;
  for (int i = 0; i < 3; ++i) informer.turn(never);
  REQUIRE(play.asked.size() == 3);
  CHECK(play.asked[2].find("&resourceVersion=10 ") != std::string::npos);
  CHECK(informer.find("", {}, &never)->size() == 1);
}

}  // namespace
}  // namespace mlib::kube
