#include <doctest/doctest.h>

#include <sstream>

#include "base/text.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/run.hpp"
#include "verbs/made_tokenizer.hpp"
#include "verbs/scripted_world.hpp"

using namespace mlib;

namespace {

struct TestGround final : cli::Ground {
  explicit TestGround(const verbs::World& world) : world_(world) {}
  const verbs::World& world() const override { return world_; }
  const verbs::World& world_;
};

/// A terminal session on a scripted world.
struct Session : verbs::ScriptedWorld {
  Session() {
    targets::Status ready;
    ready.phase = targets::Phase::ready;
    ready.summary = "answers";
    ready.endpoint = "http://127.0.0.1:31000";
    podman.statuses = {ready};
  }

  int run(const std::string& line) {
    out.str("");
    err.str("");
    std::istringstream in(typed);
    cli::Outside outside{.in = in, .out = out, .err = err, .cancel = *cancel};
    outside.asks = is_terminal;
    outside.rewrites = is_terminal;
    outside.color = is_terminal;
    outside.width = is_terminal ? 80 : 0;
    outside.user = "ann";
    outside.open = [this](const cli::Options&) { return std::make_unique<TestGround>(world); };
    outside.serve = [](const cli::Options&, const cli::ServeArguments&) { return 0; };
    return cli::run(split(line, ' '), outside);
  }

  bool is_terminal = false;
  std::string typed;
  void stop() { cancel->ask(); }
  void go_on() { cancel = std::make_unique<Cancel>(); }

  std::ostringstream out, err;
  std::unique_ptr<Cancel> cancel = std::make_unique<Cancel>();
};

}  // namespace

TEST_CASE("a deployment's life on the command line") {
  Session s;
  CHECK(s.run("deploy tiny-llama-test --name demo") == 0);
  CHECK(s.err.str() == "applying\n");
  CHECK(s.out.str().rfind("demo is ready at http://127.0.0.1:31000\n", 0) == 0);
  CHECK(s.run("endpoint demo") == 0);
  CHECK(s.out.str() == "http://127.0.0.1:31000\n");
  CHECK(s.run("get deployments -o name") == 0);
  CHECK(s.out.str() == "demo\n");
  CHECK(s.run("diff tiny-llama-test --name demo --set threads=2") == 1);
  CHECK(s.run("diff tiny-llama-test --name demo") == 0);
  s.podman.log = {"one \x1b[31m", "two"};
  CHECK(s.run("logs demo --tail 2") == 0);
  CHECK(s.out.str() == "one \\x1b[31m\ntwo\n");
  CHECK(s.run("deploy gemma-3-270m-cpu --name demo") == 5);
  CHECK(s.run("delete deployment demo --yes") == 0);
  CHECK(s.run("status demo") == 3);
}

TEST_CASE("an output that several results do not have is refused before anything is deployed") {
  Session s;
  CHECK(s.run("bench template tiny-llama-test --sweep threads=1,2 -o html") == 2);
  CHECK(s.err.str().find("`-o html` is of one result, and this would be several") != std::string::npos);
  CHECK(s.err.str().find("csv, markdown") != std::string::npos);
}

TEST_CASE("a folder where a file is wanted, and a file without end, are told as what they are") {
  Session s;
  CHECK(s.run("bench endpoint http://127.0.0.1:9 --prompts /") == 2);
  CHECK(s.err.str() == "error: /: this is a folder, and a file is wanted\n");
  CHECK(s.run("bench endpoint http://127.0.0.1:9 --prompts /dev/zero") == 2);
  CHECK(s.err.str() == "error: /dev/zero: more than 1 GiB\n");
}

TEST_CASE("what has no table of its own is Markdown as a block") {
  Session s;
  CHECK(s.run("filter save small parameters<1B -o markdown") == 0);
  CHECK(s.out.str() == "```text\nsaved: use it as --filter @small\n```\n");
}

TEST_CASE("on a terminal deleting asks, and only yes deletes") {
  Session s;
  s.run("deploy tiny-llama-test --name demo");
  s.is_terminal = true;
  s.typed = "n\n";
  CHECK(s.run("delete deployment demo") == 130);
  CHECK(s.err.str().find(
            "Delete deployment `demo` (namespace model-library, on podman); its storage is kept? [y/N] ") ==
        0);
  CHECK(s.store->list().size() == 1);
  s.podman.kept = {"claim a (64Mi)"};
  s.typed = "y\n";
  CHECK(s.run("delete deployment demo --with-storage") == 0);
  CHECK(s.err.str() ==
        "Delete deployment `demo` (namespace model-library, on podman) and its storage: claim a (64Mi)? "
        "[y/N] ");
  CHECK(s.store->list().empty());
}

