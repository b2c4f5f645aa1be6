#include "api/metrics.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace mlib::api {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;

void head(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

}  // namespace

Metrics::Metrics(std::vector<std::string> routes)
    : routes_(std::move(routes)), rows_(std::make_unique<Row[]>(routes_.size())) {}

void Metrics::count(std::size_t route, int status, std::chrono::nanoseconds took) {
  Row& row = rows_[std::min(route, routes_.size() - 1)];
  const auto slot = std::find(statuses.begin(), statuses.end() - 1, status) - statuses.begin();
  row.by_status[static_cast<std::size_t>(slot)].fetch_add(1, relaxed);
  const double seconds = std::chrono::duration<double>(took).count();
  const auto bound =
      std::lower_bound(latency_bounds.begin(), latency_bounds.end(), seconds) - latency_bounds.begin();
  row.by_latency[static_cast<std::size_t>(bound)].fetch_add(1, relaxed);
  row.nanoseconds.fetch_add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, took.count())), relaxed);
}

void Metrics::write_row(std::string& text, std::size_t route) const {
  const Row& row = rows_[route];
  std::uint64_t total = 0;
  std::string buckets;
  for (std::size_t i = 0; i <= latency_bounds.size(); ++i) {
    total += row.by_latency[i].load(relaxed);
    const std::string bound = i < latency_bounds.size() ? fmt::format("{}", latency_bounds[i]) : "+Inf";
    buckets += fmt::format("mlib_http_request_duration_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n",
                           routes_[route], bound, total);
  }
  if (total == 0) return;
  text += buckets;
  text += fmt::format("mlib_http_request_duration_seconds_sum{{route=\"{}\"}} {}\n", routes_[route],
                      static_cast<double>(row.nanoseconds.load(relaxed)) / 1e9);
  text += fmt::format("mlib_http_request_duration_seconds_count{{route=\"{}\"}} {}\n", routes_[route], total);
}

std::string Metrics::text(const Facts& facts) const {
  std::string text;
  head(text, "mlib_http_requests_total", "counter", "Requests by route and status.");
  for (std::size_t route = 0; route < routes_.size(); ++route)
    for (std::size_t slot = 0; slot < statuses.size(); ++slot) {
      const std::uint64_t number = rows_[route].by_status[slot].load(relaxed);
      if (number == 0) continue;
      const std::string status = statuses[slot] == 0 ? "other" : fmt::format("{}", statuses[slot]);
      text += fmt::format("mlib_http_requests_total{{route=\"{}\",status=\"{}\"}} {}\n", routes_[route],
                          status, number);
    }
  head(text, "mlib_http_request_duration_seconds", "histogram", "Time from the request to its answer.");
  for (std::size_t route = 0; route < routes_.size(); ++route) write_row(text, route);
  head(text, "mlib_library_cards", "gauge", "Cards of the library in force.");
  for (const auto& [kind, number] : facts.cards)
    text += fmt::format("mlib_library_cards{{kind=\"{}\"}} {}\n", kind, number);
  head(text, "mlib_library_findings", "gauge", "What is wrong with cards that were left out.");
  text += fmt::format("mlib_library_findings {}\n", facts.findings);
  head(text, "mlib_uptime_seconds", "gauge", "Seconds since the start.");
  text += fmt::format("mlib_uptime_seconds {:.3f}\n", facts.uptime_seconds);
  head(text, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
  text += fmt::format("process_resident_memory_bytes {}\n", resident_bytes());
  head(text, "mlib_build_info", "gauge", "Version of this program.");
  text += "mlib_build_info{version=\"" MLIB_VERSION "\"} 1\n";
  return text;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace mlib::api
