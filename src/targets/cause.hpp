#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cards/cause.hpp"
#include "targets/target.hpp"

/// Why a deployment on Kubernetes is not up: pure functions on what the cluster says of it. What its words
/// mean is data (catalog/causes).
namespace mlib::targets {

/// What a cluster says of one deployment; what could not be read is null or empty.
struct Seen {
  Node deployment = {};         ///< null: there is none
  std::vector<Node> pods = {};  ///< newest first
  std::vector<Node> claims = {};
  std::vector<Node> services = {};
  std::vector<Node> events = {};  ///< of these objects, oldest first
};

/// A cause in one sentence, what shows it, and the next step.
struct Cause {
  std::string sentence;
  std::string evidence;
  std::string hint;
  bool final = false;     ///< it does not go away by waiting
  std::string name = {};  ///< as catalog/causes calls it, or ""
};

/// The end of a container's log (of its previous run when `previous`), without time stamps; "" when none.
using ReadLog =
    std::function<std::string(const std::string& pod, const std::string& container, bool previous)>;

/// The first cause that holds, from the most telling on; nothing when all is well or only takes its time.
std::optional<Cause> find_cause(const cards::Causes& causes, const Seen& seen, const ReadLog& read_log);

/// Why a container ended. Its log is read only when it may tell more than the sign, which is of the place
/// `ended`, or `container` when it could not even be started.
Cause ended_cause(const cards::Causes& causes, const cards::Sign& sign,
                  const std::function<std::string()>& read_log);

/// The line of a log that tells most: the last that speaks of an error, else the last that is not empty.
std::string telling_line(std::string_view log);

/// The last line that is not empty, made harmless.
std::string last_line(std::string_view log);

/// The last line that tells a percentage, `50% …`, as it was drawn last; "" when there is none.
std::string progress_line(std::string_view log);

/// A text as evidence: trimmed, harmless, of at most 600 bytes.
std::string as_evidence(std::string_view text);

/// Phase, summary, cause and since when; no endpoint. `progress` is what a running init step said last, or
/// "".
Status status_of(const Seen& seen, const std::optional<Cause>& cause, std::string_view progress = "");

/// The init container that runs now in the newest pod, or "".
std::string running_init(const Seen& seen);

}  // namespace mlib::targets
