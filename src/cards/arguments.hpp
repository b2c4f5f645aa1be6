#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cards/flags.hpp"

/// The engine's command line in a framework's manifest, with the values in force, and what its flags table
/// says of it.
namespace mlib::cards {

/// The value of a parameter: a null pointer when it cannot be known here, a null node when there is none.
using ValueOf = std::function<const Node*(std::string_view parameter)>;

/// A word that the engine gets. `at` is where it was written: in the manifest, or in the value of
/// `parameter`.
struct Word {
  std::string text;
  const Node* at = nullptr;
  std::string parameter = {};  ///< "" when the manifest says it
  Path path = {};              ///< in the manifest
  bool known = true;           ///< false: a part of it cannot be known here
};

/// What one container hands to the engine.
struct CommandLine {
  std::vector<Word> words;                        ///< without the program itself
  std::vector<std::pair<std::string, Word>> env;  ///< names and values
  std::optional<Word> script =
      {};  ///< the shell script that the engine is started in, when no words could be read
};

/// The command lines of the containers whose image is the framework's (`from: framework.image`, or its very
/// text). Of a shell script it is that of the command that it starts (shell.hpp). Places point into
/// `framework` and into what `value_of` gave.
std::vector<CommandLine> command_lines(const Framework& framework, const ValueOf& value_of);

/// The engine's version when `image` is what runs: the one that the card lists with this image, the one that
/// its tag names, else the card's.
std::string version_of_image(const Framework& framework, const FlagTable& table, std::string_view image);

/// What is wrong with a word. A warning does not keep it from running.
struct FlagFinding {
  bool warning = false;
  Fault fault = Fault::not_allowed;
  const Word* word = nullptr;
  std::string message;
  std::string hint;
};

/// All that is wrong with the command line for the engine's `version`: flags that it never had, has no more,
/// has not yet or calls deprecated, values of a wrong type, and a script that could not be read. For a
/// version newer than all that were read, and where the table was not read from the engine itself, all are
/// warnings.
std::vector<FlagFinding> lint(const FlagTable& table, std::string_view version, const CommandLine& line);

}  // namespace mlib::cards
