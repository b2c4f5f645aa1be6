#include "kube/watch.hpp"

#include <doctest/doctest.h>

namespace mlib::kube {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using What = Heard::What;

/// A watch and a clock that it is told.
struct Run {
  Watch watch{7};
  Watch::Time now{};
  Ask ask = watch.begin(now);
  std::vector<Watch::Time> asked{now};

  /// What is heard `after` the last was asked; a pause passes.
  Ask hear(Heard heard, milliseconds after = 10ms) {
    now += after;
    const auto next = watch.step(heard, now);
    REQUIRE(next);
    now += next->pause;
    asked.push_back(now);
    return ask = *next;
  }
  void event(std::string version, What what = What::event) {
    CHECK_FALSE(watch.step({what, std::move(version)}, now += 1s));
  }
  void list(std::string version = "100") { hear({What::page, std::move(version)}); }
  bool lists() const { return ask.what == Ask::What::list; }
  /// Never more than ten calls in any ten seconds.
  bool is_calm() const {
    for (std::size_t i = 10; i < asked.size(); ++i)
      if (asked[i] - asked[i - 10] < 10s) return false;
    return true;
  }
};

Heard refused(int status) {
  Heard heard;
  heard.what = What::refused;
  heard.status = status;
  return heard;
}

TEST_CASE("a watch follows the list's version, with bookmarks, for five to ten minutes") {
  Run run;
  CHECK(run.lists());
  CHECK(run.ask.version.empty());
  run.list("41");
  CHECK_FALSE(run.lists());
  CHECK(run.ask.version == "41");
  CHECK(run.ask.timeout >= 5min);
  CHECK(run.ask.timeout <= 10min);
  Watch other(8);
  other.begin({});
  const auto begun = other.step({What::page, "41"}, {});
  CHECK(begun->timeout != run.ask.timeout);
}

TEST_CASE("row 9: 410 as the status of a watch lists from its version, then the newest") {
  Run run;
  run.list("41");
  run.hear(refused(410), 10s);
  CHECK(run.lists());
  CHECK(run.ask.version == "41");
  CHECK(run.ask.pause == 0ms);
  run.hear(refused(410));
  CHECK(run.lists());
  CHECK(run.ask.version.empty());
  CHECK(run.ask.pause == 0ms);
}

TEST_CASE("row 10: 410 as an ERROR event inside a watch is the same, and is no hot loop") {
  Run run;
  const WatchLine line =
      read_line(R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}})", "Pod");
  REQUIRE(line.what == WatchLine::What::error);
  for (int i = 0; i < 40; ++i) {
    if (run.lists())
      run.list("41");
    else
      run.hear(refusal_of(0, line.object));
  }
  CHECK(run.is_calm());
}

TEST_CASE("row 11: 410 for a page begins the list anew, at last without pages") {
  Run run;
  run.hear({What::page, "41", "next"});
  CHECK(run.ask.token == "next");
  run.hear(refused(410));
  CHECK(run.lists());
  CHECK(run.ask.token.empty());
  CHECK(run.ask.paged);
  for (int i = 0; i < 3; ++i) {
    run.hear({What::page, "41", "next"});
    run.hear(refused(410));
  }
  CHECK_FALSE(run.ask.paged);
  CHECK(run.is_calm());
  run.list("42");
  CHECK_FALSE(run.lists());
}

TEST_CASE("row 12: a list whose version is expired or not reached yet asks for the newest, at once") {
  Node too_large;
  too_large.set("code", 504);
  too_large.set("message", "Too large resource version: 41, current: 7");
  for (const Heard& heard : {refused(410), refusal_of(504, too_large)}) {
    Run run;
    run.list("41");
    run.hear(refused(410), 10s);
    REQUIRE(run.ask.version == "41");
    run.hear(heard);
    CHECK(run.lists());
    CHECK(run.ask.version.empty());
    CHECK(run.ask.pause == 0ms);
  }
}

TEST_CASE("row 16: 429 keeps its version and its place, and waits as long as it is told") {
  Run run;
  run.hear({What::page, "41", "next"});
  Heard busy = refused(429);
  busy.retry_after = 7s;
  run.hear(busy);
  CHECK(run.ask.token == "next");
  CHECK(run.ask.pause == 7s);
  run.list("41");
  run.event("50");
  run.hear(busy);
  CHECK_FALSE(run.lists());
  CHECK(run.ask.version == "50");
  CHECK(run.ask.pause == 7s);
}

TEST_CASE("row 17: 429 without a word waits 0.8 s to 30 s, growing, not always the same") {
  Run run;
  run.list("41");
  milliseconds before{0};
  for (int i = 0; i < 12; ++i) {
    run.hear(refused(429));
    CHECK_FALSE(run.lists());
    CHECK(run.ask.version == "41");
    CHECK(run.ask.pause >= std::min<milliseconds>(15s, 400ms * (1 << std::min(i, 6))));
    CHECK(run.ask.pause <= 30s);
    before = std::max(before, run.ask.pause);
  }
  CHECK(before >= 15s);
  CHECK(run.is_calm());
}

TEST_CASE("row 18: 500 on a watch is tried again from its version for a minute, then lists") {
  Run run;
  run.list("41");
  const auto began = run.now;
  while (!run.lists()) {
    run.hear(refused(500));
    CHECK(run.now - began < 3min);
    if (!run.lists()) CHECK(run.ask.version == "41");
  }
  CHECK(run.now - began >= 1min);
  CHECK(run.is_calm());
}

