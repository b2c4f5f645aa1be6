#pragma once
#include <string>
#include <string_view>

#include "cli/command_line.hpp"

namespace mlib::cli {

/// What `mlib --help` prints: the verbs in groups, a first endpoint, the options of every verb.
std::string overview();
/// What `mlib VERB --help` prints; for a word that several verbs begin with (`get`) the list of them.
/// Problem{usage} for an unknown verb.
std::string help_of(const std::string& verb);
/// All of it as Markdown: docs/cli.md.
std::string reference();

}  // namespace mlib::cli
