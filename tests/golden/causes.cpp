#include "targets/cause.hpp"

#include "cards/library.hpp"
#include "golden.hpp"
#include "schema/document.hpp"

namespace mlib::golden {
namespace {

using schema::Node;
using namespace targets;

std::vector<Node> items_of(const Node& root, std::string_view key) {
  const Node* list = root.find(key);
  return list == nullptr ? std::vector<Node>{} : list->items();
}

void add(std::string& text, std::string_view name, std::string_view value) {
  if (!value.empty()) text += std::string(name) + ": " + std::string(value) + "\n";
}

}  // namespace

std::string causes(const std::string& input) {
  const Node root = schema::read_json(input);
  Seen seen;
  if (const Node* deployment = root.find("deployment")) seen.deployment = *deployment;
  seen.pods = items_of(root, "pods");
  seen.claims = items_of(root, "claims");
  seen.events = items_of(root, "events");
  const ReadLog read = [&](const std::string&, const std::string& container, bool previous) {
    return root.text_at({"logs", container + (previous ? " previous" : "")});
  };
  const std::string progress = last_line(root.text_at({"logs", running_init(seen)}));
  const Status status =
      status_of(seen, find_cause(cards::load_causes(cards::embedded()), seen, read), progress);
  std::string text;
  add(text, "phase", to_text(status.phase));
  add(text, "summary", status.summary);
  add(text, "cause", status.cause);
  add(text, "evidence", status.evidence);
  add(text, "hint", status.hint);
  return text;
}

}  // namespace mlib::golden
