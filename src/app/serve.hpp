#pragma once
#include <functional>

#include "app/environment.hpp"
#include "cli/run.hpp"

namespace mlib::app {

/// What the operating system tells a server while it runs.
struct Signals {
  const Cancel& ended;                ///< SIGINT or SIGTERM came
  std::function<bool()> take_reload;  ///< true once after each SIGHUP
};

/// Serves the API until it is ended: the catalogue is loaded again on SIGHUP and when its folder changes.
/// Gives the exit code; Problem{unavailable} when the address is taken.
int serve(const cli::Options& options, const cli::ServeArguments& arguments, const Environment& environment,
          const Signals& signals);

}  // namespace mlib::app
