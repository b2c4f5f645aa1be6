#include "loadgen/records.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <sstream>

#include "base/text.hpp"
#include "loadgen/stub_run.hpp"
#include "schema/document.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

/// A file of its own, which goes with it.
struct File {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("mlib-records-" + random_hex(6) + ".jsonl");
  ~File() { std::filesystem::remove(path); }
  std::vector<schema::Node> lines() const {
    std::ifstream in(path, std::ios::binary);
    std::vector<schema::Node> all;
    for (std::string line; std::getline(in, line);) all.push_back(schema::read_json(line));
    return all;
  }
};

}  // namespace

TEST_CASE("a record has each instant of its request, and leaves out what there was not") {
  Sample sample;
  sample.index = 7;
  sample.scheduled = 1'000'000;
  sample.begun = 1'010'000;
  sample.sent = 1'020'600;
  sample.head = sample.first = 51'000'000;
  sample.last = sample.end = 71'250'000;
  sample.status = 200;
  sample.streamed = sample.usage = true;
  sample.tokens = 3;
  sample.events = 3;
  sample.prompt_tokens = 0;
  sample.finish = "stop";
  const RecordText record = record_of("a", sample, {10'000'000, 10'250'000});
  CHECK(record.scheduled == 1);
  CHECK(record.sent == 1.021);  // to a microsecond
  CHECK(record.events == std::vector<double>{51, 61, 71.25});
  CHECK(record.last_token == 71.25);
  CHECK_FALSE(record.first_output);
  CHECK(record.prompt_tokens == 0);
  CHECK_FALSE(record.cached_tokens);
  CHECK(schema::to_json(schema::encode(record)).find("cached_tokens") == std::string::npos);
  const Sample never = [] {
    Sample made;
    made.unfinished = true;
    made.error = "the run ended before it was sent";
    return made;
  }();
  const RecordText nothing = record_of("a", never, {});
  CHECK_FALSE(nothing.sent);
  CHECK(nothing.events.empty());
  CHECK(nothing.error == "the run ended before it was sent");
}

TEST_CASE("a run writes a line for each of its requests, but for its warm-up") {
  StubRules rules{.ttft = 10'000'000, .gap = 2'000'000, .tokens = 5};
  rules.error_every = 4;
  const StubServer server(rules);
  const File file;
  Records records(file.path.string());
  const Cancel never;
  Plan plan = plan_for(server, 100, 40);
  plan.warm_up = 0;
  const Outcome outcome = bench(plan, never, {}, [&](const Sample& sample, const std::vector<Instant>& gaps) {
    records.add("run", sample, gaps);
  });
  CHECK(records.flush().empty());
  const std::vector<schema::Node> lines = file.lines();
  REQUIRE(lines.size() == outcome.samples.size());
  std::size_t errors = 0;
  for (const schema::Node& line : lines) {
    const auto index = static_cast<std::size_t>(line.find("index")->integer());
    const Sample& sample = outcome.samples.at(index);
    CHECK(line.text_at({"result"}) == "run");
    CHECK(line.find("scheduled")->number() == doctest::Approx(static_cast<double>(sample.scheduled) / 1e6));
    CHECK(line.text_at({"error"}) == sample.error);
    errors += sample.error.empty() ? 0 : 1;
    if (!sample.good()) continue;
    const auto& events = line.find("events")->items();
    REQUIRE(events.size() == 5);
    CHECK(events.back().number() == doctest::Approx(line.find("last_token")->number()));
  }
  CHECK(errors == outcome.metrics.failed);
  CHECK(errors > 0);
}

TEST_CASE("a file that cannot be written is told before a run, and a full one after it") {
  CHECK_THROWS_WITH_AS(
      Records("/no/such/folder/records.jsonl"),
      "/no/such/folder/records.jsonl: records cannot be written there: No such file or directory", Problem);
  Records full("/dev/full");
  for (int i = 0; i < 1000; ++i) full.add("a", Sample{}, {});
  CHECK(full.flush() == "/dev/full: not all records could be written: No space left on device");
}
