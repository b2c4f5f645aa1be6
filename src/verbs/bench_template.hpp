#pragma once
#include "loadgen/result.hpp"
#include "verbs/measuring.hpp"
#include "verbs/trial.hpp"

namespace mlib::verbs {

inline constexpr std::string_view in_cluster_help =
    "Measure from inside the cluster, without the network to here: by a Job of this image, in which mlib is";

struct BenchTemplateArguments {
  std::string template_name, namespace_name, api_key, in_cluster, records;
  Where where;
  std::vector<std::string> hardware, sweep;
  cards::Dict<Node> set;
  bool again = false;
  std::string start_timeout = "10m";
  LoadArguments load;

  template <class D>
  void describe(D& d) {
    d.field("template", template_name, {.help = "Template card", .required = true, .format = "template"});
    where.describe(d);
    d.field("namespace", namespace_name, {.help = "Namespace (model-library)"});
    d.field("hardware", hardware,
            {.help = "Hardware card instead of the template's, or viable: each that the template names; "
                     "repeat it"});
    d.field("set", set, {.help = "Override a parameter; lists and maps as JSON; repeat it"});
    d.field("sweep", sweep,
            {.help = "Measure each of a parameter's values, NAME=VALUE,VALUE; repeat it to combine. What is "
                     "measured already is not measured again"});
    d.field("again", again, {.help = "Of a sweep: measure also what is measured already"});
    d.field("in_cluster", in_cluster, {.help = in_cluster_help});
    d.field("records", records, {.help = records_help, .format = "local"});
    d.field("api_key", api_key, {.help = "Key that the endpoint asks its clients for", .secret = true});
    d.field("start_timeout", start_timeout, {.help = "How long it may take to come up, e.g. 90s, 1h (10m)"});
    load.describe(d);
  }
};

struct RepeatArguments {
  std::string id, api_key, in_cluster;
  std::optional<CardFile> prompts;
  TargetOptions reach;
  std::string start_timeout = "10m";

  template <class D>
  void describe(D& d) {
    d.field("id", id, {.help = "A benchmark's, as `mlib describe template` shows it", .required = true});
    d.field("api_key", api_key, {.help = "Key that the endpoint asks its clients for", .secret = true});
    d.field("start_timeout", start_timeout, {.help = "How long it may take to come up, e.g. 90s, 1h (10m)"});
    d.field("in_cluster", in_cluster, {.help = in_cluster_help});
    d.field("prompts", prompts,
            {.help = "Requests of your own that it was measured with, which are not kept (a short trace is)",
             .format = "content"});
    reach.describe(d);
  }
};

/// Deploys the template for user `benchmark`, measures it, keeps the result with the template, and removes
/// the deployment, however it ends. Of a sweep each point, those left out whose result is kept already; a
/// point that fails is kept as a result with its cause, and tried again by the next call. Problem{failed}
/// with it when it was the only one.
void bench_template(const World&, const Caller&, const BenchTemplateArguments&, const Sink&, const Cancel&);
/// The same again: template, hardware, values, target, load and seed of a kept result.
void bench_repeat(const World&, const Caller&, const RepeatArguments&, const Sink&, const Cancel&);

}  // namespace mlib::verbs
