#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kube/paths.hpp"
#include "schema/document.hpp"

/// A list and the watch that follows it, as pure steps: no clock, no socket.
namespace mlib::kube {

/// What is to be asked next.
struct Ask {
  enum class What { list, watch };
  What what = What::list;
  std::string version = {};            ///< list: not older than it, "" the newest; watch: what follows it
  std::string token = {};              ///< list: `continue`
  bool paged = true;                   ///< list: in pages of 500
  std::chrono::milliseconds pause{0};  ///< before asking
  std::chrono::seconds timeout{0};     ///< watch: timeoutSeconds
};

/// What became of what was asked.
struct Heard {
  enum class What {
    page,       ///< of a list; `token` where the next begins, "" with the last
    refused,    ///< a status that is no 200, or an ERROR event
    event,      ///< an object of a watch
    bookmark,   ///< a version and no object
    malformed,  ///< a line that is no event
    ended,      ///< the stream came to its end
    lost        ///< no connection, none any more, or silence for too long
  };
  What what = What::ended;
  std::string version = {};  ///< of page, event, bookmark
  std::string token = {};
  int status = 0;          ///< of refused
  bool too_large = false;  ///< refused: the version is one that the server has not reached
  std::optional<std::chrono::milliseconds> retry_after = {};
};

/// The position of one list-and-watch. As client-go's reflector: a lost connection goes on from the last
/// version and never lists; only 410, a version that the server does not know, a failure of a minute or lines
/// that cannot be read do.
class Watch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  explicit Watch(std::uint32_t seed = 1) : random_(seed * 2654435761U) {}

  /// The first thing to ask.
  Ask begin(Time now);
  /// What to ask next; nothing while the stream goes on. Pauses keep it below ten requests in any ten
  /// seconds, whatever the server does.
  std::optional<Ask> step(const Heard& heard, Time now);
  const std::string& version() const { return version_; }

 private:
  Ask list(std::string version, std::chrono::milliseconds pause, Time now);
  Ask watch(std::chrono::milliseconds pause, Time now);
  Ask again(std::chrono::milliseconds pause, Time now);
  Ask after_page(const Heard& heard, Time now);
  Ask after_refusal(const Heard& heard, Time now);
  Ask after_gone(bool too_large, Time now);
  std::chrono::milliseconds backoff();
  std::chrono::milliseconds soon();
  Ask asked(Ask ask, Time now);

  std::minstd_rand random_;
  Ask ask_;                      ///< the last
  Time asked_at_{};              ///< after its pause
  std::string version_;          ///< "" before the first list
  int failures_ = 0;             ///< in a row; a watch of five seconds ends the row
  int restarts_ = 0;             ///< of a list whose pages expired
  int malformed_ = 0;            ///< in a row
  std::optional<Time> failing_;  ///< since when a watch is answered by 5xx
};

/// A version as a number, 0 when it is none: a greater one is newer (Kubernetes has them from etcd's
/// counter).
std::uint64_t number_of(std::string_view version);

/// Objects of the API server are deeper and larger than cards.
const schema::Limits& api_limits();

/// One line of a watch.
struct WatchLine {
  enum class What { put, gone, bookmark, error, unknown, malformed };
  What what = What::malformed;
  Node object = {};  ///< the object; a Status for `error`
};
/// Reads it; an object of another kind is `unknown`.
WatchLine read_line(std::string_view line, std::string_view kind);

/// Cuts a stream into lines, whatever its pieces are.
class Lines {
 public:
  explicit Lines(std::size_t longest = 16U << 20U) : longest_(longest) {}
  /// The lines that `bytes` complete; false when one is longer than allowed.
  bool take(std::string_view bytes, std::vector<std::string>& lines);
  /// What came after the last line's end: cut off when the stream ends here.
  bool cut_off() const { return !rest_.empty(); }

 private:
  std::size_t longest_;
  std::string rest_;
};

/// The Heard of a Status (an answer's body or an ERROR event's object).
Heard refusal_of(int status, const Node& body);

}  // namespace mlib::kube
