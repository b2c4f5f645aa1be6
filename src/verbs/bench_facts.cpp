#include "verbs/bench_facts.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/benchmark.hpp"
#include "cards/revision.hpp"
#include "verbs/measuring.hpp"

namespace mlib::verbs {
namespace {

using loadgen::Measured;
using loadgen::Result;

/// Bytes of memory as people write them: `15.5 GiB`.
std::string gibibytes(double bytes) {
  const double count = bytes / 0x1p30;
  return count >= 999.5 ? fmt::format("{:.0f} GiB", count) : fmt::format("{:.3g} GiB", count);
}

std::optional<double> percentile(const std::optional<loadgen::Quantile>& of) {
  return of ? of->value : std::nullopt;
}

void set(Node& results, const std::string& name, const std::optional<double>& value) {
  if (value) results.set(name, *value);
}

/// The figures that are compared, by the names of Kubeflow's performance artifacts where it has them.
void add_figures(Node& results, const Result& result) {
  for (const auto& [name, metric] : result.metrics) {
    for (const std::string_view of : {"ttft", "ttfo", "tpot", "itl", "e2e", "ntpot"}) {
      if (name != of) continue;
      set(results, name + "_mean", metric.mean);
      set(results, name + "_p50", percentile(metric.p50));
      set(results, name + "_p90", percentile(metric.p90));
      set(results, name + "_p95", percentile(metric.p95));
      set(results, name + "_p99", percentile(metric.p99));
    }
    if (name == "output_token_throughput") set(results, "tps_mean", metric.value);
    if (name == "request_throughput") set(results, "requests_per_second", metric.value);
    if (name == "goodput" || name == "attainment") set(results, name, metric.value);
    if (name == "prompt_token_throughput" || name == "cost_per_million_output_tokens" ||
        name == "cost_per_million_prompt_tokens")
      set(results, name, metric.value);
  }
}

/// Single requests take room in a file that people read and keep: a thousand are enough to compare.
void thin_out(std::optional<loadgen::SamplesText>& samples) {
  constexpr std::size_t most = 1000;
  if (!samples) return;
  const std::size_t count = std::max(samples->e2e.size(), samples->ttft.size());
  const std::size_t step = (count + most - 1) / most;
  if (step <= 1) return;
  for (std::vector<double>* all : {&samples->at, &samples->ttft, &samples->tpot, &samples->e2e}) {
    std::vector<double> kept;
    for (std::size_t i = 0; i < all->size(); i += step) kept.push_back((*all)[i]);
    *all = std::move(kept);
  }
  samples->every *= static_cast<int>(step);
}

const targets::Capacity* machine_of(const std::vector<targets::Capacity>& machines, const std::string& name) {
  for (const targets::Capacity& each : machines)
    if (each.name == name || (name.empty() && machines.size() == 1)) return &each;
  return nullptr;
}

/// The machines that they run on, each once.
std::vector<std::string> places_of(const std::vector<targets::Running>& running) {
  std::vector<std::string> names;
  for (const targets::Running& each : running)
    if (std::find(names.begin(), names.end(), each.machine) == names.end()) names.push_back(each.machine);
  return names;
}

/// Of a machine's cores: what others may use and still be nothing that matters.
constexpr double quiet_share = 0.2;

/// The sum of what is told of the containers there; nothing when it is not told of each.
std::optional<double> sum_of(const std::vector<targets::Running>& running, const std::string& machine,
                             std::optional<double> targets::Running::*told) {
  double sum = 0;
  for (const targets::Running& each : running) {
    if (each.machine != machine) continue;
    if (!(each.*told)) return {};
    sum += *(each.*told);
  }
  return sum;
}

/// What others did on one machine between two looks.
std::string others_on(const std::string& name, const Look& before, const Look& after, double client) {
  const targets::Capacity *then = machine_of(before.machines, name), *now = machine_of(after.machines, name);
  if (then == nullptr || now == nullptr) return "";
  const double quiet = quiet_share * now->cpus.has;
  const std::chrono::duration<double> passed = after.when - before.when;
  const auto ours_then = sum_of(before.ours, name, &targets::Running::worked),
             ours_now = sum_of(after.ours, name, &targets::Running::worked);
  if (then->worked && now->worked && ours_then && ours_now && passed.count() > 0) {
    const double ours = *ours_now - *ours_then + after.client - before.client;
    const double cores = (*now->worked - *then->worked - ours) / passed.count();
    return cores > quiet ? fmt::format("{:.1f} of {:.4g} cores of {} were in use by others during the run",
                                       cores, now->cpus.has, now->name)
                         : "";
  }
  const auto ours = sum_of(after.ours, name, &targets::Running::used);
  if (now->cpus.used && ours && *now->cpus.used - *ours - client > quiet)
    return fmt::format("{:.1f} of {:.4g} cores of {} were in use by others at its end",
                       *now->cpus.used - *ours - client, now->cpus.has, now->name);
  const double came = now->cpus.requested - then->cpus.requested;
  if (came > quiet || (came > 0.01 && now->cpus.requested > now->cpus.has))
    return fmt::format("{:.4g} of {:.4g} cores of {} were promised to others during the run", came,
                       now->cpus.has, now->name);
  return "";
}

/// Runs of letters and digits, in lower case.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : lower(text)) {
    const bool within = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (within) words.back() += c;
    if (!within && !words.back().empty()) words.emplace_back();
  }
  return words;
}

