#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>

#include "cards/library.hpp"

using namespace mlib;
using namespace mlib::cards;

namespace {

const std::string version = "apiVersion: model-library/v1\n";

File hardware(const std::string& name, const std::string& cpus = "1") {
  return {"hardware/" + name + ".yaml",
          version + "kind: Hardware\nmetadata: {name: " + name + "}\nspec: {cpus: " + cpus + "}\n"};
}

}  // namespace

TEST_CASE("no files are an empty library") {
  const auto library = load({}, "x");
  CHECK(library->findings.empty());
  CHECK(library->hardware.empty());
  CHECK(library->version.size() == 64);
}

TEST_CASE("cards are sorted by name and found by it") {
  const auto library = load({hardware("small"), hardware("large"), hardware("middle")}, "");
  REQUIRE(library->hardware.size() == 3);
  CHECK(library->hardware[0].metadata.name == "large");
  CHECK(library->find_hardware("middle")->spec.cpus == 1);
  CHECK(library->find_hardware("middl") == nullptr);
  CHECK(library->find_hardware("zzz") == nullptr);
}

TEST_CASE("many files, read in threads: the same cards and the same findings in the same order each time") {
  std::vector<File> files;
  for (int i = 0; i < 1500; ++i) {
    const std::string name = "machine-" + std::to_string(i);
    files.push_back(hardware(name, i % 100 == 7 ? "many" : "2"));
    if (i % 100 == 8) files.back().text += "values: {";
    if (i % 100 == 9) files.back().text += "---\n" + hardware("machine-1").text;
  }
  const auto library = load(files, "");
  CHECK(library->hardware.size() == 1500 - 15 - 15);
  REQUIRE(library->findings.size() == 45);
  CHECK(std::is_sorted(library->findings.begin(), library->findings.end(),
                       [](const Finding& a, const Finding& b) { return a.place.file < b.place.file; }));
  for (int round = 0; round < 5; ++round) {
    const auto again = load(files, "");
    REQUIRE(again->findings.size() == library->findings.size());
    for (std::size_t i = 0; i < again->findings.size(); ++i)
      CHECK(to_text(again->findings[i]) == to_text(library->findings[i]));
    CHECK(again->version == library->version);
  }
}

TEST_CASE(
    "thousands of cards that name cards which there are not are told in seconds, the first with the "
    "nearest") {
  std::vector<File> files;
  const int count = 2500;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(10'000 + i);
    files.push_back({"models/model-" + number + ".yaml", version + "kind: Model\nmetadata: {name: model-" +
                                                             number + "}\nspec: {framework: moe}\n"});
    files.push_back(hardware("machine-" + number));
    files.push_back({"templates/template-" + number + ".yaml",
                     version + "kind: Template\nmetadata: {name: template-" + number +
                         "}\nspec: {model: model-10000, hardware: machina-" + number + "}\n"});
  }
  const auto began = std::chrono::steady_clock::now();
  const auto library = load(files, "");
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds{60});  // without a bound minutes
  const auto hinted = [&](std::string_view message) {
    return std::count_if(library->findings.begin(), library->findings.end(), [&](const Finding& each) {
      return each.message.starts_with(message) && each.hint.starts_with("did you mean `machine-1");
    });
  };
  const auto told = std::count_if(
      library->findings.begin(), library->findings.end(),
      [](const Finding& each) { return each.message.starts_with("no hardware called `machina-1"); });
  CHECK(told == count);
  CHECK(hinted("no hardware called") > 300);
  CHECK(hinted("no hardware called") <= 400);
  CHECK(library->findings.size() == 2 * count + count);
}

TEST_CASE("what a framework names as its manifest is no card, whatever it looks like") {
  const std::string card = hardware("machine").text;
  const auto library =
      load({{"frameworks/odd/framework.yaml", version + "kind: Framework\nmetadata: {name: odd}\n"
                                                        "spec: {engine: odd, manifest: machine.yaml}\n"},
            {"frameworks/odd/machine.yaml", card}},
           "");
  CHECK(library->hardware.empty());
  REQUIRE(library->frameworks.size() == 1);
  CHECK(library->frameworks[0].manifest.size() == 1);
}

