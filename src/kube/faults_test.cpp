/// The rows of the fault table that are not of a watch, over the operations where they make sense. Those of a
/// watch are in watch_test.cpp and informer_test.cpp, row 34 is the Kubernetes target's.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "kube/client.hpp"
#include "kube/scripted_http.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using schema::read_json;
using std::chrono::milliseconds;
using std::chrono::seconds;

net::Answer answer(int status, std::string body = "", net::Headers headers = {}) {
  net::Answer result;
  result.status = status;
  result.body = std::move(body);
  result.headers = std::move(headers);
  return result;
}

net::Answer status(int code, std::string_view reason, std::string_view message, std::string_view more = "") {
  return answer(code, fmt::format(R"({{"kind":"Status","code":{},"reason":"{}","message":"{}"{}}})", code,
                                  reason, message, more));
}

const Id service{"v1", "Service", "a", "s"};

Node object() {
  return read_json(
      R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"a"},"spec":{"x":1}})");
}
/// As the server has it: with what it adds, and who set what.
Node live(std::string_view by = "model-library", int x = 1) {
  return read_json(fmt::format(
      R"({{"apiVersion":"v1","kind":"Service","metadata":{{"name":"s","namespace":"a","uid":"u",)"
      R"("resourceVersion":"7","managedFields":[{{"manager":"{}"}}]}},"spec":{{"x":{},"clusterIP":"1.2.3.4"}}}})",
      by, x));
}

std::string uid(const Node& node) { return node.text_at({"metadata", "uid"}); }

struct Operation {
  std::string name;
  std::function<void(Client&)> run;
  bool writes = false;
};

const std::vector<Operation>& operations() {
  static const std::vector<Operation> rows{
      {"discovery", [](Client& client) { client.resource("x.io/v1", "Box"); }},
      {"GET", [](Client& client) { client.get(service); }},
      {"LIST",
       [](Client& client) {
         client.list({"v1", "Service", "a", ""}, {});
       }},
      {"paged LIST",
       [](Client& client) {
         client.each({"v1", "Service", "a", ""}, {}, [](auto) {});
       }},
      {"apply", [](Client& client) { client.apply(object(), {}); }, true},
      {"POST", [](Client& client) { client.create(object(), false); }, true},
      {"DELETE",
       [](Client& client) {
         client.remove({service, "u"});
       },
       true},
      {"log",
       [](Client& client) {
         client.log({"a", "p", "c", true}, [](std::string_view) { return true; });
       }},
  };
  return rows;
}

/// A client that remembers what it asked, on a held clock. It was answered once, so that it is patient.
struct Bench {
  explicit Bench(ScriptedHttp::Script answers) : script(std::move(answers)) {
    client.get(service);
    http.calls.clear();
    ready = true;
  }
  Problem run(const Operation& operation) {
    try {
      operation.run(client);
    } catch (const Problem& problem) {
      CHECK_MESSAGE(to_text(problem).find("t0ken") == std::string::npos, operation.name);
      return problem;
    }
    return {Kind::internal, "no problem"};
  }
  static Config config() {
    Config result;
    result.context = "test";
    result.server = "https://one";
    result.token = Secret<std::string>("t0ken");
    return result;
  }
  ScriptedHttp::Script script;
  bool ready = false;
  ScriptedHttp http{[this](const net::Call& call) { return ready ? script(call) : answer(404); }};
  HeldClock clock;
  Client client{http, clock, config()};
};

Bench always(net::Answer given) {
  return Bench([given](const net::Call&) { return given; });
}

/// Each operation is refused with `kind` after `calls` calls.
void each_is_refused(const net::Answer& given, Kind kind, std::size_t calls = 1) {
  for (const Operation& each : operations()) {
    Bench bench = always(given);
    const Problem problem = bench.run(each);
    CHECK_MESSAGE(problem.kind() == kind, each.name, ": ", problem.message());
    CHECK_MESSAGE(bench.http.calls.size() == calls, each.name);
  }
}

TEST_CASE("row 1: 400 is permanent, for every operation") {
  each_is_refused(status(400, "BadRequest", "no such thing"), Kind::invalid);
}

TEST_CASE("row 2: 401 is asked again once with the token read anew, then told") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("mlib-token-" + random_hex(6))).string();
  for (const Operation& each : operations()) {
    std::ofstream(path) << "old";
    ScriptedHttp http([&](const net::Call&) {
      std::ofstream(path) << "new";
      return status(401, "Unauthorized", "Unauthorized");
    });
    HeldClock clock;
    Config config = Bench::config();
    config.token_file = path;
    Client client(http, clock, config);
    Kind kind = Kind::internal;
    try {
      each.run(client);
    } catch (const Problem& problem) {
      kind = problem.kind();
    }
    CHECK_MESSAGE(kind == Kind::unauthorized, each.name);
    REQUIRE_MESSAGE(http.calls.size() == 2, each.name);
    CHECK(http.calls[0].bearer.reveal() == "old");
    CHECK(http.calls[1].bearer.reveal() == "new");
  }
  std::filesystem::remove(path);
  each_is_refused(status(401, "Unauthorized", "Unauthorized"), Kind::unauthorized);
}

