#pragma once
#include <fmt/format.h>

#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "net/server.hpp"
#include "schema/document.hpp"
#include "targets/target.hpp"

namespace mlib::targets {

/// For tests: a Kube Watcher over real HTTP that keeps objects in memory and answers in one of three shapes.
class FakeKubeWatcher {
 public:
  static constexpr std::string_view uid = "0f3a0c52-1111-4222-8333-444455556666";
  enum class Shape { plain, lists, today };
  explicit FakeKubeWatcher(Shape shape)
      : shape_(shape),
        server_(net::ServerOptions(), [this](const net::Received& received) { return handle(received); }) {}

  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_.port()); }
  std::uint16_t port() const { return server_.port(); }

  // What a test lays out before it asks.
  std::map<std::string, Node> objects;   ///< "Kind/namespace/name"
  std::map<std::string, int> available;  ///< ready pods of a Deployment, by name
  std::set<std::string> refused;         ///< kinds that fail, for another reason than 409
  std::string key;                       ///< asked for on all but /v1/health, when not empty
  bool lies = false;                     ///< says that it created, and does not
  bool ignores_namespace = false;        ///< acts on its own workspace
  Node pods = Node::map();               ///< of describe_pods_for_label, by name
  std::string log = {};
  /// What goes wrong with the next calls of a path, one after the other.
  struct Fault {
    std::string path;
    net::Reply reply;
    bool is_done = false;  ///< the call has its effect all the same
  };
  std::deque<Fault> faults;
  bool collects = true;  ///< as Kubernetes, it deletes what belongs to a Service that is gone
  // What it was asked.
  std::vector<std::string> calls;
  std::vector<std::string> configs;
  std::vector<std::string> keys;

 private:
  static net::Reply json(const Node& value, int status = 200) {
    net::Reply reply;
    reply.status = status;
    reply.headers = {{"content-type", "application/json"}};
    reply.body = schema::to_json(value);
    return reply;
  }
  static net::Reply detail(int status, std::string_view text) {
    Node body = Node::map();
    body.set("detail", text);
    return json(body, status);
  }
  static std::string id_of(const Node& object) {
    return fmt::format("{}/{}/{}", object.text_at({"kind"}), object.text_at({"metadata", "namespace"}),
                       object.text_at({"metadata", "name"}));
  }

  net::Reply handle(const net::Received& received) {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (auto at = faults.begin(); at != faults.end(); ++at) {
      if (at->path != received.path) continue;
      const Fault fault = *at;
      faults.erase(at);
      if (fault.is_done) {
        answer(received);
      } else {
        calls.push_back(received.method + ' ' + received.path);
        keys.push_back(received.header("authorization"));
      }
      return fault.reply;
    }
    net::Reply reply = answer(received);
    if (collects) collect();
    return reply;
  }

  /// What belongs to an object that is not there any more.
  void collect() {
    std::erase_if(objects, [&](const auto& each) {
      const std::string owner = each.second.text_at({"metadata", "ownerReferences", "0", "name"});
      return !owner.empty() &&
             objects.count(
                 fmt::format("Service/{}/{}", each.second.text_at({"metadata", "namespace"}), owner)) == 0;
    });
  }

  net::Reply answer(const net::Received& received) {
    calls.push_back(received.method + ' ' + received.path);
    keys.push_back(received.header("authorization"));
    const bool today = shape_ == Shape::today;
    if (received.path == "/v1/health")
      return today ? json(schema::read_json(R"({"status_code":200,"detail":"OK","headers":null})"))
                   : detail(404, "Not Found");
    if (!key.empty() && received.header("authorization") != "Bearer " + key)
      return detail(401, "Invalid API key");
    const Node body = received.body.empty() ? Node() : schema::read_json(received.body);
    if (received.path == "/v1/deploy_generic_model") return deploy(body.text_at({"config"}));
    if (!today && received.path == "/v1/list_deepsparse_deployments")
      return received.method == "POST" ? json(rows(body.text_at({"namespace"}), true))
                                       : detail(405, "Method Not Allowed");
    if (!today && received.path == "/v1/delete_deepsparse_model") return remove_named(body);
    if (!today) return detail(404, "Not Found");
    if (received.path == "/v1/get_deployments") return json(all_rows());
    if (received.path == "/v1/get_resources_with_label") return json(labelled(body));
    if (received.path == "/v1/delete_labeled_resources") return remove_labelled(body);
    if (received.path == "/v1/get_ports_for_services") return json(ports(body));
    const std::string value =
        body.find("labels") == nullptr ? "" : body.find("labels")->entries().front().value.string();
    Node answer = Node::map();
    if (received.path == "/v1/describe_pods_for_label") answer.set(value, pods);
    if (received.path == "/v1/get_logs_for_label")
      for (const schema::Entry& pod : pods.entries()) answer.child(value).set(pod.key, log);
    return json(answer);
  }

  net::Reply deploy(const std::string& config) {
    configs.push_back(config);
    Node successful = Node::list(), failed = Node::list();
    for (std::size_t at = 0; at != std::string::npos;) {  // split at every ---, wherever it is
      const std::size_t end = config.find("---", at);
      const std::string part = config.substr(at, end == std::string::npos ? end : end - at);
      at = end == std::string::npos ? end : end + 3;
      if (trim(part).empty()) continue;
      std::vector<Finding> findings;
      const std::vector<Node> documents = schema::read_yaml({"part", part}, findings);
      if (documents.empty() || !documents.front().is_map()) return detail(500, "Internal Server Error");
      const std::string error = create(documents.front());
      if (error.empty()) {
        successful.push(fmt::format(
            "[[{{'api_version': 'v1', 'metadata': {{'name': 'x', 'uid': '{}'}}, 'spec': {{}}}}]]", uid));
      } else {
        Node entry = Node::map();
        entry.set("yaml", part);
        entry.set("error", error);
        failed.push(std::move(entry));
      }
    }
    if (shape_ == Shape::plain) return json(Node(failed.items().empty()));
    Node answer = Node::map();
    if (shape_ == Shape::lists || !successful.items().empty())
      answer.set("successful", std::move(successful));
    if (shape_ == Shape::lists || !failed.items().empty()) answer.set("failed", std::move(failed));
    return json(answer);
  }

  std::string create(const Node& object) {
    const std::string id = id_of(object);
    if (refused.count(object.text_at({"kind"})) > 0)
      return R"((403)
Reason: Forbidden
HTTP response body: {"kind":"Status","status":"Failure","message":"exceeded quota","reason":"Forbidden","code":403})";
    if (objects.count(id) > 0)
      return fmt::format(
          R"(Error from server (Conflict): {{"kind":"Status","message":"{} \"{}\" already exists","reason":"AlreadyExists","code":409}})",
          object.text_at({"kind"}), object.text_at({"metadata", "name"}));
    if (!lies) objects[id] = object;
    return "";
  }

  Node row(const Node& deployment) {
    const auto at = available.find(deployment.text_at({"metadata", "name"}));
    const int ready = at == available.end() ? 0 : at->second;
    const auto wanted = static_cast<int>(deployment.integer_at({"spec", "replicas"}, 1));
    const auto count = [](int number) { return number == 0 ? Node() : Node(number); };
    Node made = Node::map();
    made.set("replicas", count(wanted));
    made.set("available_replicas", count(ready));
    made.set("unavailable_replicas", count(wanted - ready));
    made.set("ready_replicas", count(ready));
    made.set("paused", nullptr);
    return made;
  }
  Node rows(const std::string& space, bool with_services) {
    Node all = Node::map();
    for (const auto& [id, object] : objects) {
      if (object.text_at({"metadata", "namespace"}) != space) continue;
      const std::string name = object.text_at({"metadata", "name"});
      if (object.text_at({"kind"}) == "Deployment") {
        const Node counts = row(object);
        for (const schema::Entry& entry : counts.entries()) all.child(name).set(entry.key, entry.value);
      }
      if (object.text_at({"kind"}) == "Service" && with_services) {
        all.child(name).set("cluster_ip", "10.0.0.1");
        all.child(name).set("ports", schema::read_json("[[30123,8080]]"));
      }
    }
    return all;
  }
  Node all_rows() {
    Node all = Node::map();
    for (const auto& [id, object] : objects)
      if (const std::string space = object.text_at({"metadata", "namespace"}); !space.empty())
        all.set(space, rows(space, false));
    return all;
  }

  Node labelled(const Node& body) {
    Node found = Node::map();
    const schema::Entry& label = body.find("labels")->entries().front();
    for (const auto& [id, object] : objects) {
      if (object.text_at({"metadata", "labels", label.key}) != label.value.string()) continue;
      Node metadata = Node::map();
      metadata.set("uid", "uid-of-" + id);
      if (const Node* owners = object.at({"metadata", "ownerReferences"}))
        metadata.set("owner_references", *owners);
      found.child(object.text_at({"metadata", "namespace"}))
          .child(object.text_at({"kind"}))
          .set(object.text_at({"metadata", "name"}), metadata);
    }
    return found;
  }
  Node ports(const Node& body) {
    Node found = Node::map();
    for (const auto& [id, object] : objects)
      if (object.text_at({"kind"}) == "Service" &&
          object.text_at({"metadata", "labels", body.text_at({"label"})}) == body.text_at({"value"}))
        found.child(body.text_at({"value"}))
            .set(
                object.text_at({"metadata", "name"}),
                schema::read_json(
                    R"({"type":"NodePort","ports":[{"node_port":30456,"port":8080,"target_port":8080,"name":"http"}]})"));
    return found;
  }

  net::Reply remove_named(const Node& body) {
    const std::string end =
        fmt::format("/{}/{}", body.text_at({"namespace"}), body.text_at({"deployment_name"}));
    const bool deployment = objects.erase("Deployment" + end) > 0;
    return json(Node(deployment && objects.erase("Service" + end) > 0));
  }
  net::Reply remove_labelled(const Node& body) {
    Node deleted = Node::list();
    std::erase_if(objects, [&](const auto& each) {
      const Node& object = each.second;
      const std::string kind = object.text_at({"kind"});
      const bool chosen =
          object.text_at({"metadata", "labels", body.text_at({"label"})}) == body.text_at({"value"}) &&
          object.text_at({"metadata", "namespace"}) == body.text_at({"force_namespace"}) &&
          !ignores_namespace && kind != "ConfigMap" && kind != "Job";
      if (chosen) deleted.push(lower(kind) + '/' + object.text_at({"metadata", "name"}));
      return chosen;
    });
    Node answer = Node::map();
    answer.set("deleted_resources", std::move(deleted));
    answer.set("failures", Node::list());
    return json(answer);
  }

  Shape shape_;
  std::mutex mutex_;
  net::Server server_;  // last: nothing is asked before the rest is there
};

}  // namespace mlib::targets
