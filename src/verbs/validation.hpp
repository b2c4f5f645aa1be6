#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct CardFile {
  std::string path, text;

  template <class D>
  void describe(D& d) {
    d.field("path", path, {.help = "Name of the file", .required = true});
    d.field("text", text, {.help = "What is in it", .required = true});
  }
};

struct ValidateArguments {
  std::vector<CardFile> files;

  template <class D>
  void describe(D& d) {
    d.field("files", files, {.help = "Card files or folders; none: the catalogue in force"});
  }
};

/// Checks card files (what they refer to may be in them or in the shipped catalogue); Problem{invalid} with
/// all findings, else how many cards of which kind there are.
Response validate(const World&, const Caller&, const ValidateArguments&);

}  // namespace mlib::verbs
