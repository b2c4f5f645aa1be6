#pragma once
#include <atomic>

#include "base/problem.hpp"

namespace mlib {

/// A flag that long work looks at between its steps; Ctrl-C and a closed connection set it.
class Cancel {
 public:
  bool asked() const { return asked_.load(std::memory_order_relaxed); }
  void ask() { asked_.store(true, std::memory_order_relaxed); }
  /// Throws Problem{cancelled} when asked.
  void check() const {
    if (asked()) throw Problem(Kind::cancelled, "cancelled");
  }

 private:
  std::atomic<bool> asked_{false};
};

}  // namespace mlib
