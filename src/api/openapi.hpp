#pragma once
#include "api/routes.hpp"

namespace mlib::api {

/// OpenAPI 3.1 of all routes.
schema::Node openapi_of(const Routes& routes);

}  // namespace mlib::api
