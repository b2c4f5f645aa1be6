#include <fmt/format.h>

#include "base/text.hpp"
#include "loadgen/result_forms.hpp"
#include "schema/document.hpp"

namespace mlib::loadgen {
namespace {

Node map_of(std::initializer_list<std::pair<std::string_view, Node>> entries) {
  Node made = Node::map();
  for (const auto& [key, value] : entries) made.set(key, value);
  return made;
}

/// Their Statistics; nothing without samples, since a mean is required.
std::optional<Node> statistics(const Result& result, std::string_view name, std::string_view units) {
  const Measured* metric = find_metric(result, name);
  if (metric == nullptr || (!metric->mean && !metric->value)) return {};
  Node made = Node::map();
  made.set("units", units);
  made.set("mean", metric->mean ? *metric->mean : *metric->value);
  const std::pair<std::string_view, const std::optional<Quantile>*> quantiles[] = {
      {"p50", &metric->p50}, {"p90", &metric->p90}, {"p95", &metric->p95}, {"p99", &metric->p99}};
  for (const auto& [key, quantile] : quantiles)
    if (*quantile && (*quantile)->value) made.set(key, *(*quantile)->value);
  if (metric->most) made.set("max", *metric->most);
  return made;
}

Node length_of(const LengthText& length) {
  Node made = Node::map();
  made.set("distribution", length.kind == "fixed" ? "fixed" : length.kind == "normal" ? "gaussian" : "other");
  made.set("value", length.mean);
  if (length.kind != "fixed") made.set("std_dev", length.deviation);
  return made;
}

/// Good answers that say how many tokens their prompts had; all of them in a result from before that was
/// kept.
std::int64_t prompted(const Result& result) {
  const Measured* mean = find_metric(result, "mean_prompt_tokens");
  return mean == nullptr ? result.counts.good : mean->count;
}

/// Of prompts that are not made the length is only known by their answers.
Node prompt_length_of(const Result& result) {
  if (result.workload.prompts == "made") return length_of(result.workload.prompt);
  const std::int64_t count = prompted(result);
  const double mean =
      count > 0 ? static_cast<double>(result.counts.prompt_tokens) / static_cast<double>(count) : 0;
  return map_of({{"distribution", "other"}, {"value", mean}});
}

Node length_total(std::int64_t tokens, std::int64_t answers) {
  return map_of({{"units", "count"}, {"mean", static_cast<double>(tokens) / static_cast<double>(answers)}});
}

/// The engine, as a component that is not validated further: what its accelerators are is not known here.
Node engine_of(const Result& result) {
  const Subject& subject = result.subject;
  Node standardized =
      map_of({{"kind", "generic"},
              {"tool", subject.engine.empty() ? "unknown" : subject.engine},
              {"tool_version", subject.engine_version.empty() ? "unknown" : subject.engine_version}});
  standardized.set("kind_draft", "inference_engine");
  standardized.set("url", subject.url);
  if (!result.workload.model.empty()) standardized.set("model", map_of({{"name", result.workload.model}}));
  if (!subject.hardware.empty()) standardized.set("hardware", subject.hardware);
  if (!subject.image.empty()) standardized.set("image", subject.image);
  if (!subject.image_digest.empty()) standardized.set("image_digest", subject.image_digest);
  Node native = Node::map();
  if (!subject.engine_flags.empty()) native.set("config", schema::encode(subject.engine_flags));
  const std::string hash = sha256_hex(schema::to_json(standardized) + schema::to_json(native));
  return map_of({{"metadata", map_of({{"label", "engine"}, {"cfg_id", hash.substr(0, 32)}})},
                 {"standardized", std::move(standardized)},
                 {"native", std::move(native)}});
}

Node load_of(const Result& result) {
  Node standardized = map_of({{"tool", "mlib"},
                              {"tool_version", result.client.version},
                              {"source", result.workload.prompts == "made" ? "random" : "sampled"},
                              {"input_seq_len", prompt_length_of(result)}});
  // Answers that are no text have no length.
  if (result.metrics.empty() || find_metric(result, "output_token_throughput") != nullptr)
    standardized.set("output_seq_len", length_of(result.workload.output));
  if (result.load.users > 0)
    standardized.set("concurrency", result.load.users);
  else if (result.load.rate > 0)
    standardized.set("rate_qps", result.load.rate);
  if (result.workload.groups > 0) {
    LengthText prefix;
    prefix.mean = result.workload.prefix;
    standardized.set("prefix", map_of({{"prefix_len", length_of(prefix)},
                                       {"num_groups", result.workload.groups},
                                       {"num_users_per_group", 1},
                                       {"num_prefixes", 1}}));
  }
  if (result.workload.turns)
    standardized.set("multi_turn",
                     map_of({{"enabled", true}, {"max_turns", length_of(*result.workload.turns)}}));
  Node config = map_of({{"load", schema::encode(result.load)},
                        {"workload", schema::encode(result.workload)},
                        {"verdict", schema::encode(result.verdict)},
                        {"objective", schema::encode(result.objective)}});
  // The report has no place for why a figure is not there.
  for (const auto& [name, metric] : result.metrics)
    if (const std::string why = why_none(metric); !why.empty()) config.child("none").set(name, why);
  const std::string hash = sha256_hex(schema::to_json(standardized));
  return map_of({{"metadata", map_of({{"cfg_id", hash.substr(0, 32)}, {"description", result.description}})},
                 {"standardized", std::move(standardized)},
                 {"native", map_of({{"config", std::move(config)}})}});
}

Node aggregate_of(const Result& result) {
  const Counts& counts = result.counts;
  Node requests =
      map_of({{"total", counts.offered}, {"failures", counts.failed}, {"incomplete", counts.unfinished}});
  if (prompted(result) > 0 && counts.prompt_tokens > 0)
    requests.set("input_length", length_total(counts.prompt_tokens, prompted(result)));
  if (counts.good > 0 && counts.output_tokens > 0)
    requests.set("output_length", length_total(counts.output_tokens, counts.good));
  Node made = map_of({{"requests", std::move(requests)}});
  if (result.verdict.validity == "invalid") return made;
  const auto add = [&](std::string_view part, std::string_view key, std::string_view name,
                       std::string_view units) {
    if (auto one = statistics(result, name, units)) made.child(part).set(key, std::move(*one));
  };
  add("latency", "time_to_first_token", "ttft", "ms");
  add("latency", "normalized_time_per_output_token", "ntpot", "ms/token");
  add("latency", "time_per_output_token", "tpot", "ms/token");
  add("latency", "inter_token_latency", "itl", "ms/token");
  add("latency", "request_latency", "e2e", "ms");
  add("throughput", "input_token_rate", "prompt_token_throughput", "tokens/s");
  add("throughput", "output_token_rate", "output_token_throughput", "tokens/s");
  add("throughput", "request_rate", "request_throughput", "queries/s");
  return made;
}

}  // namespace

std::string llm_d_text(const Result& result) {
  std::string description = verdict_title(result) + ". " + result.description;
  for (const std::string& reason : result.verdict.reasons) description += "; " + reason;
  Node run =
      map_of({{"uid", result.id},
              {"time", map_of({{"start", result.when}, {"duration", fmt::format("PT{}S", result.seconds)}})},
              {"description", description}});
  Node keywords = Node::list();
  keywords.push("mlib:" + result.verdict.validity);
  run.set("keywords", std::move(keywords));
  Node stack = Node::list();
  stack.push(engine_of(result));
  const Node report =
      map_of({{"version", "0.2"},
              {"run", std::move(run)},
              {"scenario", map_of({{"stack", std::move(stack)}, {"load", load_of(result)}})},
              {"results", map_of({{"request_performance", map_of({{"aggregate", aggregate_of(result)}})}})}});
  return schema::to_json(report, 2) + "\n";
}

}  // namespace mlib::loadgen
