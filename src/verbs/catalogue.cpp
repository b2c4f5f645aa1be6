#include "verbs/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "base/wrapped.hpp"
#include "cards/benchmark.hpp"
#include "cards/parameter_schema.hpp"
#include "cards/revision.hpp"
#include "cards/rule.hpp"
#include "loadgen/result.hpp"
#include "verbs/deployments.hpp"
#include "verbs/finding.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using cards::Library;
using Row = std::vector<std::string>;

template <class C>
constexpr cards::CardKind kind_of_cards = std::is_same_v<C, cards::Framework>  ? cards::CardKind::framework
                                          : std::is_same_v<C, cards::Model>    ? cards::CardKind::model
                                          : std::is_same_v<C, cards::Hardware> ? cards::CardKind::hardware
                                                                               : cards::CardKind::a_template;

/// The cards of one kind that the arguments ask for, with a table for people.
template <class C>
Response list(const World& world, const Library& library, const std::vector<C>& cards,
              const GetArguments& arguments, Table table, Row (*row)(const C&)) {
  const cards::Finder& finder = library.finder();
  constexpr cards::CardKind kind = kind_of_cards<C>;
  const std::vector<std::uint32_t> rows = narrowed(world, finder, kind, arguments);
  if (rows.empty() && !arguments.name.empty()) {
    const auto same = [&](const C& card) { return card.metadata.name == arguments.name; };
    if (std::none_of(cards.begin(), cards.end(), same)) throw library.missing(word_of(kind), arguments.name);
    throw Problem(Kind::not_found, fmt::format("the filter leaves `{}` out", arguments.name));
  }
  Response response;
  if (arguments.columns.empty()) {
    response.value = Node::list();
    table.columns.push_back({"REVISION", true});
    for (const std::uint32_t at : rows) {
      table.rows.push_back(row(cards[at]));
      table.rows.back().push_back(cards::revision(cards::canonical(cards[at])));
      response.value.push(schema::encode(cards[at]));
    }
    response.table = std::move(table);
  } else {
    response = in_columns(finder, kind, rows, arguments.columns);
  }
  if (rows.empty()) response.notes = unknown_texts(world, finder, kind, arguments);
  if (!arguments.name.empty()) response.value = Node(std::move(response.value.items()[0]));
  return response;
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

std::string count_of(const std::optional<std::int64_t>& number) {
  if (!number) return "";
  const auto count = static_cast<double>(*number);
  constexpr double nearly = 0.9995;  // from here on three digits are 1 of the next unit
  return count >= nearly * 1e12  ? fmt::format("{:.3g}T", count / 1e12)
         : count >= nearly * 1e9 ? fmt::format("{:.3g}B", count / 1e9)
         : count >= nearly * 1e6 ? fmt::format("{:.3g}M", count / 1e6)
                                 : fmt::format("{:.3g}k", count / 1e3);
}

std::string parameters_of(const cards::ModelSpec& spec) { return count_of(spec.parameters); }

/// How many benchmarks there are, and the headline of the newest that counts (of the newest, when none does).
std::string measured(const cards::TemplateSpec& spec) {
  if (spec.benchmarks.empty()) return "";
  const auto& all = spec.benchmarks;
  const auto newest = std::find_if(all.rbegin(), all.rend(), cards::counts);
  return fmt::format("{}: {}", all.size(), cards::headline(newest == all.rend() ? all.back() : *newest));
}

/// The card of a kind, with the word for its kind; Problem{usage} for an unknown kind.
struct Found {
  std::string kind;
  cards::Metadata metadata = {};
  Node card = {};
  Table facts{.columns = {{""}, {""}}};
};

void fact(Found& found, std::string_view name, std::string value) {
  if (!value.empty()) found.facts.rows.push_back({std::string(name), std::move(value)});
}

void evidence(Found& found, const std::vector<std::string>& all) {
  for (const std::string& each : all) fact(found, "evidence", each);
}

/// A number with its unit; "" when there is none.
template <class T>
std::string with_unit(const std::optional<T>& value, std::string_view unit) {
  return value ? fmt::format("{} {}", *value, unit) : "";
}

std::string yes_or_no(const std::optional<bool>& value) { return !value ? "" : *value ? "yes" : "no"; }

std::string bytes_of(const std::optional<std::int64_t>& bytes) {
  if (!bytes) return "";
  const auto count = static_cast<double>(*bytes);
  return count >= 1e9 ? fmt::format("{:.1f} GB", count / 1e9) : fmt::format("{:.1f} MB", count / 1e6);
}

/// A heading and what a card says of its framework's parameters; nothing when it says nothing.
void values(Found& found, const cards::Dict<Node>& all) {
  if (!all.empty()) found.facts.rows.push_back({"values", ""});
  for (const auto& [key, value] : all) fact(found, "  " + key, cell(value));
}

std::string parameter_text(const cards::Parameter& parameter) {
  std::string text = parameter.advanced ? "advanced, " + parameter.type : parameter.type;
  if (!parameter.default_value.is_null()) text += " = " + cell(parameter.default_value);
  if (!parameter.from.empty()) text += " from " + parameter.from;
  if (parameter.required) text += ", required";
  if (parameter.secret) text += ", secret";
  if (!parameter.help.empty()) text += ": " + parameter.help;
  return text;
}

std::string condition_text(const cards::Condition& condition) {
  std::string text = condition.require;
  if (!condition.when.empty()) text += " where " + condition.when;
  return text + ": " + condition.message;
}

/// Which flags are known, and how far: "vllm 0.8.5.post1 to 0.33.0, read 2026-11-23".
std::string flags_of(const cards::Framework& card) {
  if (!card.contract || !card.contract->flags) return "";
  const cards::FlagTable& table = *card.contract->flags;
  return fmt::format("{} {} to {}, read {}", table.engine, table.versions.front().version,
                     table.versions.back().version, table.read);
}

Found framework(const Library& library, const std::string& name) {
  const cards::Framework& card = library.get_framework(name);
  Found found{.kind = "Framework",
              .metadata = card.metadata,
              .card = schema::encode<cards::Card<cards::FrameworkSpec>>(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "engine", card.spec.engine + " " + card.spec.version);
  fact(found, "image", card.spec.image);
  fact(found, "protocol", card.spec.protocol);
  fact(found, "health",
       card.spec.health.path ? fmt::format("{} on port {}", *card.spec.health.path, card.spec.health.port)
                             : "none");
  fact(found, "flags", flags_of(card));
  for (const auto& [group, parameters] : cards::by_group(card.spec.parameters)) {
    found.facts.rows.push_back({group.empty() ? "parameters" : "parameters: " + group, ""});
    for (const auto* each : parameters) fact(found, "  " + each->first, parameter_text(each->second));
  }
  for (const cards::Condition& each : card.spec.conditions) fact(found, "must hold", condition_text(each));
  return found;
}

/// What memory and speed follow from.
void shape(Found& found, const cards::Shape& shape) {
  fact(found, "layers", shown(shape.layers));
  if (shape.heads) {
    std::string heads = fmt::format("{}", *shape.heads);
    if (shape.kv_heads) heads += fmt::format(", {} of keys and values", *shape.kv_heads);
    if (shape.head_size) heads += fmt::format(", of size {}", *shape.head_size);
    fact(found, "heads", heads);
  }
  fact(found, "hidden", shown(shape.hidden));
  fact(found, "vocabulary", shown(shape.vocabulary));
  if (shape.experts)
    fact(found, "experts",
         fmt::format("{}{}", *shape.experts,
                     shape.active_experts ? fmt::format(", {} for each token", *shape.active_experts) : ""));
  for (const cards::Attention& each : shape.attention) {
    std::string text = each.kind;
    if (each.layers) text += fmt::format(", {} layers", *each.layers);
    if (each.window) text += fmt::format(", window of {} tokens", *each.window);
    fact(found, "attention", text);
  }
  fact(found, "KV cache", with_unit(shape.kv_bytes_per_token, "bytes a token at 16 bits"));
}

Found model(const Library& library, const std::string& name) {
  const cards::Model& card = library.get_model(name);
  Found found{.kind = "Model", .metadata = card.metadata, .card = schema::encode(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "framework", card.spec.framework);
  fact(found, "repository", card.spec.repository);
  fact(found, "task", card.spec.task);
  fact(found, "modalities", join(card.spec.modalities, ", "));
  fact(found, "format", card.spec.format);
  fact(found, "quantization", card.spec.quantization);
  fact(found, "parameters", parameters_of(card.spec));
  fact(found, "active", count_of(card.spec.active_parameters));
  const bool from_source = !card.spec.weights_bytes && !card.spec.sources.empty();
  fact(found, "size", bytes_of(from_source ? card.spec.sources.front().bytes : card.spec.weights_bytes));
  fact(found, "context", with_unit(card.spec.context_length, "tokens"));
  shape(found, card.spec.shape);
  fact(found, "released", card.spec.released);
  fact(found, "license", card.spec.license);
  fact(found, "gated", yes_or_no(card.spec.gated));
  for (const cards::Source& source : card.spec.sources) fact(found, "weights", source.uri);
  values(found, card.spec.values);
  evidence(found, card.spec.evidence);
  return found;
}

/// Of one of its GPUs.
void gpu(Found& found, const cards::Gpu& gpu) {
  fact(found, "  memory", gpu.memory);
  fact(found, "  bandwidth", with_unit(gpu.bandwidth, "GB/s"));
  fact(found, "  16 bits", with_unit(gpu.tflops, "TFLOP/s"));
  fact(found, "  FP32", with_unit(gpu.tflops_by_type.fp32, "TFLOP/s"));
  fact(found, "  FP8", with_unit(gpu.tflops_by_type.fp8, "TFLOP/s"));
  fact(found, "  FP4", with_unit(gpu.tflops_by_type.fp4, "TFLOP/s"));
  fact(found, "  INT8", with_unit(gpu.tflops_by_type.int8, "TOP/s"));
  fact(found, "  capability", gpu.compute_capability);
  fact(found, "  has FP8", yes_or_no(gpu.fp8));
  fact(found, "  has FP4", yes_or_no(gpu.fp4));
  if (gpu.interconnect) {
    const std::string speed = with_unit(gpu.interconnect->bandwidth, "GB/s each way");
    fact(found, "  linked by", gpu.interconnect->kind + (speed.empty() ? "" : ", " + speed));
  }
  fact(found, "  power", with_unit(gpu.tdp, "W"));
  fact(found, "  resource", gpu.resource);
}

Found hardware(const Library& library, const std::string& name) {
  const cards::Hardware& card = library.get_hardware(name);
  Found found{.kind = "Hardware", .metadata = card.metadata, .card = schema::encode(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "cpus", shown(card.spec.cpus));
  fact(found, "memory", card.spec.memory);
  fact(found, "storage", card.spec.storage);
  fact(found, "replicas", shown(card.spec.replicas));
  fact(found, "gpu", gpu_of(card.spec));
  if (card.spec.gpu) gpu(found, *card.spec.gpu);
  if (card.spec.price)
    fact(found, "price",
         fmt::format("{} {} an hour ({})", card.spec.price->per_hour, card.spec.price->currency,
                     card.spec.price->as_of));
  values(found, card.spec.values);
  evidence(found, card.spec.evidence);
  return found;
}

Found a_template(const Library& library, const std::string& name) {
  const cards::Template& card = library.get_template(name);
  Found found{.kind = "Template", .metadata = card.metadata, .card = schema::encode(card)};
  fact(found, "revision", cards::revision(cards::canonical(card)));
  fact(found, "model", card.spec.model);
  fact(found, "framework", library.framework_of(card).metadata.name);
  fact(found, "hardware", card.spec.hardware);
  fact(found, "runs on", join(card.spec.viable_hardware, ", "));
  values(found, card.spec.values);
  for (const cards::Benchmark& each : card.spec.benchmarks) {
    fact(found, "measured", cards::headline(each));
    fact(found, "  " + each.id, each.description);
  }
  fact(found, "all values", fmt::format("mlib explain template {}", name));
  fact(found, "deploy", fmt::format("mlib deploy {} --name NAME", name));
  return found;
}

/// A benchmark as a card, wherever it is written down.
Found benchmark(const Library& library, const std::string& id) {
  const cards::FoundBenchmark there = cards::get_benchmark(library, id);
  cards::BenchmarkCard card;
  card.metadata.name = id;
  card.metadata.description = there.benchmark->description;
  card.spec.template_name = there.measured->metadata.name;
  card.spec.results = there.benchmark->results;
  card.spec.run = there.benchmark->run;
  Found found{.kind = "Benchmark", .metadata = card.metadata, .card = schema::encode(card)};
  fact(found, "template", card.spec.template_name);
  fact(found, "result", cards::headline(*there.benchmark));
  if (cards::counts(*there.benchmark) && card.spec.results.is_map())
    for (const schema::Entry& each : card.spec.results.entries())
      if (each.value.is_scalar() && each.key != cards::results_verdict)
        fact(found, each.key, cell(each.value));
  fact(found, "again", fmt::format("mlib bench repeat {}", id));
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
                             {"benchmark", benchmark, schema::json_schema<cards::BenchmarkCard>},
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
  std::string text = fmt::format("{} {}\n", found.kind, found.metadata.name);
  if (!found.metadata.title.empty()) text += fmt::format("  {}\n", found.metadata.title);
  if (!found.metadata.description.empty())
    text += fmt::format("  {}\n", wrapped(found.metadata.description, 2));
  std::vector<std::string> labels;
  for (const auto& [key, value] : found.metadata.labels) labels.push_back(fmt::format("{}={}", key, value));
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

}  // namespace

Response get_frameworks(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{.columns = {{"NAME"}, {"ENGINE"}, {"VERSION"}, {"PROTOCOL"}, {"IMAGE", true}}};
  const std::shared_ptr<const Library> library = world.shelf.library();
  return list<cards::Framework>(world, *library, library->frameworks, arguments, table,
                                [](const cards::Framework& card) {
                                  return Row{card.metadata.name, card.spec.engine, card.spec.version,
                                             card.spec.protocol, card.spec.image};
                                });
}

Response get_models(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{.columns = {{"NAME"},
                                {"FRAMEWORK"},
                                {"FORMAT"},
                                {"QUANT"},
                                {"PARAMETERS"},
                                {"CONTEXT"},
                                {"LICENSE", true},
                                {"TITLE", true}}};
  const std::shared_ptr<const Library> library = world.shelf.library();
  return list<cards::Model>(world, *library, library->models, arguments, table, [](const cards::Model& card) {
    return Row{card.metadata.name,     card.spec.framework,      card.spec.format,
               card.spec.quantization, parameters_of(card.spec), shown(card.spec.context_length),
               card.spec.license,      card.metadata.title};
  });
}

Response get_hardware(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{
      .columns = {{"NAME"}, {"CPUS"}, {"MEMORY"}, {"GPU"}, {"REPLICAS"}, {"STORAGE", true}, {"TITLE", true}}};
  const std::shared_ptr<const Library> library = world.shelf.library();
  return list<cards::Hardware>(
      world, *library, library->hardware, arguments, table, [](const cards::Hardware& card) {
        return Row{card.metadata.name,        shown(card.spec.cpus), card.spec.memory,   gpu_of(card.spec),
                   shown(card.spec.replicas), card.spec.storage,     card.metadata.title};
      });
}

Response get_templates(const World& world, const Caller&, const GetArguments& arguments) {
  const Table table{.columns = {{"NAME"}, {"MODEL"}, {"HARDWARE"}, {"BENCHMARKS", true}, {"TITLE", true}}};
  const std::shared_ptr<const Library> library = world.shelf.library();
  return list<cards::Template>(world, *library, library->templates, arguments, table,
                               [](const cards::Template& card) {
                                 return Row{card.metadata.name, card.spec.model, card.spec.hardware,
                                            measured(card.spec), card.metadata.title};
                               });
}

Response get_benchmarks(const World& world, const Caller&, const BenchmarksArguments& arguments) {
  const std::shared_ptr<const Library> library = world.shelf.library();
  const std::string& only = arguments.template_name;
  if (!only.empty()) library->get_template(only);
  Table table{.columns = {{"ID"}, {"TEMPLATE"}, {"RESULT"}, {"DESCRIPTION", true}}};
  Response response{.value = Node::list()};
  for (const cards::Template& card : library->templates) {
    if (!only.empty() && card.metadata.name != only) continue;
    for (const cards::Benchmark& each : card.spec.benchmarks) {
      table.rows.push_back({each.id, card.metadata.name, cards::headline(each), each.description});
      Node item = Node::map();
      item.set("id", each.id);
      item.set("template", card.metadata.name);
      item.set("description", each.description);
      item.set("results", each.results);
      response.value.push(std::move(item));
    }
  }
  response.table = std::move(table);
  return response;
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

Response card_schema(const World& world, const Caller&, const SchemaArguments& arguments) {
  if (arguments.kind == "framework-parameters") {
    Node schema = Node::map();
    schema.set("$schema", "https://json-schema.org/draft/2020-12/schema");
    const Node body = cards::parameters_schema(world.shelf.library()->get_framework(arguments.name));
    for (const schema::Entry& entry : body.entries()) schema.set(entry.key, entry.value);
    std::string text = schema::to_json(schema, 2) + "\n";
    return {.value = std::move(schema), .text = std::move(text)};
  }
  if (arguments.kind == "benchmark-result" || arguments.kind == "benchmark-record") {
    Node schema = arguments.kind == "benchmark-result" ? loadgen::result_schema() : loadgen::record_schema();
    std::string text = schema::to_json(schema, 2) + "\n";
    return {.value = std::move(schema), .text = std::move(text)};
  }
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
