#include "base/clock.hpp"

#include <ctime>
#include <thread>

namespace mlib {

void SystemClock::sleep(std::chrono::milliseconds span) { std::this_thread::sleep_for(span); }

std::string utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace mlib
