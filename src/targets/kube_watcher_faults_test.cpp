#include <doctest/doctest.h>

#include <algorithm>

#include "kube/scripted_http.hpp"
#include "net/scripted_server.hpp"
#include "targets/fake_kube_watcher.hpp"
#include "targets/kube_watcher.hpp"

/// What goes wrong between us and a Kube Watcher, one fault each.
namespace mlib::targets {
namespace {

using Shape = FakeKubeWatcher::Shape;
const std::string create = "/v1/deploy_generic_model";
const std::string find = "/v1/get_resources_with_label";
const std::string drop = "/v1/delete_labeled_resources";

const std::string manifest = R"(apiVersion: v1
kind: Secret
metadata: {name: demo-key, namespace: a}
data: {k: Y2FuYXJ5}
---
apiVersion: v1
kind: Service
metadata: {name: demo, namespace: a}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo, namespace: a}
)";

net::Reply replied(int status, std::string body, net::Headers headers = {}) {
  net::Reply reply;
  reply.status = status;
  reply.headers = std::move(headers);
  reply.body = std::move(body);
  return reply;
}

/// A client that loses an answer, or never sends, where a test says so.
class Wire final : public net::Client {
 public:
  std::string path;
  int times = 0;
  bool arrives = false;  ///< the call gets there, its answer does not come back
  Kind kind = Kind::unavailable;
  int lost = 0;

  net::Answer call(const net::Call& call, const Cancel* cancel) override {
    asked.push_back(call);
    if (times > 0 && call.url.ends_with(path)) {
      --times;
      ++lost;
      if (arrives) http_->call(call, cancel);
      throw Problem(kind, call.method + ": the connection was reset");
    }
    return http_->call(call, cancel);
  }
  net::Answer stream(const net::Call& call, const net::BodySink& sink, const Cancel* cancel) override {
    return http_->stream(call, sink, cancel);
  }
  std::vector<net::Call> asked;

 private:
  std::unique_ptr<net::Client> http_ = net::make_client();
};

struct Faulty {
  explicit Faulty(Shape shape = Shape::today) : fake(shape) {
    rendered.objects = schema::read_yaml({"manifest", manifest});
    options.url = fake.url();
    options.key = Secret<std::string>("canary-of-the-watcher");
  }
  /// How apply ends: "" when well, else all that is said.
  std::string apply() {
    try {
      Desired desired;
      desired.ref = ref;
      desired.rendered = &rendered;
      known = kube_watcher_target(wire, clock, options)
                  ->apply(
                      desired,
                      [this](std::string_view line) {
                        said += std::string(line) + '\n';
                        return true;
                      },
                      never);
      return "";
    } catch (const Problem& problem) {
      kind = problem.kind();
      return to_text(problem) + '\n' + problem.message() + '\n' + problem.hint() + '\n' + said;
    }
  }
  std::string remove() {
    RemoveOptions removing;
    removing.known = known;
    try {
      kube_watcher_target(wire, clock, options)->remove(ref, removing, {}, never);
      return "";
    } catch (const Problem& problem) {
      kind = problem.kind();
      return to_text(problem) + problem.message();
    }
  }
  std::size_t count(const std::string& path) const {
    return static_cast<std::size_t>(std::count_if(
        fake.calls.begin(), fake.calls.end(), [&](const std::string& call) { return call.ends_with(path); }));
  }
  void fault(const std::string& path, net::Reply reply, int times = 1) {
    for (; times > 0; --times) fake.faults.push_back({path, reply});
  }

