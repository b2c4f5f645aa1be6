#include "loadgen/workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/problem.hpp"
#include "loadgen/random.hpp"

namespace mlib::loadgen {
namespace {

// Streams of Random.
constexpr std::uint64_t prompt_length = 11, output_length = 12, text = 13, group = 14, prefix_text = 15,
                        turn_count = 16, block_text = 17, own_word = 18;
constexpr std::uint64_t of_turn = 1ULL << 48U;  // what a later question adds to its conversation's number

int draw_of_bins(const Length& length, Random random) {
  double total = 0;
  for (const Bin& bin : length.bins) total += bin.weight;
  double left = random.uniform() * total;
  for (const Bin& bin : length.bins) {
    left -= bin.weight;
    if (left <= 0 || &bin == &length.bins.back())
      return bin.least + static_cast<int>(random.below(static_cast<std::uint64_t>(bin.most - bin.least) + 1));
  }
  return length.least;
}

int draw(const Length& length, Random random) {
  if (length.kind == Length::Kind::histogram) return draw_of_bins(length, random);
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

void add_words(std::string& to, const Workload& workload, Random random, int count) {
  if (workload.exact != nullptr) return workload.exact->add(to, random, count);
  const std::vector<std::string>& words = made_words();
  for (int i = 0; i < count; ++i) {
    if (!to.empty()) to += ' ';
    to += words[random.below(words.size())];
  }
}

/// A word that none of a million requests shares with another: its number, through steps each of which can be
/// undone. About two or three tokens.
std::string own_word_of(std::uint64_t seed, std::uint64_t number) {
  constexpr std::uint64_t bits = 20, all = (1U << bits) - 1;
  const std::uint64_t key = Random(seed, own_word, number >> bits).next();
  std::uint64_t word = number & all;
  for (std::uint64_t round = 0; round < 3; ++round) {
    word = ((word + (key >> (round * bits))) * 0x9E375) & all;
    word ^= word >> (bits / 2);
  }
  return fmt::format("{:x}", word);
}

/// Text that no other request has: it begins with a word of its own. Exact text has none but known words,
/// drawn anew for each request.
void add_own_text(std::string& to, const Workload& workload, std::uint64_t seed, std::uint64_t number,
                  int tokens) {
  const Random random(seed, text, number);
  if (workload.exact != nullptr) return workload.exact->add(to, random, tokens);
  to += (to.empty() ? "" : " ") + own_word_of(seed, number);
  add_words(to, workload, random, std::max(tokens - 3, 0));
}

void add_script(Ask& ask, const Workload& workload, std::uint64_t seed, std::uint64_t index, int turn) {
  const Script& script = workload.scripts[index % workload.scripts.size()];
  int answer = script.answer_tokens;
  if (!script.questions.empty()) {
    const Script::Question& question =
        script.questions[std::min(static_cast<std::size_t>(turn), script.questions.size() - 1)];
    ask.prompt = question.text;
    answer = question.answer_tokens;
  } else if (script.blocks.empty()) {
    add_own_text(ask.prompt, workload, seed, index, script.prompt_tokens);
  } else {
    int left = script.prompt_tokens;
    for (const std::uint64_t block : script.blocks) {
      add_words(ask.prompt, workload, Random(seed, block_text, block), std::min(left, block_tokens));
      left = std::max(left - block_tokens, 0);
    }
  }
  ask.prompt_tokens = script.questions.empty() ? script.prompt_tokens : 0;
  if (answer > 0) ask.max_tokens = answer;
}

constexpr double most_tokens = 1e9;

void check(const Length& length, const char* field) {
  const auto refuse = [&](const std::string& why) {
    throw Problem(Kind::usage, fmt::format("`{}` {}", field, why));
  };
  if (length.kind != Length::Kind::histogram) {
    if (!(length.mean >= 0) || !(length.deviation >= 0)) refuse("has to be 0 or more");
    if (length.mean > most_tokens || length.deviation > most_tokens)
      refuse(fmt::format("has to be {:.0f} or less", most_tokens));
    return;
  }
  double total = 0;
  for (const Bin& bin : length.bins) {
    if (bin.least < 1 || bin.most < bin.least)
      refuse(fmt::format("has a bin from {} to {}: it has to rise from 1 or more", bin.least, bin.most));
    if (!(bin.weight >= 0) || !std::isfinite(bin.weight)) refuse("has a bin whose weight is below 0");
    total += bin.weight;
  }
  if (!(total > 0)) refuse("is a histogram without a bin whose weight is above 0");
}

/// Made text may be too short for the words that there are.
void check_exact(const Workload& workload) {
  const int least = workload.exact->least();
  const auto refuse = [&](int tokens, const char* field) {
    if (tokens > 0 && tokens < least)
      throw Problem(Kind::usage, fmt::format("`{}` has to be {} or more: by {} made text is not shorter",
                                             field, least, workload.exact->file()));
  };
  for (const Script& script : workload.scripts)
    if (script.questions.empty()) refuse(script.prompt_tokens, "input length");
  if (!workload.scripts.empty()) return;
  const Length& prompt = workload.prompt;
  if (prompt.kind == Length::Kind::fixed)
    refuse(std::max(static_cast<int>(prompt.mean), prompt.least), "prompt tokens");
  else if (prompt.kind == Length::Kind::histogram)
    for (const Bin& bin : prompt.bins) refuse(bin.least, "prompt tokens");
  else
    refuse(prompt.least, "prompt tokens");
  refuse(workload.prefix, "prefix tokens");
}

}  // namespace

void check(const Workload& workload) {
  check(workload.prompt, "prompt tokens");
  check(workload.output, "output tokens");
  check(workload.turns, "turns");
  if (workload.exact != nullptr && makes_text(workload)) check_exact(workload);
}

bool makes_text(const Workload& workload) {
  if (workload.scripts.empty()) return workload.prompts.empty();
  return std::any_of(workload.scripts.begin(), workload.scripts.end(),
                     [](const Script& script) { return script.questions.empty(); });
}

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

bool converses(const Workload& workload) {
  if (workload.scripts.empty()) return workload.turns.kind != Length::Kind::fixed || workload.turns.mean > 1;
  return std::any_of(workload.scripts.begin(), workload.scripts.end(),
                     [](const Script& script) { return script.questions.size() > 1; });
}

int turns_of(const Workload& workload, std::uint64_t seed, std::uint64_t conversation) {
  if (workload.scripts.empty()) return draw(workload.turns, Random(seed, turn_count, conversation));
  const Script& script = workload.scripts[conversation % workload.scripts.size()];
  return std::max(static_cast<int>(script.questions.size()), 1);
}

Ask ask_of(const Workload& workload, std::uint64_t seed, std::uint64_t index, int turn) {
  const std::uint64_t number = index + static_cast<std::uint64_t>(turn) * of_turn;
  Ask ask;
  ask.max_tokens = draw(workload.output, Random(seed, output_length, number));
  ask.ignore_end = workload.ignore_end;
  if (!workload.scripts.empty()) {
    add_script(ask, workload, seed, index, turn);
  } else if (!workload.prompts.empty()) {
    ask.prompt = workload.prompts[index % workload.prompts.size()];
    // The second time round a cache would know them.
    if (index >= workload.prompts.size()) ask.prompt = own_word_of(seed, index) + ' ' + ask.prompt;
  } else {
    const int tokens = draw(workload.prompt, Random(seed, prompt_length, number));
    const bool shares = workload.groups > 0 && turn == 0;
    if (shares) {
      const std::uint64_t which =
          Random(seed, group, index).below(static_cast<std::uint64_t>(workload.groups));
      add_words(ask.prompt, workload, Random(seed, prefix_text, which), workload.prefix);
    }
    add_own_text(ask.prompt, workload, seed, number, tokens);
    ask.prompt_tokens = tokens + (shares ? workload.prefix : 0);
  }
  return ask;
}

}  // namespace mlib::loadgen