TEST_CASE("row 21: a refused connection is watched again from the last version, never listed") {
  Run run;
  run.list("41");
  run.event("44");
  for (int i = 0; i < 50; ++i) {
    run.hear({What::lost});
    CHECK_FALSE(run.lists());
    CHECK(run.ask.version == "44");
  }
  CHECK(run.is_calm());
  CHECK(run.ask.pause <= 30s);
}

TEST_CASE("row 21: before the first list it is the list that is tried again, at the page where it was") {
  Run run;
  run.hear({What::lost});
  CHECK(run.lists());
  run.hear({What::page, "41", "next"});
  run.hear({What::lost});
  CHECK(run.ask.token == "next");
}

TEST_CASE("row 27: a watch that fell silent goes on from where it was; a long one costs no pause") {
  Run run;
  run.list("41");
  run.event("43", What::bookmark);
  run.hear({What::ended}, 6min);
  CHECK_FALSE(run.lists());
  CHECK(run.ask.version == "43");
  CHECK(run.ask.pause == 0ms);
  run.hear({What::lost}, 90s);
  CHECK(run.ask.version == "43");
  CHECK(run.ask.pause <= 800ms);
}

TEST_CASE("row 28: watches that end within a second are asked for less and less often, and never listed") {
  Run run;
  run.list("41");
  for (int i = 0; i < 30; ++i) {
    run.hear({What::ended}, 900ms);
    CHECK_FALSE(run.lists());
  }
  CHECK(run.is_calm());
  CHECK(run.ask.pause > 10s);
}

TEST_CASE("row 29: the version never goes back") {
  Run run;
  run.list("41");
  run.event("50");
  run.event("45");
  run.event("", What::event);
  CHECK(run.watch.version() == "50");
}

TEST_CASE("row 30: bookmarks alone move the version on") {
  Run run;
  run.list("41");
  for (int i = 0; i < 10; ++i) run.event(std::to_string(100 + i), What::bookmark);
  run.hear({What::ended}, 10min);
  CHECK(run.ask.version == "109");
}

TEST_CASE("row 31: a line that is no event ends the stream and is asked for again, then all is listed") {
  Run run;
  run.list("41");
  run.hear({What::malformed});
  CHECK_FALSE(run.lists());
  CHECK(run.ask.version == "41");
  run.hear({What::malformed});
  CHECK(run.lists());
  CHECK(run.is_calm());
}

TEST_CASE("row 31: types and kinds that are not known, and lines that are no JSON, are told apart") {
  const auto what = [](std::string_view text) { return read_line(text, "Pod").what; };
  CHECK(what(R"({"type":"ADDED","object":{"kind":"Pod"}})") == WatchLine::What::put);
  CHECK(what(R"({"type":"DELETED","object":{"kind":"Pod"}})") == WatchLine::What::gone);
  CHECK(what(R"({"type":"BOOKMARK","object":{"kind":"Pod"}})") == WatchLine::What::bookmark);
  CHECK(what(R"({"type":"SURPRISE","object":{"kind":"Pod"}})") == WatchLine::What::unknown);
  CHECK(what(R"({"type":"ADDED","object":{"kind":"Node"}})") == WatchLine::What::unknown);
  CHECK(what(R"({"type":"ADDED"})") == WatchLine::What::malformed);
  CHECK(what(R"({"type":"ADDED","object":{"ki)") == WatchLine::What::malformed);
  CHECK(what("<html>") == WatchLine::What::malformed);
}

TEST_CASE("401, 403 and 404 are looked at again every half minute, for rights may be given") {
  for (const int status : {401, 403, 404}) {
    Run run;
    run.hear(refused(status));
    CHECK(run.lists());
    CHECK(run.ask.pause == 30s);
  }
}

TEST_CASE("403 after success is an API server that starts: the watch goes on from where it was, soon") {
  Run run;
  run.list("41");
  run.hear(refused(403), 6s);
  CHECK_FALSE(run.lists());
  CHECK(run.ask.version == "41");
  CHECK(run.ask.pause <= 800ms);
  for (int i = 0; i < 20; ++i) run.hear(refused(403));
  CHECK(run.is_calm());
}

TEST_CASE("whatever a server does, it is asked at most ten times in ten seconds") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::minstd_rand random(seed);
    Run run;
    run.watch = Watch(seed);
    run.ask = run.watch.begin(run.now);
    int pages = 0;
    for (int i = 0; i < 100; ++i) {
      Heard heard;
      const int choice = static_cast<int>(random() % 8);
      if (choice == 0 && run.lists()) heard = {What::page, std::to_string(100 + i)};
      if (choice == 1) heard = refused(410);
      if (choice == 2) heard = refused(429);
      if (choice == 3) heard = refused(500);
      if (choice == 4) heard = {What::malformed};
      if (choice >= 6) heard = {What::lost};
      pages += heard.what == What::page ? 1 : 0;
      run.hear(heard, milliseconds{random() % 2000});
    }
    CHECK_MESSAGE(run.is_calm(), "seed ", seed);
    CHECK(pages > 0);
  }
}

TEST_CASE("lines come out the same however the stream is cut") {
  const std::string text = "{\"a\":1}\n\n{\"b\":2}\n{\"c\"";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    Lines lines;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size(); at += piece)
      CHECK(lines.take(std::string_view(text).substr(at, piece), found));
    CHECK(found == std::vector<std::string>{"{\"a\":1}", "{\"b\":2}"});
    CHECK(lines.cut_off());
  }
  Lines narrow(8);
  std::vector<std::string> found;
  CHECK_FALSE(narrow.take("123456789", found));
}

}  // namespace
}  // namespace mlib::kube
