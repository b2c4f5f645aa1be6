#pragma once
#include <string>
#include <string_view>

#include "targets/kube_watcher.hpp"

/// What kube_watcher.cpp is made of.
namespace mlib::targets::kube_watcher {

/// Of January 2024, without keys and labels; today's, with both.
enum class Generation { early, today };

/// A Kube Watcher's routes, told as values. Problem{unavailable} when it does not answer, {unauthorized} for
/// a key that is missing or too weak, {failed} for every other answer than 200 with JSON.
class Watcher {
 public:
  Watcher(net::Client& http, KubeWatcherOptions options);

  /// Which one it is, by the routes that it has; asked once.
  Generation generation(const Cancel* cancel);
  Node get(std::string_view path, const Cancel* cancel) const;
  Node post(std::string_view path, const Node& body, const Cancel* cancel) const;
  /// Where node ports answer when nobody knows better: what the options say, or its own host; bracketed when
  /// it is IPv6.
  std::string node_address() const;
  bool knows_node() const { return !options_.node_address.empty(); }
  /// `http://host:port`, for people.
  const std::string& origin() const { return origin_; }

 private:
  net::Answer send(net::Call call, std::string_view path, const Cancel* cancel) const;
  Node value_of(const net::Answer& answer, std::string_view path) const;

  net::Client& http_;
  KubeWatcherOptions options_;
  std::string base_;
  std::string origin_;
  bool asked_ = false;
  Generation generation_ = Generation::today;
};

/// What became of an object that was to be created.
struct Verdict {
  bool made = false;
  bool exists = false;  ///< it was there already; with `reason` empty that is a guess
  std::string reason;   ///< in Kubernetes' words; "" when it gave none
};
/// Of the answer of deploy_generic_model for one object: `true`, `false`, or lists of what was made and
/// failed.
Verdict verdict_of(const Node& answer);

}  // namespace mlib::targets::kube_watcher