TEST_CASE("row 3: 403 is permanent and names verb, resource and namespace") {
  each_is_refused(
      status(403, "Forbidden", "services is forbidden: User cannot list resource in the namespace"),
      Kind::forbidden);
  Bench bench = always(answer(403, "<html>no</html>"));
  CHECK(bench.run(operations()[2]).message().starts_with("cannot list Service in a: "));
}

const net::Answer going = status(403, "Forbidden", "because it is being terminated",
                                 R"(,"details":{"causes":[{"reason":"NamespaceTerminating"}]})");

TEST_CASE("row 4: a write into a namespace that goes waits a little, then tells; it makes nothing anew") {
  for (const Operation& each : operations()) {
    if (!each.writes) continue;
    Bench bench = always(going);
    CHECK(bench.run(each).kind() == Kind::conflict);
    CHECK(bench.http.calls.size() == 5);
    CHECK(bench.clock.passed >= seconds{3});
    for (const net::Call& call : bench.http.calls) CHECK(call.url.find("/services") != std::string::npos);
  }
}

TEST_CASE(
    "row 5: 404 is absence for GET, success for DELETE, and tells an apply that the namespace is not there") {
  Bench bench = always(status(404, "NotFound", R"(namespaces \"a\" not found)"));
  CHECK_FALSE(bench.client.get(service));
  CHECK_FALSE(bench.client.remove({service, "u"}));
  const Problem problem = bench.run(operations()[4]);
  CHECK(problem.kind() == Kind::not_found);
  CHECK(problem.message() == "cannot apply Service a/s: namespaces \"a\" not found");
  CHECK(bench.http.calls.size() == 3);
}

TEST_CASE("row 6: a conflict of managers is told with manager and fields and is not forced") {
  Bench bench = always(status(409, "Conflict", "Apply failed",
                              R"(,"details":{"causes":[{"reason":"FieldManagerConflict",)"
                              R"("message":"conflict with \"helm\" using v1","field":".spec.x"}]})"));
  const Problem problem = bench.run(operations()[4]);
  CHECK(problem.kind() == Kind::conflict);
  CHECK(problem.message() == "Service a/s: helm has set spec.x");
  REQUIRE(bench.http.calls.size() == 1);
  CHECK(bench.http.calls[0].url.find("force") == std::string::npos);
}

TEST_CASE("row 7: a write that another came before is applied again to what is there, at most five times") {
  const net::Answer modified = status(409, "Conflict", "the object has been modified");
  Bench never = always(modified);
  CHECK(never.run(operations()[4]).kind() == Kind::conflict);
  CHECK(never.http.calls.size() == 5);
  CHECK(never.clock.passed > milliseconds{0});
  int count = 0;
  Bench once(
      [&](const net::Call&) { return count++ == 0 ? modified : answer(200, schema::to_json(live())); });
  CHECK(uid(once.client.apply(object(), {})) == "u");
}

TEST_CASE("row 8: what exists already is a conflict at once, another's uid is not deleted") {
  Bench bench = always(status(409, "AlreadyExists", "services s already exists"));
  CHECK(bench.run(operations()[5]).kind() == Kind::conflict);
  CHECK_FALSE(bench.client.remove({service, "u"}));
  CHECK(bench.http.calls.size() == 2);
}

TEST_CASE("row 11: a list whose pages expire begins anew, three times") {
  Bench bench([&](const net::Call& call) {
    return call.url.find("continue=") != std::string::npos
               ? status(410, "Expired", "too old")
               : answer(200, R"({"metadata":{"continue":"two"},"items":[{"metadata":{"name":"x"}}]})");
  });
  CHECK(bench.run(operations()[3]).kind() == Kind::unavailable);
  CHECK(bench.http.calls.size() == 8);
}

TEST_CASE("row 13: an object that is too large is permanent and told with its size") {
  for (const net::Answer& given :
       {answer(413, "<html>"), status(413, "RequestEntityTooLarge", "limit is 3145728"),
        status(500, "InternalError", "etcdserver: request is too large")}) {
    Bench bench = always(given);
    const Problem problem = bench.run(operations()[4]);
    CHECK(problem.kind() == Kind::too_large);
    CHECK(problem.message().find(fmt::format("(it has {} bytes)", schema::to_json(object()).size())) !=
          std::string::npos);
    CHECK(bench.http.calls.size() == 1);
  }
}

