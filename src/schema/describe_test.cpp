#include "schema/describe.hpp"

#include <doctest/doctest.h>

using namespace mlib;
using namespace mlib::schema;

namespace {

struct Disk {
  std::string size;
  int count = 1;
  template <class D>
  void describe(D& d) {
    d.field("size", size, {.help = "Size", .required = true, .format = "quantity"});
    d.field("count", count, {.help = "How many", .min = 1, .max = 8});
  }
};

struct Machine {
  std::string name;
  double cpus = 0;
  bool shared = false;
  std::string zone;
  std::optional<Disk> disk;
  std::vector<Disk> disks;
  Dict<std::string> labels;
  Node extra;
  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name", .required = true, .format = "dns-label"});
    d.field("cpus", cpus, {.help = "CPU cores", .required = true, .min = 0.5, .unit = "cores"});
    d.field("shared", shared, {.help = "Shared with others"});
    d.field("zone", zone, {.help = "Where", .one_of = {"east", "west"}});
    d.field("disk", disk, {.help = "Its disk"});
    d.field("disks", disks, {.help = "More disks"});
    d.field("labels", labels, {.help = "Labels"});
    d.field("extra", extra, {.help = "Anything"});
  }
};

struct Rack {
  std::string label;
  int slots = 1;
  template <class D>
  void describe(D& d) {
    d.field("label", label, {.help = "On it", .min = 2});
    d.field("slots", slots, {.help = "How many", .min = 1});
  }
};

template <class T = Machine>
std::string findings_of(const std::string& text) {
  const Source source{"m.yaml", text};
  Reader reader(&source);
  decode<T>(reader, read_yaml(source).front());
  std::string all;
  for (const Finding& finding : reader.findings) all += to_text(finding) + "\n";
  return all;
}

}  // namespace

TEST_CASE("a struct decodes from YAML and encodes back") {
  const Source source{
      "m.yaml",
      "name: a\ncpus: 2\ndisk: {size: 1Gi}\ndisks: [{size: 2Gi, count: 3}]\nlabels: {x: y}\nextra: [1]\n"};
  Reader reader(&source);
  const Machine machine = decode<Machine>(reader, read_yaml(source).front());
  CHECK(reader.findings.empty());
  CHECK(machine.cpus == 2);
  CHECK(machine.disk->size == "1Gi");
  CHECK(machine.disks.front().count == 3);
  CHECK(
      to_json(encode(machine)) ==
      R"({"name":"a","cpus":2.0,"shared":false,"disk":{"size":"1Gi","count":1},"disks":[{"size":"2Gi","count":3}],"labels":{"x":"y"},"extra":[1]})");
}

TEST_CASE("all findings are told, unknown fields before missing ones, at the key's place") {
  CHECK(findings_of("nmae: a\nshared: 1\ndisk: {size: big, cout: 2}\nzone: esat\nlabels: [1]\n") ==
        "m.yaml:1:1: error: unknown field `nmae`\n  nmae: a\n  ^\n  hint: did you mean `name`?\n"
        "m.yaml:2:9: error: expected a boolean, got integer 1\n  shared: 1\n          ^\n"
        "m.yaml:4:7: error: `esat` is not allowed here\n  zone: esat\n        ^\n  hint: did you mean "
        "`east`? one of: east, west\n"
        "m.yaml:3:19: error: unknown field `cout`\n  disk: {size: big, cout: 2}\n                    ^\n  "
        "hint: did you mean `count`?\n"
        "m.yaml:3:14: error: `big` is not a quantity\n  disk: {size: big, cout: 2}\n               ^\n"
        "  hint: a number with a unit, as in 500m, 4, 12Gi\n"
        "m.yaml:5:9: error: expected a map, got a list\n  labels: [1]\n          ^\n"
        "m.yaml:1:1: error: field `name` is missing\n  nmae: a\n  ^\n"
        "m.yaml:1:1: error: field `cpus` is missing\n  nmae: a\n  ^\n");
}

TEST_CASE("ranges and formats say what is right") {
  CHECK(findings_of("name: A\ncpus: 0.1\n").find("1 to 63 characters") != std::string::npos);
  CHECK(findings_of("name: a\ncpus: 0.1\n").find("0.1 is out of range: it must be at least 0.5 cores") !=
        std::string::npos);
  CHECK(findings_of("name: a\ncpus: 1\ndisks: [{size: 1Gi, count: 9}]\n").find("between 1 and 8") !=
        std::string::npos);
  CHECK(findings_of<Rack>("label: a\n").find("the text has 1 characters: it must have at least 2") !=
        std::string::npos);
  CHECK(findings_of<Rack>("slots: 0\n").find("it must be at least 1\n") != std::string::npos);
  CHECK(findings_of<Rack>("slots: 3000000000\n").find("and 2147483647") != std::string::npos);
  CHECK(findings_of("name: 7\ncpus: 1\n").find("expected a string, got integer 7") != std::string::npos);
}

TEST_CASE("without a source a finding names its path") {
  Reader reader;
  decode<Machine>(reader, read_json(R"({"name":"a","cpus":1,"disks":[{"size":"1Gi"},{"size":3}]})"));
  REQUIRE(reader.findings.size() == 1);
  CHECK(reader.findings.front().message == "disks[1].size: expected a string, got integer 3");
  CHECK(to_text(reader.findings.front().path) == "disks[1].size");
}

TEST_CASE("the JSON Schema and the form fields say what the description says") {
  const Node schema = json_schema<Machine>();
  CHECK(to_json(*schema.at({"properties", "cpus"})) ==
        R"({"type":"number","description":"CPU cores","minimum":0.5,"x-unit":"cores"})");
  CHECK(to_json(*schema.find("required")) == R"(["name","cpus"])");
  CHECK(schema.at({"properties", "disks", "items", "properties", "count", "maximum"})->number() == 8);
  const std::vector<FormField> fields = form_fields(schema);
  REQUIRE(fields.size() == 9);
  CHECK(fields[3].choices == std::vector<std::string>{"east", "west"});
  CHECK(fields[4].path == "disk.size");
  CHECK(fields[4].required);
}

namespace {
struct Choice {
  std::vector<std::string> sizes;
  template <class D>
  void describe(D& d) {
    d.field("sizes", sizes, {.help = "Sizes", .one_of = {"small", "large"}, .format = "quantity"});
  }
};
}  // namespace

TEST_CASE("what is said of a list of texts stands at its items") {
  CHECK(
      to_json(json_schema<Choice>()) ==
      R"({"type":"object","properties":{"sizes":{"type":"array","items":{"type":"string","enum":["small","large"],)"
      R"("format":"quantity"},"description":"Sizes"}},"additionalProperties":false})");
}
