#include "targets/cause.hpp"

#include <doctest/doctest.h>

#include "cards/library.hpp"
#include "schema/document.hpp"

namespace mlib::targets {
namespace {

const cards::Causes& shipped() {
  static const cards::Causes causes = cards::load_causes(cards::embedded());
  return causes;
}

Node pod_with(std::string_view status) {
  Node pod = schema::read_json(
      R"({"metadata":{"name":"p","labels":{"pod-template-hash":"1"}},"spec":{"nodeName":"n","containers":[
        {"name":"server","image":"reg.test/x:1"}]}})");
  pod.set("status", schema::read_json(status));
  return pod;
}

Seen starting(std::string_view pod_status) {
  Seen seen;
  seen.deployment = schema::read_json(
      R"({"metadata":{"generation":1},"spec":{"replicas":1},"status":{"observedGeneration":1}})");
  seen.pods.push_back(pod_with(pod_status));
  return seen;
}

void add_event(Seen& seen, std::string_view reason, std::string_view message) {
  Node event = schema::read_json(R"({"involvedObject":{"name":"p"}})");
  event.set("reason", reason);
  event.set("message", message);
  seen.events.push_back(std::move(event));
}

const ReadLog no_log = [](const std::string&, const std::string&, bool) { return std::string(); };

std::string pull_sentence(std::string_view words) {
  Seen seen =
      starting(R"({"phase":"Pending","containerStatuses":[{"name":"server","ready":false,"state":{"waiting":
    {"reason":"ImagePullBackOff","message":"Back-off pulling image"}}}]})");
  add_event(seen, "Failed", "Failed to pull image \"reg.test/x:1\": " + std::string(words));
  return find_cause(shipped(), seen, no_log)->sentence;
}

TEST_CASE("why an image cannot be pulled is told apart") {
  CHECK(pull_sentence("failed to resolve reference: reg.test/x:1: not found") ==
        "the image reg.test/x:1 does not exist");
  CHECK(pull_sentence("401 Unauthorized") == "the image reg.test/x:1 may not be pulled without logging in");
  CHECK(pull_sentence("no match for platform in manifest: not found") ==
        "the image reg.test/x:1 has no build for this machine's processor");
  CHECK(pull_sentence("dial tcp: lookup reg.test: no such host") ==
        "the image reg.test/x:1 cannot be pulled: its registry's name does not resolve");
  CHECK(pull_sentence("something new") == "the image reg.test/x:1 cannot be pulled");
}

std::string unschedulable_sentence(std::string_view message) {
  Node status = schema::read_json(
      R"({"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]})");
  status.find("conditions")->items()[0].set("message", message);
  Seen seen = starting(schema::to_json(status));
  return find_cause(shipped(), seen, no_log)->sentence;
}

TEST_CASE("each reason of the scheduler becomes a clause") {
  CHECK(unschedulable_sentence(
            "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated "
            "taint {nvidia.com/gpu: }. preemption: 0/3 nodes are available") ==
        "no node can run it: 1 node without enough nvidia.com/gpu, 2 nodes with a taint that it does not "
        "tolerate "
        "{nvidia.com/gpu: }");
  CHECK(unschedulable_sentence("0/1 nodes are available: 1 node(s) were unschedulable.") ==
        "no node can run it: 1 node closed for new pods (cordoned)");
  CHECK(
      unschedulable_sentence("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.") ==
      "no node can run it: its claim has no volume yet");
  CHECK(unschedulable_sentence("persistentvolumeclaim \"m\" not found") ==
        "the claim `m` for its storage does not exist");
}

TEST_CASE("a restart by the liveness probe is not called a crash") {
  Seen seen =
      starting(R"({"phase":"Running","containerStatuses":[{"name":"server","ready":false,"restartCount":3,
    "state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":137,"reason":"Error"}}}]})");
  add_event(seen, "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500");
  add_event(seen, "Killing", "Container server failed liveness probe, will be restarted");
  const auto cause = find_cause(shipped(), seen, no_log);
  REQUIRE(cause);
  CHECK(cause->sentence ==
        "container `server` is restarted because its health check answers 500, restarted 3 times");
  CHECK(cause->final);
}