  FakeKubeWatcher fake;
  Wire wire;
  KubeWatcherOptions options;
  kube::HeldClock clock;
  render::Rendered rendered;
  Ref ref{"a", "demo"};
  std::vector<Owned> known;
  std::string said;
  Kind kind = Kind::internal;
  const Cancel never;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// A permanent answer to a creation: told once, nothing left, no secret said.
std::string permanent(int status, const std::string& body, Kind kind) {
  Faulty bench;
  bench.fault(create, replied(status, body));
  const std::string told = bench.apply();
  CHECK(bench.kind == kind);
  CHECK(bench.count(create) == 1);
  CHECK(bench.fake.objects.empty());
  CHECK(!has(told, "canary"));
  CHECK(!has(told, "Y2FuYXJ5"));
  return told;
}

/// The same to a question.
std::string asked(net::Reply reply, Kind kind, std::size_t times = 1) {
  Faulty bench;
  bench.fault(find, std::move(reply), 9);
  const std::string told = bench.apply();
  CHECK(bench.kind == kind);
  CHECK(bench.count(find) == times);
  CHECK(bench.count(create) == 0);
  CHECK(!has(told, "canary"));
  return told;
}

}  // namespace

TEST_CASE("fault: 400 is told and not tried again") {
  CHECK(has(permanent(400, R"({"detail": "bad"})", Kind::failed), "answers 400"));
}

TEST_CASE("fault: 401 is told with what the key is for, and not tried again") {
  CHECK(has(permanent(401, R"({"detail": "Invalid API key"})", Kind::unauthorized), "KUBE_WATCHER_KEY"));
}

TEST_CASE("fault: 403 is told as a key that is too weak") {
  CHECK(has(permanent(403, R"({"detail": "no"})", Kind::unauthorized), "admin key"));
}

TEST_CASE("fault: a namespace that is being deleted is told in Kubernetes' words, per object") {
  Faulty bench;
  const std::string error =
      R"({"failed": [{"yaml": "k: Y2FuYXJ5", "error": "(403) {\"kind\": \"Status\", \"code\": 403, \"reason\": \"Forbidden\", \"message\": \"namespace a is being terminated\"}"}]})";
  bench.fault(create, replied(200, error), 3);
  const std::string told = bench.apply();
  CHECK(bench.kind == Kind::failed);
  CHECK(has(told, "Service a/demo: namespace a is being terminated"));
  CHECK(has(told, "Secret a/demo-key: namespace a is being terminated"));
  CHECK(!has(told, "Y2FuYXJ5"));
}

TEST_CASE("fault: 404 and 405 on a route are another version, and said so") {
  for (const int status : {404, 405})
    CHECK(has(asked(replied(status, R"({"detail": "Not Found"})"), Kind::unsupported), "of a version"));
}

TEST_CASE("fault: 409 inside a 200 is a conflict and what exists is not touched") {
  Faulty bench;
  bench.fake.objects["Service/a/demo"] = schema::read_json(R"({"theirs": true})");
  const std::string told = bench.apply();
  CHECK(bench.kind == Kind::conflict);
  CHECK(has(told, "already exists"));
  CHECK(bench.fake.objects.size() == 1);
  CHECK(bench.fake.objects["Service/a/demo"].find("theirs") != nullptr);
}

TEST_CASE("fault: 413 is too large and not tried again") {
  permanent(413, "Request Entity Too Large", Kind::too_large);
}

TEST_CASE("fault: 406 and 415 are told and not tried again") {
  for (const int status : {406, 415}) permanent(status, "no", Kind::failed);
}

TEST_CASE("fault: 422 is told by field, without the input that it repeats") {
  const std::string body =
      R"({"detail": [{"type": "missing", "loc": ["body", "config"], "msg": "Field required", "input": "Y2FuYXJ5"}]})";
  CHECK(has(asked(replied(422, body), Kind::failed), "body.config: Field required"));
  Faulty bench;  // the first object that is created is the Service, the second the Secret
  bench.fake.faults.push_back({"/v1/get_deployments", replied(422, body)});
  CHECK(!has(bench.apply(), "Y2FuYXJ5"));
}