TEST_CASE("row 14: 406 is asked once more for any form, 415 is permanent, since JSON is what all take") {
  each_is_refused(status(406, "NotAcceptable", "only these"), Kind::unsupported, 2);
  each_is_refused(status(415, "UnsupportedMediaType", "no"), Kind::unsupported);
  int count = 0;
  Bench bench([&](const net::Call&) { return count++ == 0 ? answer(406) : answer(200, "{}"); });
  CHECK(bench.client.get(service));
}

TEST_CASE("row 15: 422 tells each field and its cause; of a Secret only the field") {
  const net::Answer invalid =
      status(422, "Invalid", "is invalid: canary",
             R"(,"details":{"causes":[{"message":"Invalid value: canary","field":"data.k"}]})");
  Bench bench = always(invalid);
  const Problem open = bench.run(operations()[5]);
  REQUIRE(open.findings().size() == 1);
  CHECK(open.findings()[0].message == "data.k: Invalid value: canary");
  Node secret = object();
  secret.set("kind", "Secret");
  const Operation apply_secret{"apply", [&](Client& client) { client.apply(secret, {}); }};
  const Problem closed = bench.run(apply_secret);
  CHECK(to_text(closed).find("canary") == std::string::npos);
  CHECK(closed.findings()[0].message == "data.k: is not valid");
}

TEST_CASE("row 16: 429 waits as long as Retry-After says, for every operation") {
  for (const Operation& each : operations()) {
    if (each.name == "log") continue;  // whoever follows a log asks again
    int count = 0;
    Bench bench([&](const net::Call& call) {
      if (count++ == 0) return answer(429, "", {{"Retry-After", "3"}});
      return call.url.find("x.io") != std::string::npos
                 ? answer(200, R"({"resources":[{"name":"boxes","kind":"Box"}]})")
                 : answer(200, schema::to_json(live()));
    });
    const Problem problem = bench.run(each);
    CHECK_MESSAGE(problem.message() == "no problem", each.name);
    CHECK_MESSAGE(bench.clock.passed == seconds{3}, each.name);
  }
}

