#pragma once
#include <sys/epoll.h>

#include <array>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "loadgen/framing.hpp"
#include "loadgen/loop.hpp"
#include "net/stream.hpp"

namespace mlib::loadgen {

/// Nanoseconds of that clock.
Instant monotonic(clockid_t clock = CLOCK_MONOTONIC);

/// The connections of a loop: they send what they are given, stamp what comes, and hand over every exchange
/// when it ends. Of its functions only `poll` waits. Idle connections are kept and used again.
class Connections {
 public:
  /// Takes an exchange that has ended, and how long its user thinks then.
  using Ended = std::function<void(Exchange&& exchange, Instant think)>;

  /// What they did is counted in `facts`, whose `began` is where their instants begin. Problem{unavailable}
  /// when the host's name is not known.
  Connections(const Endpoint& endpoint, const Load& load, ClientFacts& facts, Ended ended);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  Instant now() const { return monotonic() - facts_.began; }
  void start(Request&& request, std::uint64_t index, std::uint32_t user, Instant scheduled);
  std::size_t in_flight() const { return in_flight_; }
  /// When the first of those that are out has to have ended; the latest of instants when none is.
  Instant next_deadline() const;
  /// Ends those whose time is over.
  void expire();
  /// Ends all that are out, as unfinished.
  void end_all();

  /// Waits at most so long for something to happen; how much did.
  int poll(Instant pause);
  /// Takes the event of that number, of those that the last `poll` found; false for the one of `also`.
  bool handle(int event);
  /// `poll` ends when this descriptor is readable, too.
  void also(int descriptor);

 private:
  /// One connection and the exchange it carries; `request` is empty when it is idle.
  struct Connection {
    std::unique_ptr<net::Stream> stream;
    std::size_t address = 0, tried = 0;  ///< of the host's; how many of them did not take it
    bool connecting = true;
    bool carried = false;  ///< an earlier exchange
    std::uint32_t watched = 0;
    bool busy = false;
    Request request;
    std::string_view unsent;
    Framing framing;
    Exchange exchange;
    std::string broken;      ///< why no more of the request can be sent; what was answered is read still
    std::uint32_t turn = 0;  ///< tells one exchange on it from the next
  };
  struct Deadline {
    Instant at = 0;
    std::uint32_t connection = 0, turn = 0;
  };

  std::uint32_t free_connection();
  void connect(std::uint32_t slot);
  bool connect_elsewhere(std::uint32_t slot);
  void step(std::uint32_t slot, std::uint32_t events);
  void send(Connection& connection);
  bool send_again(std::uint32_t slot);
  void receive(std::uint32_t slot);
  void take(std::uint32_t slot, std::size_t got);
  void finish(std::uint32_t slot, std::string error);
  void refuse(std::uint32_t slot, std::string error);
  void drop(std::uint32_t slot);
  void watch(std::uint32_t slot, std::uint32_t events);

  const Load& load_;
  ClientFacts& facts_;
  Ended ended_;
  std::vector<std::string> addresses_;
  std::size_t address_ = 0;  ///< that took the last connection
  net::TlsContext tls_;
  std::string name_;
  int epoll_ = -1;
  std::array<epoll_event, 64> events_{};
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::uint32_t> idle_, unused_;
  std::queue<Deadline> deadlines_;  ///< of requests, in the order they were sent
  std::size_t in_flight_ = 0, held_ = 0;
  std::vector<char> buffer_ = std::vector<char>(64U << 10U);
};

}  // namespace mlib::loadgen
