#pragma once
#include <string>
#include <utility>
#include <vector>

#include "net/server.hpp"
#include "verbs/verb.hpp"

namespace mlib::api {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// A JSON body; throws Refusal (415, 400, 422) for another media type, encoding or broken JSON.
schema::Node json_body(const net::Received& received);

/// The pairs of a query string, decoded; throws Refusal{bad-request} for a broken escape.
Parameters query_of(std::string_view query);

/// The arguments of a verb from the path's parts, the query (`a=1`, a list by repeating it, a map as
/// `set.key=1`) and, for POST, the JSON object of the body. A text of the query takes the type that `schema`
/// says where it can; the verb reports what it cannot be. Throws Refusal for a name given twice, a secret in
/// the query and for what only the command line has (`format: local`).
schema::Node arguments_of(const verbs::Verb& verb, const schema::Node& schema, const Parameters& path,
                          const net::Received& received);

}  // namespace mlib::api
