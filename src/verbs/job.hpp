#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

/// One deploy (or rollback) on its way: what is to run, where, and its record.
struct Job {
  const World& world;
  const Caller& caller;
  const Sink& sink;
  const Cancel& cancel;
  std::unique_ptr<targets::Target> target;
  render::Rendered rendered;
  targets::Ref ref;
  store::Deployment record;
  bool is_new = true;
  bool force_conflicts = false;
  bool replace = false;
  bool keeps_secrets = false;   ///< values of Secrets are masked: those that run stay
  std::string verb = "deploy";  ///< what the audit says

  bool tell(std::string_view line) const {
    Node event = Node::map();
    event.set("progress", line);
    return sink(event);
  }
};

/// How long to wait for the end, and what to leave when it fails.
struct Waiting {
  bool wait = true;
  std::chrono::milliseconds timeout{600'000};
  bool keep_failed = false;
  bool passing = false;  ///< whoever asked removes it, however this ends
};

/// A record's state after an apply that ended halfway: some objects are as they were.
inline constexpr std::string_view incomplete_state = "incomplete";

/// ` -n team-a`, or "" in the default namespace.
std::string in_namespace(const targets::Ref& ref);
targets::Ref ref_of(const store::Deployment& record);
/// The cluster that is reached, or the record's where it cannot be told; Problem{conflict} when they are two.
std::string checked_place(const store::Deployment& record, targets::Target& target);
/// Its status; where `answered` before and away for the moment: pending, and why.
targets::Status status_or_away(targets::Target& target, const targets::Ref& ref, bool answered);
/// The right to change that deployment; Problem{conflict} when somebody else changes it now.
std::unique_ptr<store::Hold> hold(const World& world, const targets::Ref& ref);
/// The objects that the record says its target holds.
std::vector<targets::Owned> inventory_of(const store::Deployment& record);
targets::Desired desired_of(const Job& job);

/// Records and applies, with `wait` watches until it is ready, and tells what became of it. Problem{failed}
/// with cause and evidence when it fails; a new deployment that failed is removed unless `keep_failed`.
void carry_out(Job& job, const Waiting& waiting);

}  // namespace mlib::verbs
