#include "verbs/deployments.hpp"

#include <fmt/format.h>

#include <map>

#include "base/text.hpp"
#include "verbs/filter.hpp"
#include "verbs/job.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

std::unique_ptr<targets::Target> target_for(const World& world, const store::Deployment& record,
                                            const DeploymentArguments& arguments) {
  return target_of(world, record.target).second(arguments.reach);
}

Observed recorded(const store::Deployment& record) {
  Observed seen;
  seen.name = record.name;
  seen.namespace_name = record.namespace_name;
  seen.template_name = record.template_name;
  seen.model = record.model;
  seen.hardware = record.hardware;
  seen.target = record.target;
  seen.user = record.user;
  seen.state = record.state;
  seen.created = record.created;
  seen.updated = record.updated;
  seen.revision = record.applies;
  return seen;
}

Observed unknown(const store::Deployment& record, const Problem& problem) {
  Observed seen = recorded(record);
  seen.phase = "unknown";
  seen.summary = problem.message();
  seen.hint = problem.hint();
  return seen;
}

std::vector<Condition> conditions_of(const targets::Status& status) {
  std::vector<Condition> all;
  for (const targets::Phase phase :
       {targets::Phase::pending, targets::Phase::pulling, targets::Phase::starting, targets::Phase::ready,
        targets::Phase::degraded, targets::Phase::failed, targets::Phase::deleting}) {
    Condition each;
    each.type = targets::to_text(phase);
    each.type.front() = static_cast<char>(each.type.front() - 'a' + 'A');
    each.status = "False";
    if (phase == status.phase) each = {each.type, "True", status.since, status.reason, status.summary};
    all.push_back(std::move(each));
  }
  return all;
}

void line(std::string& text, std::string_view name, const std::string& value) {
  if (!value.empty()) text += fmt::format("{:<10} {}\n", name, value);
}

std::string page(const Observed& seen) {
  std::string text;
  line(text, "name", fmt::format("{} (namespace {})", seen.name, seen.namespace_name));
  line(text, "phase", seen.since.empty() ? seen.phase : fmt::format("{} since {}", seen.phase, seen.since));
  line(text, "summary", seen.summary);
  line(text, "cause", seen.cause);
  line(text, "evidence", seen.evidence);
  line(text, "hint", seen.hint);
  line(text, "endpoint", seen.endpoint);
  line(text, "template", seen.template_name);
  line(text, "model", seen.model);
  line(text, "hardware", seen.hardware);
  line(text, "target", seen.target);
  line(text, "user", seen.user);
  line(text, "state", fmt::format("{}, revision {}", seen.state, seen.revision));
  line(text, "created", seen.created);
  return text;
}

/// Statuses of many records; a target that does not answer once is not asked again.
std::vector<Observed> observe_all(const World& world, const std::vector<store::Deployment>& records,
                                  const targets::Ref&, const ListArguments& arguments) {
  std::map<std::string, std::unique_ptr<targets::Target>> made;
  std::map<std::string, Problem> down;
  std::vector<Observed> all;
  for (const store::Deployment& record : records) {
    if (const auto at = down.find(record.target); at != down.end()) {
      all.push_back(unknown(record, at->second));
      continue;
    }
    try {
      std::unique_ptr<targets::Target>& target = made[record.target];
      if (!target) target = target_of(world, record.target).second(arguments.reach);
      all.push_back(observed(record, *target));
    } catch (const Problem& problem) {
      if (problem.kind() == Kind::unavailable || problem.kind() == Kind::timeout)
        down.emplace(record.target, problem);
      all.push_back(unknown(record, problem));
    }
  }
  return all;
}

void tell_removed(const targets::Ref& ref, const targets::Removed& removed, const Sink& sink) {
  Node result = Node::map();
  result.set("namespace", ref.namespace_name);
  result.set("name", ref.name);
  result.set("removed", schema::encode(removed.removed));
  result.set("kept", schema::encode(removed.kept));
  std::string text = fmt::format("removed {}\n", ref.name);
  for (const std::string& each : removed.removed) text += fmt::format("  {}\n", each);
  if (!removed.kept.empty()) {
    const std::string space = ref.namespace_name == default_namespace ? "" : " -n " + ref.namespace_name;
    text += "kept\n";
    for (const std::string& each : removed.kept) text += fmt::format("  {}\n", each);
    text += fmt::format("remove that too: mlib delete deployment {}{} --with-storage\n", ref.name, space);
  }
  Node event = Node::map();
  event.set("result", std::move(result));
  event.set("text", text);
  sink(event);
}

/// Storage that a deployment left which has no record any more.
void delete_leftover(const World& world, const Caller& caller, const DeleteArguments& arguments,
                     const targets::LineSink& progress, const Sink& sink, const Cancel& cancel) {
  const targets::Ref ref{namespace_or_default(arguments.namespace_name), arguments.name};
  const std::unique_ptr<store::Hold> held = hold(world, ref);
  const auto target = target_of(world, arguments.target).second(arguments.reach);
  targets::RemoveOptions options;
  options.with_storage = true;
  const targets::Removed removed = target->remove(ref, options, progress, cancel);
  if (removed.removed.empty()) record_of(world.store, ref.namespace_name, ref.name);
  world.store.remove(ref.namespace_name, ref.name,
                     {utc(world.clock.wall()), caller.user, "deleted-storage",
                      fmt::format("{}/{}", ref.namespace_name, ref.name), join(removed.removed, ", ")});
  tell_removed(ref, removed, sink);
}

}  // namespace

