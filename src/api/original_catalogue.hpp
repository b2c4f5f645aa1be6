#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "api/original_cards.hpp"
#include "cards/library.hpp"

namespace mlib::api::original {

/// One library as the original's clients see it; made once for each library.
struct View {
  std::shared_ptr<const cards::Library> library;
  std::shared_ptr<const std::string> get_all;  ///< the answer of GET /get_all
  std::string etag;                            ///< quoted
  /// Frameworks by the name of their manifest: the original's, and every framework's own name.
  std::map<std::string, const cards::Framework*, std::less<>> manifests;
};

/// The original's cards first, in its order and with its ids; then ours, with their names as ids.
Catalogue catalogue_of(const cards::Library& library);

std::shared_ptr<const View> view_of(std::shared_ptr<const cards::Library> library);

}  // namespace mlib::api::original
