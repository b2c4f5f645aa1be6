#include "loadgen/loop.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <queue>
#include <utility>

#include "loadgen/framing.hpp"
#include "net/stream.hpp"

namespace mlib::loadgen {
namespace {

using net::Stream;

constexpr Instant spin = 60'000;  // the last stretch before a deadline is not slept
// Between two looks at the clock that nothing else asks for: no multiple of a scheduler's tick.
constexpr Instant look = 1'970'000;

Instant monotonic(clockid_t clock = CLOCK_MONOTONIC) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * second + time.tv_nsec;
}

/// One connection and the exchange it carries; `request` is empty when it is idle.
struct Connection {
  std::unique_ptr<Stream> stream;
  std::size_t address = 0, tried = 0;  ///< of the host's; how many of them did not take it
  bool connecting = true;
  bool carried = false;  ///< an earlier exchange
  std::uint32_t watched = 0;
  bool busy = false;
  Request request;
  std::string_view unsent;
  Framing framing;
  Exchange exchange;
  std::uint32_t turn = 0;  ///< tells one exchange on it from the next
};

/// A user (or request) that is due.
struct Due {
  Instant at = 0;
  std::uint32_t user = 0;
  bool operator>(const Due& other) const { return at > other.at; }
};

struct Deadline {
  Instant at = 0;
  std::uint32_t connection = 0, turn = 0;
};

class Loop {
 public:
  Loop(const Endpoint& endpoint, const Load& load, Source& source, const LiveSink& live)
      : load_(load), source_(source), live_(live), url_(net::parse_url(endpoint.url)) {
    addresses_ = endpoint.addresses;
    if (addresses_.empty())
      addresses_ = net::resolve(url_, {std::chrono::steady_clock::now() + std::chrono::seconds{10}});
    if (url_.tls) tls_ = net::make_tls(endpoint.tls.value_or(net::Tls{}));
    name_ = endpoint.tls && !endpoint.tls->server_name.empty() ? endpoint.tls->server_name : url_.host;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ < 0) throw Problem(Kind::unavailable, "no epoll: too many files are open");
  }
  ~Loop() { ::close(epoll_); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  ClientFacts go(const Cancel& cancel);

 private:
  Instant now() const { return monotonic() - facts_.began; }
  bool open() const { return load_.users == 0; }
  void start_due();
  void prepare();
  void start(const Due& due);
  std::uint32_t free_connection();
  void connect(std::uint32_t slot);
  bool connect_elsewhere(std::uint32_t slot);
  void step(std::uint32_t slot, std::uint32_t events);
  void send(Connection& connection);
  void receive(std::uint32_t slot);
  void take(std::uint32_t slot, std::size_t got);
  void finish(std::uint32_t slot, std::string error);
  void refuse(std::uint32_t slot, std::string error);
  void drop(std::uint32_t slot);
  bool send_again(std::uint32_t slot);
  void watch(std::uint32_t slot, std::uint32_t events);
  void expire();
  void look_at_clock();
  bool wait(Instant until);
  Instant next_event() const;
  bool over(Instant& end) const;
  void tell(bool always);
  void end_all();

  const Load& load_;
  Source& source_;
  const LiveSink& live_;
  net::Url url_;
  std::vector<std::string> addresses_;
  std::size_t address_ = 0;  // that took the last connection
  net::TlsContext tls_;
  std::string name_;
  int epoll_ = -1;
  ClientFacts facts_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::uint32_t> idle_, unused_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;  // of a closed loop
  std::size_t next_ = 0;                                            // of an open loop
  std::uint64_t index_ = 0;
  std::optional<Request> prepared_;  // of an open loop: the one of index_
  std::queue<Deadline> deadlines_;   // of requests, in the order they were sent
  bool exhausted_ = false;
  Instant last_arrival_ = 0;
  std::size_t in_flight_ = 0, held_ = 0;
  std::uint64_t ended_ = 0, errors_ = 0;
  Instant told_ = 0, look_ = look;
  std::vector<char> buffer_ = std::vector<char>(64U << 10U);
};

void Loop::watch(std::uint32_t slot, std::uint32_t events) {
  Connection& connection = *connections_[slot];
  if (connection.watched == events) return;
  epoll_event event{};
  event.events = events;
  event.data.u32 = slot;
  ::epoll_ctl(epoll_, connection.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
              connection.stream->descriptor(), &event);
  connection.watched = events;
}

/// An idle connection, or one that is still to be made.
std::uint32_t Loop::free_connection() {
  std::vector<std::uint32_t>& from = idle_.empty() ? unused_ : idle_;
  if (from.empty()) {
    connections_.push_back(std::make_unique<Connection>());
    return static_cast<std::uint32_t>(connections_.size() - 1);
  }
  const std::uint32_t slot = from.back();
  from.pop_back();
  if (connections_[slot]->stream != nullptr) return slot;
  const std::uint32_t turn = connections_[slot]->turn;
  *connections_[slot] = Connection{};
  connections_[slot]->turn = turn + 1;
  return slot;
}

/// Begins to connect: to the address that took the last connection, or to those after it.
void Loop::connect(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  facts_.connections += connection.tried == 0 ? 1 : 0;
  for (;; ++connection.tried) {
    try {
      connection.address = (address_ + connection.tried) % addresses_.size();
      connection.stream = std::make_unique<Stream>(addresses_[connection.address], tls_, name_);
      connection.watched = 0;
      return watch(slot, EPOLLOUT);
    } catch (const Problem&) {
      if (connection.tried + 1 >= addresses_.size()) throw;
    }
  }
}

/// Where an address does not take the connection; false when no other is left.
bool Loop::connect_elsewhere(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  if (connection.stream->connected() || ++connection.tried >= addresses_.size()) return false;
  try {
    connect(slot);
  } catch (const Problem&) {
    return false;
  }
  return true;
}

void Loop::start(const Due& due) {
  std::optional<Request> request = std::exchange(prepared_, std::nullopt);
  if (!request) request = source_.next(index_, due.user);
  if (!request) {
    if (open()) exhausted_ = true;
    return;
  }
  const std::uint32_t slot = free_connection();
  Connection& connection = *connections_[slot];
  connection.busy = true;
  connection.request = std::move(*request);
  connection.unsent = connection.request.bytes;
  connection.framing = Framing();
  connection.exchange = Exchange{};
  connection.exchange.index = index_++;
  connection.exchange.user = due.user;
  connection.exchange.scheduled = due.at;
  connection.exchange.asked_tokens = connection.request.asked_tokens;
  connection.exchange.asked_prompt_tokens = connection.request.asked_prompt_tokens;
  connection.exchange.reused = connection.carried;
  ++connection.turn;
  ++in_flight_;
  facts_.most_in_flight = std::max(facts_.most_in_flight, in_flight_);
  connection.exchange.begun = now();
  deadlines_.push({connection.exchange.begun + load_.timeout, slot, connection.turn});
  try {
    if (connection.stream == nullptr) connect(slot);
    step(slot, EPOLLOUT);
  } catch (const Problem& problem) {
    finish(slot, problem.message());
  }
}

void Loop::start_due() {
  const Instant time = now();
  if (open()) {
    while (!exhausted_ && next_ < load_.arrivals.size() && load_.arrivals[next_] <= time)
      start({last_arrival_ = load_.arrivals[next_++], 0});
    return;
  }
  while (!due_.empty() && due_.top().at <= time) {
    const Due due = due_.top();
    due_.pop();
    const bool late = load_.stop.duration && due.at >= *load_.stop.duration;
    if (late || (load_.stop.requests && index_ >= *load_.stop.requests)) continue;
    last_arrival_ = due.at;
    start(due);
  }
}

/// Makes the next request while nothing is due: a long prompt takes longer to write than a deadline may wait.
void Loop::prepare() {
  if (!open() || exhausted_ || prepared_ || next_ >= load_.arrivals.size()) return;
  prepared_ = source_.next(index_, 0);
  exhausted_ = !prepared_;
}

void Loop::send(Connection& connection) {
  if (connection.unsent.empty()) return;
  if (connection.exchange.sent < 0) connection.exchange.sent = now();
  connection.stream->write(connection.unsent);
}

void Loop::step(std::uint32_t slot, std::uint32_t events) {
  Connection& connection = *connections_[slot];
  if (!connection.busy) {  // an idle one was closed, or says what nobody asked
    std::erase(idle_, slot);
    drop(slot);
    return;
  }
  try {
    if (connection.connecting) {
      const Stream::Ready ready = connection.stream->connect();
      if (ready != Stream::Ready::now) {
        watch(slot, ready == Stream::Ready::when_readable ? EPOLLIN : EPOLLOUT);
        return;
      }
      connection.connecting = false;
      address_ = connection.address;
    }
    send(connection);
    watch(slot, connection.unsent.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
  } catch (const Problem& problem) {
    if (!connect_elsewhere(slot) && !send_again(slot)) finish(slot, problem.message());
    return;
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive(slot);
}

/// Of a kept connection that the other side closed before it saw the request.
bool Loop::send_again(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  if (!connection.carried || connection.exchange.head >= 0) return false;
  connection.stream.reset();
  connection.tried = 0;
  connection.connecting = true;
  connection.carried = false;
  connection.unsent = connection.request.bytes;
  connection.framing = Framing();
  connection.exchange.reused = false;
  try {
    connect(slot);
  } catch (const Problem& problem) {
    finish(slot, problem.message());
  }
  return true;
}

/// Takes `got` bytes of buffer_.
void Loop::take(std::uint32_t slot, std::size_t got) {
  Connection& connection = *connections_[slot];
  Exchange& exchange = connection.exchange;
  const Instant time = now();
  if (exchange.head < 0) exchange.head = time;
  const std::size_t before = exchange.body.size();
  const bool fine = connection.framing.take({buffer_.data(), got}, exchange.body);
  const std::size_t grown = exchange.body.size() - before;
  held_ += grown + (grown > 0 ? sizeof(Arrived) : 0);
  facts_.most_bytes = std::max(facts_.most_bytes, held_);
  if (grown > 0) exchange.arrivals.push_back({time, static_cast<std::uint32_t>(exchange.body.size())});
  if (!fine) {
    finish(slot, fmt::format("the answer is broken: {}", connection.framing.fault()));
  } else if (exchange.body.size() > load_.answer_limit) {
    refuse(slot, fmt::format("the answer is longer than {} bytes", load_.answer_limit));
  } else if (held_ > load_.memory) {
    ++facts_.given_up;
    refuse(slot, std::string(client_full));
  } else if (connection.framing.whole()) {
    finish(slot, "");
  }
}

/// One read: who sends without end has to wait for the others.
void Loop::receive(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  try {
    std::size_t got = 0;
    const Stream::Ready ready = connection.stream->read(buffer_.data(), buffer_.size(), got);
    if (ready != Stream::Ready::now) return;
    if (got > 0) {
      ++facts_.reads;
      take(slot, got);
    } else if (connection.framing.closed()) {
      finish(slot, "");
    } else if (!send_again(slot)) {
      finish(slot, connection.exchange.head < 0 ? "the connection was closed before an answer"
                                                : "the connection was closed within the answer");
    }
  } catch (const Problem& problem) {
    if (!send_again(slot)) finish(slot, problem.message());
  }
}

void Loop::finish(std::uint32_t slot, std::string error) {
  Connection& connection = *connections_[slot];
  Exchange exchange = std::move(connection.exchange);
  const Instant think = connection.request.think;
  exchange.end = now();
  exchange.status = connection.framing.status();
  exchange.event_stream = connection.framing.event_stream();
  exchange.error = std::move(error);
  held_ -= exchange.bytes();
  --in_flight_;
  ++ended_;
  if (!exchange.error.empty() || exchange.status >= 400) ++errors_;
  connection.busy = false;
  const bool keeps = exchange.error.empty() && connection.framing.keeps() && !connection.connecting;
  if (keeps) {
    connection.carried = true;
    idle_.push_back(slot);
  } else {
    drop(slot);
  }
  const std::uint32_t user = exchange.user;
  const Instant again = exchange.end + think;
  source_.done(std::move(exchange));
  if (!open()) due_.push({again, user});
}

/// Ends an exchange whose answer is too much, and does not keep what came of it.
void Loop::refuse(std::uint32_t slot, std::string error) {
  Exchange& exchange = connections_[slot]->exchange;
  held_ -= exchange.bytes();
  exchange.body = {};
  exchange.arrivals = {};
  finish(slot, std::move(error));
}

void Loop::drop(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  connection.stream.reset();
  connection.watched = 0;
  connection.busy = false;
  ++connection.turn;
  unused_.push_back(slot);
}

void Loop::expire() {
  const Instant time = now();
  while (!deadlines_.empty()) {
    const Deadline deadline = deadlines_.front();
    const Connection& connection = *connections_[deadline.connection];
    const bool out = connection.busy && connection.turn == deadline.turn;
    if (out && deadline.at > time) return;
    deadlines_.pop();
    if (out)
      finish(deadline.connection,
             fmt::format("no whole answer within {} s", static_cast<double>(load_.timeout) / 1e9));
  }
}

/// A stall counts at each look that fell into it, so that the shares are those of time.
void Loop::look_at_clock() {
  for (const Instant time = now(); look_ <= time; look_ += look) facts_.stall.add(time - look_);
}

/// True when nothing more is to come; `end` is when it ends at the latest.
bool Loop::over(Instant& end) const {
  const bool sent_all = open() ? exhausted_ || next_ >= load_.arrivals.size()
                               : (load_.stop.duration && now() >= *load_.stop.duration) ||
                                     (load_.stop.requests && index_ >= *load_.stop.requests) ||
                                     (due_.empty() && in_flight_ == 0);
  if (sent_all && in_flight_ == 0) return true;
  end = INT64_MAX;
  if (load_.stop.duration) end = *load_.stop.duration + load_.drain;
  if (sent_all) end = std::min(end, last_arrival_ + load_.drain);
  return now() >= end;
}

Instant Loop::next_event() const {
  Instant next = now() + second / 4;
  if (open() && !exhausted_ && next_ < load_.arrivals.size()) next = std::min(next, load_.arrivals[next_]);
  if (!open() && !due_.empty()) next = std::min(next, due_.top().at);
  if (!deadlines_.empty()) next = std::min(next, deadlines_.front().at);
  return next;
}

/// True when it neither slept nor found anything.
bool Loop::wait(Instant until) {
  const Instant began = now();
  const Instant pause = std::clamp<Instant>(until - began - spin, 0, std::max<Instant>(look_ - began, 0));
  const timespec time{pause / second, pause % second};
  epoll_event events[64];
  const int count = ::epoll_pwait2(epoll_, events, 64, &time, nullptr);
  for (int i = 0; i < count; ++i) {
    if (connections_[events[i].data.u32]->stream != nullptr) step(events[i].data.u32, events[i].events);
    start_due();  // a burst of answers does not keep an arrival waiting
  }
  return pause == 0 && count <= 0;
}

void Loop::tell(bool always) {
  const Instant time = now();
  if (!live_ || (!always && time - told_ < second / 2)) return;
  told_ = time;
  const auto due = std::upper_bound(load_.arrivals.begin(), load_.arrivals.end(), time);
  const auto arrived = static_cast<std::uint64_t>(due - load_.arrivals.begin());
  live_({time, open() ? arrived : index_, ended_, errors_, in_flight_, {}, {}});
}

void Loop::end_all() {
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    if (!connections_[slot]->busy) continue;
    connections_[slot]->exchange.unfinished = true;
    finish(slot, "the run ended before its answer");
  }
  // What was never sent is told as well, so that the offered load is whole.
  for (; open() && !exhausted_ && next_ < load_.arrivals.size(); ++next_) {
    Exchange exchange;
    exchange.index = index_++;
    exchange.scheduled = load_.arrivals[next_];
    exchange.end = now();
    exchange.unfinished = true;
    exchange.error = "the run ended before it was sent";
    source_.done(std::move(exchange));
  }
}

ClientFacts Loop::go(const Cancel& cancel) {
  const Instant cpu = monotonic(CLOCK_THREAD_CPUTIME_ID);
  ::prctl(PR_SET_TIMERSLACK, 1);  // else the kernel wakes it up to 50 µs late
  facts_.began = monotonic();
  facts_.memory = load_.memory;
  for (std::uint32_t user = 0; user < load_.users; ++user) due_.push({0, user});
  Instant end = INT64_MAX;
  while (!cancel.asked() && !over(end)) {
    const Instant began = now();
    const std::uint64_t started = index_;
    const bool had = prepared_.has_value();
    look_at_clock();
    start_due();
    expire();
    prepare();
    const bool idle = wait(std::min(next_event(), end)) && index_ == started && prepared_.has_value() == had;
    if (idle) facts_.spun += std::min(now() - began, spin);  // at most: it may have been kept from its core
    tell(false);
  }
  end_all();
  tell(true);
  facts_.ended = now();
  facts_.cpu_seconds = static_cast<double>(monotonic(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e9;
  return facts_;
}

}  // namespace

ClientFacts run(const Endpoint& endpoint, const Load& load, Source& source, const Cancel& cancel,
                const LiveSink& live) {
  return Loop(endpoint, load, source, live).go(cancel);
}

}  // namespace mlib::loadgen
