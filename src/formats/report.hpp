#pragma once
#include <string>
#include <vector>

#include "cards/card.hpp"

/// Above cards: reading what others write (Hugging Face folders, GGUF files, the original's JSON) into cards.
namespace mlib::formats {

using schema::Node;

/// What was done with one fact of the source, or what contradicts.
struct Remark {
  std::string field;   ///< of the card, e.g. spec.context_length; of the source when it was left out
  std::string from;    ///< where in the source it was found, e.g. config.json: num_hidden_layers
  std::string reason;  ///< why it was guessed, left out or doubted; "" for what was simply taken

  template <class D>
  void describe(D& d) {
    d.field("field", field, {.help = "Field of the card, or of the source when left out", .required = true});
    d.field("from", from, {.help = "Where it was found"});
    d.field("reason", reason, {.help = "Why it was guessed, left out or doubted"});
  }
};

/// What an import did, for people and programs.
struct Report {
  std::vector<Remark> taken, guessed, left_out, contradictions;

  template <class D>
  void describe(D& d) {
    d.field("taken", taken, {.help = "Facts that the source states"});
    d.field("guessed", guessed, {.help = "Facts that follow from others, to be looked at"});
    d.field("left_out", left_out, {.help = "What the source says and a card has no place for"});
    d.field("contradictions", contradictions, {.help = "Facts that cannot all be true"});
  }
};

}  // namespace mlib::formats
