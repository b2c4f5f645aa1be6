#include "kube/client.hpp"

#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using schema::read_json;

Config config() {
  Config result;
  result.context = "test";
  result.source = "here";
  result.server = "https://one";
  result.token = Secret<std::string>("t");
  return result;
}

net::Answer answer(int status, std::string body, net::Headers headers = {}) {
  net::Answer result;
  result.status = status;
  result.body = std::move(body);
  result.headers = std::move(headers);
  return result;
}

const Id deployment{"apps/v1", "Deployment", "a", "b"};

template <class F>
Problem problem_in(F&& work) {
  try {
    work();
  } catch (const Problem& problem) {
    return problem;
  }
  return {Kind::internal, "no problem"};
}

TEST_CASE("paths of kinds, with and without a group and a namespace") {
  CHECK(path_of(*known_resource("apps/v1", "Deployment"), deployment) ==
        "/apis/apps/v1/namespaces/a/deployments/b");
  CHECK(path_of(*known_resource("v1", "Namespace"), {"v1", "Namespace", "", "a/b"}) ==
        "/api/v1/namespaces/a%2Fb");
  CHECK(path_of(*known_resource("v1", "Pod"), {"v1", "Pod", "", ""}) == "/api/v1/pods");
}

TEST_CASE("a kind that is not known is looked up once") {
  ScriptedHttp http([](const net::Call& call) {
    if (call.url == "https://one/apis/x.io/v1")
      return answer(
          200,
          R"({"resources":[{"name":"boxes/status","kind":"Box"},{"name":"boxes","kind":"Box","namespaced":false}]})");
    return answer(200, R"({"kind":"Box"})");
  });
  HeldClock clock;
  Client client(http, clock, config());
  CHECK(client.get({"x.io/v1", "Box", "", "b"}));
  CHECK(client.get({"x.io/v1", "Box", "", "c"}));
  REQUIRE(http.calls.size() == 3);
  CHECK(http.calls[2].url == "https://one/apis/x.io/v1/boxes/c");
  CHECK(problem_in([&] { client.get({"x.io/v1", "Bag", "", "b"}); }).kind() == Kind::unsupported);
}

TEST_CASE("429 waits as long as Retry-After says, connection failures with growing pauses") {
  int count = 0;
  ScriptedHttp http([&](const net::Call&) -> net::Answer {
    if (++count == 1) return answer(429, "", {{"Retry-After", "7"}});
    if (count == 2) throw Problem(Kind::unavailable, "refused");
    return answer(200, "{}");
  });
  HeldClock clock;
  Client client(http, clock, config());
  CHECK(client.get(deployment));
  CHECK(clock.passed == std::chrono::milliseconds{7'500});
}

TEST_CASE("a cluster that is down is told at once, one that goes away is waited for a little") {
  bool up = false;
  ScriptedHttp http([&](const net::Call&) -> net::Answer {
    if (up) return answer(200, "{}");
    throw Problem(Kind::unavailable, "connection refused");
  });
  HeldClock clock;
  Client client(http, clock, config());
  const Problem problem = problem_in([&] { client.get(deployment); });
  CHECK(problem.kind() == Kind::unavailable);
  CHECK(problem.message() == "the cluster of context `test` does not answer: connection refused");
  CHECK(clock.passed == std::chrono::milliseconds{250});
  up = true;
  client.get(deployment);
  up = false;
  http.calls.clear();
  problem_in([&] { client.get(deployment); });
  CHECK(http.calls.size() == 5);
}

TEST_CASE("cancel ends the waiting") {
  Cancel cancel;
  ScriptedHttp http([&](const net::Call&) -> net::Answer {
    cancel.ask();
    return answer(503, "");
  });
  HeldClock clock;
  Client client(http, clock, config());
  CHECK(problem_in([&] { client.get(deployment, &cancel); }).kind() == Kind::cancelled);
  CHECK(http.calls.size() == 1);
}

TEST_CASE("401 without anything to read anew is not repeated") {
  ScriptedHttp http(
      [](const net::Call&) { return answer(401, R"({"kind":"Status","message":"Unauthorized"})"); });
  HeldClock clock;
  Client client(http, clock, config());
  CHECK(problem_in([&] { client.get(deployment); }).kind() == Kind::unauthorized);
  CHECK(http.calls.size() == 1);
}

TEST_CASE("a list is read in pages and begun again when its pages expire") {
  int expired = 0;
  ScriptedHttp http([&](const net::Call& call) {
    if (call.url.find("continue=two") != std::string::npos)
      return expired++ == 0 ? answer(410, "{}") : answer(200, R"({"items":[{"metadata":{"name":"y"}}]})");
    return answer(200, R"({"metadata":{"continue":"two"},"items":[{"metadata":{"name":"x"}}]})");
  });
  HeldClock clock;
  Client client(http, clock, config());
  const auto pods = client.list({"v1", "Pod", "a", ""}, {.labels = "x=y"});
  REQUIRE(pods.size() == 2);
  CHECK(pods[0].text_at({"kind"}) == "Pod");
  CHECK(http.calls[0].url == "https://one/api/v1/namespaces/a/pods?limit=500&labelSelector=x%3Dy");
}

TEST_CASE("apply is server-side, strict, as model-library; force and dry run only when asked") {
  ScriptedHttp http([](const net::Call&) { return answer(200, "{}"); });
  HeldClock clock;
  Client client(http, clock, config());
  const Node object =
      read_json(R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"a"}})");
  client.apply(object, {});
  client.apply(object, {.dry_run = true, .force = true});
  CHECK(http.calls[0].url ==
        "https://one/api/v1/namespaces/a/services/s?fieldManager=model-library&fieldValidation=Strict");
  CHECK(http.calls[0].method == "PATCH");
  CHECK(http.calls[1].url.ends_with("&dryRun=All&force=true"));
}

