#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct ImportArguments {
  std::string source, text, as, framework, to;

  template <class D>
  void describe(D& d) {
    d.field("source", source,
            {.help = "Hugging Face folder, GGUF file, the original's JSON (a file or an http URL)",
             .format = "local"});
    d.field("text", text, {.help = "The original's JSON or a config.json itself, instead of a source"});
    d.field("as", as, {.help = "Name of the card", .format = "dns-label"});
    d.field("framework", framework, {.help = "Framework that serves it (one that serves its format)"});
    d.field("to", to,
            {.help = "New file for cards that validate, instead of standard output", .format = "local"});
  }
};

/// Cards from what others write, with a report of what was taken, guessed, left out and cannot all be true.
/// Cards that would not validate are in the answer, its exit code says so, and no file is written of them:
/// Problem{invalid} with their findings. Problem{invalid} for what cannot be read, too, Problem{conflict}
/// when the new file exists.
Response import_cards(const World&, const Caller&, const ImportArguments&);

}  // namespace mlib::verbs
