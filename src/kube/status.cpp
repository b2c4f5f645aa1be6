#include "kube/status.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

struct Row {
  int status;
  Kind kind;
  std::string_view hint;
};

constexpr Row rows[] = {
    {400, Kind::invalid, ""},
    {401, Kind::unauthorized, "log in again, or check the user of the context"},
    {403, Kind::forbidden, "ask the cluster's administrator for a Role that allows it"},
    {404, Kind::not_found, ""},
    {405, Kind::unsupported, ""},
    {406, Kind::unsupported, "the cluster is too old for this program"},
    {409, Kind::conflict, ""},
    {410, Kind::failed, "try again"},
    {413, Kind::too_large, ""},
    {415, Kind::unsupported, "the cluster is too old: server-side apply needs Kubernetes 1.22"},
    {422, Kind::invalid, ""},
    {429, Kind::unavailable, "the cluster is busy: try again later"},
    {500, Kind::failed, "the API server or a webhook failed: see its log"},
    {502, Kind::unavailable, "try again later"},
    {503, Kind::unavailable, "try again later"},
    {504, Kind::timeout, "it may have taken effect: look before trying again"},
};

Row row_of(int status) {
  for (const Row& row : rows)
    if (row.status == status) return row;
  if (status / 100 == 3)
    return {status, Kind::unsupported,
            "it sends us elsewhere, where we do not follow: name the API server itself"};
  return {status, status >= 500 ? Kind::failed : Kind::invalid, ""};
}

/// `conflict with "kubectl" using apps/v1` gives `kubectl`.
std::string manager_of(std::string_view text) {
  const std::size_t from = text.find('"');
  const std::size_t to = from == std::string_view::npos ? from : text.find('"', from + 1);
  return to == std::string_view::npos ? "another client" : std::string(text.substr(from + 1, to - from - 1));
}

std::string without_dot(std::string field) {
  if (!field.empty() && field.front() == '.') field.erase(0, 1);
  return field;
}

Finding finding_of(const Node& cause, const Asked& asked) {
  Finding finding;
  finding.fault = Fault::not_allowed;
  finding.place.file = asked.object;
  const std::string field = without_dot(cause.text_at({"field"}));
  const std::string message = asked.secret ? "is not valid" : cause.text_at({"message"});
  finding.message =
      field.empty() ? shortened(message, 1000) : fmt::format("{}: {}", field, shortened(message, 1000));
  return finding;
}

Problem field_conflict(const Node& causes, const Asked& asked) {
  std::vector<std::string> managers;
  std::vector<std::string> fields;
  std::vector<Finding> findings;
  for (const Node& cause : causes.items()) {
    const std::string manager = manager_of(cause.text_at({"message"}));
    const std::string field = without_dot(cause.text_at({"field"}));
    if (std::find(managers.begin(), managers.end(), manager) == managers.end()) managers.push_back(manager);
    fields.push_back(field);
    Finding finding;
    finding.fault = Fault::not_allowed;
    finding.place.file = asked.object;
    finding.message = fmt::format("{} was set by {}", field, manager);
    findings.push_back(std::move(finding));
  }
  return {Kind::conflict,
          fmt::format("{}: {} {} set {}", asked.object, join(managers, ", "),
                      managers.size() == 1 ? "has" : "have", shortened(join(fields, ", "), 500)),
          "--force-conflicts takes these fields over", std::move(findings)};
}

bool has_reason(const Node* causes, std::string_view reason) {
  if (causes == nullptr || !causes->is_list()) return false;
  for (const Node& cause : causes->items())
    if (cause.text_at({"reason"}) == reason) return true;
  return false;
}

/// The next step, where the server's words name a case that people meet.
std::string hint_for(std::string_view message, const Row& row) {
  const auto says = [&](std::string_view words) { return message.find(words) != std::string_view::npos; };
  if (says("exceeded quota")) return "ask for less, delete what is not needed, or have the quota raised";
  if (says("violates PodSecurity"))
    return "the namespace's Pod Security level forbids it: use another namespace";
  if (says("usage per ")) return "a LimitRange of the namespace bounds it: kubectl describe limitrange";
  if (says("ValidatingAdmissionPolicy")) return "an admission policy of the cluster refused it";
  if (says("because it is being terminated")) return "wait until the namespace is gone, or use another one";
  if (says("admission webhook")) return "an admission webhook of the cluster refused it";
  if (says("field is immutable"))
    return "delete the deployment first (its storage is kept), then deploy again";
  if (says("port is already allocated"))
    return "another Service has that port: take another, or none, and the cluster gives a free one";
  if (says("unknown field") || says("field not declared in schema"))
    return "the cluster's version does not know that field";
  return std::string(row.hint);
}

/// What the API server or etcd says of an object that is larger than it takes.
bool is_too_large(int status, std::string_view message) {
  return status == 413 || message.find("request is too large") != std::string_view::npos ||
         message.find("Request entity too large") != std::string_view::npos;
}

std::string short_body(std::string_view body) {
  const std::string text = shortened(visible(trim(body)), 256);
  return text.empty() ? "no reason given" : text;
}

}  // namespace

Problem problem_of(const net::Answer& answer, const Asked& asked) {
  const Row row = row_of(answer.status);
  Node status;
  schema::JsonError error;
  if (!schema::read_json(answer.body, status, error) || status.text_at({"kind"}) != "Status") {
    std::string text =
        fmt::format("cannot {} {}: {} answered {}", asked.verb, asked.object, asked.server, answer.status);
    if (!asked.secret) text += ": " + short_body(answer.body);
    if (answer.status == 413 && asked.sent > 0) text += fmt::format(" (it has {} bytes)", asked.sent);
    return {row.kind, std::move(text), std::string(row.hint)};
  }
  const Node* causes = status.at({"details", "causes"});
  if (has_reason(causes, "FieldManagerConflict")) return field_conflict(*causes, asked);
  const std::string message = status.text_at({"message"});
  const std::string reason = status.text_at({"reason"}, "Unknown");
  const bool may_echo = asked.secret && (row.kind == Kind::invalid || row.kind == Kind::failed);
  std::string text = fmt::format("cannot {} {}: {}", asked.verb, asked.object,
                                 may_echo ? fmt::format("{} (a Secret's text is not shown)", reason)
                                          : visible(shortened(message, 2000)));
  std::vector<Finding> findings;
  if (causes != nullptr && causes->is_list() && row.status == 422)
    for (const Node& cause : causes->items()) findings.push_back(finding_of(cause, asked));
  const bool large = is_too_large(answer.status, message);
  if (large && asked.sent > 0) text += fmt::format(" (it has {} bytes)", asked.sent);
  Kind kind = has_reason(causes, "NamespaceTerminating") ? Kind::conflict : row.kind;
  // A field that its schema does not have is answered as an internal error by server-side apply.
  if (row.status == 500 && message.starts_with("failed to create typed patch object")) kind = Kind::invalid;
  if (large) kind = Kind::too_large;
  return {kind, std::move(text), hint_for(message, row), std::move(findings)};
}

std::string reason_of(const net::Answer& answer) {
  Node status;
  schema::JsonError error;
  schema::read_json(answer.body, status, error);
  return status.text_at({"kind"}) == "Status" ? status.text_at({"reason"}) : "";
}

bool has_cause(const net::Answer& answer, std::string_view reason) {
  Node status;
  schema::JsonError error;
  schema::read_json(answer.body, status, error);
  return has_reason(status.at({"details", "causes"}), reason);
}

}  // namespace mlib::kube
