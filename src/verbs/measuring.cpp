#include "verbs/measuring.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/benchmark.hpp"
#include "cards/revision.hpp"
#include "loadgen/compare.hpp"
#include "loadgen/result_forms.hpp"
#include "loadgen/search.hpp"
#include "net/url.hpp"
#include "schema/document.hpp"
#include "verbs/bench_facts.hpp"

namespace mlib::verbs {
namespace {

/// Price, limits and names of the cards that were given.
void add_cards(loadgen::Setting& setting, const World& world, const EndpointBenchArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  std::string hardware = arguments.hardware;
  setting.subject.template_name = arguments.template_name;
  const cards::Template* of = nullptr;
  if (!arguments.template_name.empty()) {
    of = &library->get_template(arguments.template_name);
    if (hardware.empty()) hardware = of->spec.hardware;
  }
  if (!hardware.empty()) {
    const cards::Hardware& card = library->get_hardware(hardware);
    setting.subject.hardware = hardware;
    setting.price = price_of(card);
    if (of != nullptr)
      setting.known = known_of(library->get_model(of->spec.model), library->framework_of(*of), card);
  }
  if (!arguments.price_per_hour) return;
  setting.price.emplace();
  setting.price->per_hour = *arguments.price_per_hour;
  setting.price->currency = arguments.currency;
  setting.price->source = "given";
}

std::string position_of(const loadgen::Plan& plan) {
  const std::string host = net::parse_url(plan.endpoint.url).host;
  const bool here = host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
  return here ? "same-machine" : "outside";
}

void tell(const Sink& sink, std::string line) {
  Node event = Node::map();
  event.set("progress", std::move(line));
  sink(event);
}

/// Of the arguments of a load those that say something else than their defaults.
std::vector<std::string> said_of_load(const EndpointBenchArguments& arguments) {
  const Node load = schema::json_schema<LoadArguments>(), mine = schema::encode(arguments),
             unsaid = schema::encode(EndpointBenchArguments{});
  std::vector<std::string> said;
  for (const schema::Entry& each : load.find("properties")->entries()) {
    const Node *now = mine.find(each.key), *before = unsaid.find(each.key);
    if (now != nullptr && (before == nullptr || *now != *before)) said.push_back(each.key);
  }
  return said;
}

/// The plan of a result: its load is its own, what has to hold may be another.
loadgen::Plan plan_like(const EndpointBenchArguments& arguments) {
  for (const std::string& each : said_of_load(arguments)) {
    if (each == "slo" || each == "prompts" || each == "tokenizer") continue;
    std::string option = each;
    std::replace(option.begin(), option.end(), '_', '-');
    throw Problem(Kind::usage,
                  fmt::format("--like says the whole load, and --{} a part of it", option),
                  "leave one of them out; --slo, --tokenizer and the file of --prompts go with --like");
  }
  loadgen::Plan plan = loadgen::plan_of(loadgen::result_from(schema::read_json(arguments.like)),
                                        requests_in(arguments.prompts));
  if (!arguments.tokenizer.empty()) count_exactly(plan, arguments.tokenizer);
  if (!arguments.slo.empty()) plan.objective = loadgen::objective_of(arguments.slo);
  return plan;
}

net::Tls tls_of(const EndpointBenchArguments& arguments) {
  if (arguments.insecure && !arguments.ca.empty())
    throw Problem(Kind::usage, "--insecure and --ca are two ways to trust", "leave one out");
  net::Tls tls;
  tls.ca = arguments.ca;
  tls.insecure = arguments.insecure;
  return tls;
}

/// The plan with its endpoint and its model, and what is known beside it.
std::pair<loadgen::Plan, loadgen::Setting> prepared(const World& world,
                                                    const EndpointBenchArguments& arguments,
                                                    const Cancel& cancel) {
  loadgen::Plan plan =
      arguments.like.empty() ? plan_of(arguments, *world.shelf.library()) : plan_like(arguments);
  aim(plan, arguments.url);
  plan.endpoint.tls = tls_of(arguments);
  plan.bearer = Secret<std::string>(arguments.api_key);
  loadgen::Setting setting;
  setting.position = position_of(plan);
  add_cards(setting, world, arguments);
  if (world.http != nullptr) {
    const EngineSaid said = ask_engine(*world.http, plan, cancel);
    plan.asking.model = model_to_ask(said, plan);
    setting.subject.engine = said.name;
    setting.subject.engine_version = said.version;
  }
  return {std::move(plan), std::move(setting)};
}

loadgen::Result result_in(const CardFile& file) {
  if (trim(file.text).empty())
    throw Problem(Kind::invalid, fmt::format("{} is empty", file.path),
                  "mlib bench endpoint URL -o json writes results");
  Node node;
  schema::JsonError error;
  if (file.path.ends_with(".yaml")) {  // a Benchmark card, which keeps it as its run
    for (const Node& card : schema::read_yaml({file.path, file.text}))
      if (const Node* run = card.at({"spec", "run"})) node = *run;
  } else if (!schema::read_json(file.text, node, error))
    throw Problem(Kind::invalid,
                  fmt::format("{}: no JSON at byte {}: {}", file.path, error.offset, error.message),
                  "mlib bench endpoint URL -o json writes results");
  try {
    return loadgen::result_from(node);
  } catch (const Problem& problem) {
    std::vector<Finding> findings = problem.findings();
    for (Finding& finding : findings) finding.place.file = file.path;
    throw Problem(problem.kind(), fmt::format("{}: {}", file.path, problem.message()), problem.hint(),
                  std::move(findings));
  }
}

}  // namespace

Node result_event(const loadgen::Result& result) {
  Node event = Node::map();
  event.set("result", loadgen::to_node(result));
  event.set("text", loadgen::people_text(result));
  event.set("forms", schema::encode(loadgen::forms_of(result)));
  const bool broken = std::any_of(result.objective.begin(), result.objective.end(),
                                  [](const loadgen::LimitText& each) { return each.holds != "yes"; });
  if (result.ended == "interrupted")
    event.set("exit_code", exit_code(Kind::cancelled));
  else if (result.verdict.validity == "invalid" || broken)
    event.set("exit_code", exit_code(Kind::failed));
  return event;
}

const std::vector<std::string_view>& result_outputs() {
  static const std::vector<std::string_view> outputs{"csv", "html", "llm-d", "prometheus"};
  return outputs;
}

void bench_endpoint(const World& world, const Caller&, const EndpointBenchArguments& arguments,
                    const Sink& sink, const Cancel& cancel) {
  auto [plan, setting] = prepared(world, arguments, cancel);
  std::optional<loadgen::Records> records;
  if (!arguments.records.empty()) setting.records = &records.emplace(arguments.records);
  tell(sink, fmt::format("measuring {}{}", plan.endpoint.url,
                         plan.asking.model.empty() ? "" : ", model " + plan.asking.model));
  Node event = result_event(measure_plan(world, plan, std::move(setting), sink, cancel));
  if (records && !records->flush().empty()) event.set("exit_code", exit_code(Kind::failed));  // it was told
  sink(event);
}

void bench_search(const World& world, const Caller&, const BenchSearchArguments& arguments, const Sink& sink,
                  const Cancel& cancel) {
  if (arguments.slo.empty())
    throw Problem(Kind::usage, "`mlib bench search` needs --slo: what has to hold",
                  "as in --slo ttft_p95=500ms,tpot_p95=50ms");
  if (!arguments.like.empty())
    throw Problem(Kind::usage, "--like is not of bench search, which makes its own loads");
  if (arguments.requests)
    throw Problem(Kind::usage, "--requests is not of bench search: each load is measured for a --duration");
  if (arguments.from && arguments.rate)
    throw Problem(Kind::usage, "--from and --rate are two loads to begin with",
                  "--from: it is near the limit; --rate: it is doubled until the objective fails");
  BenchSearchArguments asked = arguments;
  if (!asked.users && !asked.rate) asked.rate = asked.from.value_or(1);
  auto [plan, setting] = prepared(world, asked, cancel);
  using Arrivals = loadgen::Arrivals::Kind;
  const Arrivals kind = plan.arrivals.kind;
  if (plan.users == 0 && kind != Arrivals::constant && kind != Arrivals::poisson && kind != Arrivals::gamma)
    throw Problem(Kind::usage, "bench search tries one rate after another, and these arrivals have several",
                  "--arrivals constant, poisson or gamma");
  std::optional<loadgen::Records> records;
  if (!asked.records.empty()) setting.records = &records.emplace(asked.records);
  loadgen::SearchRange range;
  range.users = asked.users.has_value();
  range.near = asked.from.has_value();
  range.start = range.near ? *asked.from : range.users ? *asked.users : *asked.rate;
  range.within = asked.within;
  range.tries = asked.tries;
  range.duration = *plan.stop.duration;
  std::uint64_t tried = 0;
  const auto measure = [&](double load, loadgen::Instant duration) {
    loadgen::Plan one = plan;
    one.stop.duration = duration;
    if (tried > 0) one.warm_up = 0;
    one.seed = plan.seed + tried++;  // other prompts, so that no cache knows them from the try before
    if (range.users)
      one.users = static_cast<std::uint32_t>(load);
    else
      one.arrivals.rate = load;
    tell(sink, range.users ? "trying " + loadgen::users_text(load)
                           : fmt::format("trying {} requests/s for {:.0f} s", loadgen::digits(load),
                                         static_cast<double>(duration) / 1e9));
    return measure_plan(world, one, setting, sink, cancel);
  };
  const loadgen::Found found = loadgen::search(range, plan.objective, measure);
  Node event = Node::map();
  event.set("result", schema::encode(found));
  event.set("text", loadgen::people_text(found));
  if (found.interrupted)
    event.set("exit_code", exit_code(Kind::cancelled));
  else if (!found.holds_at || (records && !records->flush().empty()))
    event.set("exit_code", exit_code(Kind::failed));
  sink(event);
}

Response bench_compare(const World& world, const Caller&, const BenchCompareArguments& arguments) {
  const std::size_t count = arguments.id.size() + arguments.files.size();
  if (count != 2)
    throw Problem(Kind::usage, fmt::format("bench compare takes two results, not {}", count),
                  "mlib bench compare before.json after.json, or --id ID for one that is kept");
  std::vector<loadgen::Result> results;
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  for (const std::string& each : arguments.id)
    results.push_back(result_of(*cards::get_benchmark(*library, each).benchmark));
  for (const CardFile& file : arguments.files) results.push_back(result_in(file));
  loadgen::Comparison made = loadgen::compare(results[0], results[1]);
  if (made.a == made.b) made.doubts.push_back("both are one result, which cannot differ from itself");
  Response response{.value = schema::encode(made), .text = loadgen::people_text(made)};
  const bool differs = std::any_of(made.differences.begin(), made.differences.end(),
                                   [](const loadgen::Difference& each) { return each.differs; });
  if (differs || made.differences.empty()) response.exit_code = exit_code(Kind::failed);
  return response;
}

}  // namespace mlib::verbs
