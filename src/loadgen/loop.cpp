#include "loadgen/loop.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <queue>
#include <utility>

#include "loadgen/connections.hpp"

namespace mlib::loadgen {
namespace {

constexpr Instant spin = 60'000;  // the last stretch before a deadline is not slept
// Between two looks at the clock that nothing else asks for: no multiple of a scheduler's tick.
constexpr Instant look = 1'970'000;

/// A user (or request) that is due.
struct Due {
  Instant at = 0;
  std::uint32_t user = 0;
  bool operator>(const Due& other) const { return at > other.at; }
};

/// When what is sent: the connections do the rest.
class Loop {
 public:
  Loop(const Endpoint& endpoint, const Load& load, Source& source, const LiveSink& live)
      : load_(load),
        source_(source),
        live_(live),
        connections_(endpoint, load, facts_,
                     [this](Exchange&& exchange, Instant think) { ended(std::move(exchange), think); }) {}

  ClientFacts go(const Cancel& cancel);

 private:
  Instant now() const { return connections_.now(); }
  bool open() const { return load_.users == 0; }
  void start_due();
  void prepare();
  void start(const Due& due);
  void ended(Exchange&& exchange, Instant think);
  void look_at_clock();
  bool wait(Instant until);
  Instant next_event() const;
  bool over(Instant& end) const;
  void tell(bool always);
  void end_all();

  const Load& load_;
  Source& source_;
  const LiveSink& live_;
  ClientFacts facts_;
  Connections connections_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;  // of a closed loop
  std::size_t next_ = 0;                                            // of an open loop
  std::uint64_t index_ = 0;
  std::optional<Request> prepared_;  // of an open loop: the one of index_
  bool exhausted_ = false;
  Instant last_arrival_ = 0;
  std::uint64_t ended_ = 0, errors_ = 0;
  Instant told_ = 0, look_ = look;
};

void Loop::start(const Due& due) {
  std::optional<Request> request = std::exchange(prepared_, std::nullopt);
  if (!request) request = source_.next(index_, due.user);
  if (request)
    connections_.start(std::move(*request), index_++, due.user, due.at);
  else if (open())
    exhausted_ = true;
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

void Loop::ended(Exchange&& exchange, Instant think) {
  ++ended_;
  if (!exchange.error.empty() || exchange.status >= 400) ++errors_;
  if (!open()) due_.push({exchange.end + think, exchange.user});
  source_.done(std::move(exchange));
}

/// A stall counts at each look that fell into it, so that the shares are those of time.
void Loop::look_at_clock() {
  for (const Instant time = now(); look_ <= time; look_ += look) facts_.stall.add(time - look_);
}

/// True when nothing more is to come; `end` is when it ends at the latest.
bool Loop::over(Instant& end) const {
  const bool none_out = connections_.in_flight() == 0;
  const bool sent_all = open() ? exhausted_ || next_ >= load_.arrivals.size()
                               : (load_.stop.duration && now() >= *load_.stop.duration) ||
                                     (load_.stop.requests && index_ >= *load_.stop.requests) ||
                                     (due_.empty() && none_out);
  if (sent_all && none_out) return true;
  end = INT64_MAX;
  if (load_.stop.duration) end = *load_.stop.duration + load_.drain;
  if (sent_all) end = std::min(end, last_arrival_ + load_.drain);
  return now() >= end;
}

Instant Loop::next_event() const {
  Instant next = std::min(now() + second / 4, connections_.next_deadline());
  if (open() && !exhausted_ && next_ < load_.arrivals.size()) next = std::min(next, load_.arrivals[next_]);
  if (!open() && !due_.empty()) next = std::min(next, due_.top().at);
  return next;
}

/// True when it neither slept nor found anything.
bool Loop::wait(Instant until) {
  const Instant began = now();
  const Instant pause = std::clamp<Instant>(until - began - spin, 0, std::max<Instant>(look_ - began, 0));
  const int count = connections_.poll(pause);
  for (int i = 0; i < count; ++i) {
    connections_.handle(i);
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
  live_({time, open() ? arrived : index_, ended_, errors_, connections_.in_flight(), {}, {}});
}

void Loop::end_all() {
  connections_.end_all();
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
    connections_.expire();
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
