#include "verbs/probing.hpp"

#include <fmt/format.h>

#include "net/client.hpp"
#include "schema/document.hpp"

namespace mlib::verbs {

Answered ask_health(const Asking& asking) {
  const std::string path = asking.record.health.empty() ? "/" : asking.record.health;
  net::Call call;
  call.url = asking.url + path;
  call.connect_timeout = call.timeout = std::chrono::seconds{2};
  try {
    const net::Answer answer = asking.target.send(*asking.world.http, call, {}, asking.cancel);
    return {answer.status, fmt::format("{} answers {}", path, answer.status)};
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    return {0, problem.message()};
  }
}

std::vector<std::string> served_models(const Asking& asking) {
  net::Call call;
  call.url = asking.url + "/v1/models";
  call.bearer = Secret<std::string>(asking.key);
  call.timeout = std::chrono::seconds{10};
  std::vector<std::string> models;
  try {
    const net::Answer answer = asking.target.send(*asking.world.http, call, {}, asking.cancel);
    Node node;
    schema::JsonError error;
    if (answer.status != 200 || !schema::read_json(answer.body, node, error)) return models;
    if (const Node* list = node.find("data"); list != nullptr && list->is_list())
      for (const Node& each : list->items())
        if (std::string id = each.text_at({"id"}); !id.empty()) models.push_back(std::move(id));
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
  }
  return models;
}

}  // namespace mlib::verbs
