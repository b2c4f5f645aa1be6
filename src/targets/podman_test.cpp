#include "targets/podman.hpp"

#include <doctest/doctest.h>

#include "cards/library.hpp"
#include "schema/document.hpp"
#include "targets/podman_api.hpp"
#include "targets/podman_frames.hpp"
#include "targets/podman_labels.hpp"
#include "targets/podman_phase.hpp"
#include "targets/podman_probe.hpp"

namespace mlib::targets {
namespace {

std::string frame(char stream, std::string_view text) {
  std::string made{
      stream, 0, 0, 0, 0, 0, static_cast<char>(text.size() >> 8U), static_cast<char>(text.size())};
  return made.append(text);
}

SeenContainer container(std::string_view role, std::string state, int exit_code = 0) {
  SeenContainer made;
  made.id = "id";
  made.role = std::string(role);
  made.title = made.role == "main" ? "server" : made.role;
  made.state = std::move(state);
  made.exit_code = exit_code;
  made.tries = 5;
  made.started = "2026-11-28T16:15:31.647895882Z";
  made.finished = "2026-11-28T16:15:32.1Z";
  return made;
}

Status status_at(const Sight& sight) { return status_of(sight, cards::load_causes(cards::embedded())); }

Sight sight(std::vector<SeenContainer> containers) {
  Sight made;
  made.ref = {"team-a", "llama"};
  made.containers = std::move(containers);
  return made;
}

Sight running(int status) {
  Sight made = sight({container(label::main, "running")});
  made.probe.url = "http://127.0.0.1:40001/health";
  made.probe.status = status;
  return made;
}

}  // namespace

TEST_CASE("frames are put together wherever the network cuts them") {
  const std::string bytes =
      frame(1, "first\nsec") + frame(2, "oops\n") + frame(1, "ond\n") + frame(1, "rest");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    Frames frames;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      for (std::string& line : frames.feed(std::string_view(bytes).substr(at, piece)))
        lines.push_back(std::move(line));
    for (std::string& line : frames.rest()) lines.push_back(std::move(line));
    CHECK(lines == std::vector<std::string>{"first", "oops", "second", "rest"});
  }
}

TEST_CASE("a frame longer than 255 bytes and a carriage return are read right") {
  Frames frames;
  CHECK(frames.feed(frame(1, std::string(700, 'x') + "\r\n")) ==
        std::vector<std::string>{std::string(700, 'x')});
  CHECK(frames.rest().empty());
}

TEST_CASE("no container is absent") { CHECK(status_at(sight({})).phase == Phase::absent); }

TEST_CASE("a container whose endpoint answers is ready since it started") {
  const Status status = status_at(running(200));
  CHECK(status.phase == Phase::ready);
  CHECK(status.since == "2026-11-28T16:15:31Z");
  CHECK(status.endpoint == "http://127.0.0.1:40001");
}

TEST_CASE("one that answers 503 or not at all is starting, and degraded when it has been ready") {
  CHECK(status_at(running(503)).phase == Phase::starting);
  CHECK(status_at(running(503)).summary == "running; http://127.0.0.1:40001/health answers 503");
  Sight silent = running(0);
  CHECK(status_at(silent).phase == Phase::starting);
  silent.was_ready = true;
  CHECK(status_at(silent).phase == Phase::degraded);
  CHECK(status_at(silent).cause == "http://127.0.0.1:40001/health does not answer");
  CHECK(status_at(silent).hint == "its log: mlib logs llama -n team-a");
}

TEST_CASE("without a health path any answer is ready") {
  Sight seen = running(404);
  CHECK(status_at(seen).phase == Phase::starting);
  seen.probe.any_status = true;
  CHECK(status_at(seen).phase == Phase::ready);
}

TEST_CASE("one that has ended tells exit code and the line that says why") {
  Sight seen = sight({container(label::main, "exited", 3)});
  seen.containers[0].restarts = 5;
  seen.log = "loading\nerror: cannot open model\nbye\n";
  const Status status = status_at(seen);
  CHECK(status.phase == Phase::failed);
  CHECK(status.cause == "container `server` ended with exit code 3");
  CHECK(status.evidence == "error: cannot open model");
  CHECK(status.since == "2026-11-28T16:15:32Z");
}

