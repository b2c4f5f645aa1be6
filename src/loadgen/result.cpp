#include "loadgen/result.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "loadgen/result_forms.hpp"
#include "loadgen/result_metrics.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::string_view arrivals_names[] = {"constant", "poisson", "gamma", "ramp", "on_off", "trace"};
constexpr std::string_view length_names[] = {"fixed", "normal", "lognormal", "histogram"};
constexpr std::size_t most_samples = 10'000;

double seconds_of(Instant instant) { return static_cast<double>(instant) / 1e9; }
/// A hundred years at most: a file may say any number.
Instant instant_of(double seconds) { return std::llround(std::clamp(seconds, 0.0, 3e9) * 1e9); }

template <std::size_t N>
std::size_t index_in(const std::string_view (&names)[N], const std::string& name) {
  const auto at = std::find(std::begin(names), std::end(names), name);
  return at == std::end(names) ? 0 : static_cast<std::size_t>(at - std::begin(names));
}

std::vector<LimitText> limits_of(const Objective& objective, const Metrics& metrics) {
  std::vector<LimitText> all;
  for (std::size_t i = 0; i < objective.size(); ++i) {
    LimitText made;
    made.limit = to_text(objective[i]);
    made.holds = "undecided";
    if (i < metrics.kept.size()) {
      const Share& share = metrics.kept[i];
      made.good = static_cast<std::int64_t>(share.good);
      made.of = static_cast<std::int64_t>(share.of);
      made.share = short_of(share.value);
      made.low = short_of(share.low);
      made.high = short_of(share.high);
      if (share.of > 0 && share.low >= objective[i].share) made.holds = "yes";
      if (share.of > 0 && share.high < objective[i].share) made.holds = "no";
    }
    all.push_back(std::move(made));
  }
  return all;
}

SamplesText samples_of(const std::vector<Sample>& samples) {
  SamplesText kept;
  const bool streamed = std::any_of(samples.begin(), samples.end(),
                                    [](const Sample& each) { return each.good() && each.first >= 0; });
  kept.every = static_cast<int>((samples.size() + most_samples - 1) / most_samples);
  kept.every = std::max(kept.every, 1);
  for (std::size_t i = 0; i < samples.size(); i += static_cast<std::size_t>(kept.every)) {
    if (!samples[i].good()) continue;
    if (const auto value = tpot_of(samples[i])) kept.tpot.push_back(rounded(*value));
    const auto ttft = ttft_of(samples[i]), e2e = e2e_of(samples[i]);
    if (!e2e || (streamed && !ttft)) continue;
    kept.at.push_back(rounded(seconds_of(samples[i].scheduled)));
    if (ttft) kept.ttft.push_back(rounded(*ttft));
    kept.e2e.push_back(rounded(*e2e));
  }
  return kept;
}

LengthText text_of(const Length& length) {
  LengthText made;
  made.kind = length_names[static_cast<std::size_t>(length.kind)];
  made.mean = length.mean;
  made.deviation = length.deviation;
  made.least = length.least;
  made.most = length.most;
  for (const Bin& bin : length.bins) {
    made.bins.emplace_back();
    made.bins.back().least = bin.least;
    made.bins.back().most = bin.most;
    made.bins.back().weight = bin.weight;
  }
  return made;
}

Length length_of(const LengthText& text) {
  Length made;
  made.kind = static_cast<Length::Kind>(index_in(length_names, text.kind));
  made.mean = text.mean;
  made.deviation = text.deviation;
  made.least = text.least;
  made.most = text.most;
  for (const BinText& bin : text.bins) made.bins.push_back({bin.least, bin.most, bin.weight});
  return made;
}

/// Prompts of one's own: how many, and a sum over their texts.
void add_own(WorkloadText& to, const Workload& workload) {
  std::string all;
  for (const std::string& prompt : workload.prompts) all += prompt + '\0';
  for (const Script& script : workload.scripts) {
    for (const Script::Question& question : script.questions) all += question.text + '\0';
    all += fmt::format("{} {} {}", script.prompt_tokens, script.answer_tokens, fmt::join(script.blocks, ","));
    all += '\0';
  }
  to.prompts = "own";
  to.own_prompts = static_cast<std::int64_t>(workload.prompts.size() + workload.scripts.size());
  to.own_prompts_sha256 = sha256_hex(all);
}

TokenizerText text_of(const ExactText& exact) {
  TokenizerText made;
  made.file = exact.file();
  made.sha256 = exact.sha256();
  for (const WordTokens& each : exact.words()) {
    if (each.alone == 1 && each.after == 1) {
      made.single += (made.single.empty() ? "" : " ") + each.word;
      continue;
    }
    made.words.emplace_back();
    made.words.back().word = each.word;
    made.words.back().alone = each.alone;
    made.words.back().after = each.after;
  }
  return made;
}

