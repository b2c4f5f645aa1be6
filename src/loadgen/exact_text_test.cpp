#include "loadgen/exact_text.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

#include "base/text.hpp"
#include "loadgen/made_result.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// As by the bed's made weights: words cost a token a letter and one for the space, but `a`.
std::vector<WordTokens> costly() { return {{"the", 4, 4}, {"time", 5, 5}, {"place", 5, 6}, {"a", 1, 1}}; }

int tokens_of(const std::string& text, const std::vector<WordTokens>& words) {
  int tokens = 0;
  bool first = true;
  for (const std::string& word : split(text, ' ')) {
    for (const WordTokens& each : words)
      if (each.word == word) tokens += first ? each.alone : each.after;
    first = false;
  }
  return tokens;
}

Workload exactly(std::vector<WordTokens> words) {
  Workload workload;
  workload.exact = std::make_shared<const ExactText>("made.gguf", "abc", std::move(words));
  return workload;
}

}  // namespace

TEST_CASE("made text has exactly so many tokens, whatever its words cost") {
  const ExactText text("made.gguf", "abc", costly());
  CHECK(text.least() == 1);
  std::set<std::string> all;
  for (int tokens = 1; tokens <= 300; ++tokens) {
    std::string made;
    text.add(made, Random(7, 1, static_cast<std::uint64_t>(tokens)), tokens);
    CHECK(tokens_of(made, costly()) == tokens);
    all.insert(made);
  }
  CHECK(all.size() == 300);
  std::string nothing;
  text.add(nothing, Random(7, 1, 1), 0);
  CHECK(nothing.empty());
}

TEST_CASE("a prefix and what follows it are counted together, blocks of a trace each") {
  Workload workload = exactly(costly());
  workload.prompt = {Length::Kind::normal, 60, 20};
  workload.groups = 2;
  workload.prefix = 33;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const Ask ask = ask_of(workload, 3, i);
    CHECK(tokens_of(ask.prompt, costly()) == ask.prompt_tokens);
  }
  Script trace;
  trace.prompt_tokens = 700;
  trace.blocks = {4, 5};
  workload.scripts = {trace};
  CHECK(tokens_of(ask_of(workload, 3, 0).prompt, costly()) == 700);
}

TEST_CASE("what cannot be made of the words that there are is refused, with the least that can") {
  CHECK_THROWS_WITH_AS(ExactText("made.gguf", "", {{"the", 4, 4}, {"of", 2, 2}}),
                       "made.gguf: of its tokens no text of every length can be made", Problem);
  CHECK_THROWS_AS(ExactText("made.gguf", "", {}), Problem);
  CHECK_THROWS_AS(ExactText("made.gguf", "", {{"the", 0, 1}}), Problem);
  Workload workload = exactly({{"the", 3, 3}, {"of", 2, 2}});
  CHECK(workload.exact->least() == 2);
  workload.prompt.mean = 1;
  CHECK_THROWS_WITH_AS(check(workload),
                       "`prompt tokens` has to be 2 or more: by made.gguf made text is not shorter", Problem);
  workload.prompt.mean = 2;
  check(workload);
  workload.prompts = {"mine"};
  workload.prompt.mean = 1;
  check(workload);
}

TEST_CASE("a result holds the words, so that it is repeated without the tokenizer's file") {
  Plan plan = made_plan();
  CHECK(result_of(plan, made_outcome(plan), {}).workload.prompt_length == "estimated");
  plan.workload = exactly({{"year"}, {"place", 1, 2}, {"the"}});
  plan.workload.prompt = {Length::Kind::fixed, 9};
  const Result result = result_of(plan, made_outcome(plan), {});
  CHECK(result.workload.prompt_length == "exact");
  CHECK(result.workload.tokenizer->single == "the year");
  CHECK(result.workload.tokenizer->words.at(0).after == 2);
  const Plan back = plan_of(result_from(to_node(result)));
  CHECK(back.workload.exact->sha256() == "abc");
  for (std::uint64_t i = 0; i < 20; ++i)
    CHECK(ask_of(back.workload, 1, i).prompt == ask_of(plan.workload, 1, i).prompt);
}
