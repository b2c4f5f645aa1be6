#pragma once
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "targets/kubernetes_parts.hpp"

/// What kubernetes_logs.cpp and kubernetes_follow.cpp share.
namespace mlib::targets::kubernetes {

/// How far a container's log was given. A runtime may stamp many lines with one time (CRI-O does so with all
/// that it reads at once), so the time alone does not tell.
struct Position {
  std::string time = {};  ///< of the newest line that was given or begun, or ""
  std::size_t lines = 0;  ///< whole lines of that time that were given
  std::size_t bytes = 0;  ///< of the line after those, which was begun
};

/// Cuts a log into lines, takes the time stamp that begins each off, and leaves out what is before `from`. A
/// line longer than a megabyte is passed on in pieces.
class LogLines {
 public:
  LogLines(const LineSink& sink, std::string prefix, Position from, bool timestamps)
      : sink_(sink),
        prefix_(std::move(prefix)),
        from_(std::move(from)),
        at_(from_),
        timestamps_(timestamps) {}

  /// False when the sink wants no more. Problem{not_found} when the node says that it has no log.
  bool feed(std::string_view bytes);
  /// The log has ended: what is left is a line without an end.
  bool finish();
  const Position& position() const { return at_; }

 private:
  bool flush(bool whole);
  void begin(std::string_view time);

  const LineSink& sink_;
  std::string prefix_;
  Position from_, at_;
  bool timestamps_;
  std::string rest_;           ///< not given yet
  std::string stamp_;          ///< what its pieces begin with
  std::size_t same_ = 0;       ///< lines of from_'s time that came again
  std::size_t leave_out_ = 0;  ///< bytes of this line that were given before
  bool inside_ = false;        ///< what follows belongs to a line that was begun
  bool skip_ = false;
};

/// A container of a pod, for its logs.
struct LogContainer {
  std::string name;
  bool prepares = false;  ///< an init container, which ends before the next one starts
  std::int64_t restarts = 0;
  bool started = false;
  bool ended = false;  ///< no more comes of this run
  bool ran_before = false;
  std::string waiting = {};
};

/// The containers whose logs are asked for; Problem{not_found} with the known ones.
std::vector<LogContainer> chosen_containers(const Node& pod, const LogOptions& options);
std::string log_prefix(const Node& pod, const LogContainer& container, const LogOptions& options);

/// Follows the newest pod, or all, across init steps, restarts, lost connections and pods that take their
/// place, all containers at once; until the deployment is gone, the sink wants no more or `cancel`.
void follow_logs(kube::Client& client, const Ref& ref, const LogOptions& options, const LineSink& sink,
                 const Cancel& cancel);

}  // namespace mlib::targets::kubernetes
