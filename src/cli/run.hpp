#pragma once
#include <functional>
#include <istream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cli/command_line.hpp"

namespace mlib::cli {

/// The world of one command, with what it stands on.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual const verbs::World& world() const = 0;
};

/// What the command line stands in: the streams, what kind they are, and how to make the rest.
struct Outside {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool asks = false;      ///< standard input is a terminal
  bool rewrites = false;  ///< standard error is a terminal: progress in one line
  bool color = false;     ///< errors in colour, unless --no-color
  std::size_t width = 0;  ///< of the terminal that standard output is; 0: no terminal, nothing is cut
  std::string user;       ///< who asks
  const Cancel& cancel;   ///< set by Ctrl-C
  std::function<std::unique_ptr<Ground>(const Options&)> open;
  std::function<int(const Options&, const ServeArguments&)> serve;
};

/// Runs one command; data to `out`, progress and errors to `err`. Gives the exit code.
int run(const std::vector<std::string>& words, const Outside& outside);

}  // namespace mlib::cli
