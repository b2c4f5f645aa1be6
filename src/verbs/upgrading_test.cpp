#include "verbs/upgrading.hpp"

#include <doctest/doctest.h>

#include "cards/flags.hpp"
#include "cards/flags_changes.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;
using namespace mlib::verbs;

namespace {

/// The shipped cards and a template that hands vLLM a flag which 0.27 has no more.
std::shared_ptr<const cards::Library> library() {
  std::vector<cards::File> files = cards::embedded();
  files.push_back(
      {"templates/mine.yaml",
       "apiVersion: model-library/v1\nkind: Template\nmetadata: {name: mine}\nextends: qwen3-8b-vllm\n"
       "spec: {values: {extra_args: [--max-num-partial-prefills, \"2\"]}}\n"});
  return cards::load(std::move(files), "catalog");
}

}  // namespace

TEST_CASE("an upgrade says which words of the command line the new version refuses") {
  ScriptedWorld w;
  w.shelf.replace(library());
  REQUIRE(w.shelf.library()->find_template("mine") != nullptr);
  const Response response = upgrade_template(w.world, w.ann, {"mine", "0.27.1"});
  CHECK(response.value.text_at({"from"}) == "0.24.0");
  CHECK(response.value.text_at({"to"}) == "0.27.1");
  CHECK(response.value.text_at({"image", "after"}) == "docker.io/vllm/vllm-openai:v0.27.1");
  REQUIRE(response.value.find("edits")->items().size() == 1);
  const Node& edit = response.value.find("edits")->items()[0];
  CHECK(edit.text_at({"level"}) == "error");
  CHECK(edit.text_at({"word"}) == "--max-num-partial-prefills");
  CHECK(edit.text_at({"parameter"}) == "extra_args");
  CHECK(edit.text_at({"message"}).find("0.27.1") != std::string::npos);
  CHECK(response.text->find("parameter extra_args: ") != std::string::npos);
  bool used = false;
  for (const Node& change : response.value.find("changes")->items())
    if (change.text_at({"flag"}) == "--max-num-partial-prefills")
      used = change.find("used")->boolean() && change.text_at({"what"}) == "removed";
  CHECK(used);
}

TEST_CASE("an upgrade that asks for no edit says so, and none is the newest version that was read") {
  ScriptedWorld w;
  const Response response = upgrade_template(w.world, w.ann, {"qwen3-8b-vllm", ""});
  CHECK(response.value.text_at({"to"}) ==
        w.shelf.library()->flags.find("vllm")->second->versions.back().version);
  CHECK(response.value.find("edits")->items().empty());
  CHECK(response.text->find("Its command line needs no edit.") != std::string::npos);
}

TEST_CASE(
    "of a flag's choices an upgrade says those that are gone and those that are new, not where they stand") {
  ScriptedWorld w;
  const Response response = upgrade_template(w.world, w.ann, {"qwen3-8b-vllm", "0.27.1"});
  CHECK(response.text->find("takes inkling, kimi_k3, cohere as well") != std::string::npos);
  CHECK(response.text->find("auto|hf|slow") == std::string::npos);
  const cards::FlagTable& table = *w.shelf.library()->flags.find("vllm")->second;
  for (const cards::FlagChange& each : cards::changes(table, table.place("0.12.0"), table.place("0.14.1")))
    CHECK((each.what != "choices" || each.flag != "--uvicorn-log-level"));  // another order, no other choice
}

TEST_CASE("an upgrade to the version that is there keeps the image") {
  ScriptedWorld w;
  const Response response = upgrade_template(w.world, w.ann, {"qwen3-8b-vllm", "0.24.0"});
  CHECK(response.value.text_at({"image", "after"}) == response.value.text_at({"image", "before"}));
  CHECK(response.value.find("changes")->items().empty());
}

TEST_CASE("an upgrade to a version that nobody read is refused with those that were") {
  ScriptedWorld w;
  const Problem newer = failure([&] { upgrade_template(w.world, w.ann, {"qwen3-8b-vllm", "99.0"}); });
  CHECK(newer.kind() == Kind::usage);
  CHECK(newer.hint().find("0.33.0") != std::string::npos);
  CHECK(failure([&] { upgrade_template(w.world, w.ann, {"qwen3-8b-vlm"}); }).kind() == Kind::not_found);
}

TEST_CASE("an upgrade goes to a released version, never to a commit, and no image is made of one") {
  ScriptedWorld w;
  const Response newest = upgrade_template(w.world, w.ann, {"qwen3-32b-trtllm", ""});
  CHECK(newest.value.text_at({"to"}) == "1.2.1");  // what was read later are commits of main
  const Response commit = upgrade_template(w.world, w.ann, {"qwen3-32b-trtllm", "main@later"});
  const Node* after = commit.value.at({"image", "after"});
  CHECK((after == nullptr || after->is_null()));
  CHECK(commit.value.text_at({"image", "known"}) == "not known: `main@later` is no released version");
}
