#pragma once
#include <string>
#include <vector>

#include "verbs/narrow.hpp"

namespace mlib::verbs {

/// Expressions (see cards::Expression) over records that are no cards: deployments. A field is a dotted path
/// of the record, or of the template that it names (`template.model.format`, `template.hardware.memory`).
class RecordFilter {
 public:
  /// `schema` is the JSON Schema of the records. Problem as `expressions` says.
  RecordFilter(const World& world, const std::vector<std::string>& filters, const Node& schema);
  bool matches(const Node& record) const;

 private:
  std::shared_ptr<const cards::Library> library_;
  std::vector<cards::Expression> all_;
};

}  // namespace mlib::verbs
