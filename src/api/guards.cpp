#include "api/guards.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace mlib::api {
namespace {

/// 1.0 when the range has no q, which is also what a broken one counts as.
double quality(std::string_view range) {
  const std::size_t at = lower(range).find(";q=");
  if (at == std::string::npos) return 1;
  double value = 1;
  std::from_chars(range.data() + at + 3, range.data() + range.size(), value);
  return value;
}

}  // namespace

bool is_cross_site(const net::Received& received) {
  if (received.method == "GET" || received.method == "HEAD" || received.method == "OPTIONS") return false;
  const std::string site = lower(received.header("sec-fetch-site"));
  if (site == "cross-site" || site == "same-site") return true;
  const std::string origin = lower(received.header("origin"));
  if (origin.empty()) return false;
  const std::size_t scheme = origin.find("://");
  return scheme == std::string::npos || origin.substr(scheme + 3) != lower(received.header("host"));
}

std::string_view accepted(std::string_view accept, const std::vector<std::string_view>& offered) {
  if (trim(accept).empty()) return offered.front();
  std::string_view best;
  double best_quality = 0;
  for (const std::string& range : split(accept, ',')) {
    const std::string type = lower(trim(std::string_view(range).substr(0, range.find(';'))));
    std::string squeezed;
    std::copy_if(range.begin(), range.end(), std::back_inserter(squeezed), [](char c) { return c != ' '; });
    const double value = quality(squeezed);
    for (const std::string_view each : offered) {
      const bool same = type == each || type == "*/*" ||
                        (type.ends_with("/*") && each.starts_with(type.substr(0, type.size() - 1)));
      if (same && value > best_quality) {
        best = each;
        best_quality = value;
      }
    }
  }
  return best;
}

}  // namespace mlib::api
