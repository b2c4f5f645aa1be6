#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace mlib::net {

/// What a well-formed request head must keep before its body is read: a Host that is allowed (400, 421), a
/// method that is no TRACE or CONNECT (405), a clean path (400 bad-path), a length where a body is due (411),
/// a body that is not encoded (415) and not over the limit (413). Fills `path` and `query`, brings `target`
/// into origin form.
std::optional<Refusal> admit(Received& request, const Framing& framing, const ServerOptions& options);

/// The reply that tells a refusal: application/problem+json, nothing of the request in it.
Reply problem_reply(const Refusal& refusal);

/// "Not Found"; "Status" for a number that has no name.
std::string_view reason(int status);

/// Head of an answer, as bytes.
struct ReplyHead {
  const Reply& reply;
  std::string_view date;  ///< "Sat, 28 Nov 2026 16:05:09 GMT"
  bool http10 = false;
  bool keep_alive = true;
};
/// Appends it to `out`; false, with `out` as it was, when the reply has a header that would break the head.
bool write_head(const ReplyHead& head, std::string& out);

/// An answer of this status never has a body.
constexpr bool bodiless(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace mlib::net
