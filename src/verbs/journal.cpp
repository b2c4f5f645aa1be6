#include "verbs/journal.hpp"

namespace mlib::verbs {

Response audit(const World& world, const Caller&, const AuditArguments& arguments) {
  Table table{.columns = {{"TIME"}, {"WHO"}, {"WHAT"}, {"OBJECT"}, {"DETAIL"}}};
  Node list = Node::list();
  for (const store::Audit& each : world.store.audit(static_cast<std::size_t>(arguments.newest))) {
    table.rows.push_back({each.time, each.who, each.verb, each.object, each.detail});
    Node item = Node::map();
    item.set("time", each.time);
    item.set("who", each.who);
    item.set("verb", each.verb);
    item.set("object", each.object);
    item.set("detail", each.detail);
    list.push(std::move(item));
  }
  return {.value = std::move(list), .table = std::move(table)};
}

}  // namespace mlib::verbs
