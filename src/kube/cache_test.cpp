#include "kube/cache.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "schema/document.hpp"

namespace mlib::kube {
namespace {

const Id pods{"v1", "Pod", "", ""};

Node pod(std::string_view name, int version, std::string_view more = "", std::string_view space = "a") {
  return schema::read_json(
      fmt::format(R"({{"metadata":{{"name":"{}","namespace":"{}","uid":"u-{}","resourceVersion":"{}"{}}}}})",
                  name, space, name, version, more));
}

constexpr std::string_view labels = R"(,"labels":{"app":"x","tier":"y"})";

std::vector<std::string> names(const Cache& cache, const std::string& space,
                               const Selection& selection = {}) {
  std::vector<std::string> found;
  for (const Node& each : cache.find(space, selection)) found.push_back(each.text_at({"metadata", "name"}));
  return found;
}

using Names = std::vector<std::string>;

TEST_CASE("objects are found by namespace and labels, with their kind") {
  Cache cache(pods);
  cache.put(pod("one", 1, labels));
  cache.put(pod("two", 2, R"(,"labels":{"app":"xy"})"));
  cache.put(pod("three", 3, labels, "ab"));
  CHECK(names(cache, "a") == Names{"one", "two"});
  CHECK(names(cache, "") == Names{"one", "two", "three"});
  CHECK(names(cache, "a", {.labels = "app=x"}) == Names{"one"});
  CHECK(names(cache, "", {.labels = "tier=y,app=x"}) == Names{"one", "three"});
  CHECK(cache.find("a", {})[0].text_at({"kind"}) == "Pod");
  CHECK_THROWS_AS(cache.find("a", {.labels = "app!=x"}), Problem);
}

TEST_CASE("row 29: duplicate, stale and late events change nothing") {
  Cache cache(pods);
  cache.put(pod("one", 5, labels));
  cache.put(pod("one", 5));
  cache.put(pod("one", 4));
  CHECK(names(cache, "a", {.labels = "app=x"}) == Names{"one"});
  cache.gone(pod("one", 4));
  CHECK(cache.size() == 1);
  cache.put(pod("one", 6));
  CHECK(names(cache, "a", {.labels = "app=x"}).empty());
  cache.gone(pod("one", 7));
  CHECK(cache.size() == 0);
  CHECK(cache.bytes() == 0);
  cache.gone(pod("one", 8));
}

TEST_CASE("a list replaces everything when it is complete, and not before") {
  Cache cache(pods);
  cache.put(pod("old", 1));
  cache.begin();
  cache.add(pod("new", 2));
  CHECK(names(cache, "a") == Names{"old"});
  cache.begin();  // it began anew
  cache.add(pod("newer", 3));
  cache.complete();
  CHECK(names(cache, "a") == Names{"newer"});
}

TEST_CASE("what nobody reads is not kept") {
  Cache cache(pods);
  Node fat = schema::read_json(
      R"({"metadata":{"name":"p","namespace":"a","resourceVersion":"1","managedFields":[{"manager":"m"}],
      "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"canary\":1}","kept":"yes"}},
      "spec":{"containers":[{"name":"c","image":"i","env":[{"name":"A","value":"canary"}],"args":["canary"]}],
      "template":{"spec":{"initContainers":[{"name":"d","env":[{"name":"A","value":"canary"}]}]}}}})");
  cache.put(std::move(fat));
  const Node found = cache.find("a", {})[0];
  CHECK(schema::to_json(found).find("canary") == std::string::npos);
  CHECK(found.at({"metadata", "managedFields"}) == nullptr);
  CHECK(found.text_at({"metadata", "annotations", "kept"}) == "yes");
  CHECK(found.text_at({"spec", "containers", "0", "image"}) == "i");
}

TEST_CASE("beyond its size the oldest go, those of namespaces that were asked for last") {
  Cache cache({"v1", "Event", "", ""}, 20'000);
  CHECK(cache.want("mine"));
  cache.put(pod("first", 1, "", "mine"));
  for (int i = 2; i < 500; ++i) cache.put(pod(fmt::format("e{}", i), i, "", "others"));
  CHECK(cache.bytes() <= 20'000);
  CHECK(cache.size() < 200);
  CHECK(names(cache, "mine") == Names{"first"});
  CHECK(cache.want("mine"));
  CHECK_FALSE(cache.want("others"));
  CHECK_FALSE(cache.want(""));
  cache.begin();
  cache.complete();
  CHECK(cache.want("others"));
}

TEST_CASE("what this process wrote is known to be there, or gone") {
  Cache cache(pods);
  const Id id{"v1", "Pod", "a", "one"};
  CHECK_FALSE(cache.has(id, "u-one", "5"));
  cache.put(pod("one", 4));
  CHECK_FALSE(cache.has(id, "u-one", "5"));
  CHECK_FALSE(cache.has(id, "u-one", ""));
  cache.put(pod("one", 6));
  CHECK(cache.has(id, "u-one", "5"));
  cache.put(pod("one", 7, R"(,"deletionTimestamp":"2026-11-28T10:00:00Z")"));
  CHECK(cache.has(id, "u-one", ""));
  cache.gone(pod("one", 8));
  CHECK(cache.has(id, "u-one", ""));
}

TEST_CASE("a hundred deployments with pod, service and claim take less than two megabytes") {
  const std::string spec =
      R"(,"labels":{"app.kubernetes.io/instance":"x"}},"spec":{"containers":[{"name":"server","image":"registry/engine:1",)"
      R"("resources":{"requests":{"cpu":"4","memory":"8Gi","nvidia.com/gpu":"1"}}}],"text":")" +
      std::string(2'000, 'x') + R"("},"status":{"phase":"Running")";
  std::size_t bytes = 0;
  for (const std::string kind : {"Deployment", "Pod", "Service", "PersistentVolumeClaim"}) {
    Cache cache({"v1", kind, "", ""});
    for (int i = 0; i < 100; ++i) cache.put(pod(fmt::format("n{}", i), i + 1, spec));
    CHECK(cache.size() == 100);
    bytes += cache.bytes();
  }
  CHECK(bytes < 2'000'000);
}

}  // namespace
}  // namespace mlib::kube
