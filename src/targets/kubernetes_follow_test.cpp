#include <doctest/doctest.h>

#include <algorithm>

#include "kube/scripted_http.hpp"
#include "targets/fake_cluster.hpp"
#include "targets/kubernetes.hpp"

namespace mlib::targets {
namespace {

const std::string pods_path = "/api/v1/namespaces/team/pods/";

std::string pod(std::string_view name, std::string_view status) {
  return fmt::format(
      R"({{"metadata":{{"name":"{0}","uid":"{0}","creationTimestamp":"2026-11-28T16:00:00Z","labels":{{
        "app.kubernetes.io/instance":"llama"}}}},"spec":{{"containers":[{{"name":"server"}}]}},
        "status":{{"containerStatuses":[{{"name":"server",{1}}}]}}}})",
      name, status);
}

constexpr std::string_view running = R"("restartCount":0,"state":{"running":{}})";

std::string stamp(int second) { return fmt::format("2026-11-28T16:00:{:02}.000000000Z ", second); }

/// Pods whose logs a function gives, by URL and how often it was asked before.
struct Desk {
  FakeCluster cluster;
  kube::HeldClock clock;
  Cancel cancel;
  std::vector<std::string> lines, asked;
  std::function<std::string(const std::string& url, std::size_t count)> log;
  int away = 0;     ///< calls that are not logs and get no answer
  int refused = 0;  ///< calls that are not logs and are refused

  std::vector<std::string> follow(LogOptions options) {
    options.follow = true;
    kube::Config config;
    config.server = "https://fake";
    const auto target = kubernetes_target(cluster, clock, {config});
    cluster.refuse = [this](const net::Call& call) {
      const bool of_log = call.url.find("/log?") != std::string::npos;
      if (!of_log && away > 0 && away-- > 0) throw Problem(Kind::unavailable, "connection refused");
      if (!of_log && refused > 0 && refused-- > 0)
        return FakeCluster::status(403, "Forbidden", "not yet known who may");
      if (!of_log) return net::Answer{};
      asked.push_back(call.url);
      net::Answer answer;
      answer.status = 200;
      answer.body = log(call.url, asked.size());
      return answer;
    };
    target->logs(
        {"team", "llama"}, options, [&](std::string_view line) { return lines.emplace_back(line), true; },
        cancel);
    return lines;
  }
  void gone() { cluster.objects.clear(); }
};

TEST_CASE("all pods are followed together, each line begun by its pod, and one that comes later too") {
  Desk desk;
  desk.cluster.add(pods_path + "p", pod("p", running));
  desk.cluster.add(pods_path + "q", pod("q", running));
  desk.log = [&](const std::string& url, std::size_t) -> std::string {
    const std::string of = url.substr(url.find("/pods/") + 6, 1);
    const bool late = of == "r";
    if (of == "q" && desk.cluster.objects.count(pods_path + "r") == 0)
      desk.cluster.add(pods_path + "r", pod("r", running));
    if (late) desk.gone();
    return stamp(1) + "of " + of + "\n";
  };
  std::vector<std::string> lines = desk.follow({.all_pods = true});
  std::sort(lines.begin(), lines.end());
  CHECK(lines == std::vector<std::string>{"p server | of p", "q server | of q", "r server | of r"});
}

TEST_CASE("lines that have one time stamp are neither lost nor repeated when a connection was lost") {
  Desk desk;
  desk.cluster.add(pods_path + "p", pod("p", running));
  desk.log = [&](const std::string&, std::size_t count) -> std::string {
    if (count == 1) return stamp(1) + "a\n" + stamp(1) + "b\n" + stamp(1) + "half a li";
    desk.gone();
    return stamp(1) + "a\n" + stamp(1) + "b\n" + stamp(1) + "half a line\n" + stamp(2) + "d\n";
  };
  CHECK(desk.follow({}) == std::vector<std::string>{"a", "b", "half a line", "d"});
}

