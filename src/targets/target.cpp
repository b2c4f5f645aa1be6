#include "targets/target.hpp"

#include <array>

namespace mlib::targets {

std::string_view to_text(Phase phase) {
  static constexpr std::array<std::string_view, 8> names{"absent", "pending",  "pulling", "starting",
                                                         "ready",  "degraded", "failed",  "deleting"};
  return names[static_cast<std::size_t>(phase)];
}

}  // namespace mlib::targets
