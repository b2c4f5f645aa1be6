#include "loadgen/workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loadgen/random.hpp"

namespace mlib::loadgen {
namespace {

// Streams of Random.
constexpr std::uint64_t prompt_length = 11, output_length = 12, text = 13, group = 14, prefix_text = 15;

// Short common words: one token each in the vocabularies of today's models.
constexpr std::string_view words[] = {
    "the",      "time",   "year",   "people",   "way",   "day",    "man",     "thing",  "woman",
    "life",     "child",  "world",  "school",   "state", "family", "student", "group",  "country",
    "problem",  "hand",   "part",   "place",    "case",  "week",   "company", "system", "program",
    "question", "work",   "number", "night",    "point", "home",   "water",   "room",   "mother",
    "area",     "money",  "story",  "fact",     "month", "lot",    "right",   "study",  "book",
    "eye",      "job",    "word",   "business", "issue", "side",   "kind",    "head",   "house",
    "service",  "friend", "father", "power",    "hour",  "game",   "line",    "end",    "member"};

int draw(const Length& length, Random random) {
  if (length.kind == Length::Kind::fixed) return std::max(static_cast<int>(length.mean), length.least);
  // Of a log-normal with that mean and deviation.
  const double ratio = length.mean > 0 ? length.deviation / length.mean : 0;
  const double sigma = std::sqrt(std::log1p(ratio * ratio));
  const double mu = std::log(std::max(length.mean, 1e-9)) - sigma * sigma / 2;
  for (int tries = 0; tries < 1000; ++tries) {
    const double x = random.normal();
    const double value =
        length.kind == Length::Kind::normal ? length.mean + length.deviation * x : std::exp(mu + sigma * x);
    if (value >= length.least && value <= length.most) return static_cast<int>(std::lround(value));
  }
  return std::clamp(static_cast<int>(length.mean), length.least, length.most);
}

void add_words(std::string& to, Random random, int count) {
  for (int i = 0; i < count; ++i) {
    if (!to.empty()) to += ' ';
    to += words[random.below(std::size(words))];
  }
}

}  // namespace

const std::vector<std::string>& instructions() {
  static const std::vector<std::string> all = {"Name three primary colours.",
                                               "Write a sentence about the sea.",
                                               "Translate `good morning` into French.",
                                               "What is the capital of Japan?",
                                               "List five fruits.",
                                               "Explain gravity to a child.",
                                               "Give a synonym of happy.",
                                               "What is 17 times 6?",
                                               "Write a haiku about autumn.",
                                               "Name the largest planet.",
                                               "Summarize the plot of Romeo and Juliet in one sentence.",
                                               "What do bees make?",
                                               "Suggest a name for a cat.",
                                               "Describe the taste of a lemon.",
                                               "Give two uses of a paper clip.",
                                               "What is the opposite of cold?",
                                               "Write a short thank-you note.",
                                               "Name a country in South America.",
                                               "How many days has a leap year?",
                                               "Explain what a computer does.",
                                               "Give an example of a metaphor.",
                                               "What is the boiling point of water in Celsius?",
                                               "Name an instrument with strings.",
                                               "Write the first line of a fairy tale.",
                                               "What colour do blue and yellow make?"};
  return all;
}

Ask ask_of(const Workload& workload, std::uint64_t seed, std::uint64_t index) {
  Ask ask;
  ask.max_tokens = draw(workload.output, Random(seed, output_length, index));
  ask.ignore_end = workload.ignore_end;
  if (!workload.prompts.empty()) {
    ask.prompt = workload.prompts[index % workload.prompts.size()];
    return ask;
  }
  const int tokens = draw(workload.prompt, Random(seed, prompt_length, index));
  if (workload.groups > 0) {
    const std::uint64_t which = Random(seed, group, index).below(static_cast<std::uint64_t>(workload.groups));
    add_words(ask.prompt, Random(seed, prefix_text, which), workload.prefix);
  }
  Random random(seed, text, index);
  const std::string own = fmt::format("{:x}", random.next() >> 44U);  // about two or three tokens
  ask.prompt += (ask.prompt.empty() ? "" : " ") + own;
  add_words(ask.prompt, random, std::max(tokens - 3, 0));
  ask.prompt_tokens = tokens + (workload.groups > 0 ? workload.prefix : 0);
  return ask;
}

}  // namespace mlib::loadgen
