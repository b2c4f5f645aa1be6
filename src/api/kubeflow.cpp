#include "api/kubeflow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "api/arguments.hpp"
#include "api/kubeflow_filters.hpp"
#include "api/problem_json.hpp"
#include "api/shape.hpp"
#include "base/text.hpp"

namespace mlib::api::kubeflow {
namespace {

using cards::CardKind;
using cards::Library;

constexpr int usual_page = 10;
constexpr int largest_page = 1000;

net::Reply json(int status, const Node& value) {
  net::Reply reply;
  reply.status = status;
  reply.headers = {{"content-type", "application/json"},
                   {"cache-control", "no-store"},
                   {"x-content-type-options", "nosniff"}};
  reply.body = schema::to_json(value);
  return reply;
}

net::Reply error(int status, const std::string& message) {
  Node body = Node::map();
  body.set("code", std::to_string(status));
  body.set("message", message);
  return json(status, body);
}

/// The query, each name's values in order; a value with commas counts as several where a list is asked for.
class Query {
 public:
  explicit Query(std::string_view query) {
    for (auto& [name, value] : query_of(query)) all_[name].push_back(std::move(value));
  }
  std::string text(const std::string& name, std::string_view otherwise = "") const {
    const auto at = all_.find(name);
    return at == all_.end() ? std::string(otherwise) : at->second.back();
  }
  std::vector<std::string> list(const std::string& name) const {
    std::vector<std::string> values;
    if (const auto at = all_.find(name); at != all_.end())
      for (const std::string& each : at->second)
        for (const std::string& part : split(each, ',')) values.push_back(part);
    return values;
  }
  /// A whole number of at least `least`; Problem{usage} otherwise.
  int number(const std::string& name, int otherwise, int least) const {
    const std::string given = text(name);
    if (given.empty()) return otherwise;
    int value = 0;
    const auto [end, fault] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (fault != std::errc{} || end != given.data() + given.size() || value < least)
      throw Problem(Kind::usage, fmt::format("{}: `{}` is no whole number of at least {}", name,
                                             shortened(visible(given), 40), least));
    return value;
  }
  bool flag(const std::string& name) const {
    const std::string given = text(name, "false");
    if (given != "true" && given != "false") throw Problem(Kind::usage, name + " is true or false");
    return given == "true";
  }

 private:
  std::map<std::string, std::vector<std::string>> all_;
};

/// The page that is asked for; the token is where the next one begins.
Node page_of(const Items& items, const Query& query) {
  const int size = std::min(query.number("pageSize", usual_page, 1), largest_page);
  const std::string token = from_base64(query.text("nextPageToken")).value_or("-");
  int from = 0;
  if (!token.empty()) {
    const auto [end, fault] = std::from_chars(token.data(), token.data() + token.size(), from);
    if (fault != std::errc{} || end != token.data() + token.size() || from < 0)
      throw Problem(Kind::usage, "nextPageToken is none that this catalogue gave");
  }
  const auto begin = std::min(static_cast<std::size_t>(from), items.size());
  const auto end = std::min(begin + static_cast<std::size_t>(size), items.size());
  Node list = Node::list();
  for (std::size_t i = begin; i < end; ++i) list.push(items[i]);
  Node page = Node::map();
  page.set("items", std::move(list));
  page.set("nextPageToken", end < items.size() ? base64(std::to_string(end)) : "");
  page.set("pageSize", size);
  page.set("size", end - begin);
  return page;
}

Node source_item() {
  Node item = Node::map();
  item.set("id", source_id);
  item.set("name", "Model Library");
  item.set("enabled", true);
  item.set("labels", Node::list());
  item.set("status", "available");
  item.set("assetType", "models");
  return item;
}

bool comes_before(const Node& one, const Node& two) {
  if (one.is_number() && two.is_number()) return one.number() < two.number();
  if (one.is_string() && two.is_string()) return cards::natural_order(one.string(), two.string()) < 0;
  return one.is_number() && !two.is_number();
}

/// The field to sort by. Cards have no time of their last change: that keeps the order of names.
std::string sort_field(const std::string& by) {
  if (by == "ID") return "id";
  if (by == "NAME" || by == "LAST_UPDATE_TIME") return "name";
  if (by == "CREATE_TIME") return "createTimeSinceEpoch";
  if (by == "ACCURACY") return "artifacts.overall_average";
  std::string name = bare_name(by);
  if (name.empty()) throw Problem(Kind::usage, "orderBy names no property", "as in ttft_p90.double_value");
  return name;
}

/// Of several artifacts the least value counts, descending the greatest.
void order(Items& items, const Query& query, std::string_view otherwise, const Artifacts* artifacts) {
  const std::string direction = query.text("sortOrder", "ASC");
  if (direction != "ASC" && direction != "DESC") throw Problem(Kind::usage, "sortOrder is ASC or DESC");
  const bool descending = direction == "DESC";
  const std::string given = query.text("orderBy");
  const std::string name = sort_field(given.empty() ? std::string(otherwise) : given);
  std::vector<std::pair<Node, Node>> keyed;
  for (Node& item : items) {
    Node key = artifacts != nullptr && name.starts_with("artifacts.")
                   ? artifacts_value(*artifacts, item, name.substr(10))
                   : value_of(item, name);
    if (key.is_list()) {
      const auto [least, most] = std::minmax_element(key.items().begin(), key.items().end(), comes_before);
      if (least != key.items().end()) key = Node(descending ? *most : *least);
    }
    keyed.emplace_back(std::move(key), std::move(item));
  }
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    if (a.first.is_null() || b.first.is_null()) return !a.first.is_null() && b.first.is_null();
    return descending ? comes_before(b.first, a.first) : comes_before(a.first, b.first);
  });
  items.clear();
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
}

