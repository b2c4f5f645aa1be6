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
  std::vector<Remark> taken, guessed, left_out, contradictions, refused;

  void take(std::string field, std::string from) { taken.push_back({std::move(field), std::move(from), ""}); }
  void guess(std::string field, std::string from, std::string reason) {
    guessed.push_back({std::move(field), std::move(from), std::move(reason)});
  }
  void leave(std::string field, std::string reason) {
    left_out.push_back({std::move(field), "", std::move(reason)});
  }
  void doubt(std::string field, std::string reason) {
    contradictions.push_back({std::move(field), "", std::move(reason)});
  }
  void refuse(std::string field, std::string reason) {
    refused.push_back({std::move(field), "", std::move(reason)});
  }

  template <class D>
  void describe(D& d) {
    d.field("taken", taken, {.help = "Facts that the source states"});
    d.field("guessed", guessed, {.help = "Facts that follow from others, to be looked at"});
    d.field("left_out", left_out, {.help = "What the source says and a card has no place for"});
    d.field("contradictions", contradictions, {.help = "Facts that cannot all be true"});
    d.field("refused", refused, {.help = "What the catalogue would refuse the cards for"});
  }
};

/// What came out of a source.
struct Imported {
  std::vector<Node> cards;
  Report report;
};

/// For people: what was taken, guessed, left out and doubted, a line each.
std::string to_text(const Report& report);

/// The characters of a card's name that `text` has, lower case; "" when none is left.
std::string name_from(std::string_view text);

/// What is said on the command line of the card to be made.
struct Wanted {
  std::string name;       ///< "": from the source
  std::string framework;  ///< of a Model card
  std::string location;   ///< path from the root, for `file://`; "" when there is none
};

}  // namespace mlib::formats
