#include "loadgen/objective.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/problem.hpp"
#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::string_view names[] = {"ttft", "tpot", "e2e"};

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Problem(Kind::usage, fmt::format("--slo: `{}`: {}", shortened(text, 60), why),
                "as in --slo ttft_p95=500ms,tpot_p95=50ms,e2e_p99=10s");
}

double milliseconds(std::string_view whole, std::string_view text) {
  double factor = 0;
  if (text.size() > 2 && text.substr(text.size() - 2) == "ms") {
    factor = 1;
    text.remove_suffix(2);
  } else if (text.size() > 1 && text.back() == 's') {
    factor = 1000;
    text.remove_suffix(1);
  }
  const auto value = number(text);
  if (factor == 0 || !value || !(*value > 0)) refuse(whole, "its limit is a time above 0 in ms or s");
  return *value * factor;
}

Limit limit_of(std::string_view text) {
  Limit limit;
  const std::size_t equals = text.find('='), under = text.substr(0, equals).find("_p");
  if (equals == std::string_view::npos || under == std::string_view::npos)
    refuse(text, "it is no METRIC_pPERCENTILE=TIME");
  const std::string_view metric = text.substr(0, under);
  bool known = false;
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == metric) {
      limit.of = static_cast<Limit::Of>(i);
      known = true;
    }
  if (!known) refuse(text, "the metric is ttft, tpot or e2e");
  const auto percentile = number(text.substr(under + 2, equals - under - 2));
  if (!percentile || !(*percentile > 0) || !(*percentile < 100))
    refuse(text, "the percentile is above 0 and below 100");
  limit.share = *percentile / 100;
  limit.most = milliseconds(text, text.substr(equals + 1));
  return limit;
}

}  // namespace

Objective objective_of(std::string_view text) {
  Objective objective;
  for (const std::string& part : split(text, ',')) objective.push_back(limit_of(trim(part)));
  return objective;
}

std::string to_text(const Limit& limit) {
  return fmt::format("{}_p{:.6g}={:.6g}ms", names[static_cast<std::size_t>(limit.of)], limit.share * 100,
                     limit.most);
}

}  // namespace mlib::loadgen
