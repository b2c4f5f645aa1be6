#include "verbs/namespaces.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "verbs/job.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

void tell(const Sink& sink, const std::string& name, const std::vector<std::string>& contents, bool deleted) {
  Node result = Node::map();
  result.set("namespace", name);
  result.set("deleted", deleted);
  result.set("contents", schema::encode(contents));
  const std::string what = fmt::format("{}namespace {}", deleted ? "deleted " : "", name);
  std::string text = what + (deleted ? " with\n" : " has\n");
  for (const std::string& each : contents) text += fmt::format("  {}\n", visible(each));
  if (contents.empty()) text = what + (deleted ? "\n" : " is empty\n");
  Node event = Node::map();
  event.set("result", std::move(result));
  event.set("text", text);
  sink(event);
}

}  // namespace

void delete_namespace(const World& world, const Caller& caller, const DeleteNamespaceArguments& arguments,
                      const Sink& sink, const Cancel& cancel) {
  const std::string name = checked_label(arguments.name, "namespace");
  if (!arguments.confirm.empty() && arguments.confirm != name)
    throw Problem(Kind::usage,
                  fmt::format("`{}` is not the namespace's name, so nothing was deleted",
                              shortened(arguments.confirm, 80)),
                  fmt::format("to delete it: {}", name));
  const auto& [target_name, make] = target_of(world, arguments.target);
  const auto target = make(arguments.reach);
  const std::vector<std::string> contents = target->contents(name);
  if (arguments.confirm.empty()) return tell(sink, name, contents, false);
  const auto entry = [&](std::string_view verb, const std::string& object, std::string detail) {
    return store::Audit{utc(world.clock.wall()), caller.user, std::string(verb), object, std::move(detail)};
  };
  std::vector<store::Deployment> records;
  std::vector<std::unique_ptr<store::Hold>> held;
  for (store::Deployment& each : world.store.list(name)) {
    if (each.target != target_name) continue;
    held.push_back(hold(world, {name, each.name}));
    each.state = "deleting";
    each.updated = utc(world.clock.wall());
    records.push_back(world.store.put(each, entry("delete", name + "/" + each.name, "with its namespace")));
  }
  target->remove_namespace(
      name,
      [&](std::string_view line) {
        Node event = Node::map();
        event.set("progress", line);
        return sink(event);
      },
      cancel);
  for (const store::Deployment& each : records)
    world.store.remove(name, each.name,
                       entry("deleted", name + "/" + each.name, "with its namespace on " + target_name));
  tell(sink, name, contents, true);
}

}  // namespace mlib::verbs
