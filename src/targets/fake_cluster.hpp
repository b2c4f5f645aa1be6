#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "net/client.hpp"
#include "schema/document.hpp"

namespace mlib::targets {

/// For tests: an API server in memory that keeps what is applied, by path. `refuse` may answer a call
/// instead. It does one call at a time, whoever asks.
class FakeCluster final : public net::Client {
 public:
  using Node = schema::Node;
  std::function<net::Answer(const net::Call&)> refuse = [](const net::Call&) { return net::Answer{}; };
  std::map<std::string, Node> objects;  ///< "/api/v1/namespaces/a/secrets/s"
  std::vector<std::string> done;        ///< "PATCH /path", "PATCH? /path" for a dry run, "DELETE /path"
  std::vector<std::string> denied;      ///< "patch secrets"
  bool lingers = false;                 ///< deleted objects stay, with a finalizer

  net::Answer call(const net::Call& call, const Cancel* cancel) override {
    if (cancel != nullptr) cancel->check();
    const std::lock_guard lock(mutex_);  // once more by a `refuse` that asks
    const std::string url = call.url.substr(std::string("https://fake").size());
    const std::string path = url.substr(0, url.find('?'));
    const std::string query = url.substr(path.size());
    const bool dry = query.find("dryRun=All") != std::string::npos;
    if (path.ends_with("/selfsubjectaccessreviews")) return review(schema::read_json(call.body));
    if (call.method != "GET") done.push_back(call.method + (dry ? "? " : " ") + path);
    if (net::Answer refused = refuse(call); refused.status != 0) return refused;
    if (call.method == "POST") return put(path + "/" + name_in(call.body), schema::read_json(call.body), dry);
    if (call.method == "PATCH") return patch(path, schema::read_json(call.body), dry);
    if (call.method == "DELETE") return remove(path, schema::read_json(call.body));
    if (objects.count(path) > 0) return answer(200, objects.at(path));
    static const std::vector<std::string> lists{"secrets",
                                                "services",
                                                "deployments",
                                                "statefulsets",
                                                "jobs",
                                                "pods",
                                                "configmaps",
                                                "persistentvolumeclaims",
                                                "events",
                                                "nodes",
                                                "replicasets",
                                                "ingresses",
                                                "poddisruptionbudgets",
                                                "horizontalpodautoscalers"};
    const std::string last = path.substr(path.rfind('/') + 1);
    for (const std::string& list : lists)
      if (last == list) return all(path + "/", query);
    return status(404, "NotFound", "not found");
  }
  net::Answer stream(const net::Call& call, const net::BodySink& sink, const Cancel* cancel) override {
    net::Answer got = this->call(call, cancel);
    if (got.status != 200) return got;
    const std::string body = std::exchange(got.body, "");
    constexpr std::size_t piece = 64U << 10U;
    for (std::size_t at = 0; at < body.size(); at += piece)
      if (!sink(std::string_view(body).substr(at, piece))) break;
    return got;
  }

  static net::Answer status(int code, std::string_view reason, std::string_view message) {
    Node body = Node::map();
    body.set("kind", "Status");
    body.set("reason", reason);
    body.set("message", message);
    return answer(code, body);
  }
  /// Puts an object there as somebody else.
  void add(const std::string& path, std::string_view json) { put(path, schema::read_json(json), false); }

 private:
  net::Answer review(Node asked) {
    const auto text = [&](std::string_view key) {
      return asked.text_at({"spec", "resourceAttributes", key});
    };
    const std::string right = text("verb") + " " + text("resource");
    asked.child("status").set("allowed", std::find(denied.begin(), denied.end(), right) == denied.end());
    return answer(201, asked);
  }
  static net::Answer answer(int code, const Node& body) {
    net::Answer got;
    got.status = code;
    got.body = schema::to_json(body);
    return got;
  }
  static std::string name_in(const std::string& body) {
    return schema::read_json(body).text_at({"metadata", "name"});
  }
  net::Answer put(const std::string& path, Node object, bool dry) {
    if (object.text_at({"metadata", "uid"}).empty())
      object.child("metadata")
          .set("uid", objects.count(path) > 0 ? objects.at(path).text_at({"metadata", "uid"})
                                              : fmt::format("uid-{}", ++made_));
    const std::string before =
        objects.count(path) > 0 ? objects.at(path).text_at({"metadata", "resourceVersion"}) : "";
    object.child("metadata").erase("resourceVersion");
    const bool same = objects.count(path) > 0 && [&] {
      Node old = objects.at(path);
      old.child("metadata").erase("resourceVersion");
      return old == object;
    }();
    object.child("metadata").set("resourceVersion", dry || same ? before : std::to_string(++version_));
    if (!dry) objects[path] = object;
    return answer(200, object);
  }
  net::Answer patch(const std::string& path, Node object, bool dry) {
    return put(path, std::move(object), dry);
  }
  net::Answer remove(const std::string& path, const Node& options) {
    const auto found = objects.find(path);
    if (found == objects.end()) return status(404, "NotFound", "not found");
    if (found->second.text_at({"metadata", "uid"}) != options.text_at({"preconditions", "uid"}))
      return status(409, "Conflict", "uid");
    if (lingers) {
      Node finalizers = Node::list();
      finalizers.push("example.com/hold");
      found->second.child("metadata").set("finalizers", std::move(finalizers));
    } else {
      objects.erase(found);
    }
    return status(200, "", "");
  }
  net::Answer all(const std::string& prefix, const std::string& query) {
    Node list = Node::map();
    Node& items = list.set("items", Node::list());
    const auto decoded = percent_decoded(query).value_or("");
    for (const auto& [path, object] : objects) {
      if (!path.starts_with(prefix) || path.find('/', prefix.size()) != std::string::npos) continue;
      const std::string wanted =
          "instance=" + object.text_at({"metadata", "labels", "app.kubernetes.io/instance"});
      if (decoded.find("labelSelector") == std::string::npos || decoded.ends_with(wanted)) items.push(object);
    }
    return answer(200, list);
  }
  std::recursive_mutex mutex_;
  int made_ = 0;
  int version_ = 100;
};

}  // namespace mlib::targets