TEST_CASE("what is not there is not asked about") {
  Session s;
  s.is_terminal = true;
  s.typed = "y\n";
  CHECK(s.run("delete deployment demo") == 3);
  CHECK(s.run("delete deployment demo --with-storage") == 3);
  CHECK(s.err.str().find("[y/N]") == std::string::npos);
}

TEST_CASE("without a terminal deleting needs --yes") {
  Session s;
  s.run("deploy tiny-llama-test --name demo");
  CHECK(s.run("delete deployment demo") == 2);
  CHECK(s.store->list().size() == 1);
}

TEST_CASE("wait exits as kubectl's does, and diff has its codes even when the target fails") {
  Session s;
  s.run("deploy tiny-llama-test --name demo");
  CHECK(s.run("wait demo") == 0);
  s.podman.statuses.front().phase = targets::Phase::starting;
  CHECK(s.run("wait demo --timeout 1s") == 1);
  s.podman.statuses.front().phase = targets::Phase::failed;
  CHECK(s.run("wait demo") == 1);
  CHECK(s.run("wait nothing") == 3);
  CHECK(s.run("diff tiny-llama-test --name demo") == 0);
  CHECK(s.run("diff tiny-llama-test --name demo --set threads=3") == 1);
  s.podman.plan_fails = Problem(Kind::failed, "it answered nonsense");
  CHECK(s.run("diff tiny-llama-test --name demo --set threads=3") == 9);
  s.podman.plan_fails = Problem(Kind::unavailable, "it is down");
  CHECK(s.run("diff tiny-llama-test --name demo --set threads=3") == 7);
}

TEST_CASE("a namespace is deleted when its name is typed again, or given with --yes; --yes alone is no yes") {
  Session s;
  s.run("deploy tiny-llama-test --name demo -n team-a");
  CHECK(s.run("delete namespace team-a --yes") == 2);
  CHECK(s.err.str().find("--yes needs a value: --yes NAME") != std::string::npos);
  CHECK(s.run("delete namespace team-a --yes team-b") == 2);
  CHECK(s.store->list().size() == 1);
  CHECK(s.run("delete namespace team-a") == 2);
  CHECK(s.out.str() == "namespace team-a has\n  Deployment demo, of demo\n");
  CHECK(s.err.str().find("hint: add --yes team-a") != std::string::npos);
  s.is_terminal = true;
  s.typed = "y\n";
  CHECK(s.run("delete namespace team-a") == 130);
  CHECK(s.store->list().size() == 1);
  s.typed = "team-a\n";
  CHECK(s.run("delete namespace team-a") == 0);
  CHECK(s.store->list().empty());
  s.is_terminal = false;
  s.run("deploy tiny-llama-test --name demo -n team-a");
  CHECK(s.run("delete namespace team-a --yes team-a") == 0);
  CHECK(s.out.str() == "deleted namespace team-a with\n  Deployment demo, of demo\n");
}

TEST_CASE("status -w gives a line for each change, and on a terminal writes over what was there") {
  Session s;
  s.run("deploy tiny-llama-test --name demo");
  targets::Status starting = s.podman.statuses.front(), ready = starting;
  starting.phase = targets::Phase::starting;
  starting.summary = "loading";
  for (const bool terminal : {false, true}) {
    s.is_terminal = terminal;
    s.podman.statuses = {starting, starting, ready};
    int sleeps = 0;
    s.clock.after_sleep = [&] {
      if (++sleeps == 35) s.stop();
    };
    CHECK(s.run("status demo -w") == 130);
    s.go_on();
    if (terminal) {
      CHECK(s.out.str().find("\x1b[11A\x1b[J") != std::string::npos);
    } else {
      CHECK(s.out.str() == "2026-11-28T16:00:00Z starting: loading\n2026-11-28T16:00:02Z ready: answers\n");
    }
  }
}