std::shared_ptr<const ExactText> exact_of(const TokenizerText& text) {
  std::vector<WordTokens> words;
  for (const std::string& word : split(text.single, ' ')) words.push_back({word});
  for (const WordText& each : text.words) words.push_back({each.word, each.alone, each.after});
  return std::make_shared<const ExactText>(text.file, text.sha256, std::move(words));
}

WorkloadText workload_of(const Plan& plan) {
  WorkloadText made;
  made.protocol = plan.asking.protocol->name;
  if (!is_shipped(*plan.asking.protocol)) made.call = plan.asking.protocol->call;
  made.path = plan.path;
  made.model = plan.asking.model;
  made.stream = plan.asking.stream;
  made.temperature = plan.asking.temperature;
  if (!plan.workload.scripts.empty())
    add_own(made, plan.workload);
  else if (plan.workload.prompts == instructions())
    made.prompts = "instructions";
  else if (!plan.workload.prompts.empty())
    add_own(made, plan.workload);
  if (made.prompts == "own") made.requests = trace_text({plan.workload.scripts, plan.arrivals.trace});
  if (makes_text(plan.workload) && plan.asking.protocol->asks_prompt) {
    made.prompt_length = plan.workload.exact != nullptr ? "exact" : "estimated";
    if (plan.workload.exact != nullptr) made.tokenizer = text_of(*plan.workload.exact);
  }
  made.prompt = text_of(plan.workload.prompt);
  made.output = text_of(plan.workload.output);
  made.ignore_end = plan.workload.ignore_end;
  made.groups = plan.workload.groups;
  made.prefix = plan.workload.prefix;
  if (converses(plan.workload) && plan.workload.scripts.empty()) made.turns = text_of(plan.workload.turns);
  return made;
}

LoadText load_of(const Plan& plan, const std::string& schedule) {
  LoadText made;
  if (plan.users > 0) {
    made.arrivals = "closed";
    made.users = static_cast<int>(plan.users);
    made.think = seconds_of(plan.think);
  } else {
    made.arrivals = arrivals_names[static_cast<std::size_t>(plan.arrivals.kind)];
    made.rate = plan.arrivals.rate;
    if (plan.arrivals.kind == Arrivals::Kind::gamma) made.burstiness = plan.arrivals.burstiness;
    if (plan.arrivals.kind == Arrivals::Kind::ramp) {
      made.end_rate = plan.arrivals.end_rate;
      made.span = seconds_of(plan.arrivals.span);
    }
    if (plan.arrivals.kind == Arrivals::Kind::on_off) {
      made.on = seconds_of(plan.arrivals.on);
      made.off = seconds_of(plan.arrivals.off);
    }
  }
  if (plan.stop.requests) made.requests = static_cast<std::int64_t>(*plan.stop.requests);
  if (plan.stop.duration) made.duration = seconds_of(*plan.stop.duration);
  made.warm_up = plan.warm_up;
  made.timeout = seconds_of(plan.timeout);
  made.drain = seconds_of(plan.drain);
  if (plan.memory > 0) made.memory = static_cast<int>(plan.memory >> 20U);
  made.seed = static_cast<std::int64_t>(plan.seed);
  made.schedule_sha256 = schedule;
  return made;
}

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind("model name", 0) == 0 && line.find(':') != std::string::npos)
      return std::string(trim(line.substr(line.find(':') + 1)));
  return "";
}

ClientText client_of(const ClientFacts& facts, const std::string& position) {
  ClientText made;
  made.version = MLIB_VERSION;
  made.cpu = processor();
  utsname machine{};
  if (::uname(&machine) == 0) made.kernel = fmt::format("{} {}", machine.sysname, machine.release);
  made.cores = static_cast<int>(std::thread::hardware_concurrency());
  made.position = position;
  made.cpu_seconds = rounded(facts.cpu_seconds);
  made.connections = static_cast<std::int64_t>(facts.connections);
  made.most_in_flight = static_cast<std::int64_t>(facts.most_in_flight);
  return made;
}

bool says_length(const Script& script) {
  return script.answer_tokens > 0 ||
         std::any_of(script.questions.begin(), script.questions.end(),
                     [](const Script::Question& each) { return each.answer_tokens > 0; });
}

/// The lengths that were asked for: of answers the most that they might have, unless they were to go on to
/// it.
std::string lengths_of(const Plan& plan, const WorkloadText& asked) {
  const Workload& workload = plan.workload;
  const Api& api = *plan.asking.protocol;
  const bool made = asked.prompts == "made" && api.asks_prompt;
  std::string text;
  if (made)
    text = fmt::format(", {:.4g} tokens in", workload.prompt.mean);
  else if (asked.prompts != "made")
    text = fmt::format(", {} prompts", asked.prompts);
  if (!api.asks_length) return text;
  if (std::any_of(workload.scripts.begin(), workload.scripts.end(), says_length))
    return text + ", tokens out as each says";
  return text + fmt::format(", {}{:.4g} {}", workload.ignore_end ? "" : "up to ", workload.output.mean,
                            made ? "out" : "tokens out");
}

