#include "cards/regex.hpp"

#include <re2/re2.h>

#include <map>
#include <memory>

namespace mlib::cards {
namespace {

/// A catalogue's cards share a handful of patterns; compiling one takes as long as matching it hundreds of
/// times.
constexpr std::size_t most_kept = 64;

constexpr std::int64_t most_memory = std::int64_t{1} << 20;

std::unique_ptr<re2::RE2> compiled(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(most_memory);
  return std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
}

}  // namespace

std::string regex_fault(std::string_view pattern) {
  const auto made = compiled(pattern);
  return made->ok() ? "" : made->error();
}

bool regex_matches(std::string_view pattern, std::string_view text) {
  thread_local std::map<std::string, std::unique_ptr<re2::RE2>, std::less<>> kept;
  auto found = kept.find(pattern);
  if (found == kept.end()) {
    if (kept.size() >= most_kept) kept.clear();
    found = kept.emplace(pattern, compiled(pattern)).first;
  }
  return found->second->ok() &&
         re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *found->second);
}

}  // namespace mlib::cards
