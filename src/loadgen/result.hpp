#pragma once
#include "loadgen/bench.hpp"
#include "loadgen/recorded.hpp"
#include "loadgen/records.hpp"
#include "schema/describe.hpp"

/// A benchmark's result as it is kept, sent and read again. What `describe` says is its published schema
/// (`mlib schema benchmark-result`).
namespace mlib::loadgen {

using schema::Dict;
using schema::Node;

/// A percentile, or why there is none. The interval is at 95 % confidence, from order statistics.
struct Quantile {
  std::optional<double> value, low, high;
  std::string none;

  template <class D>
  void describe(D& d) {
    d.field("value", value, {.help = "Nearest rank"});
    d.field("low", low, {.help = "Lower end of its 95 % interval, by order statistics"});
    d.field("high", high, {.help = "Upper end"});
    d.field("none", none, {.help = "Why there is no value, e.g. not enough samples (needs 459)"});
  }
};

/// One metric: a distribution over requests, or one figure of the whole run (`value`).
struct Measured {
  std::string meaning, unit;
  std::int64_t count = 0;
  std::optional<double> value, low, high;
  std::optional<double> mean, mean_low, mean_high, most;
  std::optional<Quantile> p50, p90, p95, p99;
  std::string interval, none;

  template <class D>
  void describe(D& d) {
    d.field("meaning", meaning, {.help = "What it is, in words"});
    d.field("unit", unit, {.help = "ms, 1/s, tokens/s, …", .required = true});
    d.field("count", count, {.help = "Samples that it stands on", .required = true, .min = 0});
    d.field("value", value, {.help = "Of the whole run, where it is one figure"});
    d.field("low", low, {.help = "Lower end of its 95 % interval"});
    d.field("high", high, {.help = "Upper end"});
    d.field("mean", mean, {.help = "Mean over requests, where it is a distribution"});
    d.field("mean_low", mean_low, {.help = "Lower end of the mean's 95 % interval, by batch means"});
    d.field("mean_high", mean_high, {.help = "Upper end"});
    d.field("p50", p50, {.help = "Median"});
    d.field("p90", p90, {.help = "90th percentile"});
    d.field("p95", p95, {.help = "95th percentile"});
    d.field("p99", p99, {.help = "99th percentile"});
    d.field("most", most, {.help = "The largest"});
    d.field("interval", interval, {.help = "How the interval was made"});
    d.field("none", none, {.help = "Why there is nothing, or not of all"});
  }
};

/// A bin of a histogram of lengths.
struct BinText {
  int least = 1, most = 1;
  double weight = 1;

  template <class D>
  void describe(D& d) {
    d.field("least", least, {.help = "Tokens from", .required = true, .min = 1});
    d.field("most", most, {.help = "Tokens to", .required = true, .min = 1});
    d.field("weight", weight, {.help = "How often, against the others", .required = true, .min = 0});
  }
};

/// How tokens of a prompt or an answer are drawn.
struct LengthText {
  std::string kind = "fixed";
  double mean = 0, deviation = 0;
  int least = 1, most = 1'000'000;
  std::vector<BinText> bins;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "Distribution", .one_of = {"fixed", "normal", "lognormal", "histogram"}});
    d.field("mean", mean, {.help = "Mean", .min = 0, .unit = "tokens"});
    d.field("deviation", deviation, {.help = "Standard deviation", .min = 0, .unit = "tokens"});
    d.field("least", least, {.help = "At least", .min = 1, .unit = "tokens"});
    d.field("most", most, {.help = "At most", .min = 1, .unit = "tokens"});
    d.field("bins", bins, {.help = "Of a histogram"});
  }
};

/// A word of made text that is not one token wherever it stands.
struct WordText {
  std::string word;
  int alone = 1, after = 1;

