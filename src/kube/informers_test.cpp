#include "kube/informers.hpp"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "kube/client.hpp"

namespace mlib::kube {
namespace {

/// An API server with one pod in each namespace; a watch lasts until it is cancelled, and brings what is
/// told.
struct Fake final : net::Client {
  net::Answer call(const net::Call& call, const Cancel*) override {
    const std::lock_guard lock(mutex);
    lists.push_back(call.url);
    net::Answer answer;
    answer.status = narrow && call.url.find("/namespaces/") == std::string::npos ? 403 : 200;
    answer.body =
        answer.status == 403
            ? R"({"kind":"Status","code":403,"message":"no"})"
            : R"({"metadata":{"resourceVersion":"9"},"items":[)"
              R"({"metadata":{"name":"p","namespace":"a","uid":"u","resourceVersion":"1","labels":{"app":"x","n":"1"}}},)"
              R"({"metadata":{"name":"q","namespace":"b","uid":"v","resourceVersion":"2","labels":{"app":"x","n":"2"}}}]})";
    return answer;
  }
  net::Answer stream(const net::Call& call, const net::BodySink& sink, const Cancel* cancel) override {
    std::unique_lock lock(mutex);
    watches.push_back(call.url);
    while (!cancel->asked()) {
      changed.wait_for(lock, std::chrono::milliseconds{5});
      if (!line.empty()) sink(std::exchange(line, ""));
    }
    throw Problem(Kind::cancelled, "cancelled");
  }
  void tell(std::string text) {
    const std::lock_guard lock(mutex);
    line = std::move(text);
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> lists, watches;
  std::string line;
  bool narrow = false;
};

struct Bench {
  Fake fake;
  SystemClock clock;
  Config config;
  std::vector<Scope> kinds{{{"v1", "Pod", "", ""}, "app=x"}};
  Bench() { config.server = "https://one"; }
};

const Id in_a{"v1", "Pod", "a", ""};

TEST_CASE("many who look share one list and one watch of a kind") {
  Bench bench;
  {
    Informers informers(bench.fake, bench.clock, bench.kinds);
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        kube::Client client(bench.fake, bench.clock, bench.config, &informers);
        for (int n = 0; n < 20; ++n) client.look(in_a, {.labels = "app=x,n=1"});
      });
    for (std::thread& each : threads) each.join();
    CHECK(informers.find(bench.config, in_a, {.labels = "app=x"}, nullptr)->size() == 1);
    CHECK(informers.find(bench.config, {"v1", "Pod", "", ""}, {.labels = "app=x"}, nullptr)->size() == 2);
  }
  CHECK(bench.fake.lists.size() == 1);
  CHECK(bench.fake.watches.size() <= 1);
}

TEST_CASE("what is not of the labels that are watched is listed") {
  Bench bench;
  Informers informers(bench.fake, bench.clock, bench.kinds);
  CHECK_FALSE(informers.find(bench.config, in_a, {.labels = "app=xy"}, nullptr));
  CHECK_FALSE(informers.find(bench.config, in_a, {}, nullptr));
  CHECK_FALSE(informers.find(bench.config, in_a, {.labels = "app=x,n!=1"}, nullptr));
  CHECK_FALSE(informers.find(bench.config, in_a, {.labels = "app=x", .fields = "spec.nodeName=n"}, nullptr));
  CHECK_FALSE(informers.find(bench.config, {"v1", "Secret", "a", ""}, {.labels = "app=x"}, nullptr));
}

TEST_CASE("a short command lists; one that looks again and again watches") {
  Bench bench;
  Informers informers(bench.fake, bench.clock, bench.kinds, 3);
  kube::Client client(bench.fake, bench.clock, bench.config, &informers);
  for (int n = 0; n < 20; ++n) client.look(in_a, {.labels = "app=x"});
  const std::lock_guard lock(bench.fake.mutex);
  CHECK(bench.fake.lists.size() == 4);
}

TEST_CASE("another user of the same cluster has watches of its own") {
  Bench bench;
  Informers informers(bench.fake, bench.clock, bench.kinds);
  Config other = bench.config;
  other.token = Secret<std::string>("other");
  CHECK(informers.find(bench.config, in_a, {.labels = "app=x"}, nullptr));
  CHECK(informers.find(other, in_a, {.labels = "app=x"}, nullptr));
  CHECK(bench.fake.lists.size() == 2);
}

TEST_CASE("row 3: who may not list all namespaces watches the one that was asked for") {
  Bench bench;
  bench.fake.narrow = true;
  Informers informers(bench.fake, bench.clock, bench.kinds);
  const auto found = informers.find(bench.config, in_a, {.labels = "app=x"}, nullptr);
  REQUIRE(found);
  CHECK(found->size() == 1);
  informers.find(bench.config, in_a, {.labels = "app=x"}, nullptr);
  CHECK(bench.fake.lists.size() == 2);
  CHECK(bench.fake.lists[1].starts_with("https://one/api/v1/namespaces/a/pods?"));
}

TEST_CASE("who wrote an object sees it, though the watch tells it later") {
  Bench bench;
  Informers informers(bench.fake, bench.clock, bench.kinds);
  REQUIRE(informers.find(bench.config, in_a, {.labels = "app=x"}, nullptr));
  informers.wrote(bench.config, {"v1", "Pod", "a", "new"}, "w", "12");
  std::thread later([&] {
    bench.fake.tell(R"({"type":"ADDED","object":{"metadata":{"name":"new","namespace":"a","uid":"w",)"
                    R"("resourceVersion":"12","labels":{"app":"x"}}}})"
                    "\n");
  });
  CHECK(informers.find(bench.config, in_a, {.labels = "app=x"}, nullptr)->size() == 2);
  later.join();
}

}  // namespace
}  // namespace mlib::kube
