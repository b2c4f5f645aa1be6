#include "render/substitute.hpp"

#include <doctest/doctest.h>

#include "render/testing.hpp"

namespace mlib::render {
namespace {

using namespace testing;

Values values(std::vector<std::pair<std::string, Node>> given) {
  Values all;
  for (auto& [name, node] : given) all[name] = Value{.value = std::move(node), .origin = "test"};
  return all;
}

struct Outcome {
  Node tree;
  std::string said;
};

Outcome run(std::string_view manifest, const Values& given) {
  const cards::Framework made = framework(manifest);
  Report report(made), secrets(made);
  const std::vector<Node> documents = substitute(made.manifest, given, report, secrets);
  Outcome outcome;
  if (!documents.empty()) outcome.tree = documents[0];
  for (const Finding& finding : report.findings) outcome.said += to_text(finding) + "\n";
  for (const Finding& finding : secrets.findings) outcome.said += "secret: " + to_text(finding) + "\n";
  return outcome;
}

Node parsed(std::string_view yaml) {
  return schema::read_yaml(schema::Source{"expected", std::string(yaml)})[0];
}

Node list_of(std::initializer_list<Node> items) {
  Node list = Node::list();
  for (const Node& item : items) list.push(item);
  return list;
}

}  // namespace

TEST_CASE("a plain scalar that is one placeholder takes the value with its type") {
  const Values given = values({{"n", 8}, {"b", true}, {"x", 1.5}, {"t", "8"}, {"l", list_of({1, "a"})}});
  const Outcome got = run("a: $n\nb: $b\nc: ${x}\nd: $t\ne: $l\n", given);
  CHECK(got.said == "");
  CHECK(got.tree == parsed("{a: 8, b: true, c: 1.5, d: '8', e: [1, a]}"));
}

TEST_CASE("a quoted scalar and a part of a text stay texts, with values as JSON writes them") {
  const Values given = values({{"n", 8}, {"b", true}, {"x", 0.5}, {"l", list_of({1, "a"})}});
  CHECK(run("a: \"$n\"\nb: 'v$b'\nc: x${x}y\nd: \"$l\"\n", given).tree ==
        parsed("{a: '8', b: vtrue, c: x0.5y, d: '[1,\"a\"]'}"));
  CHECK(run("e: |\n  $n\n", given).tree == parsed("e: |\n  8\n"));
}

TEST_CASE("two dollars are one, and a dollar inside a value stays") {
  const Values given = values({{"v", "$n ${n} $$"}, {"n", 1}});
  CHECK(run("{a: $$n, b: \"$$$n\", c: $v, d: 'x $v'}", given).tree ==
        parsed("{a: '$n', b: '$1', c: '$n ${n} $$', d: 'x $n ${n} $$'}"));
}

TEST_CASE("null takes its key or item away") {
  const Values given = values({{"none", nullptr}, {"n", 1}});
  CHECK(run("{a: $none, b: $n, c: [$none, $n], d: {e: $none}}", given).tree ==
        parsed("{b: 1, c: [1], d: {}}"));
}

TEST_CASE("a list that is an item of a list is spliced, once") {
  Node nested = list_of({"x", list_of({"y"})});
  const Values given = values({{"l", nested}, {"empty", Node::list()}});
  CHECK(run("[a, $l, $empty, b]", given).tree == parsed("[a, x, [y], b]"));
  CHECK(run("{a: $l}", given).tree == parsed("{a: [x, [y]]}"));
}

TEST_CASE("a placeholder without value is a finding with its place and the nearest name") {
  const std::string said = run("a: 1\nb:\n  c: $thraeds\n", values({{"threads", 4}})).said;
  CHECK(has(said, "manifest.yaml:3:6: error: nothing gives `thraeds` a value"));
  CHECK(has(said, "did you mean `threads`?"));
  CHECK(has(said, "  c: $thraeds\n       ^"));
}

TEST_CASE("null in a text, a stray dollar and a placeholder in a key are findings") {
  const Values given = values({{"none", nullptr}, {"n", 1}});
  CHECK(has(run("a: x-$none", given).said, "`none` has no value, and is part of a text"));
  CHECK(has(run("a: cost $ 5", given).said, "write `$$` for a `$`"));
  CHECK(has(run("$n: 5", given).said, "a key cannot hold a placeholder"));
}

TEST_CASE("what Kubernetes would expand reaches the container as it is") {
  const Values given = values({{"v", "$(HOME) $$x $x"}, {"l", list_of({"$(A)"})}});
  const Outcome got =
      run("containers: [{args: [$v, 'x $v', $l], env: [{name: a, value: $v}], name: $v}]", given);
  CHECK(got.tree == parsed("containers: [{args: ['$$(HOME) $$$x $x', 'x $$(HOME) $$$x $x', '$$(A)'], "
                           "env: [{name: a, value: '$$(HOME) $$$x $x'}], name: '$(HOME) $$x $x'}]"));
}

TEST_CASE("a secret stays inside the data of Secrets") {
  Values given = values({{"key", "canary-0123456789"}});
  given["key"].secret = true;
  CHECK(run("{kind: Secret, stringData: {k: $key}}", given).said == "");
  CHECK(has(run("{kind: Deployment, spec: {env: [{value: $key}]}}", given).said,
            "secret: manifest.yaml:1:41: error: Deployment: spec.env[0].value: `key` is secret"));
  CHECK(has(run("{kind: Secret, metadata: {name: x$key}}", given).said, "`key` is secret"));
  CHECK(!has(run("{kind: ConfigMap, data: {k: $key}}", given).said, "canary"));
}

TEST_CASE("a value in a script is refused unless its parameter confines it") {
  cards::Parameter word = text();
  word.pattern = "word";
  const auto said = [&](std::string_view manifest) {
    const cards::Framework made =
        framework(manifest, {{"free", text()}, {"word", word}, {"count", typed("integer")}});
    Report report(made);
    check_scripts(made, report);
    std::string all;
    for (const Finding& finding : report.findings) all += to_text(finding) + "\n";
    return all;
  };
  CHECK(said("c: {command: [sh, -c, 'run $word $count $name $$HOME']}") == "");
  CHECK(said("c: {command: [engine, --model, $free], env: [{value: $free}]}") == "");
  for (const std::string_view manifest :
       {"c: {command: [sh, -c, 'run $free']}", "c: {command: [sh, -ec], args: ['run $free']}",
        "c: {args: [-c, $free]}", "c: {exec: {command: [python, -c, 'print(\"$free\")']}}",
        "c: {command: [bash, -lc, \"${user}\"]}", "c: {command: [sh, -c, $API_key]}"}) {
    CAPTURE(manifest);
    CHECK(has(said(manifest), "would be read by a shell"));
  }
}

}  // namespace mlib::render
