#pragma once
#include "api/routes.hpp"

/// A verb over HTTP.
namespace mlib::api {

/// Runs the route's verb. A call answers its value as JSON, a GET with an ETag. A stream answers JSON lines,
/// or server-sent events, as Accept asks; with `Accept: application/json` it is run to its end and its result
/// is the answer, with the status of its failure. Throws Problem and Refusal.
net::Reply run_verb(const verbs::World& world, const verbs::Caller& caller, const Route& route,
                    const Parameters& path, const net::Received& received);

/// Whether an If-None-Match header holds `etag` (quoted; weak ones count).
bool has_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace mlib::api