  template <class D>
  void describe(D& d) {
    d.field("word", word, {.help = "Of the letters a to z", .required = true});
    d.field("alone", alone, {.help = "Tokens at the beginning of a text", .required = true, .min = 1});
    d.field("after", after, {.help = "Tokens with the space before it", .required = true, .min = 1});
  }
};

/// What made text was counted by, and what it was made of: enough to make the same without the file.
struct TokenizerText {
  std::string file, sha256, single;
  std::vector<WordText> words;

  template <class D>
  void describe(D& d) {
    d.field("file", file, {.help = "A GGUF file or a tokenizer.json", .required = true});
    d.field("sha256", sha256,
            {.help = "Of tokenizer.json; of a GGUF file the part before its tensors' data"});
    d.field("single", single, {.help = "Words that are one token wherever they stand"});
    d.field("words", words, {.help = "Other words that were used"});
  }
};

/// What was asked, and how.
struct WorkloadText {
  std::string protocol = "chat", path, model;
  std::optional<cards::Call> call;  ///< the protocol, where this program ships no such
  bool stream = true;
  double temperature = 0;
  std::string prompts = "made";  ///< made, instructions (the original's 25), or own
  std::int64_t own_prompts = 0;
  std::string own_prompts_sha256, requests;
  std::string prompt_length;
  LengthText prompt, output;
  std::optional<TokenizerText> tokenizer;
  bool ignore_end = false;
  int groups = 0, prefix = 0;
  std::optional<LengthText> turns;  ///< of conversations, where there are some

  template <class D>
  void describe(D& d) {
    d.field("protocol", protocol, {.help = "How the engine was asked", .required = true});
    d.field("call", call, {.help = "That protocol, where it is not one that mlib comes with"});
    d.field("path", path, {.help = "Path of the URL, where it is not the protocol's own"});
    d.field("model", model, {.help = "Model that was asked for"});
    d.field("stream", stream, {.help = "Answers were asked for as a stream"});
    d.field("temperature", temperature, {.help = "Of sampling", .min = 0});
    d.field("prompts", prompts,
            {.help = "Made text, the original's 25 instructions, or somebody's own",
             .one_of = {"made", "instructions", "own"}});
    d.field("own_prompts", own_prompts, {.help = "How many, where they are somebody's own", .min = 0});
    d.field("own_prompts_sha256", own_prompts_sha256, {.help = "Over them, each ended by a NUL"});
    d.field(
        "requests", requests,
        {.help = "Of a trace, where it is short enough to be kept: of each request the nanoseconds since the "
                 "one before, tokens in, tokens out, blocks"});
    d.field("prompt_length", prompt_length,
            {.help = "Of made prompts. Estimated: one token for each word. Exact: by the tokenizer, without "
                     "what a chat's template or the engine adds",
             .one_of = {"estimated", "exact"}});
    d.field("prompt", prompt, {.help = "Tokens of made prompts"});
    d.field("tokenizer", tokenizer, {.help = "That made prompts were counted by"});
    d.field("output", output, {.help = "Tokens that answers were asked to have at most"});
    d.field("ignore_end", ignore_end, {.help = "Answers were to go on to their full length"});
    d.field("groups", groups, {.help = "Prefixes that made prompts share; 0: none", .min = 0});
    d.field("prefix", prefix, {.help = "Tokens of a shared prefix", .min = 0, .unit = "tokens"});
    d.field("turns", turns, {.help = "Questions of a conversation; none: each request stands alone"});
  }
};

/// When requests were sent.
struct LoadText {
  std::string arrivals = "poisson";  ///< constant, poisson, gamma, ramp, on_off, trace; closed: users
  double rate = 0;
  std::optional<double> burstiness, end_rate, span, on, off, think;  ///< of those that have them
  int users = 0;
  std::optional<std::int64_t> requests;
  std::optional<double> duration;
  int warm_up = 0;
  double timeout = 0, drain = 0;
  std::optional<int> memory;
  std::int64_t seed = 1;
  std::string schedule_sha256;

