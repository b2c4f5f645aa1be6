#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "formats/bytes.hpp"
#include "formats/tokenizer.hpp"
#include "loadgen/recorded.hpp"
#include "net/url.hpp"
#include "verbs/measuring.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using loadgen::Arrivals;
using loadgen::Length;
using loadgen::Plan;

loadgen::Instant instant_of(const std::string& text, std::string_view option) {
  return span_of(text, option).count() * (loadgen::second / 1000);
}

Length length_of(int mean, int deviation, bool skewed) {
  Length length;
  length.kind = deviation <= 0 ? Length::Kind::fixed
                : skewed       ? Length::Kind::lognormal
                               : Length::Kind::normal;
  length.mean = mean;
  length.deviation = deviation;
  return length;
}

void set_open_loop(Plan& plan, const LoadArguments& arguments) {
  constexpr std::string_view names[] = {"constant", "poisson", "gamma", "ramp", "on_off"};
  const char* cycle = arguments.on ? "--on" : arguments.off ? "--off" : nullptr;
  const std::string kind = arguments.arrivals     ? *arguments.arrivals
                           : arguments.burstiness ? "gamma"
                           : arguments.end_rate   ? "ramp"
                           : cycle != nullptr     ? "on_off"
                                                  : "poisson";
  if (arguments.burstiness && kind != "gamma")
    throw Problem(Kind::usage, "--burstiness is of --arrivals gamma", "mlib help bench endpoint");
  if (arguments.end_rate && kind != "ramp")
    throw Problem(Kind::usage, "--end-rate is of --arrivals ramp", "mlib help bench endpoint");
  if (cycle != nullptr && kind != "on_off")
    throw Problem(Kind::usage, fmt::format("{} is of --arrivals on_off", cycle), "mlib help bench endpoint");
  if (!arguments.end_rate && kind == "ramp")
    throw Problem(Kind::usage, "--arrivals ramp needs --end-rate", "as in --rate 1 --end-rate 20");
  plan.arrivals.kind =
      static_cast<Arrivals::Kind>(std::find(std::begin(names), std::end(names), kind) - std::begin(names));
  plan.arrivals.rate = *arguments.rate;
  plan.arrivals.burstiness = arguments.burstiness.value_or(0.5);
  plan.arrivals.end_rate = arguments.end_rate.value_or(*arguments.rate);
  plan.arrivals.on = instant_of(arguments.on.value_or("10s"), "--on");
  plan.arrivals.off = instant_of(arguments.off.value_or("10s"), "--off");
  if (kind == "ramp" && !plan.stop.duration)
    throw Problem(Kind::usage, "--arrivals ramp needs --duration, not --requests", "as in --duration 60s");
  if (plan.stop.duration) plan.arrivals.span = *plan.stop.duration;
}

/// Options of the other loop are a mistake.
void check_loop(const LoadArguments& arguments) {
  if (arguments.rate && arguments.users)
    throw Problem(
        Kind::usage, "--rate and --users are two loads",
        "--rate: requests arrive whatever becomes of those before; --users: each waits for its answer");
  if (arguments.rate && arguments.think != "0s")
    throw Problem(Kind::usage, "--think is of --users", "with --rate requests arrive whatever is answered");
  if (arguments.rate) return;
  const std::pair<const char*, bool> of_open_loop[] = {{"--arrivals", arguments.arrivals.has_value()},
                                                       {"--burstiness", arguments.burstiness.has_value()},
                                                       {"--end-rate", arguments.end_rate.has_value()},
                                                       {"--on", arguments.on.has_value()},
                                                       {"--off", arguments.off.has_value()}};
  for (const auto& [option, given] : of_open_loop)
    if (given)
      throw Problem(Kind::usage, fmt::format("{} is of --rate", option),
                    "as in --rate 5 --arrivals constant");
}

/// The requests of a file; with instants they arrive at those, unless another load is asked for.
void set_requests(Plan& plan, const LoadArguments& arguments) {
  loadgen::Recorded recorded = loadgen::read_requests(requests_in(arguments.prompts));
  plan.workload.scripts = std::move(recorded.scripts);
  if (recorded.arrivals.empty() || arguments.rate || arguments.users) return;
  plan.users = 0;
  plan.arrivals.kind = Arrivals::Kind::trace;
  plan.arrivals.trace = std::move(recorded.arrivals);
  const loadgen::Instant span = plan.arrivals.trace.back() - plan.arrivals.trace.front();
  plan.arrivals.rate =
      span > 0 ? static_cast<double>(plan.arrivals.trace.size() - 1) * 1e9 / static_cast<double>(span) : 0;
  if (!arguments.duration.empty()) return;
  plan.stop.duration.reset();
  plan.stop.requests = std::min<std::uint64_t>(plan.stop.requests.value_or(plan.arrivals.trace.size()),
                                               plan.arrivals.trace.size());
}

