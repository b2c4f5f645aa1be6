#include <doctest/doctest.h>

#include "kube/scripted_http.hpp"
#include "targets/fake_cluster.hpp"
#include "targets/kubernetes.hpp"

namespace mlib::targets {
namespace {

const std::string pod_path = "/api/v1/namespaces/team/pods/p";

std::string pod(std::string_view init, std::string_view server) {
  return fmt::format(
      R"({{"metadata":{{"name":"p","uid":"u","creationTimestamp":"2026-11-28T16:00:00Z","labels":{{
        "app.kubernetes.io/instance":"llama"}}}},"spec":{{"initContainers":[{{"name":"fetch"}}],
        "containers":[{{"name":"server"}}]}},"status":{{"initContainerStatuses":[{{"name":"fetch",{}}}],
        "containerStatuses":[{{"name":"server",{}}}]}}}})",
      init, server);
}

/// A pod whose logs a function gives, by container and sinceTime.
struct Desk {
  FakeCluster cluster;
  kube::HeldClock clock;
  Cancel cancel;
  std::vector<std::string> lines;
  std::function<std::string(const std::string& url)> log;
  std::unique_ptr<Target> target;

  Desk() {
    kube::Config config;
    config.server = "https://fake";
    target = kubernetes_target(cluster, clock, {config});
    cluster.refuse = [this](const net::Call& call) {
      if (call.url.find("/log?") == std::string::npos) return net::Answer{};
      net::Answer answer;
      answer.status = 200;
      answer.body = log(call.url);
      return answer;
    };
  }
  void read(const LogOptions& options) {
    target->logs(
        {"team", "llama"}, options, [&](std::string_view line) { return lines.emplace_back(line), true; },
        cancel);
  }
};

TEST_CASE("the log is that of all containers in order, without time stamps and harmless to a terminal") {
  Desk desk;
  desk.cluster.add(pod_path, pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})"));
  desk.log = [](const std::string& url) {
    return url.find("container=fetch") != std::string::npos ? "2026-11-28T16:00:01.000000000Z got 2 MB\n"
                                                            : "2026-11-28T16:00:02.000000000Z \x1b[31mready\n"
                                                              "2026-11-28T16:00:03.000000000Z \n"
                                                              "2026-11-28T16:00:04.000000000Z no end";
  };
  desk.read({});
  CHECK(desk.lines == std::vector<std::string>{"fetch | got 2 MB", "server | \\x1b[31mready", "server | ",
                                               "server | no end"});
}

TEST_CASE("following goes on after a lost connection without loss or repeat, and ends with the deployment") {
  Desk desk;
  desk.cluster.add(pod_path, pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})"));
  int count = 0;
  desk.log = [&](const std::string& url) -> std::string {
    if (url.find("container=fetch") != std::string::npos) return "";
    if (++count == 1) return "2026-11-28T16:00:01.000000000Z one\n2026-11-28T16:00:02.000000000Z two\n";
    if (count == 2) throw Problem(Kind::unavailable, "connection lost");
    if (count == 3) CHECK(url.find("sinceTime=2026-11-28T16%3A00%3A02.000000000Z") != std::string::npos);
    desk.cluster.objects.erase(pod_path);
    return "2026-11-28T16:00:02.000000000Z two\n2026-11-28T16:00:03.000000000Z three\n";
  };
  desk.read({.follow = true});
  CHECK(desk.lines == std::vector<std::string>{"server | one", "server | two", "server | three"});
}

TEST_CASE("following waits for a container that has not started") {
  Desk desk;
  desk.cluster.add(pod_path,
                   pod(R"("state":{"running":{}})", R"("state":{"waiting":{"reason":"PodInitializing"}})"));
  desk.log = [&](const std::string& url) -> std::string {
    if (url.find("container=fetch") != std::string::npos) {
      desk.cluster.add(pod_path,
                       pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})"));
      return "2026-11-28T16:00:01.000000000Z fetched\n";
    }
    desk.cluster.objects.erase(pod_path);
    return "2026-11-28T16:00:02.000000000Z up\n";
  };
  desk.read({.follow = true});
  CHECK(desk.lines == std::vector<std::string>{"fetch | fetched", "server | up"});
}