TEST_CASE("a key comes from standard input or a file, never from the command line") {
  Session s;
  s.typed = "canary-7f3a\n";
  CHECK(s.run("render tiny-llama-test --name demo --api-key-stdin --show-secrets") == 0);
  CHECK(s.out.str().find(base64("canary-7f3a")) != std::string::npos);
  CHECK(s.run("render tiny-llama-test --name demo --api-key-stdin") == 0);
  CHECK(s.out.str().find(base64("canary-7f3a")) == std::string::npos);
  CHECK(s.run("render tiny-llama-test --name demo --api-key-stdin -o json") == 0);
  CHECK(s.out.str().find(base64("canary-7f3a")) == std::string::npos);
  CHECK(s.run("render tiny-llama-test --name demo --api-key=canary-7f3a") == 2);
  CHECK(s.err.str().find("canary") == std::string::npos);
}

TEST_CASE("a key from standard input that is empty is refused, so that nothing comes up without one") {
  Session s;
  for (const char* typed : {"", " \n"}) {
    s.typed = typed;
    CHECK(s.run("render tiny-llama-test --name demo --api-key-stdin") == 2);
    CHECK(s.err.str().find("error: --api-key-stdin: standard input is empty\n") == 0);
    CHECK(s.out.str().empty());
  }
}

TEST_CASE("what is wrong with an argument is told by what was typed") {
  Session s;
  CHECK(s.run("bench endpoint http://127.0.0.1:9 --rate 0 --max-tokens 0") == 2);
  CHECK(s.err.str() ==
        "error: --rate: 0 is out of range: it must be between 0.001 and 1000000\n"
        "error: --max-tokens: 0 is out of range: it must be between 1 and 1000000\n"
        "error: the arguments are not valid\n");
  CHECK(s.run("search ") == 2);  // an empty word after it
  CHECK(s.err.str().find("error: TEXT: the text has 0 characters: it must have at least 1\n") == 0);
  CHECK(s.run("rollback demo --to 0") == 2);
  CHECK(s.err.str().find("error: --to: 0 is out of range") == 0);
}

TEST_CASE("an empty value is no answer to an option") {
  Session s;
  for (const char* line :
       {"bench endpoint http://127.0.0.1:9 --slo=", "get templates --filter=", "status demo --namespace="}) {
    CHECK(s.run(line) == 2);
    CHECK(s.err.str().find(" has an empty value\n") != std::string::npos);
  }
  CHECK(s.run("get templates --filter=") == 2);
  CHECK(s.err.str() == "error: --filter has an empty value\n  hint: --filter FIELD=VALUE, or leave it out\n");
}

TEST_CASE("an empty file is no answer to an option, and what is wrong in one is told with its name") {
  Session s;
  const verbs::Folder folder;
  const std::string empty = folder.write("empty.jsonl", " \n\n");
  for (const char* option : {"--prompts", "--like", "--ca", "--api-key-file"}) {
    CHECK(s.run(fmt::format("bench endpoint http://127.0.0.1:9 {} {}", option, empty)) == 2);
    CHECK(s.err.str().find(fmt::format("error: {}: {} is empty\n", option, empty)) == 0);
  }
  const std::string list = folder.write("list.jsonl", "\n\n[\"one\"]\n");
  CHECK(s.run("bench endpoint http://127.0.0.1:9 --prompts " + list) == 2);
  CHECK(s.err.str().find(list + ":3:1") != std::string::npos);
  CHECK(s.err.str().find("jq -c '.[]' " + list) != std::string::npos);
}

TEST_CASE("colours are for terminals, unless told not") {
  Session s;
  s.is_terminal = true;
  CHECK(s.run("status nope") == 3);
  CHECK(s.err.str().rfind("\x1b[31merror:\x1b[0m there is no deployment", 0) == 0);
  CHECK(s.run("status nope --no-color") == 3);
  CHECK(s.err.str().rfind("error: there is no deployment", 0) == 0);
}

TEST_CASE("progress is one line that changes on a terminal, and plain lines elsewhere") {
  std::ostringstream terminal, file;
  {
    cli::Progress one(terminal, 12), other(file, 0);
    for (const char* line : {"pulling", "starting it now"}) {
      one.tell(line);
      other.tell(line);
    }
  }
  CHECK(terminal.str() == "\r\x1b[Kpulling\r\x1b[Kstarting i…\n");
  CHECK(file.str() == "pulling\nstarting it now\n");
}

