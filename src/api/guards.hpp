#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/server.hpp"

/// What is refused before a request reaches its route.
namespace mlib::api {

/// Whether a browser sent this unsafe request from a page of another origin (Origin, Sec-Fetch-Site).
bool is_cross_site(const net::Received& received);

/// The best of `offered` for an Accept header: the first offered when the header is empty or `*/*`; "" when
/// none will do.
std::string_view accepted(std::string_view accept, const std::vector<std::string_view>& offered);

}  // namespace mlib::api
