#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "cards/cause.hpp"
#include "cards/library.hpp"

namespace mlib::cards {
namespace {

constexpr std::string_view head = R"(# Why is my model not up?

Written from `catalog/causes/*.yaml`; do not edit: `./dev accept` writes it anew.

`mlib status NAME` tells the cause in one sentence, the evidence it was found in, and the next step; so do
`mlib deploy` and `mlib wait` when they give up. These are the causes that are known, {} of them, by where they are looked
for, the most telling place first. Each shows the sentence as it is told of the recorded text below it. What is unknown is
shown as the cluster says it.

`mlib logs NAME`, `mlib logs NAME --previous` (the run before the last restart) and `kubectl describe pod` tell more.
A cause marked *final* does not go away by waiting: `mlib deploy` gives up at once.

A new cause needs no C++: [catalog/README.md](../catalog/README.md) says how.
)";

std::string capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string signs_of(const CauseRule& rule) {
  std::vector<std::string> parts;
  for (const std::string& each : rule.reasons) parts.push_back(fmt::format("reason `{}`", each));
  for (const int each : rule.codes) parts.push_back(fmt::format("exit code `{}`", each));
  for (const std::string& each : rule.match) parts.push_back(fmt::format("`` {} ``", each));
  return parts.empty() ? "what nothing else explains" : join(parts, ", ");
}

std::string entry_of(const CauseRule& rule) {
  const Sign sign = sample_sign(rule);
  const Told told = *tell({rule}, sign);
  std::string text = fmt::format("\n### {}\n\n> {}\n\nNext: {}.{}\n\nFound by: {}.\n", rule.title,
                                 told.sentence, told.hint, rule.final ? " *Final.*" : "", signs_of(rule));
  if (!rule.sample.text.empty()) text += fmt::format("\n```text\n{}\n```\n", trim(rule.sample.text));
  return text + fmt::format("\nRecorded from: {}.\n", rule.sample.source);
}

std::string page_of(const Causes& causes) {
  std::string text = fmt::format(head, causes.size());
  for (const SignPlace& place : sign_places())
    text += fmt::format("\n- {}", capital(std::string(place.help)));
  text += '\n';
  for (const SignPlace& place : sign_places()) {
    text += fmt::format("\n## {}\n", capital(std::string(place.help)));
    for (const CauseRule& rule : causes)
      if (rule.look == place.name) text += entry_of(rule);
  }
  return text;
}

TEST_CASE("docs/why-is-my-model-not-up.md is what the causes say") {
  const std::string path = std::string(MLIB_SOURCE_DIR) + "/docs/why-is-my-model-not-up.md";
  const std::string page = page_of(load_causes(embedded()));
  if (std::getenv("MLIB_ACCEPT") != nullptr) {
    std::ofstream(path, std::ios::binary) << page;
    FAIL("it was rewritten: look at the difference, then run the test without MLIB_ACCEPT");
  }
  std::ifstream file(path, std::ios::binary);
  const std::string committed(std::istreambuf_iterator<char>(file), {});
  CHECK(committed == page);
}

}  // namespace
}  // namespace mlib::cards
