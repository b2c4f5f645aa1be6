#include "targets/podman_machine.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

namespace mlib::targets {

TEST_CASE(
    "CPUs have worked for what is neither idle, nor waits for a disk, nor is stolen by another machine") {
  const double second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  CHECK(worked_by("cpu  19600 80 17200 22700 288 10 170 9000 500 0") ==
        doctest::Approx((19600 + 80 + 17200 + 10 + 170) / second));
  CHECK_FALSE(worked_by("cpu0 1 2 3 4 5 6 7"));
  CHECK_FALSE(worked_by("cpu  1 2 3"));
  CHECK_FALSE(worked_by(""));
}

}  // namespace mlib::targets
