#include "loadgen/search.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "loadgen/compare.hpp"
#include "loadgen/made_result.hpp"
#include "loadgen/result_forms.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// An engine that keeps its objective up to `limit`; what it says at which load, and for how long.
struct Engine {
  double limit = 0;
  double unsure_above = 1e9;  ///< undecided below the limit from here on
  std::vector<std::pair<double, double>> asked = {};

  Result operator()(double load, Instant duration) {
    asked.emplace_back(load, static_cast<double>(duration) / 1e9);
    Result result;
    result.seconds = static_cast<double>(duration) / 1e9;
    LimitText limit_text;
    limit_text.limit = "ttft_p95=500ms";
    limit_text.holds = load > limit ? "no" : load > unsure_above ? "undecided" : "yes";
    result.objective = {limit_text};
    return result;
  }
};

Found searched(Engine& engine, const SearchRange& range, const char* objective = "ttft_p95=500ms") {
  return search(range, objective_of(objective),
                [&](double load, Instant time) { return engine(load, time); });
}

}  // namespace

TEST_CASE("the search doubles, then closes in on the highest load that holds") {
  Engine engine{.limit = 37};
  const Found found = searched(engine, {});
  CHECK(found.holds_at.value() <= 37);
  CHECK(found.fails_at.value() > 37);
  CHECK(*found.fails_at / *found.holds_at <= 1.1);
  CHECK(engine.asked[0].first == 1);
  CHECK(engine.asked[5].first == 32);
  CHECK(engine.asked[6].first == 64);
  CHECK(found.tries.size() == engine.asked.size());
  CHECK(found.best);
  CHECK(found.conclusion.find("it holds up to ") == 0);
}

TEST_CASE("the search halves when its first load fails, and ends where nothing holds") {
  Engine engine{.limit = 0.3};
  const Found found = searched(engine, {});
  CHECK(found.holds_at.value() <= 0.3);
  CHECK(found.fails_at.value() > 0.3);
  Engine none{.limit = 0};
  const Found nothing = searched(none, {});
  CHECK_FALSE(nothing.holds_at);
  CHECK(nothing.conclusion.find("it holds at none of the loads") == 0);
  CHECK_FALSE(nothing.best);
}

TEST_CASE("a start near the limit is left by small steps, that double when it was not near") {
  Engine engine{.limit = 33};
  SearchRange range;
  range.near = true;
  range.start = 32;
  Found found = searched(engine, range);
  CHECK(engine.asked.size() == 2);
  CHECK(*found.holds_at == 32);
  CHECK(*found.fails_at == doctest::Approx(35.2));
  Engine below{.limit = 1000};
  found = searched(below, range);
  CHECK(below.asked[1].first == doctest::Approx(32 * 1.1));
  CHECK(below.asked[2].first == doctest::Approx(32 * 1.1 * 1.21));
  CHECK(below.asked[4].first == doctest::Approx(2 * below.asked[3].first));
  CHECK(*found.holds_at <= 1000);
  CHECK(*found.fails_at > 1000);
  Engine above{.limit = 2};
  found = searched(above, range);
  CHECK(above.asked[1].first == doctest::Approx(32 / 1.1));
  CHECK(*found.holds_at <= 2);
  CHECK(*found.fails_at > 2);
  CHECK(*found.fails_at / *found.holds_at <= 1.1 * (1 + 1e-9));
  Engine few{.limit = 4.5};
  range.users = true;
  range.start = 4;
  found = searched(few, range);
  CHECK(few.asked.size() == 2);  // a step is a user at least
  CHECK(*found.holds_at == 4);
  CHECK(*found.fails_at == 5);
  Engine one{.limit = 1.5};
  found = searched(one, range);
  CHECK(*found.holds_at == 1);
  CHECK(*found.fails_at == 2);
}

