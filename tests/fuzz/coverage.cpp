#include <cstddef>
#include <cstdint>

/// Coverage of code that GCC compiled, for libFuzzer (clang 14 cannot compile this project's headers): GCC calls
/// __sanitizer_cov_trace_pc at each edge, libFuzzer reads counters. Compiled without instrumentation, and linked
/// before libFuzzer's own __sanitizer_cov_trace_pc, which only refuses.
namespace {
constexpr std::size_t places = 1U << 16U;
std::uint8_t counters[places];
}  // namespace

extern "C" {
void __sanitizer_cov_8bit_counters_init(std::uint8_t* begin, std::uint8_t* end);

void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  std::uint8_t& counter = counters[(place ^ (place >> 16U)) % places];
  if (counter < 255) ++counter;
}
void __sanitizer_cov_trace_cmpf(float, float) {}
void __sanitizer_cov_trace_cmpd(double, double) {}
}

namespace {
[[gnu::constructor]] void announce() { __sanitizer_cov_8bit_counters_init(counters, counters + places); }
}  // namespace
