#include "formats/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace mlib::formats {
namespace {

constexpr std::size_t longest_name = 63;

void part(std::string& text, std::string_view heading, const std::vector<Remark>& remarks) {
  if (remarks.empty()) return;
  text += fmt::format("{}:\n", heading);
  std::size_t widest = 0;
  for (const Remark& each : remarks) widest = std::max(widest, std::min<std::size_t>(each.field.size(), 28));
  for (const Remark& each : remarks) {
    std::string why = each.from;
    if (!each.reason.empty()) why += (why.empty() ? "" : ": ") + each.reason;
    text += fmt::format("  {:<{}}  {}\n", each.field, widest, why);
  }
}

}  // namespace

std::string to_text(const Report& report) {
  std::string text;
  part(text, "taken", report.taken);
  part(text, "guessed", report.guessed);
  part(text, "left out", report.left_out);
  part(text, "cannot all be true", report.contradictions);
  part(text, "would not validate", report.refused);
  return text;
}

std::string name_from(std::string_view text) {
  std::string name;
  for (const char c : lower(text)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain)
      name += c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  name.resize(std::min(name.size(), longest_name));
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name;
}

}  // namespace mlib::formats