TEST_CASE("of an engine that keeps its limit by chance, a load above what it can is hardly ever found") {
  // 95 % of its answers are in time at 40 requests/s, fewer above. Without intervals a fifth of these
  // searches would find more than that.
  const auto searches = [](double start, bool near, int& tries) {
    std::vector<double> found;
    for (std::uint64_t i = 0; i < 200; ++i) {
      Random random(11, 33, i);
      const auto measure = [&](double load, Instant duration) {
        const double n = std::floor(load * static_cast<double>(duration) / 1e9);
        const double p = std::max(1 - 0.05 * (load / 40) * (load / 40), 0.0);
        const double good =
            std::clamp(std::round(n * p + std::sqrt(n * p * (1 - p)) * random.normal()), 0.0, n);
        const Share share = wilson(static_cast<std::uint64_t>(good), static_cast<std::uint64_t>(n));
        Result result;
        LimitText limit;
        limit.holds = share.low >= 0.95 ? "yes" : share.high < 0.95 ? "no" : "undecided";
        result.objective = {limit};
        return result;
      };
      SearchRange range;
      range.start = start;
      range.near = near;
      const Found made = search(range, objective_of("ttft_p95=500ms"), measure);
      found.push_back(made.holds_at.value_or(0));
      tries += static_cast<int>(made.tries.size());
    }
    std::sort(found.begin(), found.end());
    return found;
  };
  int cold = 0, warm = 0, wrong = 0;
  for (const std::vector<double>& found : {searches(1, false, cold), searches(38, true, warm)}) {
    wrong += static_cast<int>(found.end() - std::upper_bound(found.begin(), found.end(), 40.0));
    CHECK(found[100] > 32);
    CHECK(found[10] > 28);
  }
  CHECK(wrong <= 8);
  CHECK(warm * 2 < cold);
}

TEST_CASE("users are whole numbers") {
  Engine engine{.limit = 13.5};
  SearchRange range;
  range.users = true;
  const Found found = searched(engine, range);
  CHECK(*found.holds_at == 13);
  CHECK(*found.fails_at == 14);
  CHECK(people_text(found).find("\n           8  yes") != std::string::npos);
  Engine few{.limit = 0};
  CHECK_FALSE(searched(few, range).holds_at);
}

TEST_CASE("a low rate is measured for as long as the percentile needs, and what is undecided longer") {
  Engine engine{.limit = 1000};
  SearchRange range;
  range.most = 4;
  Found found = searched(engine, range);
  CHECK(engine.asked[0].second == doctest::Approx(1.2 * 3.8415 * 19));
  CHECK(found.conclusion == "it still holds at 4.00 requests/s, the highest that was tried");
  Engine unsure{.limit = 1000, .unsure_above = 0};
  range.tries = 3;
  found = searched(unsure, range);
  CHECK(unsure.asked[1].first == unsure.asked[0].first);
  CHECK(unsure.asked[1].second == 2 * unsure.asked[0].second);
  CHECK(unsure.asked[2].second == 4 * unsure.asked[0].second);
  CHECK_FALSE(found.holds_at);
}

TEST_CASE("a load whose result is invalid is measured once more, and no limit is concluded from it") {
  int broken_above = 0, times = 0;
  const auto measure = [&](double load, Instant) {
    Result result;
    LimitText limit;
    limit.limit = "ttft_p95=500ms";
    limit.holds = load > broken_above ? "no" : "yes";  // as a client that is late would have it
    result.objective = {limit};
    if (load > broken_above && times-- > 0) result.verdict = {"invalid", {"the client was late"}};
    return result;
  };
  times = 100;
  Found found = search(SearchRange{}, objective_of("ttft_p95=500ms"), measure);
  CHECK_FALSE(found.holds_at);
  CHECK_FALSE(found.fails_at);
  CHECK(found.unmeasured_at == 1);
  REQUIRE(found.tries.size() == 2);
  CHECK(found.tries[0].holds == "undecided");
  CHECK(found.tries[0].why == "the client was late");
  CHECK(found.conclusion ==
        "it could not be measured at 1.00 requests/s, so its limit is not known: the client was late");
  broken_above = 3;
  times = 100;
  found = search(SearchRange{}, objective_of("ttft_p95=500ms"), measure);
  CHECK(found.holds_at == 2);
  CHECK_FALSE(found.fails_at);
  CHECK(found.conclusion ==
        "it could not be measured at 4.00 requests/s, so its limit is not known; it holds at 2.00 "
        "requests/s: the client was late");
  times = 1;  // the second measurement is a good one
  found = search(SearchRange{}, objective_of("ttft_p95=500ms"), measure);
  CHECK_FALSE(found.unmeasured_at);
  CHECK(found.fails_at.value() > 3);
}

TEST_CASE("so many errors that the objective cannot hold are an answer, though the result is invalid") {
  const auto refusing = [](double load, Instant) {
    Result result;
    result.counts.offered = 200;
    result.counts.failed = load > 3 ? 50 : 0;
    LimitText limit;
    limit.limit = "ttft_p95=500ms";
    limit.holds = load > 3 ? "no" : "yes";
    result.objective = {limit};
    if (load > 3) result.verdict = {"invalid", {"50 of 200 requests failed"}};
    return result;
  };
  const Found found = search(SearchRange{}, objective_of("ttft_p95=500ms"), refusing);
  CHECK(found.holds_at.value() <= 3);
  CHECK(found.fails_at.value() > 3);
  CHECK_FALSE(found.unmeasured_at);
  const auto full = [&](double load, Instant duration) {
    Result result = refusing(load, duration);
    if (load > 3) result.counts.errors.emplace_back(std::string(client_full), 50);
    return result;
  };
  CHECK(search(SearchRange{}, objective_of("ttft_p95=500ms"), full).unmeasured_at == 4);
}