TEST_CASE("delete touches only the recorded uid") {
  ScriptedHttp http([](const net::Call&) { return answer(409, R"({"kind":"Status","reason":"Conflict"})"); });
  HeldClock clock;
  Client client(http, clock, config());
  CHECK_FALSE(client.remove({deployment, "u-1"}));
  CHECK(read_json(http.calls[0].body).text_at({"preconditions", "uid"}) == "u-1");
  CHECK(read_json(http.calls[0].body).text_at({"propagationPolicy"}) == "Foreground");
}

const Asked asked{"apply", "Deployment a/b", "https://one"};

TEST_CASE("a conflict of managers names them and the fields") {
  const Problem problem = problem_of(
      answer(409, R"({"kind":"Status","reason":"Conflict","message":"Apply failed","details":{"causes":[
        {"reason":"FieldManagerConflict","message":"conflict with \"kubectl\" using apps/v1","field":".spec.replicas"}]}})"),
      asked);
  CHECK(problem.kind() == Kind::conflict);
  CHECK(problem.message() == "Deployment a/b: kubectl has set spec.replicas");
  REQUIRE(problem.findings().size() == 1);
  CHECK(to_text(problem.findings()[0]) == "Deployment a/b: error: spec.replicas was set by kubectl");
}

TEST_CASE("an invalid object has one finding for each cause") {
  const Problem problem = problem_of(
      answer(
          422,
          R"({"kind":"Status","reason":"Invalid","message":"Deployment.apps \"b\" is invalid: …","details":{"causes":[
        {"reason":"FieldValueInvalid","message":"Invalid value: -1: must be at least 0","field":"spec.replicas"},
        {"reason":"FieldValueInvalid","message":"field is immutable","field":"spec.selector"}]}})"),
      asked);
  CHECK(problem.kind() == Kind::invalid);
  REQUIRE(problem.findings().size() == 2);
  CHECK(problem.findings()[0].message == "spec.replicas: Invalid value: -1: must be at least 0");
}

TEST_CASE("nothing of a Secret's value gets into an error") {
  Asked secret = asked;
  secret.secret = true;
  const Problem problem = problem_of(
      answer(422, R"({"kind":"Status","reason":"Invalid","message":"bad: \"canary\"","details":{"causes":[
        {"message":"Invalid value: \"canary\"","field":"data.key"}]}})"),
      secret);
  CHECK(to_text(problem).find("canary") == std::string::npos);
  CHECK(problem.findings()[0].message == "data.key: is not valid");
  CHECK(to_text(problem_of(answer(500, "canary"), secret)).find("canary") == std::string::npos);
}

TEST_CASE("quota, Pod Security and a namespace that goes each have their next step") {
  const auto hint = [](const std::string& body) { return problem_of(answer(403, body), asked).hint(); };
  CHECK(hint(R"({"kind":"Status","message":"pods is forbidden: exceeded quota: q, requested: cpu=8"})")
            .starts_with("ask for less"));
  CHECK(hint(R"({"kind":"Status","message":"violates PodSecurity \"restricted:latest\""})")
            .find("Pod Security") != std::string::npos);
  const Problem going = problem_of(
      answer(
          403,
          R"({"kind":"Status","message":"… because it is being terminated","details":{"causes":[{"reason":"NamespaceTerminating"}]}})"),
      asked);
  CHECK(going.kind() == Kind::conflict);
}

TEST_CASE("a port that is taken has its next step") {
  const Problem taken = problem_of(
      answer(422,
             R"({"kind":"Status","message":"spec.ports[0].nodePort: provided port is already allocated"})"),
      asked);
  CHECK(taken.hint().find("take another") != std::string::npos);
}

TEST_CASE("a field that the cluster's schema does not have is the input's fault, not the server's") {
  const Problem problem = problem_of(
      answer(
          500,
          R"({"kind":"Status","message":"failed to create typed patch object (a/b; apps/v1, Kind=Deployment): .spec.x: field not declared in schema"})"),
      asked);
  CHECK(problem.kind() == Kind::invalid);
  CHECK(problem.hint() == "the cluster's version does not know that field");
}

TEST_CASE("an answer that is no Status is cut short and made harmless") {
  const Problem problem = problem_of(answer(502, "<html>\x1b[31m" + std::string(5000, 'x')), asked);
  CHECK(problem.kind() == Kind::unavailable);
  CHECK(problem.message().size() < 400);
  CHECK(problem.message().find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace mlib::kube
