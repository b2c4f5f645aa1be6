#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mlib::loadgen {

/// `ttft_p95=500ms`: of all requests offered, 95 % have their first token within 500 ms.
struct Limit {
  enum class Of { ttft, tpot, e2e };
  Of of = Of::ttft;
  double share = 0.95;  ///< of the requests, above 0 and below 1
  double most = 0;      ///< milliseconds
};
using Objective = std::vector<Limit>;

/// Reads `ttft_p95=500ms,tpot_p95=50ms,e2e_p99=10s`; Problem{usage} names what is wrong with which.
Objective objective_of(std::string_view text);
std::string to_text(const Limit& limit);

}  // namespace mlib::loadgen
