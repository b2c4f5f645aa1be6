#include "loadgen/exact_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/problem.hpp"

namespace mlib::loadgen {
namespace {

constexpr int bound = 1024;  // longer than what a few words could leave open

}  // namespace

const std::vector<std::string>& made_words() {
  // Short common words: one token each in the vocabularies of today's models.
  static const std::vector<std::string> words = {
      "the",      "time",   "year",   "people",   "way",   "day",    "man",     "thing",  "woman",
      "life",     "child",  "world",  "school",   "state", "family", "student", "group",  "country",
      "problem",  "hand",   "part",   "place",    "case",  "week",   "company", "system", "program",
      "question", "work",   "number", "night",    "point", "home",   "water",   "room",   "mother",
      "area",     "money",  "story",  "fact",     "month", "lot",    "right",   "study",  "book",
      "eye",      "job",    "word",   "business", "issue", "side",   "kind",    "head",   "house",
      "service",  "friend", "father", "power",    "hour",  "game",   "line",    "end",    "member"};
  return words;
}

const std::vector<std::string>& made_letters() {
  static const std::vector<std::string> letters = [] {
    std::vector<std::string> made;
    for (char letter = 'a'; letter <= 'z'; ++letter) made.emplace_back(1, letter);
    return made;
  }();
  return letters;
}

ExactText::ExactText(std::string file, std::string sha256, std::vector<WordTokens> words)
    : file_(std::move(file)), sha256_(std::move(sha256)), words_(std::move(words)), ends_(bound + 1) {
  for (const WordTokens& each : words_)
    if (each.word.empty() || each.alone < 1 || each.after < 1)
      throw Problem(Kind::invalid, fmt::format("{}: `{}` cannot be {} tokens", file_, each.word, each.after));
  // One order, however they came: the same seed draws the same words, from a result too.
  std::sort(words_.begin(), words_.end(),
            [](const WordTokens& a, const WordTokens& b) { return a.word < b.word; });
  ends_[0] = true;
  std::vector<bool> begins(bound + 1);
  for (int length = 1; length <= bound; ++length)
    for (const WordTokens& each : words_) {
      const auto left = [&](int tokens) {
        return tokens > 0 && tokens <= length && can_end(length - tokens);
      };
      if (left(each.after)) ends_[static_cast<std::size_t>(length)] = true;
      if (left(each.alone)) begins[static_cast<std::size_t>(length)] = true;
    }
  least_ = bound + 1;
  const auto both = [&](int length) { return can_end(length) && begins[static_cast<std::size_t>(length)]; };
  while (least_ > 1 && both(least_ - 1)) --least_;
  if (least_ > bound / 2)
    throw Problem(Kind::unsupported,
                  fmt::format("{}: of its tokens no text of every length can be made", file_),
                  "without --tokenizer lengths are estimated");
}

bool ExactText::can_end(int left) const { return left > bound || ends_[static_cast<std::size_t>(left)]; }

void ExactText::add(std::string& to, Random random, int tokens) const {
  int left = tokens > 0 ? std::max(tokens, least_) : 0;
  while (left > 0) {
    const std::size_t first = random.below(words_.size());
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const WordTokens& word = words_[(first + i) % words_.size()];
      const int size = to.empty() ? word.alone : word.after;
      if (size > left || !can_end(left - size)) continue;
      if (!to.empty()) to += ' ';
      to += word.word;
      left -= size;
      break;
    }
  }
}

}  // namespace mlib::loadgen
