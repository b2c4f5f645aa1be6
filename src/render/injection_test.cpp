#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <random>

#include "base/text.hpp"
#include "render/testing.hpp"

// What a value may not do, whatever it is: the attacks on the original (values that made documents, fields,
// types, other people's namespaces and commands), and any text at all.
namespace mlib::render {
namespace {

using namespace testing;

/// Placeholders at every kind of place: plain, quoted, in a text, in a block, as item, as whole list.
const std::string manifest =
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}-config\n  annotations: {note: $free}\n"
    "data:\n  plain: $free\n  quoted: \"$free\"\n  inside: before ${free} after\n  block: |\n    first\n    "
    "$free\n    last\n"
    "---\n" +
    deployment("",
               "        args: [--value, $free, $many]\n        env: [{name: A, value: $free}, {name: B, "
               "value: \"x$free\"}]\n") +
    "---\napiVersion: v1\nkind: Secret\nmetadata: {name: \"${name}-key\"}\nstringData: {key: $API_key}\n";

cards::Framework engine() { return framework(manifest, {{"free", text()}, {"many", typed("list")}}); }

Rendered rendered(const std::string& free, const Identity& identity = somebody()) {
  Node many = Node::list();
  many.push(free);
  many.push(free);
  return render_layers(engine(), {{"--set", {{"free", free}, {"many", many}}}}, identity);
}

std::vector<std::string> kinds(const std::vector<Node>& objects) {
  std::vector<std::string> all;
  for (const Node& each : objects) all.push_back(each.text_at({"kind"}));
  return all;
}

/// As the kubelet reads commands, arguments and environment: `$$` is `$`, and an unknown `$(NAME)` stays.
std::string expanded(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '$' && i + 1 < text.size() && text[i + 1] == '$') ++i;
  }
  return out;
}

void check_leaves(const std::vector<Node>& objects, const std::string& value) {
  const Node& map = objects[2];
  CHECK(map.text_at({"data", "plain"}) == value);
  CHECK(map.text_at({"data", "quoted"}) == value);
  CHECK(map.text_at({"data", "inside"}) == "before " + value + " after");
  CHECK(map.text_at({"data", "block"}) == "first\n" + value + "\nlast\n");
  CHECK(map.text_at({"metadata", "annotations", "note"}) == value);
  CHECK(map.find("data")->entries().size() == 4);
  const Node* container = objects[3].at({"spec", "template", "spec", "containers", "0"});
  REQUIRE(container != nullptr);
  REQUIRE(container->find("args")->items().size() == 4);
  for (const char* at : {"1", "2", "3"}) CHECK(expanded(container->text_at({"args", at})) == value);
  REQUIRE(container->find("env")->items().size() == 2);
  CHECK(expanded(container->text_at({"env", "0", "value"})) == value);
  CHECK(expanded(container->text_at({"env", "1", "value"})) == "x" + value);
}

/// The manifest as any reader has it: the same objects, one a document, and three dashes only between them.
std::string check_bytes(const Rendered& got) {
  const std::string yaml = to_manifest(got, true);
  std::vector<Finding> findings;
  const std::vector<Node> read = schema::read_yaml({"written", yaml}, findings);
  REQUIRE(findings.empty());
  REQUIRE(read == got.objects);
  std::size_t dashes = 0;
  for (std::size_t at = 0; (at = yaml.find("---", at)) != std::string::npos; at += 3) ++dashes;
  CHECK(dashes == got.objects.size() - 1);
  return yaml;
}

const std::vector<std::string> expected_kinds{"Namespace", "Secret", "ConfigMap", "Deployment"};

std::string random_text(std::mt19937& random) {
  static const std::array<std::string, 44> pieces{"a",
                                                  "Z",
                                                  "0",
                                                  "7",
                                                  "-",
                                                  "---",
                                                  "\n---\n",
                                                  "\n",
                                                  "\n\n",
                                                  " ",
                                                  "  ",
                                                  "\t",
                                                  ": ",
                                                  ":",
                                                  " #",
                                                  "#",
                                                  "'",
                                                  "\"",
                                                  "\\",
                                                  "$x",
                                                  "$free",
                                                  "${name}",
                                                  "$$",
                                                  "$(HOME)",
                                                  "...",
                                                  "\r",
                                                  "\r\n",
                                                  "\xC2\x85",
                                                  "\xE2\x80\xA8",
                                                  "\xE2\x80\xA9",
                                                  "\xEF\xBB\xBF",
                                                  "é",
                                                  "日本",
                                                  "🎉",
                                                  "[",
                                                  "{",
                                                  "}",
                                                  "&a",
                                                  "*a",
                                                  "|",
                                                  "%",
                                                  ">",
                                                  std::string(1, '\0'),
                                                  "\x1B[0m"};
  if (random() % 200 == 0) return std::string(65536, static_cast<char>('!' + random() % 90));
  std::string text;
  for (auto count = random() % 12; count > 0; --count) text += pieces[random() % pieces.size()];
  if (random() % 10 == 0) text = "\nkind: ClusterRoleBinding\n" + text;
  return text;
}

}  // namespace