/// Every text of an item, in lower case; not what this API calls things.
void add_texts(const Node& node, std::string& all) {
  if (node.is_string()) all += lower(node.string()) + '\n';
  if (node.is_list())
    for (const Node& each : node.items()) add_texts(each, all);
  if (node.is_map())
    for (const schema::Entry& entry : node.entries())
      if (entry.key != "metadataType" && entry.key != "source_id") add_texts(entry.value, all);
}

/// Every word of `q` is in the name, description, tasks or a property.
bool answers(const Node& item, const std::string& words) {
  std::string all;
  add_texts(item, all);
  for (const std::string& word : split(lower(words), ' '))
    if (all.find(word) == std::string::npos) return false;
  return true;
}

bool has_source(const Query& query) {
  const auto holds = [](const std::vector<std::string>& all, std::string_view wanted) {
    return all.empty() || std::find(all.begin(), all.end(), wanted) != all.end();
  };
  return holds(query.list("source"), source_id) && holds(query.list("sourceLabel"), "null");
}

Node models(const Library& library, const Query& query) {
  Items items;
  for (std::size_t row = 0; row < library.models.size(); ++row)
    items.push_back(model_item(library.models[row], row));
  const Artifacts artifacts(library);
  filter_models(items, query.text("filterQuery"), artifacts, library);
  if (!has_source(query)) items.clear();
  if (const std::string words = query.text("q"); !words.empty())
    std::erase_if(items, [&](const Node& item) { return !answers(item, words); });
  order(items, query, "NAME", &artifacts);
  return page_of(items, query);
}

/// `replicas` and `total_requests_per_second` for a target, where the artifact says what one replica does.
void add_target(Items& items, const Query& query) {
  const int target = query.number("targetRPS", 0, 0);
  if (target == 0) return;
  for (Node& item : items) {
    const Node rps = value_of(item, query.text("rpsProperty", "requests_per_second"));
    if (!rps.is_number() || rps.number() <= 0) continue;
    const double replicas = std::ceil(target / rps.number());
    item.child("customProperties").set("replicas", property(static_cast<std::int64_t>(replicas)));
    item.child("customProperties").set("total_requests_per_second", property(Node(replicas * rps.number())));
  }
}