TEST_CASE("fault: an object that Kubernetes finds invalid is told, a Secret without its values") {
  Faulty bench;
  bench.fault(
      create,
      replied(
          200,
          R"({"failed": [{"yaml": "x", "error": "{\"kind\": \"Status\", \"code\": 422, \"message\": \"Invalid value: Y2FuYXJ5\"}"}]})"),
      2);
  const std::string told = bench.apply();
  CHECK(has(told, "Service a/demo: Invalid value"));
  CHECK(has(told, "Secret a/demo-key: was refused; why is not shown"));
}

TEST_CASE("fault: 429 with Retry-After is waited for, also with a creation") {
  Faulty bench;
  bench.fault(find, replied(429, "", {{"retry-after", "7"}}));
  bench.fault(create, replied(429, "", {{"retry-after", "3"}}));
  CHECK(bench.apply().empty());
  CHECK(bench.clock.passed == std::chrono::seconds{10});
}

TEST_CASE("fault: 429 without is asked again, ever later, five times in all") {
  CHECK(has(asked(replied(429, "busy"), Kind::unavailable, 5), "answers 429"));
}

TEST_CASE("fault: 502, 503 and 504 with a page are away: asked again, told by status") {
  for (const int status : {502, 503, 504}) {
    const std::string told =
        asked(replied(status, "<html>\x1b[31m" + std::string(5000, 'x')), Kind::unavailable, 5);
    CHECK(has(told, "answers " + std::to_string(status)));
    CHECK(told.size() < 2000);
    CHECK(!has(told, "\x1b"));
  }
}

TEST_CASE("fault: 500 with a page is told and not tried again") {
  CHECK(has(permanent(500, "Internal Server Error", Kind::failed), "a missing key may be the cause"));
}

TEST_CASE("fault: 504 after a creation took effect is looked at, not sent again") {
  Faulty bench;
  bench.fake.faults.push_back({create, replied(504, "gateway"), true});
  CHECK(bench.apply().empty());
  CHECK(bench.count(create) == 3);
  CHECK(bench.known.size() == 3);
}

TEST_CASE("fault: 504 before a creation took effect is sent again after a look") {
  Faulty bench;
  bench.fault(create, replied(504, "gateway"));
  CHECK(bench.apply().empty());
  CHECK(bench.count(create) == 4);
}

TEST_CASE("fault: a creation that nobody answers for is given up and what was made is taken back") {
  Faulty bench;
  bench.wire.path = create;
  bench.wire.times = 3;
  CHECK(has(bench.apply(), "does not say whether it created Service a/demo"));
  CHECK(bench.kind == Kind::unavailable);
  CHECK(bench.fake.objects.empty());
}

TEST_CASE("fault: an early one's creation without an answer is looked at, too") {
  Faulty bench(Shape::lists);
  bench.fake.faults.push_back({create, replied(504, "gateway"), true});
  CHECK(bench.apply().empty());
  CHECK(bench.count(create) == 3);
}

TEST_CASE("fault: connection refused is told at once when it never answered") {
  Faulty bench;
  bench.options.url = "http://127.0.0.1:9";
  CHECK(has(bench.apply(), "--kube-watcher-url"));
  CHECK(bench.kind == Kind::unavailable);
  CHECK(bench.wire.asked.size() == 1);
}

TEST_CASE("fault: a connection that is refused or reset later costs a question only time") {
  Faulty bench;
  bench.wire.path = find;
  bench.wire.times = 3;
  CHECK(bench.apply().empty());
  CHECK(bench.wire.lost == 3);
}

TEST_CASE("fault: a deletion whose answer is lost is looked at") {
  Faulty bench;
  bench.apply();
  bench.wire.path = drop;
  bench.wire.times = 1;
  bench.wire.arrives = true;
  CHECK(bench.remove().empty());
  CHECK(bench.fake.objects.empty());
}

TEST_CASE("fault: every call has its time-outs: 5 s to connect, 30 s for a question, 60 s for a change") {
  Faulty bench;
  bench.apply();
  for (const net::Call& call : bench.wire.asked) {
    CHECK(call.connect_timeout == std::chrono::seconds{5});
    CHECK(call.timeout == std::chrono::seconds{call.url.ends_with(create) ? 60 : 30});
    CHECK(call.body_limit <= 32U << 20U);
  }
}