/// A whole number above 0 of those digits, or 0.
int tokens_of(std::string_view digits) {
  int tokens = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), tokens);
  return error == std::errc() && end == digits.data() + digits.size() && tokens <= 1'000'000 ? tokens : 0;
}

}  // namespace

Length histogram_of(const std::string& text, std::string_view option) {
  Length length;
  length.kind = Length::Kind::histogram;
  double total = 0;
  for (const std::string& each : split(text, ',')) {
    const std::size_t colon = each.find(':');
    const std::string_view range = trim(std::string_view(each).substr(0, colon));
    const std::size_t dash = range.find('-');
    loadgen::Bin bin;
    bin.least = tokens_of(range.substr(0, dash));
    bin.most = dash == std::string_view::npos ? bin.least : tokens_of(range.substr(dash + 1));
    if (colon != std::string::npos) {
      const std::string_view weight = trim(std::string_view(each).substr(colon + 1));
      const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), bin.weight);
      if (error != std::errc() || end != weight.data() + weight.size()) bin.weight = -1;
    }
    if (bin.least < 1 || bin.most < bin.least || !(bin.weight >= 0) || !std::isfinite(bin.weight))
      throw Problem(Kind::usage, fmt::format("{}: `{}` is no FROM-TO:WEIGHT", option, shortened(each, 60)),
                    fmt::format("as in {} 16-64:3,1024:1", option));
    total += bin.weight;
    length.mean += bin.weight * (bin.least + bin.most) / 2.0;
    length.bins.push_back(bin);
  }
  if (!(total > 0)) throw Problem(Kind::usage, fmt::format("{}: all weights are 0", option));
  length.mean /= total;  // for what is said of the run
  return length;
}

namespace {

void set_lengths(loadgen::Workload& workload, const LoadArguments& arguments) {
  if (arguments.distribution && arguments.prompt_deviation == 0 && arguments.output_deviation == 0)
    throw Problem(Kind::usage, "--distribution is of --prompt-deviation and --output-deviation");
  const bool skewed = arguments.distribution == "lognormal";
  const auto length = [&](const std::string& bins, int mean, int deviation, const std::string& what) {
    if (bins.empty()) return length_of(mean, deviation, skewed);
    if (deviation > 0)
      throw Problem(Kind::usage,
                    fmt::format("--{0}-histogram and --{0}-deviation are two ways to say lengths", what),
                    "leave one out");
    return histogram_of(bins, fmt::format("--{}-histogram", what));
  };
  workload.prompt =
      length(arguments.prompt_histogram, arguments.prompt_tokens, arguments.prompt_deviation, "prompt");
  workload.output =
      length(arguments.output_histogram, arguments.max_tokens, arguments.output_deviation, "output");
}

}  // namespace

std::string_view protocol_help() {
  static const std::string help =
      fmt::format("How the engine is asked: {}, or what a protocol of the catalogue calls it (chat)",
                  fmt::join(cards::call_names(cards::shipped_protocols()), ", "));
  return help;
}

schema::Source requests_in(const std::optional<CardFile>& prompts) {
  if (!prompts) return {};
  return {prompts->path.empty() ? "--prompts" : prompts->path, prompts->text};
}

Plan plan_of(const LoadArguments& arguments, const cards::Library& library) {
  check_loop(arguments);
  Plan plan;
  plan.asking.protocol =
      loadgen::protocol_of(cards::get_call(library.protocols, arguments.protocol.value_or("chat")));
  plan.asking.model = arguments.model;
  plan.asking.stream = arguments.stream;
  if (arguments.requests) plan.stop.requests = static_cast<std::uint64_t>(*arguments.requests);
  if (!arguments.duration.empty() || !arguments.requests)
    plan.stop.duration = instant_of(arguments.duration.empty() ? "30s" : arguments.duration, "--duration");
  if (plan.stop.duration && *plan.stop.duration == 0)
    throw Problem(Kind::usage, "--duration has to be above 0", "as in --duration 30s");
  if (arguments.rate) {
    set_open_loop(plan, arguments);
  } else {
    plan.users = static_cast<std::uint32_t>(arguments.users.value_or(1));
    plan.think = instant_of(arguments.think, "--think");
  }
  if (arguments.instructions && arguments.prompts)
    throw Problem(Kind::usage, "--instructions and --prompts are two workloads", "leave one out");
  if (arguments.instructions) plan.workload.prompts = loadgen::instructions();
  if (arguments.prompts) set_requests(plan, arguments);
  if (arguments.turns > 1 && plan.users == 0)
    throw Problem(Kind::usage, "--turns is of --users", "as in --users 8 --turns 4");
  plan.workload.turns.mean = arguments.turns;
  set_lengths(plan.workload, arguments);
  plan.workload.ignore_end = arguments.ignore_end;
  plan.workload.groups = arguments.prefix_groups;
  plan.workload.prefix = arguments.prefix_tokens;
  if ((arguments.prefix_groups > 0) != (arguments.prefix_tokens > 0))
    throw Problem(Kind::usage, "--prefix-groups and --prefix-tokens go together",
                  "as in --prefix-groups 8 --prefix-tokens 512");
  plan.timeout = instant_of(arguments.timeout, "--timeout");
  plan.drain = plan.timeout;  // so that each request has the whole of it, the last one too
  plan.memory = static_cast<std::size_t>(arguments.memory.value_or(0)) << 20U;
  plan.warm_up = arguments.warm_up;
  plan.seed =
      arguments.seed ? static_cast<std::uint64_t>(*arguments.seed) : std::stoull(random_hex(4), nullptr, 16);
  if (!arguments.slo.empty()) plan.objective = loadgen::objective_of(arguments.slo);
  loadgen::check_objective(plan);
  if (!arguments.tokenizer.empty()) count_exactly(plan, arguments.tokenizer);
  return plan;
}

