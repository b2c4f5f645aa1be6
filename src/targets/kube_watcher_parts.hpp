#pragma once
#include <set>
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
  std::set<std::string> stuck;  ///< of objects, those that it cannot delete: "ConfigMap a/b"
  std::size_t pods = 0;         ///< pods and replica sets
  bool foreign = false;         ///< there is a Deployment of its name that is not ours
  std::string created;          ///< of the Deployment, UTC, or ""
  std::string going_since;      ///< when it is being deleted
  bool blind = false;           ///< the early one's: see `shows`
  bool has(std::string_view kind, std::string_view name) const;
  /// Whether an object would be seen if it were there: the early one shows one Deployment and one Service.
  bool shows(const Owned& owned, const Ref& ref) const {
    return !blind || (owned.name == ref.name && (owned.kind == "Deployment" || owned.kind == "Service"));
  }
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

bool is_among(const std::vector<Owned>& all, const Owned& one);
/// What is asked for runs already, as far as a Kube Watcher and the record tell.
bool is_settled(const Desired& desired, const Found& before);
/// Whether a Secret is not to be touched: an earlier rendering, whose Secrets stay as they run.
bool stays(const Desired& desired, const Node& object);
/// Problem{conflict} when something is in the way of `desired`; changes nothing.
void require_free(Watcher& watcher, const Desired& desired, const Found& before, const Cancel* cancel);
/// The early Kube Watcher can neither change nor delete what no Service takes along: Problem{conflict} when
/// such a thing stands in the way of a replacement.
void require_replaceable(const Desired& desired);
std::vector<Owned> apply(const Life& life, const Desired& desired);

Removed remove(const Life& life, const RemoveOptions& options);
/// Removes what a replacement makes anew: all but storage, and the Secrets when they are to stay.
void clear(const Life& life, const Desired& desired);
/// Takes back what an apply made, as far as the Kube Watcher can; gives what is left.
std::vector<std::string> take_back(const Life& life, const std::vector<Owned>& made);

Status observe(Watcher& watcher, const Ref& ref, const cards::Causes& causes);
/// Its pods, newest first; of today's only.
std::vector<Node> pods_of(Watcher& watcher, const Ref& ref);
/// The end of each pod's log by its name; empty while there is none. Of today's only.
std::vector<std::pair<std::string, std::string>> logs_of(Watcher& watcher, const Ref& ref, int lines,
                                                         const Cancel* cancel);
/// Each line as `CONTAINER | line`; goes on asking when it is to follow. Of today's only.
void logs(const Life& life, const LogOptions& options, const LineSink& sink);
/// What of `now`, a log that was asked for again, was not in `before`.
std::string_view fresh(std::string_view before, std::string_view now);

}  // namespace mlib::targets::kube_watcher
