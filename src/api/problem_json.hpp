#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/server.hpp"
#include "schema/document.hpp"

/// Errors of /api/v1 as RFC 9457 `application/problem+json`; each type is a page at /problems/SLUG.
namespace mlib::api {

/// A type of problem: its slug, HTTP status, title, and what to do about it.
struct ProblemType {
  std::string_view slug;
  int status;
  std::string_view title;
  std::string_view text;
};
/// All of them, in the order of their status.
const std::vector<ProblemType>& problem_types();
/// Null when there is none of that slug.
const ProblemType* problem_type(std::string_view slug);

/// A refusal that only HTTP knows (Content-Type, Accept, Origin, broken JSON, …); thrown and caught in api/.
struct Refusal {
  std::string_view slug;
  std::string detail;
  std::string hint = {};
  net::Headers headers = {};
};

/// {"type", "title", "status", "detail", "hint"?, "findings"?}: at most 100 findings, each with its JSON
/// pointer (or line and column), its message and hint.
schema::Node problem_body(const Problem& problem);
net::Reply problem_reply(const Problem& problem);
net::Reply problem_reply(const Refusal& refusal);

/// RFC 6901: `/spec/gpus/0`.
std::string json_pointer(const Path& path);

}  // namespace mlib::api