  template <class D>
  void describe(D& d) {
    d.field("arrivals", arrivals,
            {.help = "Arrival process of an open loop, or closed: users who wait for their answer",
             .required = true,
             .one_of = {"constant", "poisson", "gamma", "ramp", "on_off", "trace", "closed"}});
    d.field("rate", rate, {.help = "Offered", .min = 0, .unit = "requests/s"});
    d.field("burstiness", burstiness, {.help = "Of gamma: shape of the gaps (1 is Poisson)", .min = 0});
    d.field("end_rate", end_rate, {.help = "Of ramp, at its end", .min = 0, .unit = "requests/s"});
    d.field("span", span, {.help = "Of ramp", .min = 0, .unit = "s"});
    d.field("on", on, {.help = "Of on_off", .min = 0, .unit = "s"});
    d.field("off", off, {.help = "Of on_off", .min = 0, .unit = "s"});
    d.field("users", users, {.help = "Of a closed loop", .min = 0});
    d.field("think", think, {.help = "Of a closed loop: pause after an answer", .min = 0, .unit = "s"});
    d.field("requests", requests, {.help = "Ends after so many", .min = 1});
    d.field("duration", duration, {.help = "Ends after so long", .min = 0, .unit = "s"});
    d.field("warm_up", warm_up, {.help = "Requests before it that do not count", .min = 0});
    d.field("timeout", timeout, {.help = "Of one request", .min = 0, .unit = "s"});
    d.field("drain", drain, {.help = "For answers after the last arrival", .min = 0, .unit = "s"});
    d.field("memory", memory, {.help = "For answers under way, where it was given", .min = 1, .unit = "MiB"});
    d.field("seed", seed, {.help = "Of arrivals, prompts and lengths", .required = true});
    d.field("schedule_sha256", schedule_sha256, {.help = "Over the instants of an open loop"});
  }
};

/// What was measured: an endpoint, and what is known of what stands behind it.
struct Subject {
  std::string url, template_name, deployment, namespace_name, target, hardware;
  Dict<std::string> revisions;  ///< of the cards, by kind and name
  Dict<Node> values;            ///< that the caller gave
  std::string engine, engine_version;
  std::vector<std::string> engine_flags;
  std::string image, image_digest;
  Dict<std::string> hardware_seen;  ///< as the target says: cpu, cores, memory, gpu, …

  template <class D>
  void describe(D& d) {
    d.field("url", url, {.help = "Where it was asked", .required = true});
    d.field("template", template_name, {.help = "Template that was deployed"});
    d.field("deployment", deployment, {.help = "Name of the deployment"});
    d.field("namespace", namespace_name, {.help = "Its namespace"});
    d.field("target", target, {.help = "Where it ran: podman, kubernetes, …"});
    d.field("hardware", hardware, {.help = "Hardware card"});
    d.field("revisions", revisions, {.help = "Of its cards, by kind"});
    d.field("values", values, {.help = "Values that were given for the template's parameters"});
    d.field("engine", engine, {.help = "Serving engine"});
    d.field("engine_version", engine_version, {.help = "As it says itself, or as its image is called"});
    d.field("engine_flags", engine_flags, {.help = "Command line in force"});
    d.field("image", image, {.help = "Container image"});
    d.field("image_digest", image_digest, {.help = "Its digest"});
    d.field("hardware_seen", hardware_seen, {.help = "What the target says of the machine"});
  }
};

/// Who measured, and from where.
struct ClientText {
  std::string version, cpu, kernel;
  int cores = 0;
  std::string position = "outside";
  double cpu_seconds = 0;
  std::int64_t connections = 0, most_in_flight = 0;