TEST_CASE("row 17: 429 without a word is asked five times with growing, uneven pauses") {
  for (const Operation& each : operations()) {
    if (each.name == "log") continue;  // whoever follows a log asks again
    Bench bench = always(answer(429));
    CHECK(bench.run(each).kind() == Kind::unavailable);
    CHECK(bench.http.calls.size() == 5);
    CHECK(bench.clock.passed >= milliseconds{6'000});
    CHECK(bench.clock.passed <= milliseconds{12'000});
  }
}

TEST_CASE("row 18: 500 on anything but a watch is told at once") {
  each_is_refused(status(500, "InternalError", "webhook"), Kind::failed);
}

TEST_CASE("row 19: a body of HTML is cut and made harmless, and its status counts") {
  for (const auto& [code, kind] :
       {std::pair{500, Kind::failed}, {502, Kind::unavailable}, {503, Kind::unavailable}}) {
    Bench bench = always(answer(code, "<html>\x1b[31m" + std::string(5'000, 'x')));
    const Problem problem = bench.run(operations()[1]);
    CHECK(problem.kind() == kind);
    CHECK(problem.message().find("\\x1b[31m") != std::string::npos);
    CHECK(problem.message().size() < 256 + 100);
  }
}

/// An API server that does what it is asked and answers the first write as `first` does.
struct Doubtful {
  std::optional<Node> there;
  Node after;  ///< of a write
  std::function<net::Answer()> first;
  int writes = 0;
  net::Answer operator()(const net::Call& call) {
    if (call.method == "GET") return there ? answer(200, schema::to_json(*there)) : answer(404);
    if (call.method == "DELETE") {
      there.reset();
    } else {
      there = after;
    }
    if (writes++ == 0) return first();
    if (call.method == "POST") return status(409, "AlreadyExists", "it exists");
    return call.method == "DELETE" ? status(404, "NotFound", "gone") : answer(200, schema::to_json(*there));
  }
};

const std::vector<std::function<net::Answer()>> doubts{
    [] { return answer(504); }, [] { return answer(502); },
    []() -> net::Answer { throw Problem(Kind::unavailable, "connection reset by peer"); },
    []() -> net::Answer { throw Problem(Kind::timeout, "no answer within 30 s"); }};

TEST_CASE("row 20: a write that took effect without an answer is found, and not done again") {
  for (const auto& first : doubts) {
    Doubtful server{std::nullopt, live(), first};
    Bench bench([&](const net::Call& call) { return server(call); });
    CHECK(uid(bench.client.create(object(), false)) == "u");
    CHECK(server.writes == 1);
    server = {std::nullopt, live(), first};
    CHECK(uid(bench.client.apply(object(), {})) == "u");
    CHECK(server.writes == 1);
    server = {live(), live(), first};
    CHECK(bench.client.remove({service, "u"}));
    CHECK(server.writes == 1);
  }
}

TEST_CASE("row 20: a write that took no effect is done again; somebody else's object is not taken for ours") {
  Doubtful server{std::nullopt, live("model-library", 2), doubts[0]};
  Bench bench([&](const net::Call& call) { return server(call); });
  bench.client.apply(object(), {});
  CHECK(server.writes == 2);
  server = {std::nullopt, live("kubectl"), doubts[0]};
  CHECK(bench.run(operations()[5]).kind() == Kind::conflict);
  server = {std::nullopt, live(), doubts[0]};
  bench.client.apply(object(), {.dry_run = true});
  CHECK(server.writes == 2);
}

TEST_CASE("row 20: when nothing answers any more, the error says that the effect is not known") {
  bool written = false;
  Bench bench([&](const net::Call& call) -> net::Answer {
    written = written || call.method != "GET";
    throw Problem(Kind::unavailable, "connection refused");
  });
  const Problem problem = bench.run(operations()[4]);
  CHECK(problem.kind() == Kind::unavailable);
  CHECK(problem.hint() == "whether its PATCH took effect is not known: look before trying again");
}

TEST_CASE("row 21: a refused connection is tried again within bounds, for every operation") {
  for (const Operation& each : operations()) {
    Bench bench(
        [](const net::Call&) -> net::Answer { throw Problem(Kind::unavailable, "connection refused"); });
    const Problem problem = bench.run(each);
    CHECK_MESSAGE(problem.kind() == Kind::unavailable, each.name);
    CHECK_MESSAGE(problem.message().find("connection refused") != std::string::npos, each.name);
    CHECK_MESSAGE(bench.http.calls.size() <= 10, each.name);
  }
}

TEST_CASE(
    "rows 22 and 26: connecting has five seconds, a call thirty, a stream that long between two reads") {
  Bench bench = always(answer(200, "{}"));
  for (const Operation& each : operations()) bench.run(each);
  for (const net::Call& call : bench.http.calls) {
    CHECK(call.connect_timeout == seconds{5});
    const bool follows = call.url.find("/log?") != std::string::npos;
    CHECK(call.timeout == (follows ? seconds{600} : seconds{30}));
  }
}

TEST_CASE("row 26: a read that dripped for thirty seconds is not begun again") {
  Bench bench([](const net::Call&) -> net::Answer { throw Problem(Kind::timeout, "no answer within 30 s"); });
  CHECK(bench.run(operations()[1]).kind() == Kind::timeout);
  CHECK(bench.http.calls.size() == 1);
}

TEST_CASE("row 32: of twenty thousand objects and fifty megabytes only a page is held") {
  const std::string filler(2'400, 'x');
  Bench bench([&](const net::Call& call) {
    const std::size_t at = call.url.find("continue=");
    const int from = at == std::string::npos ? 0 : std::stoi(call.url.substr(at + 9));
    std::string body = fmt::format(R"({{"metadata":{{"continue":"{}"}},"items":[)",
                                   from + 500 < 20'000 ? std::to_string(from + 500) : "");
    for (int i = from; i < from + 500; ++i)
      body +=
          fmt::format(R"({}{{"metadata":{{"name":"n{}"}},"text":"{}"}})", i == from ? "" : ",", i, filler);
    return answer(200, body + "]}");
  });
  const auto resident = [] {
    std::ifstream file("/proc/self/statm");
    long all = 0;
    long pages = 0;
    file >> all >> pages;
    return pages * 4096L;
  };
  [[maybe_unused]] const long before = resident();
  long most = 0;
  int count = 0;
  bench.client.each({"v1", "Pod", "", ""}, {}, [&](std::optional<Node> pod) {
    if (pod && ++count % 500 == 0) most = std::max(most, resident());
  });
  CHECK(count == 20'000);
  CHECK(bench.http.calls.size() == 40);
  for (net::Call& call : bench.http.calls) CHECK(call.url.find("limit=500") != std::string::npos);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what was freed
  CHECK(most - before <= 64L << 20);
#endif
}

TEST_CASE("row 33: a redirect is told, for every operation") {
  each_is_refused(answer(302, "", {{"Location", "https://elsewhere/"}}), Kind::unsupported);
}

}  // namespace
}  // namespace mlib::kube
