#pragma once
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "targets/kube_watcher_api.hpp"
#include "targets/kube_watcher_config.hpp"

/// What kube_watcher.cpp is made of.
namespace mlib::targets::kube_watcher {

/// What a Kube Watcher shows of one deployment. The early one shows a Deployment and a Service of its name
/// only, without uids and without saying whose they are.
struct Found {
  std::vector<Owned> objects;  ///< no claims, no pods
  std::vector<Owned> storage;
  std::size_t pods = 0;     ///< pods and replica sets
  bool foreign = false;     ///< there is a Deployment of its name that is not ours
  std::string created;      ///< of the Deployment, UTC, or ""
  std::string going_since;  ///< when it is being deleted
  bool has(std::string_view kind, std::string_view name) const;
};
Found look(Watcher& watcher, const Ref& ref, const Cancel* cancel);

/// A deployment's row of the early Kube Watcher, or of today's, which lacks the ports; null when there is
/// none.
Node row_of(Watcher& watcher, const Ref& ref, const Cancel* cancel);

/// One deployment at a Kube Watcher.
struct Life {
  Watcher& watcher;
  Clock& clock;
  const Ref& ref;
  const LineSink& progress;
  const Cancel& cancel;

  void tell(const std::string& line) const {
    if (progress) progress(line);
  }
};

/// Problem{conflict} when something of its name is in the way of `desired`; changes nothing.
void require_free(Watcher& watcher, const Desired& desired, const Found& before, const Cancel* cancel);
std::vector<Owned> apply(const Life& life, const Desired& desired);

Removed remove(const Life& life, const RemoveOptions& options);
/// Takes back what an apply made, as far as the Kube Watcher can; gives what is left.
std::vector<std::string> take_back(const Life& life, const std::vector<Owned>& made);

Status observe(Watcher& watcher, const Ref& ref, const cards::Causes& causes);
/// Each pod's log by its name; empty for the early Kube Watcher, and while there is none.
std::vector<std::pair<std::string, std::string>> logs_of(Watcher& watcher, const Ref& ref, int lines,
                                                         const Cancel* cancel);

}  // namespace mlib::targets::kube_watcher