  template <class D>
  void describe(D& d) {
    d.field("version", version, {.help = "Of mlib", .required = true});
    d.field("cpu", cpu, {.help = "Model of its processor"});
    d.field("kernel", kernel, {.help = "Of its machine"});
    d.field("cores", cores, {.help = "Of its machine", .min = 0});
    d.field("position", position,
            {.help = "Outside, the network is part of what was measured",
             .one_of = {"same-machine", "in-cluster", "outside"}});
    d.field("cpu_seconds", cpu_seconds, {.help = "That its loop used", .min = 0, .unit = "s"});
    d.field("connections", connections, {.help = "That it opened", .min = 0});
    d.field("most_in_flight", most_in_flight, {.help = "Requests out at once", .min = 0});
  }
};

/// What one hour of the hardware costs.
struct PriceText {
  double per_hour = 0;
  std::string currency = "USD", source;

  template <class D>
  void describe(D& d) {
    d.field("per_hour", per_hour, {.help = "Of what was measured", .required = true, .min = 0});
    d.field("currency", currency, {.help = "ISO 4217"});
    d.field("source", source, {.help = "Hardware card, or given"});
  }
};

/// Whether a limit of the objective was kept, over all that was offered.
struct LimitText {
  std::string limit, holds;
  std::int64_t good = 0, of = 0;
  double share = 0, low = 0, high = 0;

  template <class D>
  void describe(D& d) {
    d.field("limit", limit, {.help = "As in ttft_p95=500ms", .required = true});
    d.field("holds", holds,
            {.help = "Whether the share's interval lies above the percentile asked for, below, or around it",
             .required = true,
             .one_of = {"yes", "no", "undecided"}});
    d.field("good", good, {.help = "Requests that kept it", .min = 0});
    d.field("of", of, {.help = "Requests offered; failed ones did not keep it", .min = 0});
    d.field("share", share, {.help = "good/of", .min = 0, .max = 1});
    d.field("low", low, {.help = "Lower end of its 95 % interval (Wilson)", .min = 0, .max = 1});
    d.field("high", high, {.help = "Upper end", .min = 0, .max = 1});
  }
};

/// How many requests ended how.
struct Counts {
  std::int64_t offered = 0, good = 0, failed = 0, unfinished = 0;
  Dict<std::int64_t> errors, finish_reasons;
  std::int64_t prompt_tokens = 0, output_tokens = 0, cached_tokens = 0;
  bool usage = false;

  template <class D>
  void describe(D& d) {
    d.field("offered", offered, {.help = "That the load asked for", .required = true});
    d.field("good", good, {.help = "With a whole answer", .required = true});
    d.field("failed", failed, {.help = "Without", .required = true});
    d.field("unfinished", unfinished, {.help = "Still out when the run ended", .required = true});
    d.field("errors", errors, {.help = "How many failed for which cause, of many the ten most frequent"});
    d.field("finish_reasons", finish_reasons,
            {.help = "How many good answers ended why, as the engine says: stop, length, …; likewise"});
    d.field("prompt_tokens", prompt_tokens, {.help = "Of good ones, as the engine says", .unit = "tokens"});
    d.field("output_tokens", output_tokens, {.help = "Of good ones", .unit = "tokens"});
    d.field("cached_tokens", cached_tokens, {.help = "Of the prompts', from a cache", .unit = "tokens"});
    d.field("usage", usage, {.help = "The engine said how many tokens; else events were counted"});
  }
};

/// Whether the figures may be believed; never to be shown without.
struct VerdictText {
  std::string validity = "valid";
  std::vector<std::string> reasons;

  template <class D>
  void describe(D& d) {
    d.field("validity", validity,
            {.help = "Whether the figures may be believed",
             .required = true,
             .one_of = {"valid", "suspect", "invalid"}});
    d.field("reasons", reasons,
            {.help = "Why not, and what else is to be known of it, in words and numbers"});
  }
};

/// Single requests, so that two results can be compared: at most 10,000, evenly taken, in order.
struct SamplesText {
  int every = 1;                      ///< one of so many was kept
  std::vector<double> at, ttft, e2e;  ///< of one length; ttft empty where answers were not streamed
  std::vector<double> tpot;

