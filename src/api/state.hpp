#pragma once
#include <memory>
#include <mutex>
#include <string>

#include "api/app.hpp"
#include "api/metrics.hpp"
#include "api/original_catalogue.hpp"
#include "api/routes.hpp"

namespace mlib::api {

/// What App holds; its members answer requests.
struct App::State {
  State(const verbs::World& the_world, Options the_options);

  const verbs::World& world;
  Options options;
  Routes routes;
  Metrics metrics;
  std::chrono::steady_clock::time_point started;
  std::shared_ptr<const original::View> last_view;
  std::once_flag openapi_once;
  std::shared_ptr<const std::string> openapi_text;

  std::shared_ptr<const original::View> view();
  net::Reply dispatch(const net::Received& received, std::size_t& index);
  net::Reply guarded(const net::Received& received, std::size_t& index);
  net::Reply unrouted(const net::Received& received, const Found& found) const;
  net::Reply fixed(const Route& route, const Found& found, const net::Received& received);
  net::Reply openapi();
  net::Reply ready();
  net::Reply figures();
};

}  // namespace mlib::api