std::string description_of(const Plan& plan, const WorkloadText& asked, const LoadText& load) {
  std::string text = asked.protocol;
  if (!asked.model.empty()) text += " of " + asked.model;
  text += load.users > 0 ? ", " + users_text(static_cast<double>(load.users))
                         : fmt::format(", {:.4g} requests/s {}", load.rate, load.arrivals);
  if (load.duration) text += fmt::format(" for {:.4g} s", *load.duration);
  if (load.requests) text += fmt::format(", {} requests", *load.requests);
  return text + lengths_of(plan, asked);
}

/// What does not depend on how it went.
Result begun(const Plan& plan, const std::string& schedule, const ClientFacts& client,
             const Setting& setting) {
  Result made;
  made.when = utc(setting.when);
  made.id = setting.id.empty() ? result_id(setting.when) : setting.id;
  made.subject = setting.subject;
  made.subject.url = plan.endpoint.url;
  made.workload = workload_of(plan);
  made.load = load_of(plan, schedule);
  made.client = client_of(client, setting.position);
  made.price = setting.price;
  made.description = description_of(plan, made.workload, made.load);
  return made;
}

/// The requests that a result was measured with, of a trace with their instants.
void add_requests(Plan& plan, const Result& result, const schema::Source& file) {
  const WorkloadText& then = result.workload;
  if (then.requests.empty() && file.file.empty())
    throw Problem(Kind::usage,
                  fmt::format("the {} requests of `{}` are not kept with it", then.own_prompts, result.id),
                  "name their file: --prompts FILE");
  Recorded requests = file.file.empty() ? read_trace_text(then.requests) : read_requests(file);
  plan.workload.scripts = std::move(requests.scripts);
  plan.arrivals.trace = std::move(requests.arrivals);
  WorkloadText now;
  add_own(now, plan.workload);
  if (now.own_prompts_sha256 != then.own_prompts_sha256)
    throw Problem(Kind::invalid, fmt::format("these {} requests are not the {} that `{}` was measured with",
                                             now.own_prompts, then.own_prompts, result.id));
  const std::string& instants = result.load.schedule_sha256;
  if (plan.arrivals.kind == Arrivals::Kind::trace && !instants.empty() &&
      fingerprint(schedule(plan.arrivals, plan.stop, plan.seed)) != instants)
    throw Problem(Kind::invalid,
                  fmt::format("these requests came at other instants than those of `{}`", result.id));
}

}  // namespace

std::string result_id(std::chrono::system_clock::time_point when) {
  std::string id;
  for (const char c : utc(when))
    if (c != '-' && c != ':') id += c;
  return id + "-" + random_hex(3);
}

Result result_of(const Plan& plan, const Outcome& outcome, const Setting& setting) {
  Result made = begun(plan, outcome.schedule, outcome.client, setting);
  const Metrics& metrics = outcome.metrics;
  Verdict verdict = outcome.verdict;
  judge_known(verdict, metrics, setting.known);
  made.ended = outcome.interrupted ? "interrupted" : "complete";
  made.seconds = rounded(metrics.seconds);
  made.verdict.validity = to_text(verdict.validity);
  made.verdict.reasons = std::move(verdict.reasons);
  made.counts.offered = static_cast<std::int64_t>(metrics.offered);
  made.counts.good = static_cast<std::int64_t>(metrics.good);
  made.counts.failed = static_cast<std::int64_t>(metrics.failed);
  made.counts.unfinished = static_cast<std::int64_t>(metrics.unfinished);
  for (const auto& [cause, count] : metrics.errors)
    made.counts.errors.emplace_back(cause, static_cast<std::int64_t>(count));
  for (const auto& [reason, count] : metrics.finish_reasons)
    made.counts.finish_reasons.emplace_back(reason, static_cast<std::int64_t>(count));
  made.counts.prompt_tokens = static_cast<std::int64_t>(metrics.prompt_tokens);
  made.counts.output_tokens = static_cast<std::int64_t>(metrics.output_tokens);
  made.counts.cached_tokens = static_cast<std::int64_t>(metrics.cached_tokens);
  made.counts.usage = metrics.usage;
  made.metrics = measured_of(plan.asking.protocol->generates, outcome, setting.price);
  made.objective = limits_of(plan.objective, metrics);
  made.samples = samples_of(outcome.samples);
  return made;
}

