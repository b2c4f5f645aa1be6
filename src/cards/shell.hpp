#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Shell scripts as far as plain words go: enough to see what an engine is handed that a script starts.
namespace mlib::cards {

/// Stands in a script for what cannot be known here.
inline constexpr char unknown_part = '\x01';

struct ShellWord {
  std::string text;              ///< without quotes, with the values of variables
  bool known = true;             ///< false: a part of it cannot be known here
  bool arguments = false;        ///< "$@"
  std::size_t from = 0, to = 0;  ///< in the script, with quotes
};

/// A simple command: `name=value` before it, and its words; `exec` is left out.
struct ShellCommand {
  std::vector<ShellWord> assignments;
  std::vector<ShellWord> words;
  bool exec = false;
};

/// The value of a variable; nothing when it is not known.
using Variable = std::function<std::optional<std::string>(std::string_view name)>;

/// The commands of a script, in the order in which they stand in it, whatever joins them. Nothing when it
/// holds what cannot be taken apart so: a function, a here-document, a quote without its end.
std::optional<std::vector<ShellCommand>> shell_commands(std::string_view script, const Variable& variable);

/// The one command among those that starts a server: the one behind `exec`, else the only one that is neither
/// of the shell itself nor a small tool. A null pointer when there is no such one.
const ShellCommand* started(const std::vector<ShellCommand>& commands);

}  // namespace mlib::cards
