#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "verbs/verb.hpp"

namespace mlib::cli {

/// What this program itself can do besides the verbs of the table.
struct OwnCommand {
  std::string_view name;
  std::string_view summary;
  Node (*arguments)();
  std::vector<std::string_view> positional;
  std::string_view example;
};
/// serve, help, version, reference.
const std::vector<OwnCommand>& own_commands();

/// What was asked for: one of verb and own is set, or none (no argument at all).
struct CommandLine {
  const verbs::Verb* verb = nullptr;
  const OwnCommand* own = nullptr;
  Node arguments = Node::map();
  Options options;
};

/// Where arguments that name something come from.
struct Inputs {
  std::function<std::string(const std::string& path)> read_file;
  std::function<std::string()> read_stdin;
  /// The card files that a path stands for: itself, or all of a folder.
  std::function<std::vector<cards::File>(const std::string& path)> read_cards;
};

/// Understands the words after the program's name; Problem{usage} names the word, the cause and the nearest
/// right one.
CommandLine parse(const std::vector<std::string>& words, const Inputs& inputs);

/// `mlib render TEMPLATE --name NAME [OPTIONS]`.
std::string usage(std::string_view name, const Node& arguments,
                  const std::vector<std::string_view>& positional);

/// The verb of that name ("get models"), singular or plural; null pointer when there is none.
const verbs::Verb* find_verb(std::string_view name);
const OwnCommand* find_own(std::string_view name);

}  // namespace mlib::cli