TEST_CASE("of a long line that was begun only the rest comes when a connection was lost") {
  Desk desk;
  desk.cluster.add(pods_path + "p", pod("p", running));
  const std::string begun(2U << 20U, 'x');
  desk.log = [&](const std::string&, std::size_t count) -> std::string {
    if (count == 1) return stamp(1) + begun;
    desk.gone();
    return stamp(1) + begun + "y\n" + stamp(2) + "next\n";
  };
  const std::vector<std::string> lines = desk.follow({});
  std::string all;
  for (const std::string& each : lines) all += each;
  CHECK(all == begun + "ynext");
  CHECK(lines.back() == "next");
}

TEST_CASE("a run that ended while nobody could read it is read to its end before the next one") {
  Desk desk;
  desk.cluster.add(pods_path + "p", pod("p", running));
  bool before = false;
  desk.log = [&](const std::string& url, std::size_t count) -> std::string {
    if (count == 1) {
      desk.cluster.add(pods_path + "p",
                       pod("p", R"("restartCount":1,"state":{"running":{}},"lastState":{"terminated":{}})"));
      return stamp(1) + "one\n";
    }
    if (url.find("previous=true") != std::string::npos) {
      before = true;
      CHECK(url.find("sinceTime=2026-11-28T16%3A00%3A01.000000000Z") != std::string::npos);
      return stamp(1) + "one\n" + stamp(2) + "why it died\n";
    }
    if (!before) return "";  // what was looked at was of a moment before
    desk.gone();
    return stamp(3) + "two\n";
  };
  CHECK(desk.follow({}) == std::vector<std::string>{"one", "why it died", "two"});
}

TEST_CASE("a run that was read to its end is not read again when the next one starts") {
  Desk desk;
  desk.cluster.add(pods_path + "p",
                   pod("p", R"("restartCount":3,"state":{"waiting":{"reason":"CrashLoopBackOff"}},)"
                            R"("lastState":{"terminated":{}})"));
  desk.log = [&](const std::string& url, std::size_t count) -> std::string {
    CHECK(url.find("previous=true") == std::string::npos);
    if (count == 1) {
      desk.cluster.add(pods_path + "p",
                       pod("p", R"("restartCount":4,"state":{"running":{}},"lastState":{"terminated":{}})"));
      return stamp(1) + "no end";
    }
    desk.gone();
    return stamp(2) + "again\n";
  };
  CHECK(desk.follow({}) == std::vector<std::string>{"no end", "again"});
}

TEST_CASE("a cluster that is away for a while is waited for") {
  Desk desk;
  desk.cluster.add(pods_path + "p", pod("p", running));
  desk.log = [&](const std::string&, std::size_t count) -> std::string {
    if (count == 1) {
      desk.away = 12;  // more than one look tries
      return stamp(1) + "before\n";
    }
    desk.gone();
    return stamp(2) + "after\n";
  };
  CHECK(desk.follow({}) == std::vector<std::string>{"before", "after"});
}

TEST_CASE("what was allowed before and is refused for a moment is asked again; what never was is an error") {
  Desk desk;
  desk.cluster.add(pods_path + "p", pod("p", running));
  desk.log = [&](const std::string&, std::size_t count) -> std::string {
    if (count == 1) {
      desk.refused = 2;  // as by an API server that starts
      return stamp(1) + "before\n";
    }
    if (count == 2) throw Problem(Kind::failed, "dial tcp 10.0.0.1:10250: connection refused");
    desk.gone();
    return stamp(2) + "after\n";
  };
  CHECK(desk.follow({}) == std::vector<std::string>{"before", "after"});
  Desk stranger;
  stranger.cluster.add(pods_path + "p", pod("p", running));
  stranger.refused = 1;
  CHECK_THROWS_AS(stranger.follow({}), Problem);
}

TEST_CASE("more logs than can be followed at once are refused, with what to do") {
  Desk desk;
  for (int i = 0; i < 70; ++i)
    desk.cluster.add(pods_path + std::to_string(i), pod(std::to_string(i), running));
  desk.log = [](const std::string&, std::size_t) { return stamp(1) + "x\n"; };
  CHECK_THROWS_WITH_AS(desk.follow({.all_pods = true}), "more than 64 logs cannot be followed together",
                       Problem);
}

}  // namespace
}  // namespace mlib::targets
