#include "loadgen/loop.hpp"

#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>
#include <queue>
#include <utility>

#include "loadgen/connections.hpp"

namespace mlib::loadgen {
namespace {

constexpr Instant spin = 60'000;  // the last stretch before a deadline is not slept
// Between two looks at the clock that nothing else asks for: no multiple of a scheduler's tick.
constexpr Instant look = 1'970'000;
// A user whose request failed asks again no sooner after it was due: else one who fails at once would be
// asked as fast as the client can, and be remembered a million times.
constexpr Instant failed_pause = second / 10;

/// A user (or request) that is due.
struct Due {
  Instant at = 0;
  std::uint32_t user = 0;
  bool operator>(const Due& other) const { return at > other.at; }
};

/// How far a loop is, for a thread that looks on.
class Progress {
 public:
  struct Counts {
    Instant began = -1;  ///< CLOCK_MONOTONIC; -1: not yet
    std::uint64_t started = 0, ended = 0, errors = 0;
    std::size_t in_flight = 0;
  };
  void begin(Instant began) {
    const std::lock_guard lock(mutex_);
    counts_.began = began;
    changed_.notify_one();
  }
  /// The loop waits for nobody: what cannot be put down now is put down the next time.
  void put(const Counts& counts) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock) counts_ = counts;
  }
  void end() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  Counts counts() {
    const std::lock_guard lock(mutex_);
    return counts_;
  }
  /// Waits until so long after it began; false when it ended before.
  bool wait(Instant at) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || counts_.began >= 0; });
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds{counts_.began + at}};
    return !changed_.wait_until(lock, until, [this] { return ended_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Counts counts_;
  bool ended_ = false;
};

/// When what is sent: the connections do the rest.
class Loop {
 public:
  Loop(const Endpoint& endpoint, const Load& load, Source& source)
      : load_(load),
        source_(source),
        connections_(endpoint, load, facts_,
                     [this](Exchange&& exchange, Instant think) { ended(std::move(exchange), think); }) {}

  ClientFacts go(const Cancel& cancel);
  /// The same on a thread of its own, while the caller's tells.
  ClientFacts go(const Cancel& cancel, const LiveSink& live);

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
  void ask_again();
  Progress::Counts counts() const;
  Live seen(Instant time, const Progress::Counts& counts) const;
  void end_all(bool before_its_end);

  const Load& load_;
  Source& source_;
  ClientFacts facts_;
  Connections connections_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;  // of a closed loop
  std::vector<Due> unready_;                                        // of those whose time has come
  std::size_t next_ = 0;                                            // of an open loop
  std::uint64_t index_ = 0;
  std::optional<Request> prepared_;  // of an open loop: the one of index_
  bool exhausted_ = false;
  Instant last_arrival_ = 0;
  std::uint64_t ended_ = 0, errors_ = 0;
  Instant look_ = look;
  std::unique_ptr<Progress> progress_;  // where somebody looks on
  std::atomic<bool> stopped_{false};
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
    if (!source_.ready(due.user)) {
      unready_.push_back(due);
      continue;
    }
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
  const bool failed = !exchange.error.empty() || exchange.status >= 400;
  ++ended_;
  errors_ += failed ? 1 : 0;
  const Instant again = exchange.end + think;
  if (!open())
    due_.push({failed ? std::max(again, exchange.scheduled + failed_pause) : again, exchange.user});
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
                                     (due_.empty() && unready_.empty() && none_out);
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
    if (!connections_.handle(i)) ask_again();
    start_due();  // a burst of answers does not keep an arrival waiting
  }
  return pause == 0 && count <= 0;
}

/// Some users may have become ready.
void Loop::ask_again() {
  eventfd_t count = 0;
  ::eventfd_read(source_.wakes(), &count);
  for (const Due& due : std::exchange(unready_, {})) due_.push(due);
}

Progress::Counts Loop::counts() const {
  return {facts_.began, index_, ended_, errors_, connections_.in_flight()};
}

Live Loop::seen(Instant time, const Progress::Counts& counts) const {
  const auto due = std::upper_bound(load_.arrivals.begin(), load_.arrivals.end(), time);
  const auto arrived = static_cast<std::uint64_t>(due - load_.arrivals.begin());
  return {time, open() ? arrived : counts.started, counts.ended, counts.errors, counts.in_flight, {}, {}};
}

void Loop::end_all(bool before_its_end) {
  connections_.end_all();
  // What was never sent is told as well, so that the offered load is whole; what was to come later in a run
  // that was ended was never offered.
  const Instant until = before_its_end ? now() : INT64_MAX;
  for (; open() && !exhausted_ && next_ < load_.arrivals.size() && load_.arrivals[next_] <= until; ++next_) {
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
  if (source_.wakes() >= 0) connections_.also(source_.wakes());
  if (progress_) progress_->begin(facts_.began);
  Instant end = INT64_MAX;
  while (!cancel.asked() && !stopped_ && !over(end)) {
    const Instant began = now();
    const std::uint64_t started = index_;
    const bool had = prepared_.has_value();
    look_at_clock();
    start_due();
    connections_.expire();
    prepare();
    const bool idle = wait(std::min(next_event(), end)) && index_ == started && prepared_.has_value() == had;
    if (idle) facts_.spun += std::min(now() - began, spin);  // at most: it may have been kept from its core
    if (progress_) progress_->put(counts());
  }
  end_all(cancel.asked() || stopped_);
  facts_.ended = now();
  facts_.cpu_seconds = static_cast<double>(monotonic(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e9;
  return facts_;
}

ClientFacts Loop::go(const Cancel& cancel, const LiveSink& live) {
  struct Ending {
    Progress& progress;
    ~Ending() { progress.end(); }
  };
  struct Stopping {
    std::atomic<bool>& stopped;
    ~Stopping() { stopped = true; }
  };
  progress_ = std::make_unique<Progress>();
  std::future<ClientFacts> loop = std::async(std::launch::async, [&] {
    const Ending ending{*progress_};
    return go(cancel);
  });
  const Stopping stopping{stopped_};  // before `loop` waits for its end, where `live` throws
  for (Instant at = second / 2; progress_->wait(at);) {
    const Progress::Counts counts = progress_->counts();
    const Instant time = monotonic() - counts.began;
    at = time + second / 2;
    live(seen(time, counts));
  }
  const ClientFacts facts = loop.get();
  live(seen(facts.ended, counts()));
  return facts;
}

}  // namespace

ClientFacts run(const Endpoint& endpoint, const Load& load, Source& source, const Cancel& cancel,
                const LiveSink& live) {
  Loop loop(endpoint, load, source);
  return live ? loop.go(cancel, live) : loop.go(cancel);
}

}  // namespace mlib::loadgen
