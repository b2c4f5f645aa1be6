#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "api/arguments.hpp"

namespace mlib::api {

/// A fixed route besides the verbs: what answers it is in App.
enum class Fixed {
  get_all,
  create,
  validate_template,
  healthz,
  readyz,
  version,
  metrics,
  openapi,
  docs,
  problem
};

struct Route {
  std::string method;
  std::string path;  ///< with {name} parts
  std::string summary;
  Fixed fixed = Fixed::get_all;
  const verbs::Verb* verb = nullptr;  ///< set for a verb; `fixed` counts otherwise
  schema::Node schema = {};           ///< JSON Schema of a verb's arguments
  std::vector<std::string> parts = {};
};

std::string_view method_name(verbs::Method method);

/// What a method and path lead to: a route, or the methods that the path has, or neither.
struct Found {
  std::size_t index = 0;  ///< of the route; the number of routes when there is none
  Parameters parameters = {};
  std::vector<std::string> allowed = {};
};

/// All routes: the original's, the service's, then the verbs'.
class Routes {
 public:
  Routes();
  const std::vector<Route>& all() const { return all_; }
  /// A literal part of a path beats a {name} part.
  Found find(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> all_;
};

}  // namespace mlib::api
