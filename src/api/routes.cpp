#include "api/routes.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace mlib::api {
namespace {

struct FixedRow {
  Fixed fixed;
  std::string_view method;
  std::string_view path;
  std::string_view summary;
};
constexpr FixedRow fixed_rows[] = {
    {Fixed::get_all, "GET", "/get_all", "Every card, whole (the original's call)"},
    {Fixed::create, "POST", "/create", "Template and user to Kubernetes objects (the original's call)"},
    {Fixed::validate_template, "POST", "/validate_template",
     "Check a template's shape (the original's call)"},
    {Fixed::healthz, "GET", "/healthz", "The process lives"},
    {Fixed::readyz, "GET", "/readyz", "The library is loaded"},
    {Fixed::version, "GET", "/version", "Version of this program"},
    {Fixed::metrics, "GET", "/metrics", "Figures for Prometheus"},
    {Fixed::openapi, "GET", "/openapi.json", "This description"},
    {Fixed::docs, "GET", "/docs", "All calls, for people"},
    {Fixed::problem, "GET", "/problems/{slug}", "What a type of problem means"},
};

bool is_name(std::string_view part) { return part.size() > 2 && part.front() == '{' && part.back() == '}'; }

/// Whether `parts` lead along `path`; fills the parameters.
bool leads(const std::vector<std::string>& parts, const std::vector<std::string>& path,
           Parameters& parameters) {
  if (parts.size() != path.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!is_name(parts[i])) {
      if (parts[i] != path[i]) return false;
    } else if (path[i].empty()) {
      return false;
    } else {
      parameters.emplace_back(parts[i].substr(1, parts[i].size() - 2), path[i]);
    }
  }
  return true;
}

}  // namespace

std::string_view method_name(verbs::Method method) {
  switch (method) {
    case verbs::Method::get:
      return "GET";
    case verbs::Method::post:
      return "POST";
    case verbs::Method::del:
      return "DELETE";
  }
  return "GET";
}

Routes::Routes() {
  for (const FixedRow& row : fixed_rows) {
    Route route{std::string(row.method), std::string(row.path), std::string(row.summary), row.fixed};
    all_.push_back(std::move(route));
  }
  for (const verbs::Verb& verb : verbs::table()) {
    if (verb.path.empty()) continue;
    Route route{std::string(method_name(verb.method)), std::string(verb.path), std::string(verb.summary)};
    route.verb = &verb;
    route.schema = verb.arguments();
    all_.push_back(std::move(route));
  }
  for (Route& route : all_) route.parts = split(route.path, '/');
}

Found Routes::find(std::string_view method, std::string_view path) const {
  if (path.find('{') == std::string_view::npos)
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (all_[i].path == path && all_[i].method == method) return {i, {}, {}};
  Found found{all_.size()};
  const std::vector<std::string> parts = split(path, '/');
  for (std::size_t i = 0; i < all_.size(); ++i) {
    Parameters parameters;
    if (!leads(all_[i].parts, parts, parameters)) continue;
    if (all_[i].method != method) {
      found.allowed.push_back(all_[i].method);
    } else if (found.index == all_.size() || parameters.size() < found.parameters.size()) {
      found.index = i;
      found.parameters = std::move(parameters);
    }
  }
  if (found.index < all_.size()) found.allowed.clear();
  std::sort(found.allowed.begin(), found.allowed.end());
  found.allowed.erase(std::unique(found.allowed.begin(), found.allowed.end()), found.allowed.end());
  return found;
}

}  // namespace mlib::api
