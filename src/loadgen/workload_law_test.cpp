// What is asked, held against what was ordered: distributions, what is shared and what is not, one seed.
#include <doctest/doctest.h>

#include <map>
#include <set>

#include "loadgen/laws.hpp"
#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

constexpr std::uint64_t many = 4000;

/// Lengths as they are drawn for answers, for prompts, and for conversations.
std::vector<std::vector<double>> drawn(const Length& length) {
  Workload workload;
  workload.output = workload.prompt = workload.turns = length;
  std::vector<std::vector<double>> all(3);
  for (std::uint64_t i = 0; i < many; ++i) {
    const Ask ask = ask_of(workload, 1, i);
    all[0].push_back(ask.max_tokens);
    all[1].push_back(ask.prompt_tokens);
    all[2].push_back(turns_of(workload, 1, i));
  }
  return all;
}

void follow(const Length& length, const std::function<double(double)>& law) {
  for (const std::vector<double>& values : drawn(length)) {
    CHECK(distance(values, law, 1) < distance_limit(many));
    CHECK(std::abs(correlation(values)) < 3.29 / std::sqrt(static_cast<double>(many)));
  }
}

std::multiset<std::string> asked(const StubServer& server) {
  const std::vector<std::string> bodies = server.bodies();
  return {bodies.begin(), bodies.end()};
}

}  // namespace

TEST_CASE("normal and log-normal lengths follow their distributions (Kolmogorov-Smirnov)") {
  follow({Length::Kind::normal, 100, 20}, [](double x) { return normal_law((x - 100) / 20); });
  const double sigma = std::sqrt(std::log1p(0.6 * 0.6)), mu = std::log(100) - sigma * sigma / 2;
  follow({Length::Kind::lognormal, 100, 60},
         [sigma, mu](double x) { return normal_law((std::log(x) - mu) / sigma); });
}

TEST_CASE("what is drawn outside its bounds is drawn again, and does not lie at them") {
  follow({Length::Kind::normal, 100, 20, 90, 120}, [](double x) {
    const double low = normal_law(-0.5), high = normal_law(1);
    return (normal_law((std::min(x, 120.0) - 100) / 20) - low) / (high - low);
  });
}

TEST_CASE("fixed lengths are fixed, and a histogram's are as often as it says (chi-square)") {
  for (const std::vector<double>& values : drawn({Length::Kind::fixed, 37}))
    CHECK(std::count(values.begin(), values.end(), 37.0) == many);
  for (const std::vector<double>& values :
       drawn({.kind = Length::Kind::histogram, .bins = {{10, 19, 3}, {5, 6, 0}, {100, 100, 1}}})) {
    std::map<double, double> found;
    for (const double value : values) ++found[value];
    REQUIRE(found.size() == 11);
    std::vector<double> counts, expected(11, 300);
    expected.back() = 1000;
    for (const auto& [value, count] : found) counts.push_back(count);
    CHECK(chi_square(counts, expected) < chi_square_limit(10));
  }
}

TEST_CASE("shared prefixes are as many as were asked for, each as often as another (chi-square)") {
  Workload workload;
  workload.groups = 8;
  workload.prefix = 40;
  workload.prompt.mean = 10;
  std::map<std::string, double> found;
  std::set<std::string> whole;
  for (std::uint64_t i = 0; i < many; ++i) {
    const std::string prompt = ask_of(workload, 1, i).prompt;
    std::size_t end = 0;
    for (int words = 0; words < 40; ++words) end = prompt.find(' ', end + 1);
    ++found[prompt.substr(0, end)];
    whole.insert(prompt.substr(end));
  }
  REQUIRE(found.size() == 8);
  std::vector<double> counts;
  for (const auto& [prefix, count] : found) counts.push_back(count);
  CHECK(chi_square(counts, std::vector<double>(8, many / 8.0)) < chi_square_limit(7));
  CHECK(whole.size() == many);
}

TEST_CASE("a hundred thousand made prompts each begin with a word of their own, the shortest too") {
  Workload workload;
  workload.prompt.mean = 1;
  for (const std::uint64_t seed : {1, 2}) {
    std::set<std::string> words;
    for (std::uint64_t i = 0; i < 100'000; ++i) words.insert(ask_of(workload, seed, i).prompt);
    CHECK(words.size() == 100'000);
    CHECK(words.begin()->find(' ') == std::string::npos);
  }
  workload.prompt.mean = 20;
  CHECK(ask_of(workload, 1, 7).prompt != ask_of(workload, 2, 7).prompt);
  CHECK(ask_of(workload, 1, 7).prompt == ask_of(workload, 1, 7).prompt);
}

TEST_CASE("the 25 instructions are asked as they are once, and then each behind a word of its own") {
  Workload workload;
  workload.prompts = instructions();
  std::set<std::string> all;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::string prompt = ask_of(workload, 1, i).prompt, &instruction = instructions()[i % 25];
    CHECK(prompt.ends_with(instruction));
    CHECK((prompt == instruction) == (i < 25));
    all.insert(prompt);
  }
  CHECK(all.size() == 200);
}

TEST_CASE("a warm-up does not ask what the run will ask, even of one's own requests") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Plan plan = plan_for(server, 200, 4);
  plan.warm_up = 3;
  Script one, two;
  one.questions = {{"What is asked first?"}};
  two.questions = {{"And then?"}};
  plan.workload.scripts = {one, two};
  CHECK(measured(plan).metrics.good == 4);
  const std::vector<std::string> bodies = server.bodies();
  REQUIRE(bodies.size() == 7);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(bodies[i].find(fmt::format("\"warm-up {}: ", i + 1)) != std::string::npos);
    CHECK(std::count(bodies.begin(), bodies.end(), bodies[i]) == 1);
  }
  for (std::size_t i = 3; i < 7; ++i)
    CHECK(bodies[i].find(i % 2 == 1 ? "\"What is asked first?\"" : "\"And then?\"") != std::string::npos);
}

TEST_CASE("the same plan asks the same at the same instants, however fast the answers are") {
  const StubServer quick({.ttft = 0, .gap = 0, .tokens = 1}),
      slow({.ttft = 80'000'000, .gap = 0, .tokens = 1});
  std::vector<std::vector<Instant>> due;
  for (const StubServer* server : {&quick, &slow}) {
    Plan plan = plan_for(*server, 100, 60);
    plan.arrivals.kind = Arrivals::Kind::gamma;
    plan.arrivals.burstiness = 0.5;
    plan.warm_up = 0;
    plan.workload.prompt = plan.workload.output = {Length::Kind::lognormal, 30, 20};
    const Outcome outcome = measured(plan);
    due.emplace_back();
    for (const Sample& sample : outcome.samples) due.back().push_back(sample.scheduled);
    CHECK(due.back() == schedule(plan.arrivals, plan.stop, plan.seed));
    CHECK(outcome.schedule == fingerprint(due.back()));
  }
  CHECK(due[0] == due[1]);
  CHECK(asked(quick) == asked(slow));
}

TEST_CASE("users ask the same, however many they are and whoever is first") {
  const StubServer one({.ttft = 0, .gap = 0, .tokens = 1}), four({.ttft = 3'000'000, .gap = 0, .tokens = 1});
  Plan plan = plan_for(one, 1, 48);
  plan.warm_up = 0;
  plan.users = 1;
  measured(plan);
  plan.endpoint.url = four.url();
  plan.users = 4;
  measured(plan);
  CHECK(asked(one) == asked(four));
}
