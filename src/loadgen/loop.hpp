#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.hpp"
#include "loadgen/exchange.hpp"
#include "loadgen/histogram.hpp"
#include "net/client.hpp"

namespace mlib::loadgen {

/// What a loop sends: the bytes of a whole HTTP/1.1 request.
struct Request {
  std::string bytes;
  Instant think = 0;  ///< of a closed loop: the pause after its answer before the user's next
  int asked_tokens = 0, asked_prompt_tokens = 0;  ///< go into its exchange; 0: not known
};

/// Where the requests come from and the exchanges go; called from the loop's thread.
class Source {
 public:
  virtual ~Source() = default;
  /// What that user's next request needs is there. Else it is asked again when `wakes` is readable, and the
  /// request stays due when it was.
  virtual bool ready(std::uint32_t /*user*/) { return true; }
  /// An eventfd; -1 where every user is always ready.
  virtual int wakes() const { return -1; }
  /// The request of that index; in a closed loop for that user, whose previous exchange has ended. Nothing:
  /// the user (or the open loop) is done.
  virtual std::optional<Request> next(std::uint64_t index, std::uint32_t user) = 0;
  /// One exchange has ended, however it did.
  virtual void done(Exchange&& exchange) = 0;
};

/// Where requests go.
struct Endpoint {
  std::string url;  ///< http:// or https://, its origin counts
  std::optional<net::Tls> tls = {};
  std::vector<std::string> addresses = {};  ///< its host's, as net::resolve gives them; none: it is asked
};

/// One run's load. `arrivals` non-empty: an open loop that sends at those instants, however many answers are
/// out. Else `users` each send, wait for the answer, think, and send again; after a failure no sooner than a
/// tenth of a second after it was due.
struct Load {
  std::vector<Instant> arrivals = {};
  std::uint32_t users = 0;
  Stop stop = {};
  Instant timeout = 120 * second;  ///< of one request, from when it is begun; then it is an error
  Instant drain = 30 * second;     ///< how long answers may still come after the last arrival or the duration
  std::size_t answer_limit = 8U << 20U;  ///< bytes of one body; more is an error
  std::size_t memory = 16U << 20U;       ///< bytes of all answers under way; what is beyond is given up
};

/// The error of an answer for which the client had no memory.
inline constexpr std::string_view client_full = "the client's memory for answers was full";

/// What the client itself did, so that a result can be doubted.
struct ClientFacts {
  Instant began = 0;              ///< CLOCK_MONOTONIC
  Instant ended = 0;              ///< since `began`
  double cpu_seconds = 0;         ///< of the loop's thread
  Instant spun = 0;               ///< of that: waited for an instant without sleeping
  double decode_cpu_seconds = 0;  ///< of the thread that decodes, where there is one
  std::uint64_t connections = 0;
  std::uint64_t reads = 0;  ///< that brought bytes
  std::size_t most_in_flight = 0;
  std::size_t most_bytes = 0;  ///< of bodies held at once
  std::size_t memory = 0;      ///< bytes that it had for them
  std::uint64_t given_up = 0;  ///< answers for which it had no more
  /// How late it looked, at instants spread evenly over the run, whatever kept it: what came at any instant
  /// was stamped so much late.
  Histogram stall = {};
};

/// Told about twice a second, and once more at the end.
struct Live {
  Instant now = 0;
  std::uint64_t offered = 0;  ///< due so far, whether sent or not
  std::uint64_t ended = 0, errors = 0;
  std::size_t in_flight = 0;
  std::optional<double> ttft, tpot;  ///< of a benchmark: means of the last answers, milliseconds
};
using LiveSink = std::function<void(const Live&)>;

/// Sends the load and hands every exchange to `source`: each request of the schedule ends as exactly one
/// exchange, answered, failed, or `unfinished`. One thread, absolute deadlines; a request that a kept
/// connection loses before any byte of its answer is sent once more over a new one, its clock running on. A
/// host's addresses are tried in turn until one takes a connection, and that one first from then on.
/// `live` is told on the caller's thread and the loop then has one of its own, so that it waits for nobody
/// who looks on; what `live` throws ends the run. Problem{unavailable} when the host's name is not known.
/// `cancel` ends it at once, what is out becomes unfinished.
ClientFacts run(const Endpoint& endpoint, const Load& load, Source& source, const Cancel& cancel,
                const LiveSink& live = {});

}  // namespace mlib::loadgen