TEST_CASE("a container without a limit is killed for its node's memory, one with a limit for its own") {
  constexpr std::string_view status =
      R"({"phase":"Running","containerStatuses":[{"name":"server","ready":false,"restartCount":1,
    "state":{"terminated":{"exitCode":137,"reason":"OOMKilled"}}}]})";
  Seen seen = starting(status);
  Node& pod = seen.pods.front();
  pod.child("spec").set("nodeName", "n1");
  const auto cause = find_cause(shipped(), seen, no_log);
  REQUIRE(cause);
  CHECK(cause->sentence ==
        "container `server` was killed because its node n1 ran out of memory; it has no limit of its own, "
        "restarted once");
  CHECK(cause->evidence == "OOMKilled, and it has no memory limit");
  pod.child("spec").child("resources").child("limits").set("memory", "48Mi");
  CHECK(find_cause(shipped(), seen, no_log)->sentence ==
        "container `server` used more memory than its limit of 48Mi and was killed, restarted once");
}

TEST_CASE("a line that people meet in an engine's log is explained") {
  const Seen seen =
      starting(R"({"phase":"Running","containerStatuses":[{"name":"server","ready":false,"restartCount":2,
    "state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}]})");
  const auto cause = find_cause(shipped(), seen, [](const std::string&, const std::string&, bool) {
    return std::string("loading\nRuntimeError: CUDA out of memory. Tried to allocate 2 GiB.\nexiting\n");
  });
  REQUIRE(cause);
  CHECK(cause->sentence ==
        "the GPU has too little memory for it: 2 GiB more were asked: container `server` ended with exit "
        "code 1, restarted 2 times");
  CHECK(cause->evidence == "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB.");
}

TEST_CASE("one first restart is not yet a failure, but it is told") {
  const Seen seen =
      starting(R"({"phase":"Running","containerStatuses":[{"name":"server","ready":false,"restartCount":1,
    "state":{"running":{}},"lastState":{"terminated":{"exitCode":1,"reason":"Error"}}}]})");
  const Status status = status_of(seen, find_cause(shipped(), seen, no_log));
  CHECK(status.phase == Phase::starting);
  CHECK(status.cause == "container `server` ended with exit code 1, restarted once");
}

TEST_CASE("evicted, mount and sandbox failures have their own causes") {
  Seen evicted =
      starting(R"({"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."})");
  CHECK(find_cause(shipped(), evicted, no_log)->sentence ==
        "the node evicted it because it ran short of memory");
  Seen mount = starting(R"({"phase":"Pending"})");
  add_event(mount, "FailedMount", "MountVolume.SetUp failed for volume \"s\" : secret \"absent\" not found");
  CHECK(find_cause(shipped(), mount, no_log)->sentence ==
        "something that it mounts does not exist: secret `absent`");
  Seen attach = starting(R"({"phase":"Pending"})");
  add_event(attach, "FailedAttachVolume", "Multi-Attach error for volume \"pvc-1\"");
  CHECK(find_cause(shipped(), attach, no_log)->sentence == "its volume is still used on another node");
  Seen sandbox = starting(R"({"phase":"Pending"})");
  add_event(sandbox, "FailedCreatePodSandBox", "Failed to create pod sandbox: no IP addresses available");
  CHECK(find_cause(shipped(), sandbox, no_log)->sentence == "the node n has no address left for its pod");
}

TEST_CASE("an eviction is told before the exit code that it caused") {
  const Seen seen = starting(
      R"({"phase":"Failed","reason":"Evicted","message":"Usage exceeds the limit.","containerStatuses":[{"name":"server","ready":false,"state":{"terminated":{"exitCode":137}}}]})");
  CHECK(find_cause(shipped(), seen, no_log)->sentence == "the node evicted it");
}

TEST_CASE("an eviction is told of a pod that then ended well, too, by its event") {
  Seen seen = starting(
      R"({"phase":"Succeeded","containerStatuses":[{"name":"server","ready":false,"state":{"terminated":{"exitCode":0,"reason":"Completed"}}}]})");
  CHECK(find_cause(shipped(), seen, no_log)->name == "ended-by-itself");
  add_event(seen, "Evicted", "The node had condition: [MemoryPressure]. ");
  CHECK(find_cause(shipped(), seen, no_log)->sentence ==
        "the node evicted it because it ran short of memory");
}

