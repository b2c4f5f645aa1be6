#include "targets/podman_spec.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "targets/podman_record.hpp"

namespace mlib::targets {
namespace {

constexpr std::string_view bar = "----------\n";

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

render::Rendered rendered(const std::string& manifest) {
  render::Rendered made;
  made.objects = schema::read_yaml(schema::Source{"objects.yaml", manifest});
  made.endpoint.port = 8080;
  made.endpoint.health_path = "/health";
  return made;
}

Desired desired_of(const render::Rendered& rendered) {
  Desired desired;
  desired.ref = {"team-a", "llama"};
  desired.rendered = &rendered;
  return desired;
}

/// What would be sent to podman, but for secrets: their names alone.
std::string told(const std::string& manifest) {
  const render::Rendered objects = rendered(manifest);
  try {
    const PodmanApp app = to_containers(desired_of(objects), "a1b2c3d4", Machine{1024, 4096});
    std::vector<Node> documents;
    for (const PodmanContainer& each : app.inits) documents.push_back(each.body);
    documents.push_back(published(app.main, objects.endpoint.port, 40001));
    for (const PodmanContainer& each : app.sidecars) documents.push_back(each.body);
    std::string text = schema::to_yaml(documents);
    for (const PodmanVolume& each : app.volumes)
      text += "# volume " + each.name + (each.claim.empty() ? "" : " of claim " + each.claim) + "\n";
    for (const PodmanSecret& each : app.secrets) text += "# secret " + each.name + "\n";
    for (const std::string& note : app.notes) text += "# note: " + note + "\n";
    return text;
  } catch (const Problem& problem) {
    return to_text(problem) + "\n";
  }
}

const std::string small = R"(apiVersion: apps/v1
kind: Deployment
metadata: {name: llama}
spec:
  template:
    spec:
      containers: [{name: server, image: "reg.test/x:1"}]
---
apiVersion: v1
kind: Secret
metadata: {name: llama-key}
data: {KEY: Y2FuYXJ5}
)";

}  // namespace

/// Each file of tests/golden/podman is a manifest, a line of dashes, and the containers that it becomes. With
/// MLIB_ACCEPT set they are rewritten, and the test fails so that nobody takes that for a pass.
TEST_CASE("an earlier rendering uses the secrets again that podman holds for what runs") {
  const render::Rendered objects = rendered(R"(apiVersion: v1
kind: Secret
metadata: {name: key}
data: {KEY: "***", EMPTY: "***"}
---
apiVersion: v1
kind: Pod
metadata: {name: llama}
spec: {containers: [{name: server, image: localhost/a:1, envFrom: [{secretRef: {name: key}}]}]}
)");
  Desired desired = desired_of(objects);
  desired.keeps_secrets = true;
  const auto held = [&](const std::string& generation, const std::string& object) {
    return secret_prefix(desired.ref) + generation + "_" + sha256_hex(object + "/KEY").substr(0, 16);
  };
  Machine machine{1024, 4096, {held("0000", "key"), held("0000", "other")}, "0000"};
  const PodmanApp app = to_containers(desired, "a1b2c3d4", machine);
  CHECK(app.main.body.text_at({"secret_env", "KEY"}) == held("0000", "key"));
  CHECK(app.main.body.text_at({"env", "EMPTY"}, "none") == "");
  CHECK(app.held == std::vector<std::string>{held("0000", "key")});
  CHECK(app.secrets.empty());
  machine.held.push_back(held("1111", "key"));
  CHECK(to_containers(desired, "a1b2c3d4", machine).held.size() == 1);
  machine.generation = "2222";
  CHECK_THROWS_WITH_AS(to_containers(desired, "a1b2c3d4", machine),
                       "podman holds 2 secrets for KEY of Secret key", Problem);
}

TEST_CASE("objects become containers as the goldens say") {
  const bool accept = std::getenv("MLIB_ACCEPT") != nullptr;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(MLIB_SOURCE_DIR "/tests/golden/podman")) {
    const std::string whole = text_of(entry.path());
    const std::size_t cut = std::min(whole.find(bar), whole.size());
    const std::string manifest = whole.substr(0, cut);
    const std::string now = told(manifest);
    INFO(entry.path().filename().string());
    if (accept) {
      std::ofstream(entry.path(), std::ios::binary) << manifest << bar << now;
    } else {
      CHECK(whole.substr(std::min(cut + bar.size(), whole.size())) == now);
    }
    ++count;
  }
  CHECK(count >= 8);
  if (accept) FAIL("the goldens were rewritten: look at the difference, then run without MLIB_ACCEPT");
}

TEST_CASE("no two deployments share a name or a prefix of their secrets") {
  CHECK(podman_name({"a", "b"}) == "mlib.a.b");
  CHECK(secret_prefix({"a", "b-c"}) != secret_prefix({"a", "b"}));
  CHECK(claim_volume({"a", "b"}, "b-store") == "mlib.a_b-store");
}

TEST_CASE("the same objects are unchanged, with whatever salt they were recorded") {
  const render::Rendered objects = rendered(small);
  const std::vector<Recorded> before = from_label(to_label(record_of(desired_of(objects), "salt")));
  REQUIRE(before.size() == 2);
  for (const Change& change : compare(before, record_of(desired_of(objects), "salt")))
    CHECK(change.action == Change::Action::unchanged);
  CHECK(record_of(desired_of(objects), "other")[0].hash != before[0].hash);
}

TEST_CASE("a changed secret is an update whose texts do not tell it") {
  const render::Rendered old = rendered(small);
  render::Rendered now = rendered(small);
  now.objects[1].child("data").set("KEY", "Y2FuYXJ5Mg==");
  const std::vector<Change> changes =
      compare(record_of(desired_of(old), "salt"), record_of(desired_of(now), "salt"));
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].action == Change::Action::unchanged);
  CHECK(changes[1].action == Change::Action::update);
  CHECK(changes[1].object == "Secret team-a/llama-key");
  CHECK((changes[1].before + changes[1].after).find("Y2Fu") == std::string::npos);
  CHECK(to_label(record_of(desired_of(now), "salt")).find("Y2Fu") == std::string::npos);
}

TEST_CASE("another health path is an update of the Deployment") {
  const render::Rendered old = rendered(small);
  render::Rendered now = rendered(small);
  now.endpoint.health_path = "/ready";
  CHECK(compare(record_of(desired_of(old), "s"), record_of(desired_of(now), "s"))[0].action ==
        Change::Action::update);
}

TEST_CASE("an object that is no longer asked for is removed, a claim is not") {
  std::vector<Recorded> before(2);
  before[0].object = "ConfigMap team-a/x";
  before[1].object = "PersistentVolumeClaim team-a/x";
  const std::vector<Change> changes = compare(before, {});
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].action == Change::Action::remove);
  CHECK(changes[0].object == "ConfigMap team-a/x");
}

TEST_CASE("a label that is no record counts as none") {
  CHECK(from_label("").empty());
  CHECK(from_label("[{\"object\":1}]").empty());
}

}  // namespace mlib::targets