TEST_CASE("fault: an answer that drips past its time is told, and asked for once") {
  Faulty bench;
  bench.wire.path = find;
  bench.wire.times = 9;
  bench.wire.kind = Kind::timeout;
  bench.apply();
  CHECK(bench.kind == Kind::timeout);
  CHECK(bench.wire.lost == 1);
}

TEST_CASE("fault: TLS is never weakened") {
  Faulty bench;
  bench.apply();
  for (const net::Call& call : bench.wire.asked) CHECK(!(call.tls && call.tls->insecure));
  bench.options.url = "https://127.0.0.1:" + std::to_string(bench.fake.port());
  bench.apply();
  CHECK(bench.kind == Kind::unavailable);
}

TEST_CASE("fault: a truncated answer and a bad chunk are no success") {
  for (const std::string bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"status_code\": 200",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"}) {
    Faulty bench;
    net::test::ScriptedServer server(net::test::answer_with(bytes));
    bench.options.url = "http://127.0.0.1:" + std::to_string(server.port());
    bench.apply();
    CHECK(bench.kind == Kind::unavailable);
  }
}

TEST_CASE("fault: an answer over the limit is too large") {
  Faulty bench;
  net::test::ScriptedServer server(
      net::test::answer_with("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"));
  bench.options.url = "http://127.0.0.1:" + std::to_string(server.port());
  bench.apply();
  CHECK(bench.kind == Kind::too_large);
}

TEST_CASE("fault: what is no JSON, or nested too deeply, is told") {
  for (const std::string& body : {std::string("<html>hello"), std::string(100'000, '['), std::string()})
    CHECK(has(asked(replied(200, body), Kind::failed), "does not answer with JSON"));
}

TEST_CASE("fault: another kind of JSON is not taken for an empty answer") {
  for (const std::string body : {"[]", "null", "true", "\"x\""})
    CHECK(has(asked(replied(200, body), Kind::failed), "where a map belongs"));
}

TEST_CASE("fault: 302 to another host is not followed, and the key does not go there") {
  FakeKubeWatcher other(Shape::today);
  CHECK(has(asked(replied(302, "", {{"location", other.url()}}), Kind::failed), "no key of yours"));
  CHECK(other.calls.empty());
}

TEST_CASE("fault: of five objects the third is refused: told, and only what was made is taken back") {
  Faulty bench;
  bench.fake.objects["Service/a/theirs"] =
      schema::read_json(R"({"metadata": {"namespace": "a", "name": "theirs"}})");
  bench.fake.refused = {"Deployment"};
  const std::string told = bench.apply();
  CHECK(has(told, "created 2 of 3 objects"));
  CHECK(has(told, "Deployment a/demo: exceeded quota"));
  CHECK(has(told, "nothing of it is left"));
  CHECK(bench.fake.objects.size() == 1);
}

TEST_CASE("fault: a version that lacks a route is told, whichever generation it seems to be") {
  Faulty bench;
  bench.fault("/v1/get_deployments", replied(404, R"({"detail": "Not Found"})"));
  CHECK(has(bench.apply(), "/v1/get_deployments: it has no such route"));
  CHECK(bench.kind == Kind::unsupported);
}

TEST_CASE("fault: a 200 that tells an error is a failure") {
  for (const std::string body :
       {R"({"error": "the cluster is away"})", R"({"detail": "the cluster is away"})"})
    CHECK(has(asked(replied(200, body), Kind::failed), "tells an error"));
  CHECK(has(permanent(200, R"({"error": "the cluster is away"})", Kind::failed), "the cluster is away"));
}

TEST_CASE("fault: a 200 that did nothing and says nothing is a failure") {
  Faulty bench;
  bench.fault(create, replied(200, "{}"), 3);
  CHECK(has(bench.apply(), "Service a/demo: it did nothing and says nothing"));
}

}  // namespace mlib::targets
