#include "base/problem.hpp"

#include <fmt/format.h>

#include <array>

#include "base/text.hpp"

namespace mlib {
namespace {

struct KindRow {
  Kind kind;
  std::string_view slug;
  int status;
  int exit;
};
constexpr std::array kinds{
    KindRow{Kind::invalid, "invalid", 422, 2},
    KindRow{Kind::usage, "bad-request", 400, 2},
    KindRow{Kind::unauthorized, "unauthorized", 401, 4},
    KindRow{Kind::forbidden, "forbidden", 403, 4},
    KindRow{Kind::not_found, "not-found", 404, 3},
    KindRow{Kind::conflict, "conflict", 409, 5},
    KindRow{Kind::too_large, "too-large", 413, 2},
    KindRow{Kind::unsupported, "unsupported", 501, 6},
    KindRow{Kind::unavailable, "unavailable", 503, 7},
    KindRow{Kind::timeout, "timeout", 504, 8},
    KindRow{Kind::failed, "failed", 502, 1},
    KindRow{Kind::cancelled, "cancelled", 499, 130},
    KindRow{Kind::internal, "internal", 500, 70},
};

const KindRow& row(Kind kind) {
  for (const KindRow& each : kinds)
    if (each.kind == kind) return each;
  return kinds.back();
}

/// The line with a caret under the column; tabs before it are kept so that the caret lands right.
std::string pointed(const Finding& finding) {
  constexpr std::size_t widest = 160;
  std::string line = finding.excerpt.substr(0, widest);
  std::string under;
  const std::size_t bytes = static_cast<std::size_t>(std::max(0, finding.place.column - 1));
  std::size_t column = 0;
  for (std::size_t i = 0; i < line.size() && column < bytes; ++i) {
    if (is_utf8_continuation(line[i])) continue;
    under += line[i] == '\t' ? '\t' : ' ';
    ++column;
  }
  return fmt::format("\n  {}\n  {}^", line, under);
}

}  // namespace

int http_status(Kind kind) { return row(kind).status; }
int exit_code(Kind kind) { return row(kind).exit; }
std::string_view slug(Kind kind) { return row(kind).slug; }

std::string_view to_text(Fault fault) {
  switch (fault) {
    case Fault::syntax:
      return "syntax";
    case Fault::unknown_field:
      return "unknown-field";
    case Fault::missing:
      return "missing";
    case Fault::wrong_type:
      return "wrong-type";
    case Fault::out_of_range:
      return "out-of-range";
    case Fault::not_allowed:
      return "not-allowed";
    case Fault::duplicate:
      return "duplicate";
    case Fault::reference:
      return "reference";
    case Fault::limit:
      return "limit";
  }
  return "syntax";
}

std::string to_text(const Path& path) {
  std::string text;
  for (const Step& step : path) {
    if (step.index >= 0) {
      text += fmt::format("[{}]", step.index);
    } else {
      if (!text.empty()) text += '.';
      text += step.key;
    }
  }
  return text;
}

std::string to_text(const Finding& finding) {
  std::string text;
  if (!finding.place.file.empty()) text = finding.place.file + ':';
  if (finding.place.line > 0) text += fmt::format("{}:{}:", finding.place.line, finding.place.column);
  if (!text.empty()) text += ' ';
  text += (finding.warning ? "warning: " : "error: ") + visible(finding.message);
  if (!finding.excerpt.empty() && finding.place.line > 0) text += pointed(finding);
  if (!finding.hint.empty()) text += "\n  hint: " + visible(finding.hint);
  return text;
}

std::string to_text(const Problem& problem) {
  std::string text;
  if (problem.findings().empty()) {
    text = "error: " + visible(problem.message());
  } else {
    for (const Finding& finding : problem.findings()) text += to_text(finding) + '\n';
    text += "error: " + visible(problem.message());
  }
  if (!problem.hint().empty()) text += "\n  hint: " + visible(problem.hint());
  return text;
}

}  // namespace mlib
