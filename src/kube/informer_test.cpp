#include "kube/informer.hpp"

#include <doctest/doctest.h>

#include <deque>

#include "kube/client.hpp"
#include "kube/scripted_http.hpp"

namespace mlib::kube {
namespace {

using Names = std::vector<std::string>;

net::Answer answer(int status, std::string body, net::Headers headers = {}) {
  net::Answer result;
  result.status = status;
  result.body = std::move(body);
  result.headers = std::move(headers);
  return result;
}

std::string pod(const std::string& name, int version) {
  return R"({"kind":"Pod","metadata":{"name":")" + name + R"(","namespace":"a","uid":"u-)" + name +
         R"(","resourceVersion":")" + std::to_string(version) + R"("}})";
}
std::string event(const std::string& type, const std::string& object) {
  return R"({"type":")" + type + R"(","object":)" + object + "}\n";
}
std::string page(const std::string& items, int version, const std::string& token = "") {
  return R"({"metadata":{"resourceVersion":")" + std::to_string(version) + R"(","continue":")" + token +
         R"("},"items":[)" + items + "]}";
}

/// An API server that answers the calls in their order, the last also by a broken connection; and an informer
/// of its pods.
struct Stage final : net::Client {
  struct Part {
    net::Answer answer;
    bool breaks = false;  ///< after what came
  };
  std::deque<Part> parts;
  std::vector<net::Call> calls;
  HeldClock clock;
  Cancel cancel;
  kube::Client client{*this, clock, [] {
                        Config config;
                        config.server = "https://one";
                        return config;
                      }()};
  Informer informer{client, clock, {{"v1", "Pod", "", ""}, "app=x"}, 7};

  net::Answer call(const net::Call& call, const Cancel*) override {
    calls.push_back(call);
    REQUIRE_FALSE(parts.empty());
    const Part part = parts.front();
    parts.pop_front();
    if (part.breaks) throw Problem(Kind::unavailable, "connection reset by peer");
    return part.answer;
  }
  net::Answer stream(const net::Call& call, const net::BodySink& sink, const Cancel*) override {
    calls.push_back(call);
    REQUIRE_FALSE(parts.empty());
    Part part = parts.front();
    parts.pop_front();
    if (part.answer.status != 200) return part.answer;
    // In pieces, as a network has it.
    for (std::size_t at = 0; at < part.answer.body.size(); at += 7)
      if (!sink(std::string_view(part.answer.body).substr(at, 7))) return part.answer;
    if (part.breaks) throw Problem(Kind::unavailable, "connection reset by peer");
    return part.answer;
  }
  void plays(std::deque<Part> next) {
    parts = std::move(next);
    while (!parts.empty()) informer.turn(cancel);
  }
  std::optional<Names> names() {
    const auto found = informer.find("a", {}, &cancel);
    if (!found) return std::nullopt;
    Names result;
    for (const Node& each : *found) result.push_back(each.text_at({"metadata", "name"}));
    return result;
  }
  /// The query of the last call.
  std::string asked() const { return calls.back().url.substr(calls.back().url.find('?')); }
};

TEST_CASE("an informer lists in pages, watches, and has what events say") {
  Stage stage;
  stage.plays({{answer(200, page(pod("one", 1), 9, "more"))}, {answer(200, page(pod("two", 2), 9))}});
  CHECK(stage.calls[0].url == "https://one/api/v1/pods?limit=500&labelSelector=app%3Dx");
  CHECK(stage.calls[1].url == "https://one/api/v1/pods?limit=500&continue=more&labelSelector=app%3Dx");
  CHECK(stage.names() == Names{"one", "two"});
  stage.plays({{answer(200, event("MODIFIED", pod("one", 10)) + event("DELETED", pod("two", 11)) +
                                event("ADDED", pod("three", 12)))}});
  CHECK(stage.asked().starts_with("?watch=true&allowWatchBookmarks=true&timeoutSeconds="));
  CHECK(stage.asked().ends_with("&resourceVersion=9&labelSelector=app%3Dx"));
  CHECK(stage.calls.back().timeout == std::chrono::seconds{90});
  CHECK(stage.names() == Names{"one", "three"});
}

