#include "cards/cause.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "cards/library.hpp"

namespace mlib::cards {
namespace {

const Causes& shipped() {
  static const Causes causes = load_causes(embedded());
  return causes;
}

File file(const std::string& look, const std::string& causes) {
  return {"causes/x.yaml", "apiVersion: model-library/v1\nkind: Causes\nmetadata: {name: x}\nlook: " + look +
                               "\ncauses:\n" + causes};
}

std::string findings_of(const File& broken) {
  std::string text;
  const auto library = load({broken}, "cards");
  for (const Finding& each : library->findings) text += to_text(each) + "\n";
  return text;
}

TEST_CASE("each shipped cause is found in its recorded sample, and no other is told instead") {
  CHECK(shipped().size() >= 30);
  for (const CauseRule& rule : shipped()) {
    SUBCASE(rule.name.c_str()) {
      const auto told = tell(shipped(), sample_sign(rule));
      REQUIRE(told);
      CHECK(told->rule->name == rule.name);
      CHECK(told->sentence.size() < 300);
    }
  }
}

TEST_CASE("every place to look has a cause, and every cause a name of its own") {
  std::set<std::string> places;
  std::set<std::string> names;
  for (const CauseRule& rule : shipped()) {
    places.insert(rule.look);
    CHECK(names.insert(rule.name).second);
  }
  CHECK(places.size() == sign_places().size());
}

TEST_CASE("the more telling cause wins, whatever the order in the file") {
  const Causes causes = load_causes({file("log", R"(
  - {name: any, title: t, sentence: any, hint: h, sample: {source: s}}
  - {name: reason, title: t, reasons: [R], sentence: by reason, hint: h, sample: {reason: R, source: s}}
  - {name: words, title: t, match: [b*d], sentence: by words, hint: h, sample: {text: abcd, source: s}}
)")});
  REQUIRE(causes.size() == 3);
  CHECK(tell(causes, {"log", "R", -1, "abcd"})->sentence == "by words");
  CHECK(tell(causes, {"log", "R", -1, "x"})->sentence == "by reason");
  CHECK(tell(causes, {"log", "", -1, "x"})->sentence == "any");
  CHECK_FALSE(tell(causes, {"pod", "R", -1, "abcd"}));
}

TEST_CASE("of a log the last line that matches is told") {
  const Causes causes = load_causes({file("log",
                                          "  - {name: a, title: t, match: ['error {n}'], sentence: '{n}', "
                                          "hint: h, sample: {text: error 1, source: s}}\n")});
  const auto told = tell(causes, {"log", "", -1, "error 1\nerror 2\nbye"});
  REQUIRE(told);
  CHECK(told->sentence == "2");
  CHECK(told->line == "error 2");
}

TEST_CASE("a cause that is not found in its own sample is reported at its place and left out") {
  const File broken = file("log", R"(
  - name: a
    title: t
    match: [x]
    sentence: s
    hint: h
    sample: {text: y, source: s}
)");
  CHECK(load_causes({broken}).empty());
  CHECK(findings_of(broken).starts_with(
      "cards/causes/x.yaml:12:13: error: cause `a` is not found in its own sample"));
}

TEST_CASE("a name that nothing gives a value is reported with the nearest one") {
  const File broken = file("log", R"(
  - name: a
    title: t
    match: ['x {flag}']
    sentence: 'bad {flga}'
    hint: h
    sample: {text: x 1, source: s}
)");
  const std::string text = findings_of(broken);
  CAPTURE(text);
  CHECK(text.starts_with("cards/causes/x.yaml:10:16: error: nothing gives `{flga}` a value"));
  CHECK(text.find("did you mean `flag`?") != std::string::npos);
}

TEST_CASE("a place that is none, an unknown field and a name twice are reported") {
  CHECK(findings_of(file("lgo", "  []\n")).find("did you mean `log`?") != std::string::npos);
  CHECK(findings_of(file("log", "  - {nmae: a}\n")).find("did you mean `name`?") != std::string::npos);
  const std::string one = "  - {name: a, title: t, sentence: s, hint: h, sample: {source: s}}\n";
  CHECK(findings_of(file("log", one)).empty());
  CHECK(findings_of(file("log", one + one)).find("another cause called `a`") != std::string::npos);
}

TEST_CASE("a file of causes is checked wherever it lies, as when it is validated alone") {
  File moved = file("lgo", "  []\n");
  for (const std::string path : {"x.yaml", "catalog/causes/x.yaml"}) {
    moved.path = path;
    CHECK(findings_of(moved).find("`lgo` is no place to look") != std::string::npos);
  }
}

TEST_CASE("a file of causes is no card") {
  const auto library = load(embedded(), "catalog");
  CHECK(library->findings.empty());
  CHECK(load({file("log", "  []\n")}, "x")->findings.empty());
}

}  // namespace
}  // namespace mlib::cards
