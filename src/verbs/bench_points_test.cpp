#include "verbs/bench_points.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "verbs/bench_testing.hpp"
#include "verbs/made_tokenizer.hpp"

using namespace mlib;
using namespace mlib::verbs;
using Test = BenchTest;

namespace {

std::vector<std::string> titles(const std::vector<std::string>& hardware,
                                const std::vector<std::string>& sweep) {
  const ScriptedWorld w;
  const auto library = w.shelf.library();
  std::vector<std::string> all;
  for (const Point& each : points_of(*library, library->get_template(tiny), hardware, sweep, {}))
    all.push_back(each.title.empty() ? each.hardware : each.title);
  return all;
}

std::set<std::string> options_in(const Node& json_schema) {
  std::set<std::string> names;
  for (const schema::Entry& each : json_schema.find("properties")->entries()) names.insert(each.key);
  return names;
}

}  // namespace

TEST_CASE("viable is each hardware that the template names, and several are measured one after another") {
  using Titles = std::vector<std::string>;
  CHECK(titles({}, {}) == Titles{"cpu-tiny"});
  CHECK(titles({"cpu-small"}, {}) == Titles{"cpu-small"});
  CHECK(titles({"viable"}, {}) == Titles{"hardware=cpu-tiny", "hardware=cpu-small"});
  CHECK(titles({"cpu-small", "viable", "cpu-small"}, {}) ==
        Titles{"hardware=cpu-small", "hardware=cpu-tiny"});
  CHECK(titles({}, {"parallel=1,2,1"}) == Titles{"parallel=1", "parallel=2"});
  CHECK(titles({}, {"extra_args=[--verbose]"}) == Titles{"extra_args=[--verbose]"});
  CHECK(titles({"cpu-service", "cpu-small"}, {"parallel=1,2"}) ==
        Titles{"hardware=cpu-service parallel=1", "hardware=cpu-service parallel=2",
               "hardware=cpu-small parallel=1", "hardware=cpu-small parallel=2"});
  const Problem unknown = failure([] { titles({"viable", "cpu-smal"}, {}); });
  CHECK(unknown.kind() == Kind::not_found);
  CHECK(has(unknown.hint(), "cpu-small"));
}

TEST_CASE("each viable hardware is deployed, measured and kept") {
  Test test;
  test.arguments.hardware = {"viable"};
  test.arguments.load.requests = 8;
  test.run();
  CHECK(test.nothing_left());
  REQUIRE(test.kept.saved.size() == 2);
  CHECK(loadgen::result_from(test.kept.saved[0].spec.run).subject.hardware == "cpu-tiny");
  CHECK(loadgen::result_from(test.kept.saved[1].spec.run).subject.hardware == "cpu-small");
  CHECK(has(test.text, "hardware=cpu-tiny: TTFT p50"));
  CHECK(has(test.text, "hardware=cpu-small: TTFT p50"));
  const auto asked = test.stub.requests();
  test.run();
  CHECK(test.stub.requests() == asked);
  CHECK(has(test.told, "[2/2] hardware=cpu-small: measured already"));
}

TEST_CASE("a point that is tried again takes the place of the one that failed") {
  Test test;
  targets::Status failed;
  failed.phase = targets::Phase::failed;
  failed.cause = "out of memory";
  const targets::Status ready = test.podman.statuses.front();
  test.podman.statuses = {failed};
  test.arguments.sweep = {"parallel=1,2"};
  test.run();
  CHECK(test.kept.saved.size() == 2);
  const std::string first = test.kept.saved[0].metadata.name;
  test.arguments.sweep = {"parallel=1"};
  test.run();  // it fails again
  REQUIRE(test.kept.saved.size() == 2);
  CHECK(test.kept.saved[1].metadata.name != first);
  test.podman.statuses = {ready};
  test.run();
  REQUIRE(test.kept.saved.size() == 2);  // parallel=2 is another point
  CHECK(test.kept.saved[0].spec.results.text_at({"verdict"}) == "failed");
  CHECK(test.kept.saved[1].spec.results.text_at({"verdict"}) != "failed");
  test.podman.statuses = {failed};
  test.arguments.again = true;
  test.run();  // what was measured stays beside one that failed later
  CHECK(test.kept.saved.size() == 3);
}

TEST_CASE("a template is loaded by the same options as an endpoint") {
  const std::set<std::string> load = options_in(schema::json_schema<LoadArguments>());
  for (const Node& each :
       {schema::json_schema<BenchTemplateArguments>(), schema::json_schema<EndpointBenchArguments>(),
        schema::json_schema<BenchSearchArguments>()}) {
    const std::set<std::string> all = options_in(each);
    CHECK(std::includes(all.begin(), all.end(), load.begin(), load.end()));
  }
  for (const char* name : {"tokenizer", "prompts", "instructions", "seed", "prompt_histogram", "arrivals"})
    CHECK(load.count(name) == 1);
  // A server reads no file that a caller names.
  CHECK(schema::json_schema<BenchTemplateArguments>().text_at({"properties", "tokenizer", "format"}) ==
        "local");
}

TEST_CASE("the original's 25 instructions are asked in their order") {
  Test test;
  test.arguments.load.instructions = true;
  test.arguments.load.requests = 25;
  test.arguments.load.warm_up = 0;
  test.run();
  std::vector<std::string> asked;
  for (const std::string& body : test.stub.bodies())
    asked.push_back(schema::read_json(body).text_at({"messages", "0", "content"}));
  CHECK(asked == loadgen::instructions());
  CHECK(asked.size() == 25);
  REQUIRE(test.kept.saved.size() == 1);
  CHECK(loadgen::result_from(test.kept.saved[0].spec.run).workload.prompts == "instructions");
}

TEST_CASE("prompts of a template are exactly so long by its model's tokenizer, wherever that file lies") {
  const Folder folder, elsewhere;
  Test test;
  test.arguments.load.tokenizer = folder.write("tokenizer.json", made_tokenizer());
  test.arguments.sweep = {"parallel=1"};
  test.run();
  REQUIRE(test.kept.saved.size() == 1);
  const loadgen::Result result = loadgen::result_from(test.kept.saved[0].spec.run);
  CHECK(result.workload.prompt_length == "exact");
  CHECK(result.workload.tokenizer->sha256 == sha256_hex(made_tokenizer()));
  test.arguments.load.tokenizer = elsewhere.write("tokenizer.json", made_tokenizer());
  test.run();
  CHECK(test.kept.saved.size() == 1);
  test.arguments.load.tokenizer.clear();
  test.run();
  CHECK(test.kept.saved.size() == 2);
  test.arguments.load.tokenizer = folder.path;
  test.arguments.load.instructions = true;
  CHECK(failure([&] { test.run(); }).message() == "--tokenizer is of made prompts");
}
