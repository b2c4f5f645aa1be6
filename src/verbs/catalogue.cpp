#include "verbs/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/revision.hpp"
#include "verbs/deployments.hpp"
#include "verbs/filter.hpp"
#include "verbs/lines.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using cards::Library;
using Row = std::vector<std::string>;

/// The cards of one kind that the arguments ask for, with a table for people.
template <class C>
Response list(const std::vector<C>& cards, const GetArguments& arguments, Table table, Row (*row)(const C&)) {
  std::vector<Node> all;
  for (const C& card : cards) all.push_back(schema::encode(card));
  const Filter filter(arguments.filter, schema::json_schema<C>(), all);
  Node found = Node::list();
  for (std::size_t i = 0; i < cards.size(); ++i) {
    if (!arguments.name.empty() && cards[i].metadata.name != arguments.name) continue;
    if (!filter.matches(all[i])) continue;
    table.rows.push_back(row(cards[i]));
    found.push(std::move(all[i]));
  }
  if (arguments.name.empty()) return {.value = std::move(found), .table = std::move(table)};
  if (!found.items().empty()) return {.value = std::move(found.items()[0]), .table = std::move(table)};
  std::vector<std::string> known;
  for (const C& card : cards) known.push_back(card.metadata.name);
  throw Problem(Kind::not_found, fmt::format("there is no `{}` among them", shortened(arguments.name, 80)),
                suggestion(arguments.name, known));
}