TEST_CASE("an interrupted result ends the search") {
  SearchRange range;
  range.tries = 3;
  const auto interrupted = [](double, Instant) {
    Result result;
    result.ended = "interrupted";
    return result;
  };
  const Found ended = search(range, objective_of("ttft_p95=500ms"), interrupted);
  CHECK(ended.interrupted);
  CHECK(ended.tries.size() == 1);
  int tried = 0;
  Engine engine{.limit = 1e9};
  const auto later = [&](double load, Instant duration) {
    Result result = engine(load, duration);
    if (++tried == 3) result.ended = "interrupted";
    return result;
  };
  range.tries = 9;
  const Found third = search(range, objective_of("ttft_p95=500ms"), later);
  CHECK(third.conclusion == "it was ended before its end: it holds at 2.00 requests/s so far");
  CHECK(third.tries.back().holds == "undecided");
}

TEST_CASE("two runs of the same do not differ, and 20 % slower tokens do") {
  const Result a = made_result();
  Plan other_seed = made_plan();
  other_seed.seed = 43;
  Result b = result_of(other_seed, made_outcome(other_seed), made_setting());
  CHECK(compare(a, b).conclusion == "no difference beyond noise");
  for (double& value : b.samples->tpot) value *= 1.2;
  const Comparison slower = compare(a, b);
  for (const Difference& each : slower.differences) {
    CHECK(each.differs == (each.metric == "tpot"));
    if (each.metric == "tpot") CHECK(each.change.value() == doctest::Approx(0.2).epsilon(0.05));
  }
  CHECK(slower.conclusion.find("tpot by +") != std::string::npos);
}

TEST_CASE("runs that hang together are not taken for different ones") {
  // Of 60 pairs of runs whose level wanders, with the same mean: a plain rank test calls many of them
  // different.
  int called = 0;
  for (std::uint64_t pair = 0; pair < 60; ++pair) {
    Result runs[2];
    for (Result& run : runs) {
      run.samples.emplace();
      Random random(5, 31, pair * 2 + static_cast<std::uint64_t>(&run - runs));
      double level = 0;
      for (int i = 0; i < 400; ++i) {
        level = 0.6 * level + random.normal();
        run.samples->ttft.push_back(100 + 5 * level);
      }
    }
    for (const Difference& each : compare(runs[0], runs[1]).differences) called += each.differs ? 1 : 0;
  }
  CHECK(called <= 3);
}

TEST_CASE("an invalid result is not compared, and what was not alike is said") {
  const Result a = made_result();
  Result b = a;
  b.load.rate = 12;
  b.load.seed = 99;
  const Comparison unlike = compare(a, b);
  REQUIRE(unlike.unlike.size() == 1);
  CHECK(unlike.unlike[0] == "load rate: 10.0 and 12.0");
  b.verdict.validity = "invalid";
  CHECK(compare(a, b).differences.empty());
}

TEST_CASE("a figure that only one of two results has is not compared") {
  const Result a = made_result();
  Result b = a;
  const auto compared = [&] {
    const std::vector<Difference> all = compare(a, b).differences;
    return std::any_of(all.begin(), all.end(),
                       [](const Difference& each) { return each.metric == "request_throughput"; });
  };
  CHECK(compared());
  for (auto& [name, metric] : b.metrics)
    if (name == "request_throughput") metric.value.reset();
  CHECK_FALSE(compared());
}

TEST_CASE("no form of a result is wider than a terminal, or runs what an engine sent") {
  const Result result = made_result();
  for (const std::string& line : split(people_text(result), '\n')) CHECK(utf8_length(line) <= 80);
  Result hostile = result;
  hostile.workload.model = "\"><script>alert(1)</script>";
  hostile.description = hostile.workload.model;
  const std::string html = html_text(hostile);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("http-equiv=\"Content-Security-Policy\"") != std::string::npos);
  for (const char* outside : {"src=", "href=", "url(", "@import"})
    CHECK(html.find(outside) == std::string::npos);
  CHECK(prometheus_text(hostile).find("model=\"\\\"><script") != std::string::npos);
}
