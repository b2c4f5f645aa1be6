#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/server.hpp"
#include "verbs/verb.hpp"

namespace mlib::api {

struct Options {
  verbs::Caller caller = {"local", verbs::Role::admin};  ///< who asks, while there are no keys
  std::function<void(std::string_view line)> log = {};   ///< a line for each defect of ours; may be empty
};

/// The server's whole API: the original's three calls, /api/v1 from the one verb table, and the service
/// routes
/// (/healthz /readyz /version /metrics /openapi.json /docs /problems/SLUG). Thread-safe. `world` must outlive
/// it.
class App {
 public:
  explicit App(const verbs::World& world, Options options = {});
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// Answers a request; never throws.
  net::Reply handle(const net::Received& received);
  /// Whether `handle` answers without waiting for anything, so that it may run on an I/O thread.
  bool fast(const net::Received& received) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The OpenAPI 3.1 document of the API, as GET /openapi.json answers it.
std::string openapi_document();

}  // namespace mlib::api
