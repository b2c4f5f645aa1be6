#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "net/client.hpp"
#include "schema/node.hpp"

namespace mlib::kube {

/// A program that gives credentials (client.authentication.k8s.io).
struct Exec {
  std::string api_version;
  std::string command;  ///< absolute, or a name that is looked up in PATH
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string install_hint;
  bool provide_cluster = false;
};

/// One cluster and who we are to it, resolved: files are read, relative paths made absolute.
struct Config {
  std::string context;  ///< name of the context, or "in-cluster"
  std::string source;   ///< where it was found, for people
  std::string server;   ///< https://host:port, without a slash at the end
  std::string namespace_name = "default";
  net::Tls tls = {};
  Secret<std::string> token = {};
  std::string token_file = {};  ///< read again for every call
  std::optional<Exec> exec = {};
  schema::Node for_exec = {};  ///< what the cluster's entry has for credential programs, or a null
  net::Headers impersonate = {};
  std::string proxy = {};                ///< http://host:port, or "" for a direct connection
  Secret<std::string> proxy_login = {};  ///< `user:password` for the proxy
};

/// Equal for two that reach the same cluster as the same user; shows nothing of what is in them.
std::string identity_of(const Config& config);

/// Where to look for a cluster; the environment is read by the caller.
struct Where {
  std::string kubeconfig = {};  ///< --kubeconfig: this file and no other
  std::vector<std::string> paths =
      {};                           ///< else $KUBECONFIG's files, or ~/.kube/config; absent ones are skipped
  std::string context = {};         ///< --context; else current-context
  std::string namespace_name = {};  ///< -n; else the context's
  std::string service_host = {};    ///< $KUBERNETES_SERVICE_HOST, for a program that runs in a pod
  std::string service_port = {};    ///< $KUBERNETES_SERVICE_PORT
  std::string service_account = "/var/run/secrets/kubernetes.io/serviceaccount";
};

/// Finds the cluster as kubectl does: the files merged (the first to name something wins), else the pod's
/// service account. Problem{not_found} (no cluster, file, context, cluster or user, with the nearest name),
/// Problem{invalid} (broken file), Problem{unsupported} (an entry that we do not do, by name).
Config find(const Where& where);

}  // namespace mlib::kube