TEST_CASE("one that podman does not start again although it may was stopped by somebody") {
  Sight seen = sight({container(label::main, "exited", 137)});
  seen.containers[0].memory = 64 << 20;
  CHECK(status_at(seen).phase == Phase::failed);
  CHECK(status_at(seen).cause ==
        "container `server` was stopped by somebody (exit code 137), for example with `podman stop`");
  CHECK(status_at(seen).reason == "stopped");
  seen.just_ended = true;
  CHECK(status_at(seen).phase == Phase::starting);
  CHECK(status_at(seen).summary == "it ended, and podman starts it again");
  CHECK(status_at(seen).reason == "killed-at-its-limit");
}

TEST_CASE("a kill under a memory limit is told as memory, with the limit") {
  Sight seen = sight({container(label::main, "exited", 137)});
  seen.containers[0].tries = 0;
  CHECK(status_at(seen).cause == "container `server` was killed (exit code 137)");
  seen.containers[0].memory = 64 << 20;
  CHECK(status_at(seen).cause ==
        "container `server` was killed (exit code 137), most likely because it needs more memory than its "
        "limit "
        "of 64Mi");
  CHECK(status_at(seen).hint.find("more memory") != std::string::npos);
}

TEST_CASE("one that podman could not start tells why, and one whose log is known what it means") {
  Sight seen = sight({container(label::main, "exited", 127)});
  seen.containers[0].restarts = 5;
  seen.containers[0].error = "crun: executable file `absent` not found in $PATH: No such file or directory";
  CHECK(status_at(seen).cause == "container `server` cannot be started: its command is not in the image");
  seen.containers[0].error.clear();
  seen.log = "error: invalid argument: --no-such-flag\n";
  CHECK(status_at(seen).cause ==
        "the engine does not know one of its flags: --no-such-flag: container `server` ended with exit code "
        "127: "
        "its command is not in the image");
  CHECK(status_at(seen).evidence == "error: invalid argument: --no-such-flag");
}

TEST_CASE("one that is restarted twice without answering has failed, whatever it does at the moment") {
  Sight seen = running(0);
  seen.containers[0].restarts = 1;
  CHECK(status_at(seen).phase == Phase::starting);
  seen.containers[0].restarts = 2;
  seen.last_exit_code = 4;
  CHECK(status_at(seen).phase == Phase::failed);
  CHECK(status_at(seen).cause == "container `server` ended with exit code 4");
  seen.probe.status = 200;
  CHECK(status_at(seen).phase == Phase::ready);
}

TEST_CASE("init containers come first: running, failed, none yet") {
  Sight seen = sight({container(label::init, "running")});
  seen.log = "weights: 12 bytes\n";
  CHECK(status_at(seen).phase == Phase::starting);
  CHECK(status_at(seen).summary == "init: weights: 12 bytes");
  seen.containers[0] = container(label::init, "exited", 9);
  CHECK(status_at(seen).phase == Phase::failed);
  CHECK(status_at(seen).cause == "init container `init` ended with exit code 9");
  seen.containers[0] = container(label::init, "created");
  CHECK(status_at(seen).phase == Phase::pending);
}

TEST_CASE("a sidecar that has ended degrades what answers") {
  Sight seen = running(200);
  seen.containers.push_back(container(label::sidecar, "exited", 1));
  CHECK(status_at(seen).phase == Phase::degraded);
  CHECK(culprit(seen.containers)->role == label::sidecar);
}