TEST_CASE("events from before the last start are over") {
  Seen seen = starting(R"({"phase":"Running","conditions":[{"type":"Ready","status":"False"}]})");
  add_event(seen, "FailedMount", "MountVolume.SetUp failed for volume \"s\" : timed out");
  CHECK(find_cause(shipped(), seen, no_log)->sentence == "a volume cannot be mounted");
  add_event(seen, "Started", "Started container server");
  CHECK_FALSE(find_cause(shipped(), seen, no_log));
  add_event(seen, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500");
  add_event(seen, "Whatever", "nobody knows");
  CHECK(find_cause(shipped(), seen, no_log)->sentence == "it runs but its health check answers 500");
}

TEST_CASE("of a claim's events the cause that comes first counts, not the newest") {
  Seen seen = starting(R"({"phase":"Pending"})");
  seen.claims.push_back(schema::read_json(
      R"({"metadata":{"name":"p"},"spec":{"storageClassName":"nfs"},"status":{"phase":"Pending"}})"));
  add_event(seen, "ProvisioningFailed", "driver says: unsupported access mode ReadWriteMany");
  add_event(seen, "ExternalProvisioning", "external provisioner \"a.b/c\" or manually created");
  const auto cause = find_cause(shipped(), seen, no_log);
  REQUIRE(cause);
  CHECK(cause->sentence == "claim `p` gets no volume: the StorageClass `nfs` does not have its access mode");
  CHECK_FALSE(cause->final);
}

TEST_CASE("a reason of the scheduler that nobody knows stays as it was said") {
  CHECK(unschedulable_sentence("0/2 nodes are available: 2 node(s) had bad weather, 1 Too many pods.") ==
        "no node can run it: 2 nodes: node(s) had bad weather, 1 node full of pods");
}

TEST_CASE("without any known cause the exit code is told all the same") {
  const Seen seen =
      starting(R"({"phase":"Running","containerStatuses":[{"name":"server","ready":false,"restartCount":2,
    "state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":5,"reason":"Error"}}}]})");
  const auto cause = find_cause({}, seen, [](const std::string&, const std::string&, bool) {
    return std::string("error: \x1b[31mred");
  });
  REQUIRE(cause);
  CHECK(cause->sentence == "container `server` ended with exit code 5");
  CHECK(cause->evidence == "error: \\x1b[31mred");
  CHECK(cause->final);
}

TEST_CASE("what was ready once and is not now is degraded") {
  Seen seen = starting(R"({"phase":"Running"})");
  seen.deployment.child("status").set(
      "conditions",
      schema::read_json(R"([{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}])"));
  CHECK(status_of(seen, std::nullopt).phase == Phase::degraded);
}

TEST_CASE("what an engine says of loading is told, and since when each phase is") {
  CHECK(progress_line("Loading shards:  50% Completed | 1/2\nINFO waiting\n") ==
        "Loading shards:  50% Completed | 1/2");
  CHECK(progress_line("a: 10%\ra: 20%\n") == "a: 20%");
  CHECK(progress_line("nothing of it, 100 % sure of\n").empty());
  Seen seen = starting(R"({"phase":"Running","containerStatuses":[{"state":{"running":{"startedAt":"T2"}}}],
    "conditions":[{"type":"PodScheduled","lastTransitionTime":"T1"}]})");
  const Status loading = status_of(seen, std::nullopt, "Loading shards: 50%");
  CHECK(loading.summary == "started, not ready yet: Loading shards: 50%");
  CHECK(loading.since == "T2");
  seen.pods.front().find("status")->set("phase", "Pending");
  CHECK(status_of(seen, std::nullopt).since == "T1");
  seen.events.push_back(
      schema::read_json(R"({"involvedObject":{"name":"p"},"reason":"Pulling","lastTimestamp":"T3"})"));
  CHECK(status_of(seen, std::nullopt).phase == Phase::pulling);
  CHECK(status_of(seen, std::nullopt).since == "T3");
}

TEST_CASE("phases from nothing to ready") {
  Seen seen;
  CHECK(status_of(seen, std::nullopt).phase == Phase::absent);
  seen.pods.push_back(pod_with("{}"));
  CHECK(status_of(seen, std::nullopt).phase == Phase::deleting);
  seen = starting(R"({"phase":"Pending"})");
  add_event(seen, "Pulling", "Pulling image");
  CHECK(status_of(seen, std::nullopt).phase == Phase::pulling);
  add_event(seen, "Pulled", "Pulled image");
  CHECK(status_of(seen, std::nullopt).phase == Phase::starting);
  seen = starting(R"({"phase":"Pending","initContainerStatuses":[{"name":"fetch","state":{"running":{}}}]})");
  CHECK(status_of(seen, std::nullopt, "45 %").summary == "preparing: 45 %");
  seen.deployment.child("status").set("availableReplicas", 1);
  seen.deployment.child("status").set("updatedReplicas", 1);
  CHECK(status_of(seen, std::nullopt).phase == Phase::ready);
  seen.deployment.child("metadata").set("generation", 2);
  CHECK(status_of(seen, std::nullopt).phase == Phase::degraded);
  seen.deployment.child("metadata").set("deletionTimestamp", "2026-11-28T16:00:00Z");
  CHECK(status_of(seen, std::nullopt).phase == Phase::deleting);
}

}  // namespace
}  // namespace mlib::targets
