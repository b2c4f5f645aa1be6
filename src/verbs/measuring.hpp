#pragma once
#include "cards/card.hpp"
#include "loadgen/result.hpp"
#include "verbs/validation.hpp"

namespace mlib::verbs {

/// Of --protocol: names those that this program ships.
std::string_view protocol_help();

/// How an engine is asked and loaded: the options that every verb which measures has.
struct LoadArguments {
  std::optional<std::string> protocol, arrivals, distribution;
  std::optional<CardFile> prompts;
  std::string prompt_histogram, output_histogram, tokenizer;
  std::string model, duration, slo, think = "0s", timeout = "2m";
  std::optional<std::string> on, off;
  std::optional<double> rate, end_rate, burstiness;
  std::optional<int> users, memory;
  std::optional<std::int64_t> requests;
  int prompt_tokens = 128, max_tokens = 128, prompt_deviation = 0, output_deviation = 0;
  int prefix_groups = 0, prefix_tokens = 0, turns = 1, warm_up = 1;
  bool instructions = false, ignore_end = false, stream = true;
  std::optional<std::int64_t> seed;

  template <class D>
  void describe(D& d) {
    d.field("rate", rate,
            {.help = "Requests a second that arrive, however many answers are out (open loop)",
             .min = 0.001,
             .max = 1e6});
    d.field("users", users,
            {.help = "Users who each send, wait for the answer and send again (closed loop; 1)",
             .min = 1,
             .max = 100'000});
    d.field("duration", duration, {.help = "How long to send, e.g. 30s, 5m (30s)"});
    d.field("requests", requests,
            {.help = "How many to send, instead; with both, until the first of the two",
             .min = 1,
             .max = 10'000'000});
    d.field("model", model, {.help = "Model to ask for (what /v1/models lists first)"});
    d.field("prompt_tokens", prompt_tokens,
            {.help = "Length of made prompts, about (128)", .min = 1, .max = 1'000'000});
    d.field("max_tokens", max_tokens,
            {.help = "Length of answers at most (128)", .min = 1, .max = 1'000'000});
    d.field("slo", slo, {.help = "What has to hold, e.g. ttft_p95=500ms,tpot_p95=50ms; exit 1 when not"});
    d.field("protocol", protocol, {.help = protocol_help()});
    d.field(
        "arrivals", arrivals,
        {.help = "Of an open loop (poisson)", .one_of = {"constant", "poisson", "gamma", "ramp", "on_off"}});
    d.field("burstiness", burstiness,
            {.help = "Of gamma: 1 is Poisson, below it burstier (0.5)", .min = 0.01, .max = 100});
    d.field("end_rate", end_rate, {.help = "Of ramp: rate at its end", .min = 0, .max = 1e6});
    d.field("on", on, {.help = "Of on_off: so long at the rate (10s)"});
    d.field("off", off, {.help = "Of on_off: so long nothing (10s)"});
    d.field("think", think, {.help = "Of users: pause after an answer (0s)"});
    d.field("prompt_deviation", prompt_deviation,
            {.help = "Standard deviation of prompts' length", .min = 0, .max = 1'000'000});
    d.field("output_deviation", output_deviation,
            {.help = "Standard deviation of answers' length", .min = 0, .max = 1'000'000});
    d.field("distribution", distribution,
            {.help = "Of lengths that have a deviation (normal)", .one_of = {"normal", "lognormal"}});
    d.field("prompt_histogram", prompt_histogram,
            {.help = "Lengths of prompts instead, FROM-TO:WEIGHT,…, e.g. 16-64:3,1024:1"});
    d.field("output_histogram", output_histogram, {.help = "Lengths of answers instead, likewise"});
    d.field(
        "tokenizer", tokenizer,
        {.help = "GGUF file, tokenizer.json or folder of the model: made prompts then have exactly so many "
                 "tokens (lengths are estimated)",
         .format = "local"});
    describe_requests(d);
  }
  template <class D>
  void describe_requests(D& d) {
    d.field("ignore_end", ignore_end, {.help = "Answers go on to their full length (ignore_eos)"});
    d.field("instructions", instructions, {.help = "Ask the original's 25 instructions, not made text"});
    d.field("prefix_groups", prefix_groups,
            {.help = "Made prompts share one of so many prefixes (none)", .min = 0, .max = 100'000});
    d.field("prefix_tokens", prefix_tokens,
            {.help = "Length of a shared prefix", .min = 0, .max = 1'000'000});
    d.field("turns", turns,
            {.help = "Questions of a conversation that each user holds (1)", .min = 1, .max = 10'000});
    d.field(
        "prompts", prompts,
        {.help =
             "Requests of your own, one a line: {\"prompt\": …}, ShareGPT, OpenAI messages, or a trace of "
             "Mooncake or Azure, at its own instants unless --rate or --users is given",
         .format = "content"});
    d.field("stream", stream, {.help = "Ask for whole answers, not streams"});
    d.field("warm_up", warm_up, {.help = "Requests before that do not count (1)", .min = 0, .max = 10'000});
    d.field("timeout", timeout, {.help = "Of one request (2m)"});
    d.field("memory", memory,
            {.help = "MiB of answers under way at most; what is beyond is given up (16)",
             .min = 1,
             .max = 1'000'000});
    d.field("seed", seed,
            {.help = "The same seed sends the same requests at the same instants (another each time, so that "
                     "no cache answers)",
             .min = 0,
             .max = 9e15});
  }
};

/// The file of requests that was given, which keeps its name for what is wrong in it; one without a name
/// where there is none.
schema::Source requests_in(const std::optional<CardFile>& prompts);

/// The plan but for its endpoint, by a protocol of the library; Problem{usage} names options that do not go
/// together.
loadgen::Plan plan_of(const LoadArguments& arguments, const cards::Library& library);
/// The lengths of `16-64:3,1024:1`: evenly from 16 to 64, three times as often as 1024. Problem{usage} names
/// the option and the bin.
loadgen::Length histogram_of(const std::string& text, std::string_view option);
/// Makes the plan's text of words whose tokens that tokenizer counts; Problem{usage} when it makes none, and
/// as formats::read_tokenizer.
void count_exactly(loadgen::Plan& plan, const std::string& tokenizer);
/// Sets origin and path from what a person gives: http://host:8080, …/v1 or a whole path.
void aim(loadgen::Plan& plan, const std::string& url);

inline constexpr std::string_view records_help =
    "File to write single requests to as they end, a line of JSON each (mlib schema benchmark-record)";

struct EndpointBenchArguments : LoadArguments {
  std::string url, like, ca, api_key, hardware, template_name, currency = "USD", records;
  bool insecure = false;
  std::optional<double> price_per_hour;

  template <class D>
  void describe(D& d) {
    d.field("url", url, {.help = "Of the engine, e.g. http://127.0.0.1:8080 or …/v1", .required = true});
    d.field("like", like,
            {.help = "Load, requests and seed of that result (-o json), instead of the options that say them",
             .format = "content"});
    LoadArguments::describe(d);
    describe_subject(d);
  }
  template <class D>
  void describe_subject(D& d) {
    d.field("api_key", api_key, {.help = "Key that the endpoint asks for", .secret = true});
    d.field("ca", ca,
            {.help = "Certificates to trust of an https endpoint, PEM (the system's)", .format = "content"});
    d.field("insecure", insecure, {.help = "Trust any certificate"});
    d.field("template", template_name,
            {.help = "Template that it was deployed from: its hardware's price and limits are compared with",
             .format = "template"});
    d.field("hardware", hardware, {.help = "Hardware card that it runs on", .format = "hardware"});
    d.field("price_per_hour", price_per_hour, {.help = "What its hardware costs an hour", .min = 0});
    d.field("currency", currency, {.help = "Of that price (USD)"});
    d.field("records", records, {.help = records_help, .format = "local"});
  }
};

struct BenchSearchArguments : EndpointBenchArguments {
  std::optional<double> from;
  double within = 0.1;
  int tries = 30;

  template <class D>
  void describe(D& d) {
    EndpointBenchArguments::describe(d);
    d.field(
        "from", from,
        {.help = "First load to try, requests a second or with --users so many: one that is thought to be "
                 "near the limit, from which steps begin small (--rate or --users, from which they double)",
         .min = 0.001,
         .max = 1e6});
    d.field("within", within,
            {.help = "Ends when what holds and what does not differ by this share (0.1)",
             .min = 0.005,
             .max = 1});
    d.field("tries", tries, {.help = "Loads that are tried at most (30)", .min = 1, .max = 1000});
  }
};

struct BenchCompareArguments {
  std::vector<CardFile> files;
  std::vector<std::string> id;

  template <class D>
  void describe(D& d) {
    d.field("files", files, {.help = "Results as bench endpoint -o json writes them, or kept as cards"});
    d.field("id", id, {.help = "Of a kept benchmark, which is compared before the files; repeat it"});
  }
};

/// What an engine says of itself.
struct EngineSaid {
  std::vector<std::string> models;
  std::string no_models;  ///< why none are known
  std::string name, version;
  double started = 0;  ///< seconds since 1970, or 0
  double running = 0;  ///< requests under way
};
/// Asks /v1/models, /version, /props and /metrics of the plan's origin. Problem{unavailable} when nobody
/// answers, Problem{forbidden} when it asks for a key.
EngineSaid ask_engine(net::Client& http, const loadgen::Plan& plan, const Cancel& cancel);
/// The model to ask for: the plan's own when it is served, else the first; Problem{not_found} with the
/// nearest, Problem{usage} when none is known.
std::string model_to_ask(const EngineSaid& said, const loadgen::Plan& plan);

/// What the cards say that a token costs at least, and what the hardware gives at most. Of weights that are
/// the framework's own nobody knows the bytes.
loadgen::Known known_of(const cards::Model& model, const cards::Framework& framework,
                        const cards::Hardware& hardware);
std::optional<loadgen::PriceText> price_of(const cards::Hardware& hardware);

/// Measures a plan that is complete and tells live lines; the engine is asked before and after whether it was
/// started anew and what else it does.
loadgen::Result measure_plan(const World& world, const loadgen::Plan& plan, loadgen::Setting setting,
                             const Sink& sink, const Cancel& cancel);
/// The last event of a verb that measured: the result in all its forms, exit code 1 for an invalid one or an
/// objective that does not hold, 130 for an interrupted one.
Node result_event(const loadgen::Result& result);
/// Outputs of a verb that answers with result_event.
const std::vector<std::string_view>& result_outputs();

/// Measures something that already runs.
void bench_endpoint(const World&, const Caller&, const EndpointBenchArguments&, const Sink&, const Cancel&);
/// The highest rate (or number of users) at which an objective holds; exit code 1 when it holds at none.
void bench_search(const World&, const Caller&, const BenchSearchArguments&, const Sink&, const Cancel&);
/// Whether two results differ beyond noise; exit code 1 when they do, or cannot be compared.
Response bench_compare(const World&, const Caller&, const BenchCompareArguments&);

}  // namespace mlib::verbs
