#pragma once
#include <chrono>
#include <string>

namespace mlib {

/// The time, handed in, so that a test can hold it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point now() const = 0;
  virtual std::chrono::system_clock::time_point wall() const = 0;
  /// Sleeps, or in a test moves the time on.
  virtual void sleep(std::chrono::milliseconds span) = 0;
};

class SystemClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall() const override { return std::chrono::system_clock::now(); }
  void sleep(std::chrono::milliseconds span) override;
};

/// `2026-11-28T16:05:09Z`.
std::string utc(std::chrono::system_clock::time_point time);

}  // namespace mlib
