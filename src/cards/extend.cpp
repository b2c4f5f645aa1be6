#include <algorithm>

#include "cards/draft.hpp"

namespace mlib::cards::detail {
namespace {

void merge(Node& into, const Node& own) {
  Node::Map& inherited = into.entries();
  for (const schema::Entry& entry : own.entries()) {
    const auto there = std::find_if(inherited.begin(), inherited.end(),
                                    [&](const schema::Entry& each) { return each.key == entry.key; });
    if (there == inherited.end()) {
      inherited.push_back(entry);
    } else if (entry.value.is_null()) {
      inherited.erase(there);
    } else if (there->value.is_map() && entry.value.is_map()) {
      merge(there->value, entry.value);
      there->line = entry.line;
      there->column = entry.column;
    } else {
      *there = entry;
    }
  }
  into.line = own.line;
  into.column = own.column;
}

}  // namespace

bool says(const Node& document, const Path& path) {
  const Node* now = &document;
  for (const Step& step : path) {
    if (step.index < 0) {
      now = now->find(step.key);
    } else {
      const bool there = now->is_list() && static_cast<std::size_t>(step.index) < now->items().size();
      now = there ? &now->items()[static_cast<std::size_t>(step.index)] : nullptr;
    }
    if (now == nullptr) return false;
  }
  return true;
}

Node extended(const Node& base, const Node& own) {
  Node whole = base;
  for (const std::string_view each : {"apiVersion", "kind", "extends"}) whole.erase(each);
  if (Node* metadata = whole.find("metadata")) metadata->erase("name");
  if (Node* spec = whole.find("spec")) spec->erase("original");
  merge(whole, own);
  return whole;
}

}  // namespace mlib::cards::detail
