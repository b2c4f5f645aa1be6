#include <fmt/format.h>

#include <algorithm>

#include "kube/client_parts.hpp"
#include "kube/informers.hpp"
#include "kube/status.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds between_conflicts{400};

net::Answer answer_with(int status, const Node& object) {
  net::Answer answer;
  answer.status = status;
  answer.body = schema::to_json(object);
  return answer;
}

/// Every value of `wanted` is in `live` too.
bool holds(const Node& live, const Node& wanted) {
  if (wanted.is_map()) {
    if (!live.is_map()) return false;
    return std::all_of(wanted.entries().begin(), wanted.entries().end(), [&](const schema::Entry& entry) {
      const Node* value = live.find(entry.key);
      return value != nullptr && holds(*value, entry.value);
    });
  }
  if (!wanted.is_list()) return live == wanted;
  if (!live.is_list() || live.items().size() != wanted.items().size()) return false;
  return std::equal(wanted.items().begin(), wanted.items().end(), live.items().begin(),
                    [](const Node& each, const Node& there) { return holds(there, each); });
}

bool managed_by_us(const Node& live) {
  const Node* managers = live.at({"metadata", "managedFields"});
  if (managers == nullptr || !managers->is_list()) return false;
  return std::any_of(managers->items().begin(), managers->items().end(),
                     [](const Node& each) { return each.text_at({"manager"}) == manager; });
}

/// An answer that says that something between us and the server gave up.
bool in_doubt(int status) { return status == 502 || status == 504; }

Problem unknown_effect(const Problem& cause, const net::Call& call) {
  return {cause.kind(), cause.message(),
          fmt::format("whether its {} took effect is not known: look before trying again", call.method)};
}

}  // namespace

net::Answer Client::write(const net::Call& call, const Id& id, const Settle& settle, const Cancel* cancel) {
  for (int number = 0;; ++number) {
    std::optional<Problem> lost;
    milliseconds wait{0};
    bool doubt = true;
    try {
      net::Answer answer = once(call, nullptr, cancel);
      reached_ = true;
      const bool going = answer.status == 403 && has_cause(answer, "NamespaceTerminating");
      if ((!is_busy(answer.status) && !going) || number + 1 >= tries) return answer;
      doubt = in_doubt(answer.status);
      wait = pause_of(&answer, number);
    } catch (const Problem& problem) {
      const bool may_repeat = problem.kind() == Kind::unavailable || problem.kind() == Kind::timeout;
      if (problem.kind() == Kind::cancelled) throw;
      if (!may_repeat || (!reached_ && number + 1 >= first_tries)) throw no_answer(config_, problem);
      if (problem.kind() == Kind::timeout && number > 0)
        throw unknown_effect(no_answer(config_, problem), call);
      lost = no_answer(config_, problem);
      wait = pause_of(nullptr, number);
    }
    pause(clock_, wait, cancel);
    if (!doubt || id.name.empty()) continue;
    try {
      if (std::optional<net::Answer> known = settle(get(id, cancel))) return std::move(*known);
    } catch (const Problem& problem) {
      if (problem.kind() == Kind::cancelled || !reached_) throw;
      throw unknown_effect(problem, call);
    }
    if (lost && number + 1 >= tries) throw unknown_effect(*lost, call);
  }
}

Problem Client::refused(std::string verb, const net::Call& call, const Id& id,
                        const net::Answer& answer) const {
  Asked what = asked(std::move(verb), id);
  what.sent = call.body.size();
  return problem_of(answer, what);
}

void Client::wrote(const Id& id, const Node& result) {
  if (shared_ == nullptr) return;
  shared_->wrote(config_, id, result.text_at({"metadata", "uid"}),
                 result.text_at({"metadata", "resourceVersion"}));
}

Node Client::create(const Node& object, bool dry_run, const Cancel* cancel) {
  const Id id = id_of(object);
  Id collection = id;
  collection.name.clear();
  net::Call call;
  call.method = "POST";
  call.url = url(collection, cancel);
  add_query(call.url, "fieldManager", manager);
  if (dry_run) add_query(call.url, "dryRun", "All");
  call.headers.emplace_back("Content-Type", "application/json");
  call.body = schema::to_json(object);
  const Settle settle = [&](const std::optional<Node>& live) -> std::optional<net::Answer> {
    if (dry_run || !live || !managed_by_us(*live)) return std::nullopt;
    return answer_with(201, *live);
  };
  const net::Answer answer = write(call, id, settle, cancel);
  if (answer.status != 200 && answer.status != 201 && answer.status != 202)
    throw refused("create", call, id, answer);
  Node result = parsed(answer, asked("create", id));
  if (!dry_run) wrote(id, result);
  return result;
}

Node Client::apply(const Node& object, const ApplyOptions& options, const Cancel* cancel) {
  const Id id = id_of(object);
  net::Call call;
  call.method = "PATCH";
  call.url = url(id, cancel);
  add_query(call.url, "fieldManager", manager);
  add_query(call.url, "fieldValidation", "Strict");
  if (options.dry_run) add_query(call.url, "dryRun", "All");
  if (options.force) add_query(call.url, "force", "true");
  // JSON is YAML: servers before 1.33 know only this name for it.
  call.headers.emplace_back("Content-Type", "application/apply-patch+yaml");
  call.body = schema::to_json(object);
  const Settle settle = [&](const std::optional<Node>& live) -> std::optional<net::Answer> {
    if (options.dry_run || !live || !managed_by_us(*live) || !holds(*live, object)) return std::nullopt;
    return answer_with(200, *live);
  };
  net::Answer answer = write(call, id, settle, cancel);
  // Another write came between the server's reading and writing: what it holds now is applied to.
  for (int number = 1; number < tries && answer.status == 409 && reason_of(answer) == "Conflict" &&
                       !has_cause(answer, "FieldManagerConflict");
       ++number) {
    pause(clock_, jitter(between_conflicts), cancel);
    answer = write(call, id, settle, cancel);
  }
  if (answer.status != 200 && answer.status != 201) throw refused("apply", call, id, answer);
  Node result = parsed(answer, asked("apply", id));
  if (!options.dry_run) wrote(id, result);
  return result;
}

bool Client::remove(const Removal& removal, const Cancel* cancel) {
  net::Call call;
  call.method = "DELETE";
  call.url = url(removal.id, cancel);
  Node options = Node::map();
  options.set("apiVersion", "v1");
  options.set("kind", "DeleteOptions");
  options.set("propagationPolicy", removal.propagation);
  options.set("preconditions", Node::map()).set("uid", removal.uid);
  call.headers.emplace_back("Content-Type", "application/json");
  call.body = schema::to_json(options);
  const Settle settle = [&](const std::optional<Node>& live) -> std::optional<net::Answer> {
    const bool there = live && live->text_at({"metadata", "uid"}) == removal.uid;
    if (there && live->text_at({"metadata", "deletionTimestamp"}).empty()) return std::nullopt;
    return answer_with(200, Node::map());
  };
  const net::Answer answer = write(call, removal.id, settle, cancel);
  if (answer.status == 404 || answer.status == 409) return false;
  if (answer.status != 200 && answer.status != 202) throw problem_of(answer, asked("delete", removal.id));
  if (shared_ != nullptr) shared_->wrote(config_, removal.id, removal.uid, "");
  return true;
}

}  // namespace mlib::kube
