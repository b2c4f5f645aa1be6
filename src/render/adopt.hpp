#pragma once
#include <string>
#include <vector>

#include "render/render.hpp"

namespace mlib::render {

/// Rules of the policy are lifted for objects of unknown origin under this name, never under a framework's
/// that they could claim to be of.
inline constexpr std::string_view foreign_objects = "kube-watcher";

/// Objects that somebody sent as they are, and whose deployment they make.
struct Adopted {
  Identity identity;
  Rendered rendered;
};

/// One deployment from the documents of `text`: its name is that of its only Deployment (or StatefulSet), its
/// namespace the one that they all name. They get our labels and selectors and pass the same schemas and
/// policy as what we render; of the host's folders only those of the library's weights may be mounted.
/// Problem{invalid} with all findings, Problem{forbidden} by the policy.
Adopted adopt(const std::string& text, const cards::Library& library, const PolicyFile& policy);

}  // namespace mlib::render