TEST_CASE("rows 9 and 10: a watch that is gone, by status or by event, is listed again") {
  Stage stage;
  const std::string gone = R"({"kind":"Status","code":410,"reason":"Expired","metadata":{}})";
  stage.plays({{answer(200, page(pod("one", 1), 9))},
               {answer(410, gone)},
               {answer(200, page(pod("two", 2), 20))},
               {answer(200, event("ERROR", gone))},
               {answer(410, gone)},
               {answer(200, page(pod("three", 3), 30))}});
  CHECK(stage.calls[2].url.find("&resourceVersion=9&resourceVersionMatch=NotOlderThan&") !=
        std::string::npos);
  CHECK(stage.calls[4].url.find("&resourceVersion=20&resourceVersionMatch=NotOlderThan&") !=
        std::string::npos);
  CHECK(stage.calls[5].url.find("resourceVersion") == std::string::npos);
  CHECK(stage.names() == Names{"three"});
}

TEST_CASE("row 16: a watch that is answered 429 waits for Retry-After and keeps its version") {
  Stage stage;
  stage.plays({{answer(200, page("", 9))}, {answer(429, "", {{"Retry-After", "12"}})}, {answer(200, "")}});
  CHECK(stage.asked().find("resourceVersion=9") != std::string::npos);
  CHECK(stage.clock.passed == std::chrono::seconds{12});
}

TEST_CASE("row 24: what a broken connection leaves of an event is thrown away, what came before it stays") {
  Stage stage;
  const std::string half = event("ADDED", pod("two", 11));
  stage.plays({{answer(200, page("", 9))},
               {answer(200, event("ADDED", pod("one", 10)) + half.substr(0, half.size() / 2)), true},
               {answer(200, half)}});
  CHECK(stage.asked().find("resourceVersion=10") != std::string::npos);
  CHECK(stage.names() == Names{"one", "two"});
}

TEST_CASE(
    "row 31: unknown events are skipped and counted, a broken line is asked for again, then all listed") {
  Stage stage;
  stage.plays(
      {{answer(200, page("", 9))},
       {answer(200, event("SURPRISE", pod("x", 10)) + event("ADDED", R"({"kind":"Node","metadata":{}})") +
                        event("ADDED", pod("one", 11)) + "{\"type\":\n" + event("ADDED", pod("y", 12)))}});
  CHECK(stage.informer.skipped() == 3);
  CHECK(stage.names() == Names{"one"});
  stage.plays({{answer(200, "<html>\n")}, {answer(200, page(pod("two", 12), 13))}});
  CHECK(stage.calls.back().url.find("watch") == std::string::npos);
  CHECK(stage.names() == Names{"two"});
}

TEST_CASE("row 21: while nothing answers, what it has is good for five seconds; then whoever asks lists") {
  Stage stage;
  stage.plays({{answer(200, page(pod("one", 1), 9))}, {answer(200, ""), true}});
  CHECK(stage.names() == Names{"one"});
  stage.clock.sleep(std::chrono::seconds{6});
  CHECK_FALSE(stage.names());
  stage.plays({{answer(200, event("BOOKMARK", pod("", 12)))}});
  CHECK(stage.names() == Names{"one"});
  CHECK(stage.calls.size() == 3);
}

TEST_CASE("row 3: what may not be listed is told at once") {
  Stage stage;
  stage.plays({{answer(403, R"({"kind":"Status","code":403})")}});
  CHECK_FALSE(stage.names());
  CHECK(stage.informer.refused());
}

TEST_CASE("what this process wrote is waited for, and given up when it does not come") {
  Stage stage;
  stage.plays({{answer(200, page(pod("one", 1), 9))}});
  stage.informer.expect({"v1", "Pod", "a", "two"}, "u-two", "10");
  stage.plays({{answer(200, event("ADDED", pod("two", 10)))}});
  CHECK(stage.names() == Names{"one", "two"});
  stage.informer.expect({"v1", "Pod", "a", "one"}, "u-one", "");
  stage.cancel.ask();
  CHECK_THROWS_AS(stage.names(), Problem);  // it is still there
}

}  // namespace
}  // namespace mlib::kube
