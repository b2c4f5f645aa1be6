#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cards/filter.hpp"

namespace mlib::api::kubeflow {

using schema::Node;
using Items = std::vector<Node>;

inline constexpr std::string_view source_id = "model-library";

/// `{"metadataType": "MetadataDoubleValue", "double_value": 1.5}`; texts for what is no scalar.
Node property(const Node& value);
/// A CatalogModel; `row` is its place in the library.
Node model_item(const cards::Model& card, std::size_t row);
/// The CatalogArtifacts of models; templates are looked through once. The library must outlive it.
class Artifacts {
 public:
  explicit Artifacts(const cards::Library& library);
  /// The model's sources, then the benchmarks of its templates.
  std::vector<Node> of(const std::string& model) const;

 private:
  const cards::Library& library_;
  std::map<std::string_view, std::vector<const cards::Template*>> measured_;  ///< by model
};
/// The value of a property or field of an item, without a type's suffix (`ttft_p90.double_value`).
Node value_of(const Node& item, std::string_view name);
/// `name` without `.string_value`, `.int_value`, `.double_value`, `.bool_value`, `.array_value`.
std::string bare_name(std::string_view name);

}  // namespace mlib::api::kubeflow
