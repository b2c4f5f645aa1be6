#pragma once
#include "render/render.hpp"

namespace mlib::render {

/// An administrator's policy file: `frameworks: {NAME: [RULE, …]}` lifts rules of the policy for a framework,
/// and nothing else can. An empty text lifts nothing. Problem{invalid} with every finding, unknown rules
/// among them.
PolicyFile read_policy(const schema::Source& source);

}  // namespace mlib::render
