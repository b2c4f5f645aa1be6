#include "cards/revision.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::cards {
namespace {

template <class Spec>
Node without_extends(const Card<Spec>& card) {
  Node whole = schema::encode(card);
  whole.erase("extends");
  return whole;
}

/// The same value with the keys of each map in order.
Node sorted(const Node& node) {
  Node made = node;
  if (made.is_list())
    for (Node& item : made.items()) item = sorted(item);
  if (!made.is_map()) return made;
  for (schema::Entry& entry : made.entries()) entry.value = sorted(entry.value);
  std::sort(made.entries().begin(), made.entries().end(),
            [](const schema::Entry& a, const schema::Entry& b) { return a.key < b.key; });
  return made;
}

}  // namespace

Node canonical(const Framework& card) {
  Node whole = without_extends<FrameworkSpec>(card);
  whole.set("manifest", Node(Node::List(card.manifest)));
  return whole;
}
Node canonical(const Model& card) { return without_extends(card); }
Node canonical(const Hardware& card) { return without_extends(card); }
Node canonical(const Template& card) {
  Node whole = without_extends(card);
  whole.child("spec").erase("benchmarks");
  return whole;
}

std::string revision(const Node& canonical) {
  return sha256_hex(schema::to_json(sorted(canonical))).substr(0, 12);
}

Node cards_of(const Library& library, const std::string& template_name, const std::string& hardware) {
  Node all = Node::map();
  const Template* found = library.find_template(template_name);
  if (found == nullptr) return all;
  all.set("Template", canonical(*found));
  const Model* model = library.model(found->spec.model);
  const std::string own = model == nullptr ? "" : model->spec.framework;
  const Framework* framework = library.framework(found->spec.framework.empty() ? own : found->spec.framework);
  const Hardware* machine = library.find_hardware(hardware.empty() ? found->spec.hardware : hardware);
  if (model != nullptr) all.set("Model", canonical(*model));
  if (machine != nullptr) all.set("Hardware", canonical(*machine));
  if (framework != nullptr) all.set("Framework", canonical(*framework));
  return all;
}

}  // namespace mlib::cards
