#pragma once
#include <string>
#include <string_view>

#include "kube/paths.hpp"
#include "net/client.hpp"

namespace mlib::kube {

/// What was asked of the API server, for error texts.
struct Asked {
  std::string verb;    ///< get, list, apply, delete, …
  std::string object;  ///< "Deployment team-a/llama"
  std::string server;
  bool secret = false;   ///< the object is a Secret: nothing of the answer that may hold a value is shown
  std::size_t sent = 0;  ///< bytes of the request's body
};

/// An answer that is no success, as a Problem: reason, object, the fields with their causes, and what to do.
/// A conflict of field managers names the other manager and its fields.
Problem problem_of(const net::Answer& answer, const Asked& asked);

/// The `reason` of an answer's Status, or "".
std::string reason_of(const net::Answer& answer);
/// Whether a Status names this reason among its causes.
bool has_cause(const net::Answer& answer, std::string_view reason);

}  // namespace mlib::kube