/// The label names another product than the card: the word with a digit by which the card's is known, as H100
/// of `H100 SXM5 80GB`, is none of the label's. Other vendors' labels say names that products do not have.
bool is_other(const cards::Gpu& gpu, const std::string& label) {
  if (label.empty() || !(gpu.resource.starts_with("nvidia.com/") || gpu.resource.starts_with("amd.com/")))
    return false;
  const std::vector<std::string> said = words_of(gpu.product), seen = words_of(label);
  const auto known = std::find_if(said.begin(), said.end(), [](const std::string& word) {
    return word.find_first_of("0123456789") != std::string::npos;
  });
  return known != said.end() && std::find(seen.begin(), seen.end(), *known) == seen.end();
}

/// Where a node has fewer GPUs than the card says, or others.
void add_gpus_off(std::vector<std::string>& all, const cards::Gpu& gpu, const targets::Capacity& machine) {
  const std::string said = fmt::format("the hardware card says {} x {}", gpu.count,
                                       gpu.product.empty() ? gpu.resource : gpu.product);
  double has = 0;
  for (const targets::Gpus& each : machine.gpus) {
    if (each.resource != gpu.resource) continue;
    has += each.amount.has;
    if (is_other(gpu, each.product))
      all.push_back(fmt::format("{}, {} has {}", said, machine.name, each.product));
  }
  if (has < gpu.count)
    all.push_back(fmt::format("{}, {} has {:.0f} {}", said, machine.name, has, gpu.resource));
}

}  // namespace

loadgen::Setting setting_of(const cards::Library& library, const cards::Template& card,
                            const std::string& hardware) {
  loadgen::Setting setting;
  const cards::Hardware& machine = library.get_hardware(hardware.empty() ? card.spec.hardware : hardware);
  const cards::Model& model = library.get_model(card.spec.model);
  const cards::Framework& framework = library.framework_of(card);
  loadgen::Subject& subject = setting.subject;
  subject.template_name = card.metadata.name;
  subject.hardware = machine.metadata.name;
  const Node cards = cards::cards_of(library, card.metadata.name, machine.metadata.name);
  for (const schema::Entry& each : cards.entries())
    subject.revisions.emplace_back(fmt::format("{} {}", each.key, each.value.text_at({"metadata", "name"})),
                                   cards::revision(each.value));
  subject.engine = framework.spec.engine;
  subject.engine_version = framework.spec.version;
  setting.known = known_of(model, framework, machine);
  setting.price = price_of(machine);
  return setting;
}

std::vector<targets::Capacity> machines_of(targets::Target& target) {
  try {
    return target.capacity();
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::cancelled) throw;
    return {};
  }
}

void add_running(loadgen::Setting& setting, const std::vector<targets::Running>& running,
                 const std::vector<targets::Capacity>& machines) {
  if (running.empty()) return;
  const targets::Running& main = running.front();
  loadgen::Subject& subject = setting.subject;
  subject.engine_flags = main.command;
  subject.image = main.image;
  subject.image_digest = main.digest;
  const auto seen = [&](const char* name, std::string value) {
    if (!value.empty()) subject.hardware_seen.emplace_back(name, std::move(value));
  };
  if (running.size() > 1) seen("containers", std::to_string(running.size()));
  if (main.cpus > 0) seen("limit_cpus", fmt::format("{:.4g}", main.cpus));
  if (main.memory > 0) seen("limit_memory", gibibytes(main.memory));
  const targets::Capacity* machine = machine_of(machines, main.machine);
  if (machine == nullptr) return seen("machine", main.machine);
  seen("machine", machine->name);
  seen("cpus", fmt::format("{:.4g}", machine->cpus.has));
  seen("memory", gibibytes(machine->memory.has));
  for (const targets::Gpus& each : machine->gpus)
    seen("gpus",
         fmt::format("{:.0f} x {}", each.amount.has, each.product.empty() ? each.resource : each.product));
  // Of a machine that tells what it worked, others_between knows the whole run; what it did just before may
  // be the end of what we removed.
  const double promised = machine->cpus.requested,
               used = machine->worked ? 0 : machine->cpus.used.value_or(0);
  if (used > quiet_share * machine->cpus.has)
    setting.known.other_load = fmt::format("{:.1f} of {:.4g} cores of {} were in use before", used,
                                           machine->cpus.has, machine->name);
  else if (promised > 0 && promised + main.cpus > machine->cpus.has)
    setting.known.other_load = fmt::format("{:.4g} of {:.4g} cores of {} are promised to others", promised,
                                           machine->cpus.has, machine->name);
}

