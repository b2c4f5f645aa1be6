#include <fmt/format.h>

#include "base/text.hpp"
#include "verbs/deployments.hpp"
#include "verbs/job.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using targets::Phase;

/// Tells a line when it differs from the one before; false when nobody listens any more.
class Teller {
 public:
  explicit Teller(const Sink& sink) : sink_(sink) {}
  bool operator()(const std::string& line) {
    if (line == last_) return true;
    last_ = line;
    Node event = Node::map();
    event.set("progress", line);
    return sink_(event);
  }
  const std::string& last() const { return last_; }

 private:
  const Sink& sink_;
  std::string last_;
};

void tell_end(const Sink& sink, const targets::Ref& ref, std::string_view phase) {
  Node result = Node::map();
  result.set("namespace", ref.namespace_name);
  result.set("name", ref.name);
  result.set("phase", phase);
  Node event = Node::map();
  event.set("result", std::move(result));
  event.set("text", fmt::format("{} is {}\n", ref.name, phase));
  sink(event);
}

[[noreturn]] void fail(const targets::Ref& ref, const targets::Status& status) {
  const std::string why = status.cause.empty() ? status.summary : status.cause;
  throw Problem(Kind::failed,
                fmt::format("`{}` failed: {}{}", ref.name, why,
                            status.evidence.empty() ? "" : "\n  " + status.evidence),
                status.hint);
}

}  // namespace

void wait_for(const World& world, const Caller&, const WaitArguments& arguments, const Sink& sink,
              const Cancel& cancel) {
  const auto end = world.clock.now() + span_of(arguments.timeout, "--timeout");
  const bool gone = arguments.condition == "deleted";
  const targets::Ref ref{namespace_or_default(arguments.namespace_name), arguments.name};
  std::optional<store::Deployment> record = world.store.get(ref.namespace_name, ref.name);
  if (!record && gone) return tell_end(sink, ref, "deleted");
  if (!record) record = record_of(world.store, ref.namespace_name, ref.name);
  const auto target = target_of(world, record->target).second(arguments.reach);
  Teller tell(sink);
  bool seen = false;
  for (;;) {
    const bool recorded = world.store.get(ref.namespace_name, ref.name).has_value();
    const targets::Status status = status_or_away(*target, ref, seen);
    seen = true;
    if (gone && !recorded && status.phase == Phase::absent) return tell_end(sink, ref, "deleted");
    if (!gone && !recorded) record_of(world.store, ref.namespace_name, ref.name);
    if (!gone && status.phase == Phase::ready) return tell_end(sink, ref, "ready");
    if (!gone && status.phase == Phase::failed) fail(ref, status);
    const bool listening = tell(fmt::format("{}: {}", targets::to_text(status.phase), status.summary));
    if (!listening || cancel.asked())
      throw Problem(Kind::cancelled, fmt::format("stopped waiting for `{}` ({})", ref.name, tell.last()));
    if (world.clock.now() >= end)
      throw Problem(Kind::timeout,
                    fmt::format("`{}` is not {} in time ({})", ref.name, arguments.condition, tell.last()),
                    "wait longer: --timeout");
    world.clock.sleep(std::chrono::seconds{1});
  }
}

Response events(const World& world, const Caller&, const DeploymentArguments& arguments) {
  const store::Deployment record = record_of(world.store, arguments.namespace_name, arguments.name);
  const auto target = target_of(world, record.target).second(arguments.reach);
  Table table{.columns = {{"TIME"}, {"TYPE"}, {"OBJECT"}, {"REASON"}, {"MESSAGE"}}};
  Node list = Node::list();
  for (const targets::Event& each : target->events({record.namespace_name, record.name})) {
    const std::string times = each.count > 1 ? fmt::format(" ({} times)", each.count) : "";
    table.rows.push_back({each.time, each.type, each.object, each.reason, visible(each.message) + times});
    Node item = Node::map();
    item.set("time", each.time);
    item.set("type", each.type);
    item.set("object", each.object);
    item.set("reason", each.reason);
    item.set("message", visible(each.message));
    item.set("count", each.count);
    list.push(std::move(item));
  }
  return {.value = std::move(list), .table = std::move(table)};
}

}  // namespace mlib::verbs
