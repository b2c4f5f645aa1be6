#pragma once
#include <fstream>
#include <string>
#include <vector>

#include "loadgen/protocol.hpp"
#include "schema/describe.hpp"

/// Single requests as they went, each a line of JSON: from them every figure of a result can be computed
/// again.
namespace mlib::loadgen {

/// One line. Its schema is published (`mlib schema benchmark-record`).
struct RecordText {
  std::string result;  ///< id of the result that it belongs to
  std::int64_t index = 0;
  int user = 0;
  double scheduled = 0;
  std::optional<double> begun, sent, first_byte, first_token, first_output, last_token, end;
  std::vector<double> events;
  int status = 0;
  bool streamed = false, kept_connection = false, unfinished = false;
  std::optional<int> asked_prompt_tokens, asked_tokens, prompt_tokens, cached_tokens, reasoning_tokens;
  int output_tokens = 0, reads_with_several = 0;
  bool usage = false;
  std::string finish_reason, error;

  template <class D>
  void describe(D& d) {
    d.field("result", result, {.help = "Id of the result that it belongs to", .required = true});
    d.field("index", index, {.help = "Place in the order of the run", .required = true, .min = 0});
    d.field("user", user, {.help = "Of a closed loop, counted from 0; of an open one 0", .min = 0});
    d.field("scheduled", scheduled,
            {.help = "When it was due, since the run began, as all instants here",
             .required = true,
             .unit = "ms"});
    d.field("begun", begun,
            {.help = "The client took a connection for it, or began to make one", .unit = "ms"});
    d.field("sent", sent, {.help = "Its first byte was handed to the kernel", .unit = "ms"});
    d.field("first_byte", first_byte, {.help = "The first byte of the answer came", .unit = "ms"});
    d.field("first_token", first_token,
            {.help = "The first event with content or reasoning came, of a streamed answer", .unit = "ms"});
    d.field("first_output", first_output, {.help = "The first that is no reasoning", .unit = "ms"});
    d.field("last_token", last_token,
            {.help = "The last event with content or reasoning, or the whole answer", .unit = "ms"});
    d.field("end", end, {.help = "The answer was whole, or failed", .unit = "ms"});
    d.field("events", events,
            {.help = "When each event with content or reasoning came: equal ones came with the same read",
             .unit = "ms"});
    d.field("status", status, {.help = "Of HTTP; 0: there was no answer", .required = true, .min = 0});
    d.field("streamed", streamed, {.help = "The answer was an event stream"});
    d.field("kept_connection", kept_connection, {.help = "Over a connection that had carried one before"});
    d.field("unfinished", unfinished, {.help = "The run ended before the answer did"});
    d.field("asked_prompt_tokens", asked_prompt_tokens,
            {.help = "Length of the prompt as the load drew it", .min = 0, .unit = "tokens"});
    d.field("asked_tokens", asked_tokens,
            {.help = "Length that the answer was asked to have at most", .min = 0, .unit = "tokens"});
    d.field("prompt_tokens", prompt_tokens, {.help = "As the engine says", .min = 0, .unit = "tokens"});
    d.field("cached_tokens", cached_tokens, {.help = "Of those, from a cache", .min = 0, .unit = "tokens"});
    d.field("output_tokens", output_tokens,
            {.help = "As the engine says (`usage`), else one for each event", .min = 0, .unit = "tokens"});
    d.field("reasoning_tokens", reasoning_tokens,
            {.help = "Of those, reasoning", .min = 0, .unit = "tokens"});
    d.field("usage", usage, {.help = "The engine said how many tokens"});
    d.field("reads_with_several", reads_with_several,
            {.help = "Events that came with the same read as the one before", .min = 0});
    d.field("finish_reason", finish_reason, {.help = "Why it ended, as the engine says: stop, length, …"});
    d.field("error", error, {.help = "Why there is no whole answer"});
  }
};

/// `gaps` are the times between its events.
RecordText record_of(const std::string& result, const Sample& sample, const std::vector<Instant>& gaps);
/// Its JSON Schema (2020-12).
schema::Node record_schema();

/// The file of them. Lines are written as answers are decoded, so that nothing of them is kept in memory.
class Records {
 public:
  /// Makes the file, or empties it; Problem{unavailable} with the cause.
  explicit Records(std::string path);
  /// Throws nothing: it is called from the thread that decodes.
  void add(const std::string& result, const Sample& sample, const std::vector<Instant>& gaps);
  /// Puts out what is held; "", or what could not be written and why.
  std::string flush();

 private:
  std::string path_;
  std::ofstream file_;
  int error_ = 0;
};

}  // namespace mlib::loadgen
