#include "loadgen/records.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "loadgen/result_metrics.hpp"
#include "schema/document.hpp"

namespace mlib::loadgen {
namespace {

double at(Instant instant) { return rounded(static_cast<double>(instant) / 1e6); }

std::optional<double> maybe(Instant instant) { return instant < 0 ? std::optional<double>() : at(instant); }

/// Where 0 says that it is not known.
std::optional<int> known(int count) { return count > 0 ? std::optional<int>(count) : std::nullopt; }

}  // namespace

RecordText record_of(const std::string& result, const Sample& sample, const std::vector<Instant>& gaps) {
  RecordText made;
  made.result = result;
  made.index = static_cast<std::int64_t>(sample.index);
  made.user = static_cast<int>(sample.user);
  made.scheduled = at(sample.scheduled);
  made.begun = maybe(sample.begun);
  made.sent = maybe(sample.sent);
  made.first_byte = maybe(sample.head);
  made.first_token = maybe(sample.first);
  made.first_output = maybe(sample.first_output);
  made.last_token = maybe(sample.last);
  made.end = maybe(sample.end);
  if (sample.first >= 0) {
    Instant event = sample.first;
    made.events.push_back(at(event));
    for (const Instant gap : gaps) made.events.push_back(at(event += gap));
  }
  made.status = sample.status;
  made.streamed = sample.streamed;
  made.kept_connection = sample.reused;
  made.unfinished = sample.unfinished;
  made.asked_prompt_tokens = known(sample.asked_prompt_tokens);
  made.asked_tokens = known(sample.asked_tokens);
  if (sample.prompt_tokens >= 0) made.prompt_tokens = sample.prompt_tokens;
  if (sample.cached_tokens >= 0) made.cached_tokens = sample.cached_tokens;
  made.reasoning_tokens = known(sample.reasoning_tokens);
  made.output_tokens = sample.tokens;
  made.usage = sample.usage;
  made.reads_with_several = sample.coalesced;
  made.finish_reason = sample.finish;
  made.error = sample.error;
  return made;
}

schema::Node record_schema() {
  schema::Node made = schema::Node::map();
  made.set("$schema", "https://json-schema.org/draft/2020-12/schema");
  made.set("title", "BenchmarkRecord");
  const schema::Node body = schema::json_schema<RecordText>();
  for (const schema::Entry& entry : body.entries()) made.set(entry.key, entry.value);
  return made;
}

Records::Records(std::string path) : path_(std::move(path)) {
  errno = 0;
  file_.open(path_, std::ios::binary | std::ios::trunc);
  if (!file_)
    throw Problem(Kind::unavailable,
                  fmt::format("{}: records cannot be written there: {}", path_, std::strerror(errno)));
}

void Records::add(const std::string& result, const Sample& sample, const std::vector<Instant>& gaps) {
  if (!file_) return;
  errno = 0;
  file_ << schema::to_json(schema::encode(record_of(result, sample, gaps))) << '\n';
  if (!file_) error_ = errno;
}

std::string Records::flush() {
  errno = 0;
  if (file_ && !file_.flush()) error_ = errno;
  if (file_) return "";
  return fmt::format("{}: not all records could be written: {}", path_, std::strerror(error_));
}

}  // namespace mlib::loadgen