TEST_CASE("a name that is not there is a problem that holds the nearest one") {
  const auto library = load(embedded(), "");
  try {
    library->get_template("tiny-lama-test");
    FAIL("it was found");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::not_found);
    CHECK(problem.message() == "no template called `tiny-lama-test`");
    CHECK(problem.hint() == "did you mean `tiny-llama-test`?");
  }
  CHECK_THROWS_AS(library->get_model("nothing"), Problem);
  CHECK_THROWS_AS(library->get_framework("nothing"), Problem);
  CHECK_THROWS_AS(library->get_hardware("nothing"), Problem);
}

TEST_CASE("a card that was left out is not told as one that there is not") {
  File refers{"templates/refers.yaml",
              version + "kind: Template\nmetadata: {name: refers}\nspec: {model: gone, hardware: sound}\n"};
  const auto library = load({hardware("sound"), hardware("broken", "many"), refers}, "");
  const auto told = [](const auto& ask) {
    try {
      ask();
    } catch (const Problem& problem) {
      return problem.message();
    }
    return std::string();
  };
  CHECK(told([&] { library->get_hardware("broken"); }) ==
        "the hardware `broken` was left out: there are errors in it");
  CHECK(told([&] { library->get_template("refers"); }) ==
        "the template `refers` was left out: there are errors in it");
  CHECK(told([&] { library->get_hardware("brokn"); }) == "no hardware called `brokn`");
}

TEST_CASE("the version changes with any byte and any name, and with nothing else") {
  const std::string before = load({hardware("a"), hardware("b")}, "x")->version;
  CHECK(load({hardware("b"), hardware("a")}, "y")->version == before);
  CHECK(load({hardware("a"), hardware("b", "2")}, "x")->version != before);
  CHECK(load({hardware("a")}, "x")->version != before);
  File moved = hardware("b");
  moved.path = "b.yaml";
  CHECK(load({hardware("a"), moved}, "x")->version != before);
  File commented = hardware("b");
  commented.text += "# more\n";
  CHECK(load({hardware("a"), commented}, "x")->version != before);
}

TEST_CASE("of two files of one path the later wins") {
  const auto library = load({hardware("a", "1"), hardware("a", "2")}, "x");
  CHECK(library->findings.empty());
  REQUIRE(library->hardware.size() == 1);
  CHECK(library->hardware[0].spec.cpus == 2);
}

TEST_CASE("a card says which file it is from") {
  CHECK(load({hardware("a")}, "cards")->hardware[0].file == "cards/hardware/a.yaml");
  CHECK(load({hardware("a")}, "cards/")->hardware[0].file == "cards/hardware/a.yaml");
  CHECK(load({hardware("a")}, "")->hardware[0].file == "hardware/a.yaml");
}

TEST_CASE("a file that could not be read is a finding, and the others are usable") {
  const auto library = load({{"hardware/x.yaml", "", "the symbolic link leads nowhere"}, hardware("a")}, "c");
  CHECK(library->hardware.size() == 1);
  REQUIRE(library->findings.size() == 1);
  CHECK(to_text(library->findings[0]) == "c/hardware/x.yaml: error: the symbolic link leads nowhere");
}

TEST_CASE("findings are sorted by file and line") {
  const auto library = load({hardware("b", "x"), hardware("a", "x"), hardware("c", "x")}, "");
  REQUIRE(library->findings.size() == 3);
  CHECK(std::is_sorted(library->findings.begin(), library->findings.end(),
                       [](const Finding& a, const Finding& b) { return a.place.file < b.place.file; }));
}

TEST_CASE("a library that is not sound is one problem with all findings") {
  CHECK_NOTHROW(require_sound(*load({hardware("a")}, "")));
  try {
    require_sound(*load({hardware("a", "x"), hardware("b", "-1")}, ""));
    FAIL("it was sound");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::invalid);
    CHECK(problem.message() == "2 errors in the cards");
    CHECK(problem.findings().size() == 2);
  }
}

TEST_CASE("a framework keeps its manifest with places, and its text") {
  const auto library = load(embedded(), "catalog");
  const Framework& framework = library->get_framework("llama-cpp-server");
  REQUIRE(framework.manifest.size() == 4);
  CHECK(framework.manifest[0].text_at({"kind"}) == "Secret");
  CHECK(framework.manifest[0].find("kind")->line > 1);
  CHECK(framework.manifest_file == "catalog/frameworks/llama-cpp-server/manifest.yaml");
  CHECK(framework.manifest_text.find("$weights_init") != std::string::npos);
}
