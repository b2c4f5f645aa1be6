#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>

#include "app/environment.hpp"
#include "app/ground.hpp"
#include "app/serve.hpp"
#include "cli/run.hpp"

namespace {

mlib::Cancel interrupted;
std::atomic<bool> hung_up{false};

/// The first Ctrl-C asks, the second one ends at once.
void interrupt(int) {
  if (interrupted.asked()) ::_exit(130);
  interrupted.ask();
}

}  // namespace

int main(int count, char** words) {
  using namespace mlib;
  std::ios::sync_with_stdio(false);
  struct sigaction action {};
  action.sa_handler = interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  const app::Environment environment = app::environment();
  cli::Outside outside{.in = std::cin, .out = std::cout, .err = std::cerr, .cancel = interrupted};
  outside.asks = ::isatty(STDIN_FILENO) != 0;
  outside.rewrites = ::isatty(STDERR_FILENO) != 0;
  outside.color = outside.rewrites && environment.color;
  outside.width = environment.columns;
  outside.user = environment.user;
  outside.open = [&](const cli::Options& options) {
    return std::make_unique<app::Ground>(options, environment);
  };
  outside.serve = [&](const cli::Options& options, const cli::ServeArguments& arguments) {
    ::signal(SIGHUP, [](int) { hung_up.store(true); });
    return app::serve(options, arguments, environment, {interrupted, [] { return hung_up.exchange(false); }});
  };
  return cli::run({words + 1, words + count}, outside);
}