TEST_CASE("a table fits the terminal: the widest columns are cut") {
  verbs::Table table{.columns = {{"NAME"}, {"TITLE"}, {"MORE", true}}};
  table.rows = {{"one", std::string(100, 'x'), "wide"}, {"zwölf", "line\nbreak", ""}};
  const std::string text = cli::table_text(table, false, 30);
  CHECK(text == "NAME   TITLE\none    " + std::string(22, 'x') + "…\nzwölf  line break\n");
  CHECK(cli::table_text(table, true, 0).find(std::string(100, 'x') + "  wide\n") != std::string::npos);
}

TEST_CASE("a name, an address or a time is whole on a terminal, and -o wide is whole altogether") {
  verbs::Table table{.columns = {{"TIME"}, {"NAME"}, {"ENDPOINT"}, {"DETAIL"}, {"MORE", true}}};
  table.rows = {
      {"2026-11-28T17:05:43Z", "a-name-of-some-length", "http://10.250.99.2:30387", "what was done", "x"}};
  CHECK(cli::table_text(table, false, 80)
            .find("17:05:43Z  a-name-of-some-length  http://10.250.99.2:30387  what was…\n") !=
        std::string::npos);
  CHECK(cli::table_text(table, false, 40).find("http://10.250.99.2:30387  what wa…\n") != std::string::npos);
  CHECK(cli::table_text(table, true, 40).find("  what was done  x\n") != std::string::npos);
}

TEST_CASE("-o name prints a result's id, and an answer in which nothing has a name as it is") {
  const auto named = [](const char* json) {
    verbs::Response response{.value = schema::read_json(json), .text = "as it is\n"};
    return cli::answer_text(response, "name", 0);
  };
  CHECK(named(R"({"id":"20261128T160000Z-a1","counts":{}})") == "20261128T160000Z-a1\n");
  CHECK(named(R"([{"id":"b1"},{"id":"b2"}])") == "b1\nb2\n");
  CHECK(named(R"({"metadata":{"name":"a"},"id":"b"})") == "a\n");
  CHECK(named(R"({"kind":"List","items":[{"kind":"Service","metadata":{"name":"a"}}]})") == "Service/a\n");
  CHECK(named(R"({"holds_at":4})") == "as it is\n");
  CHECK(named(R"([{"line":"one"}])") == "as it is\n");
  CHECK(named("[]").empty());
}

TEST_CASE("a folded table loses nothing and fits the terminal") {
  verbs::Table table{.columns = {{"FIELD"}, {"a-template-with-a-rather-long-name"}, {"short"}},
                     .folded = true};
  table.rows = {{"viable_hardware", "one, two, three, four, five, six, seven, eight", "größer und größer"}};
  const std::string text = cli::table_text(table, false, 50);
  for (const std::string& line : split(text, '\n')) CHECK_MESSAGE(utf8_length(line) <= 50, line);
  CHECK(text ==
        "FIELD            a-template-      short\n"
        "                 with-a-rather-\n"
        "                 long-name\n"
        "viable_hardware  one, two,        größer und\n"
        "                 three, four,     größer\n"
        "                 five, six,\n"
        "                 seven, eight\n");
  CHECK(cli::table_text(table, false, 0).find("six, seven, eight") != std::string::npos);
  CHECK(cli::table_text(table, false, 200).find("six, seven, eight") != std::string::npos);
}

TEST_CASE("no page of the help is wider than 80 columns") {
  for (const std::string& line : split(cli::reference(), '\n')) CHECK_MESSAGE(utf8_length(line) <= 80, line);
}

TEST_CASE("options may stand before the verb, and after -- nothing is an option") {
  Session s;
  CHECK(s.run("-o name get templates") == 0);
  CHECK(s.out.str().find("tiny-llama-test\n") != std::string::npos);
  CHECK(s.run("search -- --help") == 0);
  CHECK(s.err.str() == "nothing found\n");
}

TEST_CASE("--set takes lists and maps where the parameter is one, and says how to write them") {
  Session s;
  for (const char* line : {R"(render tiny-llama-test --name demo --set extra_args=["--verbose","--jinja"])",
                           "render tiny-llama-test --name demo --set extra_args=[--verbose,--jinja]"}) {
    CHECK(s.run(line) == 0);
    CHECK(s.out.str().find("        - --verbose\n        - --jinja\n") != std::string::npos);
  }
  CHECK(s.run(R"(render tiny-llama-test --name demo --set extra_args=["--verbose")") == 2);
  CHECK(s.err.str().find("`extra_args`: expected a list, got string") != std::string::npos);
  CHECK(s.err.str().find("as in --set 'extra_args=[one, \"two words\"]'") != std::string::npos);
}
