#pragma once
#include <vector>

#include "render/render.hpp"

namespace mlib::render {

/// The cards of one rendering.
struct Cards {
  const cards::Framework& framework;
  const cards::Model& model;
  const cards::Hardware& hardware;
  const cards::Template& chosen;
};

/// Holds the values in force to the framework's conditions, the flags of its engine's version and the
/// catalogue's rules (cards/contract.hpp): what keeps it from running goes to `findings`, the rest to
/// `warnings`. A place is the origin of the value (`template NAME`, `--set`), or a line of the manifest.
void hold_to_contract(const Cards& cards, const Values& values, std::vector<Finding>& findings,
                      std::vector<Finding>& warnings);

}  // namespace mlib::render