Result failed_result(const Plan& plan, const Problem& cause, const Setting& setting) {
  Result made = begun(plan, "", {}, setting);
  made.ended = "failed";
  made.cause = cause.message();
  made.verdict.validity = "invalid";
  made.verdict.reasons = {"nothing was measured: " + cause.message()};
  made.objective = limits_of(plan.objective, {});
  return made;
}

Plan plan_of(const Result& result, const schema::Source& requests) {
  Plan plan;
  plan.endpoint.url = result.subject.url;
  plan.path = result.workload.path;
  const WorkloadText& asked = result.workload;
  plan.asking.protocol = asked.call ? protocol_of({asked.protocol, *asked.call}) : shipped(asked.protocol);
  plan.asking.model = result.workload.model;
  plan.asking.stream = result.workload.stream;
  plan.asking.temperature = result.workload.temperature;
  if (result.workload.prompts == "instructions") plan.workload.prompts = instructions();
  if (result.workload.tokenizer) plan.workload.exact = exact_of(*result.workload.tokenizer);
  plan.workload.prompt = length_of(result.workload.prompt);
  plan.workload.output = length_of(result.workload.output);
  plan.workload.ignore_end = result.workload.ignore_end;
  plan.workload.groups = result.workload.groups;
  plan.workload.prefix = result.workload.prefix;
  if (result.workload.turns) plan.workload.turns = length_of(*result.workload.turns);
  const LoadText& load = result.load;
  plan.arrivals.kind = static_cast<Arrivals::Kind>(index_in(arrivals_names, load.arrivals));
  plan.arrivals.rate = load.rate;
  if (load.burstiness) plan.arrivals.burstiness = *load.burstiness;
  if (load.end_rate) plan.arrivals.end_rate = *load.end_rate;
  if (load.span) plan.arrivals.span = instant_of(*load.span);
  if (load.on) plan.arrivals.on = instant_of(*load.on);
  if (load.off) plan.arrivals.off = instant_of(*load.off);
  plan.users = static_cast<std::uint32_t>(load.users);
  plan.think = instant_of(load.think.value_or(0));
  if (load.requests) plan.stop.requests = static_cast<std::uint64_t>(*load.requests);
  if (load.duration) plan.stop.duration = instant_of(*load.duration);
  plan.timeout = instant_of(load.timeout);
  plan.drain = instant_of(load.drain);
  plan.memory = static_cast<std::size_t>(load.memory.value_or(0)) << 20U;
  plan.warm_up = load.warm_up;
  plan.seed = static_cast<std::uint64_t>(load.seed);
  if (result.workload.prompts == "own") add_requests(plan, result, requests);
  for (const LimitText& each : result.objective)
    for (const Limit& limit : objective_of(each.limit)) plan.objective.push_back(limit);
  return plan;
}

void add_known(Result& result, const Setting& setting) {
  Metrics metrics;
  const Measured *tpot = find_metric(result, "tpot"),
                 *tokens = find_metric(result, "output_token_throughput");
  if (tpot != nullptr && tpot->p50 && tpot->p50->value) {
    metrics.tpot.count = static_cast<std::uint64_t>(tpot->count);
    metrics.tpot.p50 = *tpot->p50->value;
  }
  if (tokens != nullptr) metrics.tokens_per_second = tokens->value.value_or(0);
  metrics.seconds = result.seconds;
  metrics.prompt_tokens = static_cast<std::uint64_t>(result.counts.prompt_tokens);
  metrics.cached_tokens = static_cast<std::uint64_t>(result.counts.cached_tokens);
  Verdict verdict;
  for (const Validity each : {Validity::suspect, Validity::invalid})
    if (to_text(each) == result.verdict.validity) verdict.validity = each;
  verdict.reasons = std::move(result.verdict.reasons);
  judge_known(verdict, metrics, setting.known);
  result.verdict.validity = to_text(verdict.validity);
  result.verdict.reasons = std::move(verdict.reasons);
  result.price = setting.price;
  add_cost(result);
}

Node to_node(const Result& result) { return schema::encode(result); }

Result result_from(const Node& node) {
  schema::Reader reader(nullptr, true);
  Result result = schema::decode<Result>(reader, node);
  if (!reader.findings.empty())
    throw Problem(Kind::invalid, "this is no benchmark result", "mlib bench endpoint URL -o json writes one",
                  std::move(reader.findings));
  return result;
}

Node result_schema() {
  Node made = Node::map();
  made.set("$schema", "https://json-schema.org/draft/2020-12/schema");
  made.set("title", "BenchmarkResult");
  const Node body = schema::json_schema<Result>();
  for (const schema::Entry& entry : body.entries()) made.set(entry.key, entry.value);
  return made;
}

}  // namespace mlib::loadgen
