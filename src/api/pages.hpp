#pragma once
#include <string>

#include "api/problem_json.hpp"
#include "api/routes.hpp"

/// The few pages for people: plain HTML without a script.
namespace mlib::api {

/// All calls, by path.
net::Reply docs_page(const Routes& routes);
/// What a type of problem means; Refusal{not-found} for an unknown slug.
net::Reply problem_page(const std::string& slug);
/// `<`, `>`, `&` and quotes as entities.
std::string html_escaped(std::string_view text);

}  // namespace mlib::api
