#include "verbs/lines.hpp"

#include <algorithm>
#include <vector>

#include "base/text.hpp"

namespace mlib::verbs {
namespace {

struct Edit {
  char mark;
  std::string line;
};

std::vector<std::string> lines_of(std::string_view text) {
  if (text.empty()) return {};
  if (text.back() == '\n') text.remove_suffix(1);
  return split(text, '\n');
}

/// The shortest edit of `a` into `b`, by the longest common subsequence.
std::vector<Edit> edits(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::vector<std::size_t>> common(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      common[i][j] = a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
  std::vector<Edit> out;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      out.push_back({' ', a[i++]});
      ++j;
    } else if (i < a.size() && (j == b.size() || common[i + 1][j] >= common[i][j + 1])) {
      out.push_back({'-', a[i++]});
    } else {
      out.push_back({'+', b[j++]});
    }
  }
  return out;
}

}  // namespace

std::string line_diff(std::string_view before, std::string_view after) {
  constexpr std::ptrdiff_t around = 3;
  const std::vector<Edit> all = edits(lines_of(before), lines_of(after));
  std::vector<bool> shown(all.size());
  for (std::ptrdiff_t i = 0; i < std::ssize(all); ++i) {
    if (all[static_cast<std::size_t>(i)].mark == ' ') continue;
    for (std::ptrdiff_t k = std::max<std::ptrdiff_t>(0, i - around);
         k < std::min(std::ssize(all), i + around + 1); ++k)
      shown[static_cast<std::size_t>(k)] = true;
  }
  std::string text;
  bool gap = false;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!shown[i]) {
      gap = true;
      continue;
    }
    if (gap) text += "@@\n";
    gap = false;
    text += all[i].mark + all[i].line + '\n';
  }
  return text;
}

}  // namespace mlib::verbs
