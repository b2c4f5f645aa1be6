#pragma once
#include "app/environment.hpp"
#include "cli/run.hpp"

namespace mlib::app {

/// Serves the API until `ended` is asked for (Ctrl-C, SIGTERM): the catalogue is loaded again on SIGHUP and
/// when its folder changes. Gives the exit code; Problem{unavailable} when the address is taken.
int serve(const cli::Options& options, const cli::ServeArguments& arguments, const Environment& environment,
          const Cancel& ended);

}  // namespace mlib::app
