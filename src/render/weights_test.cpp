#include "render/weights.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "render/testing.hpp"

namespace mlib::render {
namespace {

using namespace testing;
namespace fs = std::filesystem;

const std::string engine = "      initContainers: [$weights_init]\n      volumes: [$weights_volumes]\n";
const std::string mounts =
    "        args: [--model, $weights_path]\n        volumeMounts: [$weights_mounts]\n";
const std::string claim =
    "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: \"${name}-pvc\"}\n"
    "spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";

Rendered rendered(std::string_view uri, const std::string& more = claim) {
  cards::Parameter image = text();
  image.default_value = "example.org/curl:1";
  const cards::Framework made = framework(deployment(engine, mounts) + more, {{"fetch_image", image}});
  return render_layers(made, {{"--set", {{"weights", uri}}}}, somebody());
}

const Node* pod(const Node& object) { return object.at({"spec", "template", "spec"}); }

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A folder that goes away with the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / ("mlib-weights-" + random_hex(6));
  Folder() { fs::create_directories(path / "models"); }
  ~Folder() { fs::remove_all(path); }
};

/// Runs the fetching script as it is rendered, with /models in `folder` and without its pauses.
struct Fetch {
  int status;
  std::string log;
};
Fetch fetch(const Folder& folder, const std::string& sha256) {
  const Weights weights = weights_of({.uri = "https://example.org/a.gguf"}, {"", "image"});
  std::string script = weights.init.items()[0].find("command")->items()[2].string();
  for (std::size_t at = 0; (at = script.find("/models", at)) != std::string::npos; at += 8)
    script.replace(at, 7, "./models");
  std::ofstream(folder.path / "script.sh") << "sleep() { command sleep 0.02; }\n" << script;
  const std::string command = "cd " + folder.path.string() + " && URL=file://" + folder.path.string() +
                              "/source FILE=a.gguf SHA256=" + sha256 + " sh script.sh > log 2>&1";
  const int status = std::system(command.c_str());
  return {status, read(folder.path / "log")};
}

}  // namespace

TEST_CASE("a file:// source is its folder, mounted read-only, and the claim is left out") {
  const Rendered got = rendered("file:///srv/weights/a.gguf");
  const Node made = object(got, "Deployment");
  const Node* volume = pod(made)->at({"volumes", "0"});
  CHECK(volume->text_at({"hostPath", "path"}) == "/srv/weights");
  CHECK(*pod(made)->at({"containers", "0", "volumeMounts", "0", "readOnly"}) == Node(true));
  CHECK(pod(made)->text_at({"containers", "0", "args", "1"}) == "/models/a.gguf");
  CHECK(pod(made)->find("initContainers")->items().empty());
  CHECK(object(got, "PersistentVolumeClaim").is_null());
  CHECK(got.weights[0].uri == "file:///srv/weights/a.gguf");
  CHECK(got.weights_folder == "/models");
}

TEST_CASE("a hub's source is fetched into the claim by an init container, with values by environment only") {
  const Node made = object(rendered("hf://org/repo/sub/a.gguf@v1"), "Deployment");
  const Node* init = pod(made)->at({"initContainers", "0"});
  REQUIRE(init != nullptr);
  CHECK(init->text_at({"image"}) == "example.org/curl:1");
  CHECK(init->text_at({"env", "0", "value"}) == "https://huggingface.co/org/repo/resolve/v1/sub/a.gguf");
  CHECK(init->text_at({"env", "1", "value"}) == "a.gguf");
  CHECK(*init->at({"env", "2", "valueFrom", "secretKeyRef", "optional"}) == Node(true));
  CHECK(!has(init->text_at({"command", "2"}), "huggingface"));
  CHECK(pod(made)->text_at({"volumes", "0", "persistentVolumeClaim", "claimName"}) == "demo-pvc");
  CHECK(pod(made)->text_at({"containers", "0", "args", "1"}) == "/models/a.gguf");
}

TEST_CASE("without a claim fetched weights end with the pod") {
  const Node made = object(rendered("https://example.org/x/a.gguf?download=1", ""), "Deployment");
  CHECK(pod(made)->at({"volumes", "0", "emptyDir"}) != nullptr);
  CHECK(pod(made)->text_at({"containers", "0", "args", "1"}) == "/models/a.gguf");
}

TEST_CASE("weights of a claim and of the image need no fetching") {
  const Node of_claim = object(rendered("pvc://shared/llama/a.gguf"), "Deployment");
  CHECK(pod(of_claim)->text_at({"volumes", "0", "persistentVolumeClaim", "claimName"}) == "shared");
  CHECK(pod(of_claim)->text_at({"containers", "0", "args", "1"}) == "/models/llama/a.gguf");
  const Node of_image = object(rendered("image:///opt/a.gguf"), "Deployment");
  CHECK(pod(of_image)->text_at({"containers", "0", "args", "1"}) == "/opt/a.gguf");
}

TEST_CASE("sources that would open the machine, or are none, are refused with the reason") {
  for (const char* uri :
       {"file:///etc/shadow", "file:///a.gguf", "file:///proc/1/root/a", "file://relative/a",
        "file:///srv/../etc/a", "file:///var/lib/kubelet/a", "file:///root/a", "pvc://UPPER/a",
        "pvc://c/../a", "hf://repo", "hf://org/repo/", "s3://a/b", "file:////etc/shadow",
        "file:///srv//../etc/a", "https://u:p@a/b", "https://a/b c", "http://a/b", "image://a", "nonsense"}) {
    CAPTURE(uri);
    const std::string said = said_by([&] { rendered(uri); });
    CHECK(has(said, "weights `" + std::string(uri) + "`"));
  }
}

TEST_CASE("the fetching script continues, checks, and says how far it is") {
  const Folder folder;
  const std::string content(100'000, 'w');
  std::ofstream(folder.path / "source") << content;
  std::ofstream(folder.path / "models/a.gguf.part") << content.substr(0, 40'000);
  const Fetch first = fetch(folder, sha256_hex(content));
  CAPTURE(first.log);
  CHECK(first.status == 0);
  CHECK(read(folder.path / "models/a.gguf") == content);
  CHECK(has(first.log, "weights: a.gguf is complete"));
  CHECK(has(fetch(folder, "").log, "weights: a.gguf is here"));
}

TEST_CASE("the fetching script keeps nothing with another checksum, and gives up in the end") {
  const Folder folder;
  std::ofstream(folder.path / "source") << "something else";
  const Fetch wrong = fetch(folder, sha256_hex("expected"));
  CHECK(wrong.status != 0);
  CHECK(has(wrong.log, "has another SHA-256"));
  CHECK(has(wrong.log, "try 2 of 10"));
  CHECK(!has(wrong.log, "try 3 of 10"));
  CHECK(!fs::exists(folder.path / "models/a.gguf"));
  fs::remove(folder.path / "source");
  const Fetch missing = fetch(folder, "");
  CHECK(has(missing.log, "try 10 of 10"));
  CHECK(has(missing.log, "giving up on"));
}

TEST_CASE("the fetching script continues a finished download that was not yet checked") {
  const Folder folder;
  std::ofstream(folder.path / "models/a.gguf.part") << "whole";
  const Fetch done = fetch(folder, sha256_hex("whole"));
  CAPTURE(done.log);
  CHECK(done.status == 0);
  CHECK(read(folder.path / "models/a.gguf") == "whole");
}

}  // namespace mlib::render