/// Leaves out what another one of the same hardware type beats: not more machines and not more latency.
void recommend(Items& items, const Query& query) {
  struct Costs {
    Node type;
    double machines, latency;
  };
  std::vector<std::optional<Costs>> costs;
  for (const Node& item : items) {
    const Node count = value_of(item, query.text("hardwareCountProperty", "hardware_count"));
    const Node latency = value_of(item, query.text("latencyProperty", "ttft_p90"));
    const Node replicas = value_of(item, "replicas");
    Node type = value_of(item, query.text("hardwareTypeProperty", "hardware_type"));
    if (!count.is_number() || !latency.is_number()) {
      costs.emplace_back();
      continue;
    }
    const double machines = count.number() * (replicas.is_number() ? replicas.number() : 1);
    costs.push_back(Costs{std::move(type), machines, latency.number()});
  }
  Items kept;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!costs[i]) continue;
    const bool beaten = std::any_of(costs.begin(), costs.end(), [&](const std::optional<Costs>& other) {
      return other && other->type == costs[i]->type && other->machines <= costs[i]->machines &&
             other->latency <= costs[i]->latency &&
             (other->machines < costs[i]->machines || other->latency < costs[i]->latency);
    });
    if (!beaten) kept.push_back(items[i]);
  }
  items = std::move(kept);
}

Node artifacts(const Library& library, const cards::Model& model, const Query& query, bool performance) {
  Items items = Artifacts(library).of(model.metadata.name);
  std::vector<std::string> types = query.list("artifactType");
  for (const std::string& each : query.list("artifact_type")) types.push_back(each);
  for (const std::string& each : types)
    if (each != "model-artifact" && each != "metrics-artifact")
      throw Problem(Kind::usage, fmt::format("artifactType: there is no `{}`", shortened(visible(each), 40)),
                    "model-artifact or metrics-artifact");
  if (performance) types = {"metrics-artifact"};
  std::erase_if(items, [&](const Node& item) {
    return !types.empty() &&
           std::find(types.begin(), types.end(), item.text_at({"artifactType"})) == types.end();
  });
  if (performance) add_target(items, query);
  filter_artifacts(items, query.text("filterQuery"), library);
  if (performance && query.flag("recommendations")) recommend(items, query);
  order(items, query, "ID", nullptr);
  return page_of(items, query);
}

net::Reply of_model(const Library& library, const std::vector<std::string>& parts, const Query& query) {
  // sources/ID/models/NAME[/artifacts[/performance]]
  if (parts[1] != source_id)
    return error(404, fmt::format("no such source: {}", shortened(visible(parts[1]), 64)));
  const cards::Model& model = library.get_model(parts[3]);
  if (parts.size() == 4)
    return json(200, model_item(model, static_cast<std::size_t>(&model - library.models.data())));
  const bool performance = parts.size() == 6 && parts[5] == "performance";
  if (parts[4] != "artifacts" || (parts.size() != 5 && !performance)) return error(404, "no such path");
  return json(200, artifacts(library, model, query, performance));
}

net::Reply routed(const verbs::World& world, const Library& library, const std::string& path,
                  const Query& query) {
  const std::vector<std::string> parts = split(path, '/');
  if (path == "models") return json(200, models(library, query));
  if (path == "models/filter_options") return json(200, filter_options(world, library));
  if (path == "labels") return json(200, page_of({}, query));
  if (path == "sources") {
    const std::string name = query.text("name");
    const bool here =
        (name.empty() || name == "Model Library") && query.text("assetType", "models") == "models";
    return json(200, page_of(here ? Items{source_item()} : Items{}, query));
  }
  if (parts.size() >= 4 && parts[0] == "sources" && parts[2] == "models")
    return of_model(library, parts, query);
  return error(404, fmt::format("no such path: {}", shortened(visible(path), 64)));
}

}  // namespace

net::Reply answer(const verbs::World& world, const net::Received& received) {
  if (received.method != "GET" && received.method != "HEAD") {
    net::Reply reply = error(405, "this catalogue is read-only: GET alone");
    reply.headers.emplace_back("allow", "GET");
    return reply;
  }
  const std::shared_ptr<const Library> library = world.shelf.library();
  try {
    return routed(world, *library, received.path.substr(prefix.size()), Query(received.query));
  } catch (const Problem& problem) {
    return error(problem.kind() == Kind::not_found ? 404 : 400, to_text(problem));
  } catch (const Refusal& refusal) {  // a query that is none
    return error(400, refusal.detail);
  }
}

}  // namespace mlib::api::kubeflow
