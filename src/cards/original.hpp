#pragma once
#include <string>

#include "schema/describe.hpp"

namespace mlib::cards {

using schema::Dict;
using schema::Node;

/// How the original's clients see this card (its id and place in `/get_all`); absent for cards that it never
/// had.
struct Original {
  std::string id;
  int order = 0;
  std::string deployment_yaml;
  Node tags = Node::map();

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.help = "The original's id; stable", .required = true});
    d.field("order", order, {.help = "Place in the original's list", .min = 0});
    d.field("deployment_yaml", deployment_yaml, {.help = "The original's name of the manifest (Framework)"});
    d.field("tags", tags, {.help = "The original's tags (Framework)"});
  }
};

}  // namespace mlib::cards