TEST_CASE("an inspect of podman is read") {
  const SeenContainer seen_one = seen(schema::read_json(
      R"({"Id":"abc","Name":"mlib.a.b","Image":"d1","ImageName":"x:1","ImageDigest":"sha256:d2",
          "Path":"/server","Args":["-t","4"],"State":{"Status":"exited","ExitCode":7,"OOMKilled":false,
          "StartedAt":"2026-11-28T16:15:31.6Z","FinishedAt":"2026-11-28T16:15:31.9Z"},"RestartCount":3,
          "HostConfig":{"Memory":67108864,"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":5}},
          "Config":{"Labels":{"model-library/role":"main","model-library/container":"server"}}})"));
  CHECK(seen_one.ended());
  CHECK(seen_one.exit_code == 7);
  CHECK(seen_one.restarts == 3);
  CHECK(seen_one.tries == 5);
  CHECK(seen_one.memory == 67'108'864);
  CHECK(seen_one.role == "main");
  CHECK(seen_one.title == "server");
  CHECK(seen_one.image == "x:1");
  CHECK(seen_one.digest == "sha256:d2");
  CHECK(seen_one.command == std::vector<std::string>{"/server", "-t", "4"});
}

TEST_CASE("image names are completed as Kubernetes does") {
  CHECK(qualified_image("nginx:1") == "docker.io/library/nginx:1");
  CHECK(qualified_image("curlimages/curl:8") == "docker.io/curlimages/curl:8");
  CHECK(qualified_image("ghcr.io/a/b:1") == "ghcr.io/a/b:1");
  CHECK(qualified_image("localhost/b:1") == "localhost/b:1");
  CHECK(qualified_image("127.0.0.1:9/b:1") == "127.0.0.1:9/b:1");
}

TEST_CASE("a failed pull tells whether the registry, the name or the login is missing") {
  const Problem down = pull_problem(
      "docker.io/library/nope:1",
      "initializing source docker://nope:1: pinging container registry registry-1.docker.io: Get "
      "\"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such "
      "host");
  CHECK(down.kind() == Kind::unavailable);
  CHECK(down.message() ==
        "image docker.io/library/nope:1 is not on this machine, and docker.io cannot be reached");
  const Problem unknown =
      pull_problem("ghcr.io/a/b:9", "reading manifest 9 in ghcr.io/a/b: manifest unknown");
  CHECK(unknown.kind() == Kind::failed);
  CHECK(unknown.message() == "ghcr.io has no image ghcr.io/a/b:9");
  const Problem closed =
      pull_problem("ghcr.io/a/b:9", "unable to retrieve auth token: invalid username/password: unauthorized");
  CHECK(closed.hint() == "check its name, or log in: podman login ghcr.io");
}

TEST_CASE("a machine without podman is told what to install, by every call") {
  const std::unique_ptr<net::Client> client = net::make_client();
  SystemClock clock;
  PodmanOptions options;
  options.sockets = {"/nonexistent/podman.sock"};
  options.command = {"no-such-podman"};
  const auto target = podman_target(*client, clock, options);
  try {
    target->observe({"a", "b"});
    FAIL("it answered");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::unavailable);
    CHECK(problem.message() == "no-such-podman is not installed");
    CHECK(problem.hint().find("apt-get install podman") != std::string::npos);
  }
}

TEST_CASE("a podman that cannot run tells its own reason") {
  const std::unique_ptr<net::Client> client = net::make_client();
  SystemClock clock;
  PodmanOptions options;
  options.sockets = {};
  options.command = {"/bin/sh", "-c", "echo 'Error: cannot set up namespace'; exit 125"};
  const auto target = podman_target(*client, clock, options);
  try {
    target->observe({"a", "b"});
    FAIL("it answered");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::unavailable);
    CHECK(problem.message() == "podman cannot run here: Error: cannot set up namespace");
  }
}

TEST_CASE("a socket that is named and does not answer is told with how to start it") {
  const std::unique_ptr<net::Client> client = net::make_client();
  SystemClock clock;
  PodmanOptions options;
  options.socket = "unix:///nonexistent/podman.sock";
  const auto target = podman_target(*client, clock, options);
  try {
    target->observe({"a", "b"});
    FAIL("it answered");
  } catch (const Problem& problem) {
    CHECK(problem.message() == "podman does not answer at /nonexistent/podman.sock");
  }
}

TEST_CASE("free ports are free, and limits are within this process's") {
  const int port = free_port();
  CHECK(port > 0);
  CHECK(port < 65'536);
  CHECK(this_machine().files > 0);
  CHECK(this_machine().processes <= 4'194'304);
}

}  // namespace mlib::targets
