#include "api/problem_json.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace mlib::api {
namespace {

using schema::Node;

constexpr std::size_t most_findings = 100;

std::string shown(std::string_view text) { return shortened(visible(text), 500); }

Node start(const ProblemType& type, std::string_view detail, std::string_view hint) {
  Node body = Node::map();
  body.set("type", fmt::format("/problems/{}", type.slug));
  body.set("title", type.title);
  body.set("status", type.status);
  body.set("detail", shown(detail));
  if (!hint.empty()) body.set("hint", shown(hint));
  return body;
}

Node finding_body(const Finding& finding) {
  Node body = Node::map();
  body.set("fault", to_text(finding.fault));
  if (finding.warning) body.set("level", "warning");
  if (!finding.place.file.empty()) body.set("file", finding.place.file);
  if (finding.place.line > 0) {
    body.set("line", finding.place.line);
    body.set("column", finding.place.column);
  }
  body.set("pointer", shortened(json_pointer(finding.path), 200));
  body.set("message", shown(finding.message));
  if (!finding.hint.empty()) body.set("hint", shown(finding.hint));
  return body;
}

net::Reply reply_of(int status, const Node& body) {
  net::Reply reply;
  reply.status = status;
  reply.headers.emplace_back("content-type", "application/problem+json");
  reply.headers.emplace_back("cache-control", "no-store");
  reply.body = schema::to_json(body);
  return reply;
}

}  // namespace

const std::vector<ProblemType>& problem_types() {
  static const std::vector<ProblemType> types{
      {"bad-request", 400, "The request is ill-formed", "The detail says what is wrong with it."},
      {"bad-path", 400, "The path is ill-formed",
       "Paths are plain: no dot segments, backslashes, encoded slashes, control characters or bytes that are "
       "no "
       "UTF-8."},
      {"invalid-json", 400, "The body is not JSON", "The detail says where it breaks off, counted in bytes."},
      {"invalid-utf8", 400, "The body is not UTF-8", "Send JSON in UTF-8 without a byte order mark."},
      {"duplicate-key", 400, "A key is given twice",
       "Which of the two counts would be a guess: send it once."},
      {"too-deep", 400, "The body is nested too deep", "At most 64 levels."},
      {"unauthorized", 401, "Credentials are missing or wrong", "Send a key that this server knows."},
      {"forbidden", 403, "Not allowed", "Your role or the policy of this server does not allow it."},
      {"origin-not-allowed", 403, "Another site asked",
       "A browser sent this from a page of another origin; changes are taken from our own origin only."},
      {"not-found", 404, "No such thing",
       "The detail names what was looked for and, where there is one, the nearest."},
      {"method-not-allowed", 405, "The path has no such method", "The Allow header lists those that it has."},
      {"not-acceptable", 406, "No answer of that media type",
       "Answers are application/json; streams are application/jsonl or text/event-stream too."},
      {"request-timeout", 408, "The request came too slowly", "The head has 10 seconds, the body 30."},
      {"conflict", 409, "It exists already or belongs to somebody else",
       "Choose another name, or remove the other."},
      {"length-required", 411, "The body has no length", "Send Content-Length, or chunks."},
      {"too-large", 413, "Over a limit", "The detail names the limit."},
      {"payload-too-large", 413, "The body is too large", "At most 1 MiB."},
      {"uri-too-long", 414, "The request line is too long", "At most 8 KiB."},
      {"unsupported-media-type", 415, "The body's media type is not taken", "Send application/json."},
      {"unsupported-encoding", 415, "The body's encoding is not taken",
       "Send the body without Content-Encoding."},
      {"expectation-failed", 417, "No such expectation", "Only Expect: 100-continue is known."},
      {"host-not-allowed", 421, "This server is not that host",
       "The Host header must be the address this server listens on or a name it was started with."},
      {"invalid", 422, "The input is not valid",
       "Every finding names its place, the cause and what would be right."},
      {"limit-exceeded", 422, "The body holds too much", "At most 200,000 values."},
      {"headers-too-large", 431, "The head is too large",
       "At most 100 headers, 8 KiB a line, 16 KiB in all."},
      {"cancelled", 499, "The caller ended it", "The connection was closed before the answer."},
      {"internal", 500, "A defect of ours", "Nothing is wrong with the request. Please report it."},
      {"unsupported", 501, "This server or target cannot do that", "The detail says what can."},
      {"unsupported-transfer-encoding", 501, "The transfer coding is not known",
       "Send chunked, or Content-Length."},
      {"failed", 502, "The other side did it and it failed",
       "The detail has the cause, the hint the next step."},
      {"unavailable", 503, "Something that is needed does not answer",
       "The detail says what, the hint how to start it."},
      {"timeout", 504, "It took too long", "The detail says what was waited for."},
      {"version-not-supported", 505, "Not HTTP/1.1", "Send HTTP/1.1 or 1.0."},
  };
  return types;
}

const ProblemType* problem_type(std::string_view slug) {
  for (const ProblemType& type : problem_types())
    if (type.slug == slug) return &type;
  return nullptr;
}

std::string json_pointer(const Path& path) {
  std::string pointer;
  for (const Step& step : path) {
    pointer += '/';
    if (step.index >= 0) {
      pointer += fmt::format("{}", step.index);
      continue;
    }
    for (const char c : step.key) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  }
  return pointer;
}

Node problem_body(const Problem& problem) {
  const ProblemType* type = problem_type(slug(problem.kind()));
  Node body = start(type == nullptr ? problem_types().front() : *type, problem.message(), problem.hint());
  if (problem.findings().empty()) return body;
  Node findings = Node::list();
  for (const Finding& finding : problem.findings())
    if (findings.items().size() < most_findings) findings.push(finding_body(finding));
  body.set("findings", std::move(findings));
  if (problem.findings().size() > most_findings)
    body.set("more_findings", problem.findings().size() - most_findings);
  return body;
}

net::Reply problem_reply(const Problem& problem) {
  return reply_of(http_status(problem.kind()), problem_body(problem));
}

net::Reply problem_reply(const Refusal& refusal) {
  const ProblemType* found = problem_type(refusal.slug);
  const ProblemType& type = found == nullptr ? problem_types().front() : *found;
  net::Reply reply = reply_of(type.status, start(type, refusal.detail, refusal.hint));
  reply.headers.insert(reply.headers.end(), refusal.headers.begin(), refusal.headers.end());
  return reply;
}

}  // namespace mlib::api
