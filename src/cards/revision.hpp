#pragma once
#include <string>

#include "cards/library.hpp"

namespace mlib::cards {

/// What a revision is taken of: the card as it stands with what it inherits, without `extends`; a Framework's
/// with its manifest's objects as `manifest`, a Template's without its benchmarks, which change nothing of
/// what is deployed.
Node canonical(const Framework& card);
Node canonical(const Model& card);
Node canonical(const Hardware& card);
Node canonical(const Template& card);

/// The revision of a card: the first 12 hex digits of SHA-256 over its canonical form as JSON with sorted
/// keys.
std::string revision(const Node& canonical);

/// The four cards of a template on a hardware in their canonical forms, as a map by kind: {Template: …,
/// Model: …, Hardware: …, Framework: …}; a kind that the library does not have (any more) is absent.
Node cards_of(const Library& library, const std::string& template_name, const std::string& hardware);

}  // namespace mlib::cards