void count_exactly(Plan& plan, const std::string& path) {
  if (!loadgen::makes_text(plan.workload))
    throw Problem(Kind::usage, "--tokenizer is of made prompts", "leave out --prompts and --instructions");
  const formats::Tokenizer tokenizer = formats::read_tokenizer(path);
  std::vector<loadgen::WordTokens> words;
  bool single = false;
  const auto add = [&](const std::string& word) {
    words.push_back({word, tokenizer.alone(word), tokenizer.after_space(word)});
    single |= words.back().alone == 1 && words.back().after == 1;
  };
  for (const std::string& word : loadgen::made_words()) add(word);
  if (!single)  // of a small vocabulary
    for (const std::string& letter : loadgen::made_letters()) add(letter);
  plan.workload.exact = std::make_shared<const loadgen::ExactText>(formats::absolute(tokenizer.file),
                                                                   tokenizer.sha256, std::move(words));
}

void aim(Plan& plan, const std::string& url) {
  const std::string given = url.find("://") == std::string::npos ? "http://" + url : url;
  const net::Url parsed = net::parse_url(given);
  plan.endpoint.url = parsed.origin();
  plan.path.clear();
  std::string path = parsed.target;
  const std::string& own = plan.asking.protocol->call.path;
  if (own == "/") {
    if (path != "/") plan.path = path;
    return;
  }
  while (!path.empty() && path.back() == '/') path.pop_back();
  if (path.empty()) return;
  if (path.ends_with(own))
    plan.path = path;
  else if (path.ends_with("/v1") && own.starts_with("/v1/"))
    plan.path = path + own.substr(3);
  else
    plan.path = path + own;
  if (plan.path == own) plan.path.clear();
}

loadgen::Known known_of(const cards::Model& model, const cards::Framework& framework,
                        const cards::Hardware& hardware) {
  loadgen::Known known;
  const cards::ModelSpec& of = model.spec;
  if (of.parameters && *of.parameters > 0) {
    const auto all = static_cast<double>(*of.parameters);
    // The embedding is looked up, not read whole, and costs no arithmetic.
    const double looked_up =
        static_cast<double>(of.shape.vocabulary.value_or(0)) * of.shape.hidden.value_or(0);
    const double active = of.active_parameters ? static_cast<double>(*of.active_parameters) : all;
    const double read = std::max(active - looked_up, 0.0);
    // Engines load 32-bit files as 16-bit weights, so that more than two bytes of each are not sure to be
    // read.
    if (of.weights_bytes && !framework.spec.serves.own_weights.value_or(false))
      known.step_bytes = std::min(static_cast<double>(*of.weights_bytes), 2 * all) * read / all;
    known.token_flops = 2 * read;
  }
  const auto& gpu = hardware.spec.gpu;
  if (!gpu) return known;
  const double count = gpu->count * std::max(hardware.spec.replicas.value_or(1), 1);
  known.bandwidth = gpu->bandwidth.value_or(0) * 1e9 * count;
  double tflops = gpu->tflops.value_or(0);
  for (const auto& each :
       {gpu->tflops_by_type.bf16, gpu->tflops_by_type.fp8, gpu->tflops_by_type.fp4, gpu->tflops_by_type.int8})
    tflops = std::max(tflops, each.value_or(0));
  known.flops = tflops * 1e12 * count;
  return known;
}

std::optional<loadgen::PriceText> price_of(const cards::Hardware& hardware) {
  if (!hardware.spec.price) return {};
  const cards::Price& price = *hardware.spec.price;
  loadgen::PriceText text;
  text.per_hour = price.per_hour * std::max(hardware.spec.replicas.value_or(1), 1);
  text.currency = price.currency;
  text.source = fmt::format("hardware card {}, list price as of {}", hardware.metadata.name, price.as_of);
  return text;
}

}  // namespace mlib::verbs
