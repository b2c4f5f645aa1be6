#pragma once
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kube/config.hpp"
#include "kube/informer.hpp"

namespace mlib::kube {

/// What this process watches, shared by all who ask: for each cluster and user one list and one watch of a
/// kind, over all namespaces, or of each namespace asked for where we may not list all. A watch begins when
/// somebody asks and ends when nobody asked for five minutes. May be used by several threads at once.
class Informers {
 public:
  /// `kinds` may be watched; the first `direct` times that one is asked for, it is not yet: a short command
  /// lists.
  Informers(net::Client& http, Clock& clock, std::vector<Scope> kinds, int direct = 0);
  ~Informers();

  /// As Informer::find; nothing for what is not watched: list it.
  std::optional<std::vector<Node>> find(const Config& config, const Id& kind, const Selection& selection,
                                        const Cancel* cancel);
  /// This process wrote or (without a version) deleted an object: what is found from now on knows it.
  void wrote(const Config& config, const Id& id, const std::string& uid, const std::string& version);

 private:
  struct Running;
  struct Cluster;
  std::shared_ptr<Running> running(const Config& config, const Scope& scope,
                                   const std::string& namespace_name);
  std::shared_ptr<Running> start(Cluster& cluster, Scope scope, const std::string& namespace_name);
  const Scope* scope_of(const Id& kind, const Selection& selection) const;

  net::Client& http_;
  Clock& clock_;
  const std::vector<Scope> kinds_;
  const int direct_;
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Cluster>> clusters_;  ///< by identity_of
};

}  // namespace mlib::kube