std::vector<std::string> off_card(const cards::HardwareSpec& card,
                                  const std::vector<targets::Running>& running,
                                  const std::vector<targets::Capacity>& machines) {
  std::vector<std::string> all;
  const double memory = quantity(card.memory).value_or(0);
  for (const std::string& place : places_of(running)) {
    const targets::Capacity* machine = machine_of(machines, place);
    if (machine == nullptr) continue;
    if (card.cpus && machine->cpus.has > 0 && *card.cpus > machine->cpus.has)
      all.push_back(fmt::format("the hardware card says {:.4g} cores, {} has {:.4g}", *card.cpus,
                                machine->name, machine->cpus.has));
    if (machine->memory.has > 0 && memory > machine->memory.has)
      all.push_back(fmt::format("the hardware card says {} of memory, {} has {}", gibibytes(memory),
                                machine->name, gibibytes(machine->memory.has)));
    // A target that has no nodes does not tell of GPUs.
    if (card.gpu && !place.empty()) add_gpus_off(all, *card.gpu, *machine);
  }
  return all;
}

Look look_at(targets::Target& target, const targets::Ref& ref, Clock& clock) {
  Look look;
  look.machines = machines_of(target);
  look.ours = target.running(ref);
  look.when = clock.now();
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  for (const timeval& each : {used.ru_utime, used.ru_stime})
    look.client += static_cast<double>(each.tv_sec) + static_cast<double>(each.tv_usec) / 1e6;
  return look;
}

std::string others_between(const Look& before, const Look& after, double client) {
  for (const std::string& place : places_of(after.ours))
    if (std::string others = others_on(place, before, after, client); !others.empty()) return others;
  return "";
}

void doubt(Result& result, loadgen::Validity validity, std::string reason) {
  const std::string& now = result.verdict.validity;
  if (now == "valid" || (now == "suspect" && validity == loadgen::Validity::invalid))
    result.verdict.validity = loadgen::to_text(validity);
  result.verdict.reasons.push_back(std::move(reason));
}

int restarts_between(const std::vector<targets::Running>& before,
                     const std::vector<targets::Running>& after) {
  int restarts = 0;
  for (const targets::Running& then : before) {
    const auto same = [&](const targets::Running& now) {
      return now.container == then.container && now.machine == then.machine && now.started == then.started;
    };
    if (std::none_of(after.begin(), after.end(), same)) ++restarts;
  }
  return restarts;
}

cards::BenchmarkCard card_of(const Result& result) {
  cards::BenchmarkCard card;
  card.metadata.name = result.id;
  card.metadata.description = fmt::format("{} {}, {}, {}", result.subject.hardware,
                                          result.subject.target.empty() ? "" : "by " + result.subject.target,
                                          result.description, result.when);
  card.spec.template_name = result.subject.template_name;
  Result kept = result;
  thin_out(kept.samples);
  card.spec.run = loadgen::to_node(kept);
  const bool failed = result.ended == "failed";
  Node& results = card.spec.results;
  results.set(cards::results_verdict, failed ? "failed" : result.verdict.validity);
  const std::vector<std::string> reasons =
      failed ? std::vector<std::string>{result.cause} : result.verdict.reasons;
  if (!reasons.empty()) results.set(cards::results_reasons, schema::encode(reasons));
  results.set("hardware_type", result.subject.hardware);
  if (cards::counts({card.metadata.name, "", results, {}})) add_figures(results, result);
  return card;
}

Result result_of(const cards::Benchmark& benchmark) {
  if (!benchmark.run.is_map())
    throw Problem(
        Kind::unsupported,
        fmt::format("benchmark `{}` says its figures, but not how they were measured", benchmark.id),
        "mlib bench template NAME measures anew");
  return loadgen::result_from(benchmark.run);
}

}  // namespace mlib::verbs