TEST_CASE(
    "any value is at its leaf and nowhere else, for our reader, and for another that the cases are written "
    "for") {
  std::mt19937 random(20261128);
  // tests/render/second_reader.py sets this, and reads what is written with another YAML library.
  const char* const path = std::getenv("MLIB_YAML_CASES");
  std::ofstream cases(path == nullptr ? "/dev/null" : path);
  for (int round = 0; round < 2000; ++round) {
    const std::string value = random_text(random);
    CAPTURE(round);
    CAPTURE(value);
    const Rendered got = rendered(value);
    REQUIRE(kinds(got.objects) == expected_kinds);
    check_leaves(got.objects, value);
    const std::string yaml = check_bytes(got);
    if (path == nullptr) continue;
    Node line = Node::map();
    line.set("yaml", yaml);
    line.set("objects", Node(got.objects));
    cases << schema::to_json(line) << "\n";
  }
}

TEST_CASE("S1: no card and no value moves a deployment into another namespace") {
  const cards::Dict<Node> attack{{"namespace", "kube-system"}, {"id", "kube-system"}, {"API_key", "mine"}};
  const Rendered got =
      render_layers(engine(), {{"template", {{"free", "x"}}}, {"model", attack}}, somebody());
  for (const Node& object : got.objects)
    if (object.text_at({"kind"}) != "Namespace") CHECK(object.text_at({"metadata", "namespace"}) == "team-a");
  CHECK(got.objects[0].text_at({"metadata", "name"}) == "team-a");
  CHECK(from_base64(object(got, "Secret").text_at({"data", "key"})) == std::string(key));
}

TEST_CASE("S2: a value adds no document") {
  const std::string attack =
      "x\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata:\n  name: "
      "pwned\n---\n";
  const Rendered got = rendered(attack);
  CHECK(kinds(got.objects) == expected_kinds);
  check_leaves(got.objects, attack);
  check_bytes(got);
}

TEST_CASE("S3: a quote and a newline in a key add no field") {
  Identity identity = somebody();
  identity.api_key =
      Secret<std::string>("k\"\n            - name: LD_PRELOAD\n              value: /tmp/evil.so");
  const Rendered got = rendered("x", identity);
  check_leaves(got.objects, "x");
  CHECK(from_base64(object(got, "Secret").text_at({"data", "key"})) == identity.api_key.reveal());
  CHECK(object(got, "Secret").find("data")->entries().size() == 1);
}

TEST_CASE("S4: a text that looks like another type stays a text") {
  for (const char* value : {"123", "true", "null", "1e3", "0755", "2026-11-28", "1:30", "~", "yes"}) {
    const Rendered got = rendered(value);
    check_leaves(got.objects, value);
    check_bytes(got);
  }
  Identity identity = somebody();
  identity.namespace_name = "123";
  const std::string yaml = to_manifest(rendered("x", identity), true);
  CHECK(has(yaml, "namespace: \"123\""));
  CHECK(has(yaml, "name: \"123\""));
}

TEST_CASE("S5: a secret is in Secrets only, and in no error") {
  const std::string shown = to_manifest(rendered("x"), false);
  CHECK(!has(shown, key));
  CHECK(!has(shown, base64(key)));
  CHECK(has(shown, "key: \"***\""));
  const std::string whole = to_manifest(rendered("x"), true);
  CHECK(!has(whole, key));
  CHECK(has(whole, base64(key)));
  const auto as_value = [] { rendered("x" + std::string(key)); };
  CHECK(kind_of(as_value) == Kind::forbidden);
  CHECK(has(said_by(as_value), "ConfigMap demo-config: data.plain: holds a secret"));
  CHECK(!has(said_by(as_value), key));
  const cards::Framework careless =
      framework(deployment("", "        env: [{name: KEY, value: $API_key}]\n"));
  const auto as_manifest = [&] { render_layers(careless, {}, somebody()); };
  CHECK(kind_of(as_manifest) == Kind::forbidden);
  CHECK(has(said_by(as_manifest), "`API_key` is secret"));
  CHECK(!has(said_by(as_manifest), key));
}

TEST_CASE("S6: no value names a file of this machine: manifests are the framework's") {
  const Rendered got = rendered("../../../../etc/passwd");
  check_leaves(got.objects, "../../../../etc/passwd");
  CHECK(!has(to_manifest(got, true), "root:x:0"));
}

TEST_CASE("S7: a value in a script is refused, not quoted") {
  const cards::Framework shell = framework(
      deployment("", "        command: [sh, -c, 'python -c \"print($free)\"']\n"), {{"free", text()}});
  const auto attempt = [&] { render_layers(shell, {{"--set", {{"free", "x"}}}}, somebody()); };
  CHECK(kind_of(attempt) == Kind::invalid);
  CHECK(has(said_by(attempt), "`free` would be read by a shell"));
}

TEST_CASE("S11: the namespace carries no label of the deployment, so that deleting by label spares it") {
  const Node labels = *object(rendered("x"), "Namespace").at({"metadata", "labels"});
  CHECK(labels.find("app.kubernetes.io/instance") == nullptr);
  CHECK(object(rendered("x"), "Secret").text_at({"metadata", "labels", "app.kubernetes.io/instance"}) ==
        "demo");
}

TEST_CASE("the same inputs give the same bytes") {
  CHECK(to_manifest(rendered("a\nb"), true) == to_manifest(rendered("a\nb"), true));
}

}  // namespace mlib::render
