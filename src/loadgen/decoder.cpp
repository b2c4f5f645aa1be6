#include "loadgen/decoder.hpp"

#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "loadgen/metrics.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::size_t held_limit = 8U << 20U;
constexpr std::size_t failed_limit = 64U << 10U;
constexpr std::size_t said_again = 256U << 10U;  // of one answer

double thread_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

}  // namespace

Answers::Answers(std::uint32_t users) : places_(users) {
  descriptor_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor_ < 0) throw Problem(Kind::unavailable, "no eventfd: too many files are open");
}

Answers::~Answers() { ::close(descriptor_); }

void Answers::expect(std::uint32_t user) {
  const std::lock_guard lock(mutex_);
  places_.at(user).expected = true;
}

void Answers::put(std::uint32_t user, std::optional<std::string> answer) {
  if (answer && answer->size() > said_again) answer.reset();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    Place& place = places_.at(user);
    wake = place.asked_for;
    place = {false, false, std::move(answer)};
  }
  if (wake) ::eventfd_write(descriptor_, 1);
}

bool Answers::there(std::uint32_t user) {
  const std::lock_guard lock(mutex_);
  Place& place = places_.at(user);
  place.asked_for = place.expected;
  return !place.expected;
}

std::optional<std::string> Answers::take(std::uint32_t user) {
  const std::lock_guard lock(mutex_);
  return std::exchange(places_.at(user).answer, std::nullopt);
}

void Decoder::Recent::add(const std::optional<double>& value) {
  sum += value.value_or(0);
  count += value ? 1 : 0;
}

void Decoder::Recent::settle() {
  if (count > 0) mean = sum / count;
  sum = 0;
  count = 0;
}

Decoder::Decoder(Protocol protocol, Answers* answers, RecordSink record)
    : protocol_(protocol), answers_(answers), record_(std::move(record)), thread_([this] { work(); }) {}

void Decoder::add(Exchange&& exchange, Instant patience) {
  const bool failed = !exchange.error.empty() || exchange.status >= 400;
  if (failed) exchange.cut(failed_limit);
  const std::chrono::nanoseconds most{std::clamp<Instant>(patience, 0, 3600 * second)};
  std::unique_lock lock(mutex_);
  const auto has_room = [this] { return held_ < held_limit; };
  if (failed && !has_room()) {  // it is not waited for: its error counts
    exchange.cut(0);
  } else if (!room_.wait_for(lock, most, has_room)) {
    exchange.cut(0);
    exchange.error = client_full;
    ++given_up;
    ++refused_;
  }
  held_ += exchange.bytes();
  waiting_.push_back(std::move(exchange));
  if (waiting_.size() == 1) changed_.notify_one();
}

void Decoder::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  thread_.join();
  const double before = thread_seconds();
  while (decode_next(false)) continue;
  cpu_seconds += thread_seconds() - before;
}

void Decoder::tell(Live& live) {
  const std::lock_guard lock(mutex_);
  ttft_.settle();
  tpot_.settle();
  live.ttft = ttft_.mean;
  live.tpot = tpot_.mean;
  live.errors = std::min(live.errors + refused_, live.ended);  // of some the loop may not have told yet
}

void Decoder::work() {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_OTHER, &none);
  if (answers_ == nullptr) {
    // On a core that it shares with the loop, the loop goes first, at whatever priority the program runs. One
    // for whose answers users wait is as urgent as the loop.
    const auto self = static_cast<id_t>(::gettid());
    ::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + 10);
  }
  while (decode_next(true)) continue;
  cpu_seconds = thread_seconds();
}

/// False when nothing is left, or, to one who would wait, when it was stopped.
bool Decoder::decode_next(bool waits) {
  Exchange exchange;
  {
    std::unique_lock lock(mutex_);
    if (waits) changed_.wait(lock, [this] { return ended_ || !waiting_.empty(); });
    if (waiting_.empty() || (waits && ended_)) return false;
    exchange = std::move(waiting_.front());
    waiting_.pop_front();
  }
  between_.clear();
  std::string text;
  const Sample& sample =
      samples.emplace_back(decode(exchange, protocol_, &between_, answers_ == nullptr ? nullptr : &text));
  const bool good = sample.good();
  if (record_) record_(sample, between_);
  if (good)
    for (const Instant gap : between_) gaps.add(gap);
  if (answers_ != nullptr)
    answers_->put(exchange.user, good ? std::optional<std::string>(std::move(text)) : std::nullopt);
  const std::size_t size = exchange.bytes();
  const bool refused = !good && exchange.error.empty() && exchange.status < 400;
  exchange.cut(0);
  const std::lock_guard lock(mutex_);
  held_ -= size;
  room_.notify_one();
  refused_ += refused ? 1 : 0;
  if (good) {
    ttft_.add(ttft_of(sample));
    tpot_.add(tpot_of(sample));
  }
  return true;
}

}  // namespace mlib::loadgen