  template <class D>
  void describe(D& d) {
    d.field("every", every, {.help = "One of so many was kept", .min = 1});
    d.field("at", at, {.help = "When each good one was due", .unit = "s"});
    d.field("ttft", ttft, {.help = "Of each of those, where answers were streamed", .unit = "ms"});
    d.field("e2e", e2e, {.help = "Of each of those", .unit = "ms"});
    d.field("tpot", tpot, {.help = "Of good ones with two tokens or more", .unit = "ms"});
  }
};

struct Result {
  std::string kind = "BenchmarkResult", id, when, description;
  std::string ended = "complete", cause;
  double seconds = 0;
  VerdictText verdict;
  Counts counts;
  Dict<Measured> metrics;
  std::vector<LimitText> objective;
  Subject subject;
  WorkloadText workload;
  LoadText load;
  ClientText client;
  std::optional<PriceText> price;
  std::optional<SamplesText> samples;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "What this is", .required = true, .one_of = {"BenchmarkResult"}});
    d.field("id", id, {.help = "Its own, in order of time", .required = true});
    d.field("when", when, {.help = "When it began, UTC", .required = true});
    d.field("description", description, {.help = "What was measured, in one line"});
    d.field("ended", ended,
            {.help = "complete; interrupted: somebody ended it; failed: nothing was measured",
             .required = true,
             .one_of = {"complete", "interrupted", "failed"}});
    d.field("cause", cause, {.help = "Why it failed"});
    d.field("seconds", seconds, {.help = "Of the load, without warm-up and drain", .min = 0, .unit = "s"});
    d.field("verdict", verdict, {.help = "Whether the figures may be believed", .required = true});
    d.field("counts", counts, {.help = "How many requests ended how", .required = true});
    d.field("metrics", metrics, {.help = "The figures, by name", .required = true});
    d.field("objective", objective, {.help = "Limits that were to be kept"});
    d.field("subject", subject, {.help = "What was measured", .required = true});
    d.field("workload", workload, {.help = "What was asked", .required = true});
    d.field("load", load, {.help = "When requests were sent", .required = true});
    d.field("client", client, {.help = "Who measured", .required = true});
    d.field("price", price, {.help = "Of the hardware"});
    d.field("samples", samples, {.help = "Single requests"});
  }
};

/// What whoever starts a run knows beyond it.
struct Setting {
  std::string id;                              ///< "": made of `when`
  std::chrono::system_clock::time_point when;  ///< it began
  Subject subject;                             ///< its url is the plan's
  std::string position = "outside";            ///< same-machine, in-cluster, outside
  std::optional<PriceText> price;
  Known known;                 ///< what the verdict can be told of the hardware and the run
  Records* records = nullptr;  ///< that the run's single requests are written to
};

/// A new id for a result that began then: in order of time, and another each time.
std::string result_id(std::chrono::system_clock::time_point when);

/// The result of a run that took place.
Result result_of(const Plan& plan, const Outcome& outcome, const Setting& setting);
/// Adds to a result that somebody else measured what only the one knows who deployed it: price, hardware and
/// what speaks against it.
void add_known(Result& result, const Setting& setting);
/// The result of one that did not: it could not be deployed, or asked.
Result failed_result(const Plan& plan, const Problem& cause, const Setting& setting);
/// The plan that would do the same again; a key and TLS are the caller's to add. `requests` is the file of
/// those that were somebody's own, "" for one that is not at hand: Problem{usage} when it is needed,
/// Problem{invalid} when it has others, by their sum.
Plan plan_of(const Result& result, const schema::Source& requests = {});

Node to_node(const Result& result);
/// Problem{invalid} with findings when it is none; fields of a later version are passed over.
Result result_from(const Node& node);
/// Its JSON Schema (2020-12).
Node result_schema();

}  // namespace mlib::loadgen
