#include "cards/shell.hpp"

#include <doctest/doctest.h>

using namespace mlib::cards;

namespace {

/// The words of the command that a script starts, with | between them; `?` stands for one that is not known.
std::string started_by(std::string_view script) {
  const Variable variable = [](std::string_view name) -> std::optional<std::string> {
    if (name == "PORT") return "8080";
    if (name == "NAME") return "two words";
    return std::nullopt;
  };
  const auto commands = shell_commands(script, variable);
  if (!commands) return "not read";
  const ShellCommand* command = started(*commands);
  if (command == nullptr) return "none";
  std::string all;
  for (const ShellWord& word : command->words) {
    if (!all.empty()) all += "|";
    all += word.arguments ? "@" : word.known ? word.text : "?";
  }
  return all;
}

}  // namespace

TEST_CASE("plain words, quotes, backslashes and variables that are known") {
  CHECK(started_by("engine --a 1 --b=2") == "engine|--a|1|--b=2");
  CHECK(started_by("engine 'a b' \"c d\" e\\ f g'h'\"i\"") == "engine|a b|c d|e f|ghi");
  CHECK(started_by("engine --port $PORT --url http://x:${PORT}/ \"$NAME\"") ==
        "engine|--port|8080|--url|http://x:8080/|two words");
  CHECK(started_by("engine $NAME ${OTHER:-1} $(date) `date` $1 $? '$PORT' \"\\$PORT\" 5$") ==
        "engine|?|?|?|?|?|?|$PORT|$PORT|5$");
  CHECK(started_by("PORT=9; engine --port $PORT") == "engine|--port|?");
  CHECK(started_by("export PORT=9 && engine --port $PORT") == "engine|--port|?");
  CHECK(started_by("for PORT in 1 2; do sleep 1; done; engine --port $PORT") == "engine|--port|?");
  CHECK(started_by("PORT=9 engine --port $PORT; echo PORT=1") == "engine|--port|8080");
  CHECK(started_by("engine \\\n  --a \\\n  1 # not --this\n") == "engine|--a|1");
  CHECK(started_by("engine --json '{\"a\": [1, 2]}' {x}") == "engine|--json|{\"a\": [1, 2]}|{x}");
  CHECK(started_by("engine \"$@\"") == "engine|@");
  CHECK(started_by(std::string("engine --port ") + unknown_part + " --a") == "engine|--port|?|--a");
}

TEST_CASE("the command that starts a server is behind exec, or the only one that is no small tool") {
  CHECK(started_by("set -e; cd /x && mkdir -p y\nexport A=1\nA=2 B=3 engine --a") == "engine|--a");
  CHECK(started_by("pip install x && exec engine --a") == "engine|--a");
  CHECK(started_by("if [ -f x ]; then exec engine --a > log 2>&1; fi") == "engine|--a");
  CHECK(started_by("while sleep 5; do echo x; done & engine --a < /dev/null | cat") == "engine|--a");
  CHECK(started_by("engine --a &\nwait") == "engine|--a");
  CHECK(started_by("exec env A=1 engine --a") == "engine|--a");
  CHECK(started_by("pip install x; engine --a") == "none");
  CHECK(started_by("if x; then exec engine --a; else exec engine --b; fi") == "none");
  CHECK(started_by("exec > log; engine --a") == "engine|--a");
  CHECK(started_by("echo hello") == "none");
  CHECK(started_by("") == "none");
}

TEST_CASE("what is more than words is not read") {
  for (const char* script : {"run() { engine; }; run", "engine <<END\nx\nEND\n", "engine 'a", "engine \"a",
                             "engine `a", "engine $(a", "engine ${a"}) {
    CAPTURE(script);
    CHECK(started_by(script) == "not read");
  }
}