TEST_CASE("a log that is not there yet says why") {
  Desk desk;
  CHECK_THROWS_WITH_AS(desk.read({}), "team/llama has no pod, so no log", Problem);
  desk.cluster.add(pod_path,
                   pod(R"("state":{"waiting":{"reason":"ImagePullBackOff"}})", R"("state":{"waiting":{}})"));
  CHECK_THROWS_AS(desk.read({}), Problem);
  CHECK_THROWS_WITH_AS(desk.read({.previous = true}), "no container of team/llama ran before", Problem);
}

TEST_CASE(
    "one container, a time and time stamps are as asked for; an unknown container names the known ones") {
  Desk desk;
  desk.cluster.add(pod_path, pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})"));
  std::vector<std::string> asked;
  desk.log = [&](const std::string& url) {
    asked.push_back(url);
    return "2026-11-28T16:00:02.000000000Z ready\n";
  };
  desk.read({.since = "2026-11-28T16:00:00Z", .container = "server", .timestamps = true});
  CHECK(desk.lines == std::vector<std::string>{"2026-11-28T16:00:02.000000000Z ready"});
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].find("sinceTime=2026-11-28T16%3A00%3A00Z") != std::string::npos);
  try {
    desk.read({.container = "serfer"});
    FAIL("it was found");
  } catch (const Problem& problem) {
    CHECK(problem.message() == "pod p has no container `serfer`");
    CHECK(problem.hint() == "its containers: fetch, server");
  }
}

TEST_CASE("--all-pods reads every replica, each line begun by its pod and container") {
  Desk desk;
  const std::string one = pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})");
  desk.cluster.add(pod_path, one);
  std::string other = one;
  other.replace(other.find("\"p\""), 3, "\"q\"").replace(other.find("16:00:00Z"), 9, "15:00:00Z");
  desk.cluster.add("/api/v1/namespaces/team/pods/q", other);
  desk.log = [](const std::string& url) -> std::string {
    if (url.find("container=fetch") != std::string::npos) return "";
    return "2026-11-28T16:00:02.000000000Z of " + url.substr(url.find("/pods/") + 6, 1) + "\n";
  };
  desk.read({.all_pods = true});
  CHECK(desk.lines == std::vector<std::string>{"q server | of q", "p server | of p"});
}

TEST_CASE("a log that the node has thrown away is no line of it") {
  Desk desk;
  desk.cluster.add(pod_path, pod(R"("state":{"terminated":{"exitCode":0}})",
                                 R"("state":{"running":{}},"lastState":{"terminated":{"exitCode":1}})"));
  desk.log = [](const std::string&) { return "unable to retrieve container logs for containerd://2230"; };
  CHECK_THROWS_WITH_AS(
      desk.read({.previous = true}),
      "the node does not have that log: unable to retrieve container logs for containerd://2230", Problem);
  CHECK(desk.lines.empty());
}

TEST_CASE("a line of one megabyte stays one, and bytes that are no UTF-8 are shown") {
  Desk desk;
  desk.cluster.add(pod_path, pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})"));
  desk.log = [](const std::string& url) -> std::string {
    if (url.find("container=fetch") != std::string::npos) return "";
    return "2026-11-28T16:00:01.000000000Z " + std::string(1U << 20U, 'x') +
           "\n2026-11-28T16:00:02.000000000Z \xff\x1b]0;title\x07\n";
  };
  desk.read({});
  REQUIRE(desk.lines.size() == 2);
  CHECK(desk.lines[0].size() == (1U << 20U) + std::string("server | ").size());
  CHECK(desk.lines[1] == "server | \\xff\\x1b]0;title\\x07");
}

TEST_CASE("a line without an end is passed on in pieces") {
  Desk desk;
  desk.cluster.add(pod_path, pod(R"("state":{"terminated":{"exitCode":0}})", R"("state":{"running":{}})"));
  desk.log = [](const std::string& url) -> std::string {
    if (url.find("container=fetch") != std::string::npos) return "";
    return "2026-11-28T16:00:01.000000000Z " + std::string(2U << 20U, 'x') +
           "\n2026-11-28T16:00:02.000000000Z next\n";
  };
  desk.read({});
  CHECK(desk.lines.size() == 3);
  CHECK(desk.lines.back() == "server | next");
}

}  // namespace
}  // namespace mlib::targets