template <class T>
std::string shown(const std::optional<T>& value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string gpu_of(const cards::HardwareSpec& spec) {
  if (!spec.gpu) return "";
  return fmt::format("{} x {}", spec.gpu->count,
                     spec.gpu->product.empty() ? spec.gpu->vendor : spec.gpu->product);
}

std::string parameters_of(const cards::ModelSpec& spec) {
  if (!spec.parameters) return "";
  const auto count = static_cast<double>(*spec.parameters);
  return count >= 1e9   ? fmt::format("{:.3g}B", count / 1e9)
         : count >= 1e6 ? fmt::format("{:.3g}M", count / 1e6)
                        : fmt::format("{:.3g}k", count / 1e3);
}

/// The card of a kind, with the word for its kind; Problem{usage} for an unknown kind.
struct Found {
  std::string kind;
  const cards::Metadata* metadata = nullptr;
  Node card;
  Table facts{.columns = {{""}, {""}}};
};

void fact(Found& found, std::string_view name, std::string value) {
  if (!value.empty()) found.facts.rows.push_back({std::string(name), std::move(value)});
}

/// A heading and what a card says of its framework's parameters; nothing when it says nothing.
void values(Found& found, const cards::Dict<Node>& all) {
  if (!all.empty()) found.facts.rows.push_back({"values", ""});
  for (const auto& [key, value] : all) fact(found, "  " + key, cell(value));
}

Found framework(const Library& library, const std::string& name) {
  const cards::Framework& card = library.get_framework(name);
  Found found{.kind = "Framework",
              .metadata = &card.metadata,
              .card = schema::encode<cards::Card<cards::FrameworkSpec>>(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "engine", card.spec.engine + " " + card.spec.version);
  fact(found, "image", card.spec.image);
  fact(found, "protocol", card.spec.protocol);
  fact(found, "health",
       card.spec.health.path ? fmt::format("{} on port {}", *card.spec.health.path, card.spec.health.port)
                             : "none");
  if (!card.spec.parameters.empty()) found.facts.rows.push_back({"parameters", ""});
  for (const auto& [key, parameter] : card.spec.parameters) {
    std::string text = parameter.type;
    if (!parameter.default_value.is_null()) text += " = " + cell(parameter.default_value);
    if (!parameter.from.empty()) text += " from " + parameter.from;
    if (parameter.required) text += ", required";
    if (!parameter.help.empty()) text += ": " + parameter.help;
    fact(found, "  " + key, text);
  }
  return found;
}

Found model(const Library& library, const std::string& name) {
  const cards::Model& card = library.get_model(name);
  Found found{.kind = "Model", .metadata = &card.metadata, .card = schema::encode(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "framework", card.spec.framework);
  fact(found, "format", card.spec.format);
  fact(found, "quantization", card.spec.quantization);
  fact(found, "parameters", parameters_of(card.spec));
  fact(found, "context", card.spec.context_length ? fmt::format("{} tokens", *card.spec.context_length) : "");
  fact(found, "license", card.spec.license);
  for (const cards::Source& source : card.spec.sources) fact(found, "weights", source.uri);
  values(found, card.spec.values);
  return found;
}

Found hardware(const Library& library, const std::string& name) {
  const cards::Hardware& card = library.get_hardware(name);
  Found found{.kind = "Hardware", .metadata = &card.metadata, .card = schema::encode(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "cpus", shown(card.spec.cpus));
  fact(found, "memory", card.spec.memory);
  fact(found, "storage", card.spec.storage);
  fact(found, "replicas", shown(card.spec.replicas));
  fact(found, "gpu", gpu_of(card.spec));
  if (card.spec.price)
    fact(found, "price",
         fmt::format("{} {} an hour ({})", card.spec.price->per_hour, card.spec.price->currency,
                     card.spec.price->as_of));
  values(found, card.spec.values);
  return found;
}

Found a_template(const Library& library, const std::string& name) {
  const cards::Template& card = library.get_template(name);
  Found found{.kind = "Template", .metadata = &card.metadata, .card = schema::encode(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "model", card.spec.model);
  fact(found, "framework", library.framework_of(card).metadata.name);
  fact(found, "hardware", card.spec.hardware);
  fact(found, "runs on", join(card.spec.viable_hardware, ", "));
  values(found, card.spec.values);
  for (const cards::Benchmark& each : card.spec.benchmarks) fact(found, "measured", each.description);
  fact(found, "all values", fmt::format("mlib explain template {}", name));
  fact(found, "deploy", fmt::format("mlib deploy {} --name NAME", name));
  return found;
}

struct KindRow {
  std::string_view word;
  Found (*find)(const Library&, const std::string&);
  Node (*schema)();
};
constexpr KindRow kinds[] = {{"framework", framework, schema::json_schema<cards::Card<cards::FrameworkSpec>>},
                             {"model", model, schema::json_schema<cards::Model>},
                             {"hardware", hardware, schema::json_schema<cards::Hardware>},
                             {"template", a_template, schema::json_schema<cards::Template>},
                             {"deployment", nullptr, schema::json_schema<cards::Deployment>}};

const KindRow& kind_of(const std::string& given) {
  std::string word = lower(given);
  std::vector<std::string> known;
  for (const KindRow& row : kinds) {
    if (word == row.word || word == std::string(row.word) + "s") return row;
    known.emplace_back(row.word);
  }
  const std::string near = nearest(word, known);
  throw Problem(
      Kind::usage, fmt::format("there is no kind `{}`", shortened(given, 60)),
      (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) + "kinds: " + join(known, ", "));
}

std::string page(const Found& found) {
  std::string text = fmt::format("{} {}\n", found.kind, found.metadata->name);
  if (!found.metadata->title.empty()) text += fmt::format("  {}\n", found.metadata->title);
  if (!found.metadata->description.empty())
    text += fmt::format("  {}\n", wrapped(found.metadata->description, 2));
  std::vector<std::string> labels;
  for (const auto& [key, value] : found.metadata->labels) labels.push_back(fmt::format("{}={}", key, value));
  Table facts = found.facts;
  if (!labels.empty()) facts.rows.insert(facts.rows.begin(), {"labels", join(labels, " ")});
  std::size_t widest = 0;
  for (const Row& row : facts.rows) widest = std::max(widest, utf8_length(row[0]));
  if (!facts.rows.empty()) text += '\n';
  for (const Row& row : facts.rows)
    text += row[1].empty() ? row[0] + "\n"
                           : fmt::format("{:<{}}  {}\n", row[0], widest, wrapped(row[1], widest + 2));
  return text;
}

/// How well a card answers a word: 0 when not at all.
int score(const cards::Metadata& card, const std::string& word) {
  const std::string name = lower(card.name);
  if (name == word) return 100;
  if (name.rfind(word, 0) == 0) return 60;
  if (name.find(word) != std::string::npos) return 40;
  if (lower(card.title).find(word) != std::string::npos) return 25;
  for (const auto& [key, value] : card.labels)
    if (lower(value) == word || lower(key + "=" + value) == word) return 20;
  for (const auto& [key, value] : card.labels)
    if (lower(key + "=" + value).find(word) != std::string::npos) return 10;
  return lower(card.description).find(word) != std::string::npos ? 5 : 0;
}

struct Hit {
  std::string_view kind;
  const cards::Metadata* card;
  int score;
};

template <class C>
void find(const std::vector<C>& cards, const std::vector<std::string>& words, std::string_view kind,
          std::vector<Hit>& hits) {
  for (const C& card : cards) {
    int total = 0;
    for (const std::string& word : words) {
      const int one = score(card.metadata, word);
      total = one == 0 ? -1'000'000 : total + one;
    }
    if (total > 0) hits.push_back({kind, &card.metadata, total});
  }
}

}  // namespace

Response get_frameworks(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{.columns = {{"NAME"}, {"ENGINE"}, {"VERSION"}, {"PROTOCOL"}, {"IMAGE", true}}};
  return list<
      cards::
          Framework>(world.shelf.library()->frameworks, arguments, table, [](const cards::Framework& card) {
    return Row{card.metadata.name, card.spec.engine, card.spec.version, card.spec.protocol, card.spec.image};
  });
}

Response get_models(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{.columns = {{"NAME"},
                                {"FRAMEWORK"},
                                {"FORMAT"},
                                {"QUANT"},
                                {"SIZE"},
                                {"CONTEXT"},
                                {"LICENSE", true},
                                {"TITLE", true}}};
  return list<cards::Model>(world.shelf.library()->models, arguments, table, [](const cards::Model& card) {
    return Row{card.metadata.name,     card.spec.framework,      card.spec.format,
               card.spec.quantization, parameters_of(card.spec), shown(card.spec.context_length),
               card.spec.license,      card.metadata.title};
  });
}

Response get_hardware(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{
      .columns = {{"NAME"}, {"CPUS"}, {"MEMORY"}, {"GPU"}, {"REPLICAS"}, {"STORAGE", true}, {"TITLE", true}}};
  return list<cards::Hardware>(
      world.shelf.library()->hardware, arguments, table, [](const cards::Hardware& card) {
        return Row{card.metadata.name,        shown(card.spec.cpus), card.spec.memory,   gpu_of(card.spec),
                   shown(card.spec.replicas), card.spec.storage,     card.metadata.title};
      });
}

Response get_templates(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{.columns = {{"NAME"}, {"MODEL"}, {"HARDWARE"}, {"BENCHMARKS", true}, {"TITLE", true}}};
  return list<cards::Template>(world.shelf.library()->templates, arguments, table,
                               [](const cards::Template& card) {
                                 return Row{card.metadata.name, card.spec.model, card.spec.hardware,
                                            std::to_string(card.spec.benchmarks.size()), card.metadata.title};
                               });
}

Response describe(const World& world, const Caller& caller, const DescribeArguments& arguments) {
  const KindRow& kind = kind_of(arguments.kind);
  if (kind.find == nullptr) {
    StatusArguments one;
    one.name = arguments.name;
    one.namespace_name = arguments.namespace_name;
    return status(world, caller, one);
  }
  const std::shared_ptr<const Library> library = world.shelf.library();
  Found found = kind.find(*library, arguments.name);
  std::string text = page(found);
  return {.value = std::move(found.card), .text = std::move(text)};
}

Response search(const World& world, const Caller&, const SearchArguments& arguments) {
  const std::shared_ptr<const Library> library = world.shelf.library();
  std::vector<std::string> words;
  for (const std::string& word : split(lower(arguments.text), ' '))
    if (!word.empty()) words.push_back(word);
  std::vector<Hit> hits;
  find(library->templates, words, "template", hits);
  find(library->models, words, "model", hits);
  find(library->hardware, words, "hardware", hits);
  find(library->frameworks, words, "framework", hits);
  std::stable_sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) { return a.score > b.score; });
  Table table{.columns = {{"KIND"}, {"NAME"}, {"TITLE"}}};
  Node found = Node::list();
  for (const Hit& hit : hits) {
    table.rows.push_back({std::string(hit.kind), hit.card->name, hit.card->title});
    Node item = Node::map();
    item.set("kind", hit.kind);
    item.set("name", hit.card->name);
    item.set("title", hit.card->title);
    item.set("description", hit.card->description);
    found.push(std::move(item));
  }
  return {.value = std::move(found), .table = std::move(table)};
}

Response card_schema(const World&, const Caller&, const SchemaArguments& arguments) {
  const KindRow& kind = kind_of(arguments.kind);
  Node schema = Node::map();
  schema.set("$schema", "https://json-schema.org/draft/2020-12/schema");
  schema.set("title", kind.word);
  const Node body = kind.schema();
  for (const schema::Entry& entry : body.entries()) schema.set(entry.key, entry.value);
  std::string text = schema::to_json(schema, 2) + "\n";
  return {.value = std::move(schema), .text = std::move(text)};
}

}  // namespace mlib::verbs
