#include "verbs/outdated.hpp"

#include <doctest/doctest.h>

#include "verbs/deploying.hpp"
#include "verbs/names.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

struct Test : ScriptedWorld {
  Test() {
    targets::Status ready;
    ready.phase = targets::Phase::ready;
    podman.statuses = {ready};
    DeployArguments arguments;
    arguments.template_name = "tiny-llama-test";
    arguments.name = "demo";
    deploy(world, ann, arguments, sink, cancel);
  }
  /// The catalogue with a text of one card replaced.
  void change(const std::string& path, const std::string& from, const std::string& to) {
    std::vector<cards::File> files = cards::embedded();
    for (cards::File& each : files) {
      const std::size_t at = each.path == path ? each.text.find(from) : std::string::npos;
      if (at != std::string::npos) each.text.replace(at, from.size(), to);
    }
    shelf.replace(cards::load(files, "catalog"));
  }
  Response ask(const std::string& name = "") {
    OutdatedArguments arguments;
    arguments.name = name;
    return outdated(world, ann, arguments);
  }
  Cancel cancel;
  const Sink sink = [](const Node&) { return true; };
};

}  // namespace

TEST_CASE("a deployment made from the cards as they are is not outdated") {
  Test test;
  CHECK(test.ask().table->rows.empty());
  CHECK(*test.ask("demo").text == "demo is made from the cards as they are now\n");
}

TEST_CASE("a deployment one of whose cards changed is outdated, with the lines that differ") {
  Test test;
  test.change("hardware/cpu-tiny.yaml", "title: Half a core", "title: Half of a core");
  const Response all = test.ask();
  REQUIRE(all.table->rows.size() == 1);
  CHECK(all.table->rows[0][2] == "Hardware");
  CHECK(all.table->rows[0][4] != all.table->rows[0][5]);
  CHECK(test.ask("demo").text->find("+  title: Half of a core") != std::string::npos);
}

TEST_CASE(
    "of a deployment whose template is gone the other cards are as they are, and no deploy is advised") {
  Test test;
  std::vector<cards::File> files = cards::embedded();
  std::erase_if(files, [](const cards::File& each) { return each.path == "templates/tiny-llama-test.yaml"; });
  test.shelf.replace(cards::load(files, "catalog"));
  REQUIRE(test.shelf.library()->find_template("tiny-llama-test") == nullptr);
  const Response all = test.ask();
  REQUIRE(all.table->rows.size() == 1);
  CHECK(all.table->rows[0][2] == "Template");
  CHECK(all.table->rows[0][5] == "gone");
  CHECK(test.ask("demo").text->find("choose another template") != std::string::npos);
  CHECK(test.ask("demo").text->find("mlib deploy") == std::string::npos);
}

TEST_CASE("of a deployment that remembers no cards it is not known whether it is outdated") {
  Test test;
  store::Deployment record = *test.store->get(default_namespace, "demo");
  record.cards = Node::map();
  record.name = "old";
  record.revision = 0;
  test.store->put(record, {});
  CHECK(*test.ask("old").text == "it is not known which cards old was made from\n");
  CHECK(test.ask().notes == "it is not known which cards old was made from\n");
  CHECK(test.ask().table->rows.empty());
}
