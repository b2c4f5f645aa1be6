#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlib::api {

/// Upper bounds of the latency histogram, in seconds.
constexpr std::array latency_bounds{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0};

/// Counts requests by route and status, and how long they took. Any thread may count.
class Metrics {
 public:
  /// One row for each label, which is a method and a path pattern; the last row takes what has no route.
  explicit Metrics(std::vector<std::string> routes);
  void count(std::size_t route, int status, std::chrono::nanoseconds took);

  /// What else the text tells.
  struct Facts {
    std::vector<std::pair<std::string_view, std::size_t>> cards;  ///< kind, number
    std::size_t findings = 0;
    double uptime_seconds = 0;
  };
  /// Prometheus' text format 0.0.4.
  std::string text(const Facts& facts) const;

 private:
  static constexpr std::array statuses{200, 304, 307, 400, 401, 403, 404, 405, 406, 409, 413,
                                       415, 421, 422, 499, 500, 501, 502, 503, 504, 0};
  struct Row {
    std::array<std::atomic<std::uint64_t>, statuses.size()> by_status{};
    std::array<std::atomic<std::uint64_t>, latency_bounds.size() + 1> by_latency{};
    std::atomic<std::uint64_t> nanoseconds{0};
  };
  void write_row(std::string& text, std::size_t route) const;

  std::vector<std::string> routes_;
  std::unique_ptr<Row[]> rows_;
};

/// Bytes of memory that this process has resident.
std::size_t resident_bytes();

}  // namespace mlib::api
