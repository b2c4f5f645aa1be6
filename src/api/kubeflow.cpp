#include "api/kubeflow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "api/arguments.hpp"
#include "api/kubeflow_items.hpp"
#include "api/shape.hpp"
#include "base/text.hpp"

namespace mlib::api::kubeflow {
namespace {

using cards::CardKind;
using cards::Library;
using Items = std::vector<Node>;

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
  bool flag(const std::string& name) const { return text(name) == "true"; }

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

/// What may be named of items: the fields that some of them have, and `artifacts.` for models.
cards::Fields grammar(const Items& items, bool models) {
  std::set<std::string> known;
  for (const Node& item : items) {
    for (const schema::Entry& entry : item.entries()) known.insert(entry.key);
    if (const Node* properties = item.find("customProperties"))
      for (const schema::Entry& entry : properties->entries()) known.insert(entry.key);
  }
  known.erase("customProperties");
  cards::Fields fields;
  fields.resolve = [known, models](const std::string& written) -> std::optional<std::string> {
    std::string name = bare_name(written);
    const bool typed = name.size() < written.size();
    const bool open = typed || (models && name.starts_with("artifacts."));
    return open || known.contains(name) ? std::optional(name) : std::nullopt;
  };
  fields.known = [known] { return std::vector<std::string>(known.begin(), known.end()); };
  return fields;
}

Node artifacts_value(const Artifacts& artifacts, const Node& model, const std::string& name) {
  Node all = Node::list();
  for (const Node& artifact : artifacts.of(model.text_at({"name"})))
    if (Node value = value_of(artifact, name); !value.is_null()) all.push(std::move(value));
  return all.items().empty() ? Node() : all;
}

/// `artifacts`: those of the items, which are models; a null pointer when they are none.
void filter(Items& items, const Query& query, const Artifacts* artifacts) {
  const std::string text = query.text("filterQuery");
  if (text.empty()) return;
  const cards::Expression expression =
      cards::Expression::parse({"filterQuery", text}, grammar(items, artifacts != nullptr));
  std::erase_if(items, [&](const Node& item) {
    const cards::Truth holds = expression.evaluate([&](const std::string& name) -> std::optional<Node> {
      if (artifacts != nullptr && name.starts_with("artifacts."))
        return artifacts_value(*artifacts, item, name.substr(10));
      return value_of(item, name);
    });
    return holds != cards::Truth::yes;
  });
}

void order(Items& items, const Query& query, std::string_view otherwise, const Artifacts* artifacts) {
  std::string by = query.text("orderBy", otherwise);
  const std::string direction = query.text("sortOrder", "ASC");
  if (direction != "ASC" && direction != "DESC") throw Problem(Kind::usage, "sortOrder is ASC or DESC");
  // Cards have no times and no accuracy: those keep the order of names.
  if (by == "NAME" || by == "CREATE_TIME" || by == "LAST_UPDATE_TIME" || by == "ACCURACY") by = "name";
  const std::string name = by == "ID" ? "id" : bare_name(by);
  std::vector<std::pair<Node, Node>> keyed;
  for (Node& item : items) {
    Node key = artifacts != nullptr && name.starts_with("artifacts.")
                   ? artifacts_value(*artifacts, item, name.substr(10))
                   : value_of(item, name);
    if (key.is_list() && !key.items().empty()) key = Node(key.items().front());
    keyed.emplace_back(std::move(key), std::move(item));
  }
  const bool descending = direction == "DESC";
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    if (a.first.is_null() || b.first.is_null()) return !a.first.is_null() && b.first.is_null();
    const auto before = [](const Node& one, const Node& two) {
      if (one.is_number() && two.is_number()) return one.number() < two.number();
      if (one.is_string() && two.is_string()) return cards::natural_order(one.string(), two.string()) < 0;
      return one.is_number() && !two.is_number();
    };
    return descending ? before(b.first, a.first) : before(a.first, b.first);
  });
  items.clear();
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
}

/// Every word of `q` is in the name, description, tasks or a property.
bool answers(const Node& item, const std::string& words) {
  const std::string all = lower(schema::to_json(item));
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
  if (has_source(query))
    for (std::size_t row = 0; row < library.models.size(); ++row)
      items.push_back(model_item(library.models[row], row));
  const Artifacts artifacts(library);
  filter(items, query, &artifacts);
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
  if (performance) types = {"metrics-artifact"};
  std::erase_if(items, [&](const Node& item) {
    return !types.empty() &&
           std::find(types.begin(), types.end(), item.text_at({"artifactType"})) == types.end();
  });
  if (performance) add_target(items, query);
  filter(items, query, nullptr);
  if (performance && query.flag("recommendations")) recommend(items, query);
  order(items, query, "ID", nullptr);
  return page_of(items, query);
}

Node filter_options(const Library& library) {
  std::map<std::string, Items> values;
  for (std::size_t row = 0; row < library.models.size(); ++row) {
    const Node item = model_item(library.models[row], row);
    for (const std::string_view name : {"license", "tasks"})
      if (const Node* value = item.find(name))
        values[std::string(name)].push_back(value->is_list() ? value->items().front() : *value);
    for (const schema::Entry& entry : item.find("customProperties")->entries()) {
      const std::string& type = entry.value.entries()[1].key;
      values[entry.key + "." + (type == "int_value" ? "double_value" : type)].push_back(
          value_of(item, entry.key));
    }
  }
  constexpr std::size_t most_values = 100;
  Node filters = Node::map();
  for (const auto& [name, all] : values) {
    Node option = Node::map();
    const bool number =
        std::all_of(all.begin(), all.end(), [](const Node& each) { return each.is_number(); });
    option.set("type", number ? "number" : "string");
    if (number) {
      const auto less = [](const Node& a, const Node& b) { return a.number() < b.number(); };
      const auto [least, most] = std::minmax_element(all.begin(), all.end(), less);
      option.child("range").set("min", least->number());
      option.child("range").set("max", most->number());
    } else {
      std::set<std::string> texts;
      for (const Node& each : all) texts.insert(each.is_string() ? each.string() : schema::to_json(each));
      if (texts.size() > most_values) continue;
      Node list = Node::list();
      for (const std::string& each : texts) list.push(each);
      option.set("values", std::move(list));
    }
    filters.set(name, std::move(option));
  }
  Node body = Node::map();
  body.set("filters", std::move(filters));
  body.set("namedQueries", Node::map());
  return body;
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

net::Reply routed(const Library& library, const std::string& path, const Query& query) {
  const std::vector<std::string> parts = split(path, '/');
  if (path == "models") return json(200, models(library, query));
  if (path == "models/filter_options") return json(200, filter_options(library));
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
    return routed(*library, received.path.substr(prefix.size()), Query(received.query));
  } catch (const Problem& problem) {
    return error(problem.kind() == Kind::not_found ? 404 : 400, to_text(problem));
  }
}

}  // namespace mlib::api::kubeflow
