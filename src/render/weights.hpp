#pragma once
#include <optional>
#include <string>

#include "render/render.hpp"

namespace mlib::render {

/// Where the container finds its weights.
inline constexpr std::string_view weights_mount = "/models";
/// The volume's name in the pod.
inline constexpr std::string_view weights_volume = "weights";
/// The Secret in the user's namespace whose key `token` opens gated models; it need not exist.
inline constexpr std::string_view hub_secret = "hf-token";

/// How weights come into a pod.
struct Weights {
  Node volumes = Node::list();
  Node mounts = Node::list();
  Node init = Node::list();
  Node path;  ///< of the file in the container; null when there are no weights
  bool uses_claim = false;
};

/// What else is needed for that: the claim that fetched weights are kept in ("" for a folder that ends with
/// the pod), and the image that fetches ("" when the framework names none).
struct Fetching {
  std::string claim;
  std::string image;
};

/// The first of `sources` that has a known scheme; nothing when none has.
std::optional<cards::Source> usable(const std::vector<cards::Source>& sources);

/// Volumes, mounts and init containers for `source`. Problem{invalid} for a source that cannot be mounted or
/// fetched.
Weights weights_of(const cards::Source& source, const Fetching& fetching);

}  // namespace mlib::render
