#pragma once
#include <functional>
#include <string>

#include "api/keys.hpp"
#include "verbs/verb.hpp"

namespace mlib::api {

struct KubeWatcherFacadeOptions {
  verbs::Caller caller = {"local", verbs::Role::admin};  ///< who asks, whichever key is shown
  std::string target = {};                               ///< where configs are deployed; "": the first
  Keys keys = {};  ///< one of them is to be shown with each call; without any, nothing is
  std::function<void(std::string_view line)> log = {};  ///< a line for what was done or refused; may be empty
};

/// Stands in for the Kube Watcher of January 2024: its three calls that the original's page makes, from the
/// library's own deployments. What is deployed passes the same policy and is recorded as any deployment;
/// delete removes all of a deployment but its storage. Thread-safe. `world` must outlive it.
class KubeWatcherFacade {
 public:
  KubeWatcherFacade(const verbs::World& world, KubeWatcherFacadeOptions options)
      : world_(world), options_(std::move(options)) {}
  /// Answers a request; never throws.
  net::Reply handle(const net::Received& received) const;

 private:
  net::Reply dispatch(const net::Received& received) const;
  net::Reply deploy(const std::string& config, const Cancel& cancel) const;
  net::Reply list(const std::string& namespace_name) const;
  net::Reply remove(const std::string& namespace_name, const std::string& row, const Cancel& cancel) const;
  void tell(const std::string& line) const;

  const verbs::World& world_;
  KubeWatcherFacadeOptions options_;
};

}  // namespace mlib::api