Observed observed(const store::Deployment& record, targets::Target& target) {
  targets::Status status = target.observe(ref_of(record));
  if (record.state == incomplete_state && status.phase == targets::Phase::ready) {
    status.phase = targets::Phase::degraded;
    status.summary = "runs, but its last change ended halfway; deploy it again";
  }
  Observed seen = recorded(record);
  seen.phase = targets::to_text(status.phase);
  seen.summary = status.summary;
  seen.cause = status.cause.empty() ? record.message : status.cause;
  seen.evidence = status.evidence;
  seen.hint = status.hint;
  seen.since = status.since;
  seen.endpoint = status.endpoint;
  seen.conditions = conditions_of(status);
  return seen;
}

Response get_deployments(const World& world, const Caller&, const ListArguments& arguments) {
  if (!arguments.namespace_name.empty()) checked_label(arguments.namespace_name, "namespace");
  std::vector<store::Deployment> records;
  for (store::Deployment& each : world.store.list(arguments.namespace_name))
    if (arguments.name.empty() || each.name == arguments.name) records.push_back(std::move(each));
  std::vector<Node> nodes;
  const std::vector<Observed> all = observe_all(world, records, {}, arguments);
  for (const Observed& each : all) nodes.push_back(schema::encode(each));
  const RecordFilter filter(world, arguments.filter, schema::json_schema<Observed>());
  Table table{.columns = {{"NAMESPACE"},
                          {"NAME"},
                          {"TEMPLATE"},
                          {"TARGET"},
                          {"PHASE"},
                          {"ENDPOINT"},
                          {"USER", true},
                          {"CREATED", true},
                          {"SUMMARY", true}}};
  Node list = Node::list();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!filter.matches(nodes[i])) continue;
    const Observed& each = all[i];
    table.rows.push_back({each.namespace_name, each.name, each.template_name, each.target, each.phase,
                          each.endpoint, each.user, each.created, each.summary});
    list.push(std::move(nodes[i]));
  }
  return {.value = std::move(list), .table = std::move(table)};
}

Response status(const World& world, const Caller&, const StatusArguments& arguments) {
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  Observed seen;
  try {
    seen = observed(record, *target_for(world, record, arguments));
  } catch (const Problem& problem) {
    seen = unknown(record, problem);
  }
  std::string text = page(seen);
  std::string brief = fmt::format("{}: {}", seen.phase, seen.cause.empty() ? seen.summary : seen.cause);
  return {.value = schema::encode(seen), .text = std::move(text), .brief = std::move(brief)};
}

void logs(const World& world, const Caller&, const LogsArguments& arguments, const Sink& sink,
          const Cancel& cancel) {
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  targets::LogOptions options{arguments.follow, arguments.previous, arguments.tail};
  if (!arguments.since.empty()) options.since = utc(world.clock.wall() - span_of(arguments.since, "--since"));
  options.container = arguments.container;
  options.timestamps = arguments.timestamps;
  options.all_pods = arguments.all_pods;
  target_for(world, record, arguments)
      ->logs(
          ref_of(record), options,
          [&](std::string_view text) {
            Node event = Node::map();
            event.set("line", visible(text));
            return sink(event);
          },
          cancel);
}

std::string delete_question(const World& world, const Caller&, const DeleteArguments& arguments) {
  const targets::Ref ref{namespace_or_default(arguments.namespace_name), arguments.name};
  const std::optional<store::Deployment> record = world.store.get(ref.namespace_name, ref.name);
  if (!record && !arguments.with_storage) record_of(world.store, ref.namespace_name, ref.name);
  const auto& [target_name, make] = target_of(world, record ? record->target : arguments.target);
  std::string text =
      fmt::format("Delete deployment `{}` (namespace {}, on {})", ref.name, ref.namespace_name, target_name);
  if (!arguments.with_storage) return text + "; its storage is kept?";
  const std::vector<std::string> storage =
      make(arguments.reach)->storage(ref, record ? inventory_of(*record) : std::vector<targets::Owned>{});
  if (!record && storage.empty()) record_of(world.store, ref.namespace_name, ref.name);
  if (!record) text = fmt::format("Delete what deployment `{}` left on {}", ref.name, target_name);
  return storage.empty()
             ? text + " and its storage?"
             : fmt::format("{}: {}?", record ? text + " and its storage" : text, join(storage, ", "));
}

void delete_deployment(const World& world, const Caller& caller, const DeleteArguments& arguments,
                       const Sink& sink, const Cancel& cancel) {
  const targets::LineSink progress = [&](std::string_view text) {
    Node event = Node::map();
    event.set("progress", text);
    return sink(event);
  };
  const std::string space = namespace_or_default(arguments.namespace_name);
  if (arguments.with_storage && !world.store.get(space, arguments.name))
    return delete_leftover(world, caller, arguments, progress, sink, cancel);
  const std::unique_ptr<store::Hold> held = hold(world, {space, arguments.name});
  store::Deployment record = record_of(world.store, space, arguments.name);
  const std::unique_ptr<targets::Target> target = target_for(world, record, arguments);
  checked_place(record, *target);
  const auto entry = [&](std::string_view verb, std::string detail) {
    return store::Audit{utc(world.clock.wall()), caller.user, std::string(verb),
                        fmt::format("{}/{}", space, record.name), std::move(detail)};
  };
  record.state = "deleting";
  record.updated = utc(world.clock.wall());
  record = world.store.put(record, entry("delete", arguments.with_storage ? "with storage" : ""));
  targets::RemoveOptions options;
  options.with_storage = arguments.with_storage;
  schema::Reader reader;
  schema::decode(reader, record.inventory, options.known, {});
  const targets::Removed removed = target->remove(ref_of(record), options, progress, cancel);
  world.store.remove(space, record.name, entry("deleted", join(removed.removed, ", ")));
  tell_removed(ref_of(record), removed, sink);
}

}  // namespace mlib::verbs
