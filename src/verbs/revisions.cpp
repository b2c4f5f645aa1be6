#include "verbs/revisions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "verbs/job.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

std::string values_text(const cards::Dict<Node>& values) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : values) parts.push_back(fmt::format("{}={}", name, cell(value)));
  return join(parts, " ");
}

std::string how_to_list(const store::Deployment& record) {
  return fmt::format("mlib history {}{}", record.name, in_namespace({record.namespace_name, record.name}));
}

/// The revision `number` of the deployment; Problem{not_found} with those that are kept.
const store::Deployment& revision_of(const std::vector<store::Deployment>& kept, int number,
                                     const store::Deployment& record) {
  std::vector<std::string> known;
  for (const store::Deployment& each : kept) {
    if (each.applies == number) return each;
    known.push_back(std::to_string(each.applies));
  }
  throw Problem(Kind::not_found, fmt::format("`{}` has no revision {} that is kept", record.name, number),
                known.empty() ? "none is kept yet" : fmt::format("kept are {}", join(known, ", ")));
}

/// The newest revision before the one that was applied last, whether that succeeded or not.
const store::Deployment& one_before(const std::vector<store::Deployment>& kept,
                                    const store::Deployment& record) {
  const auto found = std::find_if(
      kept.begin(), kept.end(), [&](const store::Deployment& each) { return each.applies < record.applies; });
  if (found == kept.end())
    throw Problem(
        Kind::not_found, fmt::format("`{}` has no earlier revision to go back to", record.name),
        fmt::format("its last apply was revision {}; see them: {}", record.applies, how_to_list(record)));
  return *found;
}

render::Rendered rendered_of(const store::Deployment& then) {
  render::Rendered rendered;
  rendered.objects = schema::read_yaml({fmt::format("revision {}", then.applies), then.manifest});
  rendered.endpoint.port = then.port;
  if (!then.health.empty()) rendered.endpoint.health_path = then.health;
  rendered.framework = then.framework;
  rendered.model = then.model;
  rendered.hardware = then.hardware;
  rendered.template_name = then.template_name;
  return rendered;
}

/// The record as it goes on: what was asked for then, what is known of it now.
store::Deployment taken_back(const store::Deployment& record, const store::Deployment& then) {
  store::Deployment next = then;
  next.id = record.id;
  next.place = record.place;
  next.created = record.created;
  next.inventory = record.inventory;
  next.manifest = record.manifest;
  next.applies = record.applies;
  next.revision = record.revision;
  next.note = fmt::format("rollback to {}", then.applies);
  return next;
}

}  // namespace

Response history(const World& world, const Caller&, const HistoryArguments& arguments) {
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  const std::vector<store::Deployment> kept = world.store.history(record.namespace_name, record.name);
  if (arguments.revision > 0) {
    const store::Deployment& then = revision_of(kept, arguments.revision, record);
    return {.value = list_of(rendered_of(then).objects), .text = then.manifest};
  }
  Table table{
      .columns = {{"REVISION"}, {"TIME"}, {"USER"}, {"TEMPLATE"}, {"HARDWARE"}, {"VALUES"}, {"NOTE"}}};
  Node list = Node::list();
  for (const store::Deployment& each : kept) {
    const bool current = each.applies == record.applies;
    table.rows.push_back({std::to_string(each.applies), each.updated, each.user, each.template_name,
                          each.hardware, values_text(each.values), each.note});
    list.push(schema::encode(Revision{each.applies, each.updated, each.user, each.template_name,
                                      each.hardware, each.note, each.values, current}));
  }
  return {.value = std::move(list), .table = std::move(table)};
}

void rollback(const World& world, const Caller& caller, const RollbackArguments& arguments, const Sink& sink,
              const Cancel& cancel) {
  const std::chrono::milliseconds timeout = span_of(arguments.timeout, "--timeout");
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  const std::vector<store::Deployment> kept = world.store.history(record.namespace_name, record.name);
  const store::Deployment& then =
      arguments.to > 0 ? revision_of(kept, arguments.to, record) : one_before(kept, record);
  auto target = target_of(world, record.target).second(arguments.reach);
  const targets::Ref ref{record.namespace_name, record.name};
  Job job{world, caller, sink, cancel, std::move(target), rendered_of(then), ref, taken_back(record, then)};
  job.is_new = false;
  job.force_conflicts = arguments.force_conflicts;
  job.replace = arguments.replace;
  job.keeps_secrets = true;
  job.verb = "rollback";
  job.tell(fmt::format("back to revision {} of {}; Secrets stay as they run", then.applies, then.updated));
  carry_out(job, {arguments.wait, timeout, false});
}

}  // namespace mlib::verbs
