#pragma once
#include <string>
#include <vector>

#include "schema/node.hpp"

namespace mlib::verbs {

/// `field=value` and `field!=value` over encoded cards or records; several must all hold. A field is a dotted
/// path; `spec.`, `metadata.` and `metadata.labels.` may be left out. A list matches when one item does.
class Filter {
 public:
  /// `schema` is the JSON Schema of the items. Problem{usage} for an expression without `=`, and for a field
  /// that neither the schema nor a label of any item has (with the nearest).
  Filter(const std::vector<std::string>& expressions, const schema::Node& schema,
         const std::vector<schema::Node>& items);
  bool matches(const schema::Node& item) const;

 private:
  struct Term {
    std::vector<std::string> path;
    std::string value;
    bool equal = true;
  };
  std::vector<Term> terms_;
};

}  // namespace mlib::verbs
