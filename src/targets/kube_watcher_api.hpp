#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "targets/kube_watcher.hpp"

/// What kube_watcher.cpp is made of.
namespace mlib::targets::kube_watcher {

/// Of January 2024, without keys and labels; today's, with both.
enum class Generation { early, today };

/// A Kube Watcher's routes, told as values. Problems: {unavailable} when it does not answer, {unauthorized}
/// for a key that is missing or too weak, {unsupported} when it is of a version without that route,
/// {too_large}, {failed} for every other answer than 200 with JSON of the expected kind, and for a 200 that
/// tells an error.
class Watcher {
 public:
  Watcher(net::Client& http, Clock& clock, KubeWatcherOptions options);

  /// Which one it is, by the routes that it has; asked once.
  Generation generation(const Cancel* cancel);
  /// As far as that is known without asking.
  bool is_early() const { return asked_ && generation_ == Generation::early; }
  /// Ask what changes nothing, and gives a map: sent again, five times in all, while no answer comes or it is
  /// 429, 502, 503 or 504.
  Node get(std::string_view path, const Cancel* cancel) const;
  Node ask(std::string_view path, const Node& body, const Cancel* cancel) const;
  /// Has it change something: sent again after 429 only. Nothing when nobody knows whether it was done (no
  /// answer, 502, 503, 504): look, before it is sent again.
  std::optional<Node> change(std::string_view path, const Node& body, const Cancel* cancel) const;
  /// Waits before try number `tries` + 1 of something.
  void pause(int tries, const Cancel* cancel) const { pause(net::Answer(), tries, cancel); }
  /// Where node ports answer when nobody knows better: what the options say, or its own host; bracketed when
  /// it is IPv6.
  std::string node_address() const;
  bool knows_node() const { return !options_.node_address.empty(); }
  /// `http://host:port`, for people.
  const std::string& origin() const { return origin_; }

 private:
  net::Call call_of(std::string_view path) const;
  net::Call post(std::string_view path, const Node& body) const;
  net::Answer send(const net::Call& call, const Cancel* cancel) const;
  net::Answer patient(const net::Call& call, const Cancel* cancel) const;
  void pause(const net::Answer& answer, int tries, const Cancel* cancel) const;
  Node value_of(const net::Answer& answer, std::string_view path) const;
  Node map_of(const net::Answer& answer, std::string_view path) const;

  net::Client& http_;
  Clock& clock_;
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
  int code = 0;         ///< Kubernetes' status code, or 0
  std::string uid;      ///< of what was made, where its answer holds it; or ""
};
/// Of the answer of deploy_generic_model for one object: `true`, `false`, or lists of what was made and
/// failed.
Verdict verdict_of(const Node& answer);

}  // namespace mlib::targets::kube_watcher
