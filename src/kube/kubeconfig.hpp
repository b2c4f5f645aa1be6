#pragma once
#include <optional>
#include <string>
#include <vector>

#include "schema/describe.hpp"

/// The parts of a kubeconfig file, as kubectl writes them. Nulls are taken out before decoding.
namespace mlib::kube {

struct ClusterEntry {
  std::string server, certificate_authority, certificate_authority_data, tls_server_name, proxy_url;
  bool insecure = false, disable_compression = false;
  schema::Node extensions;

  template <class D>
  void describe(D& d) {
    d.field("server", server, {.required = true});
    d.field("certificate-authority", certificate_authority);
    d.field("certificate-authority-data", certificate_authority_data);
    d.field("insecure-skip-tls-verify", insecure);
    d.field("tls-server-name", tls_server_name);
    d.field("proxy-url", proxy_url);
    d.field("disable-compression", disable_compression);
    d.field("extensions", extensions);
  }
};

struct ExecVariable {
  std::string name, value;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.required = true});
    d.field("value", value, {.required = true});
  }
};

struct ExecEntry {
  std::string api_version, command, install_hint, interactive_mode;
  std::vector<std::string> args;
  std::vector<ExecVariable> env;
  bool provide_cluster = false;

  template <class D>
  void describe(D& d) {
    d.field("apiVersion", api_version, {.required = true});
    d.field("command", command, {.required = true});
    d.field("args", args);
    d.field("env", env);
    d.field("installHint", install_hint);
    d.field("provideClusterInfo", provide_cluster);
    d.field("interactiveMode", interactive_mode, {.one_of = {"Never", "IfAvailable", "Always"}});
  }
};

struct UserEntry {
  std::string certificate, certificate_data, key, key_data, token, token_file, as, as_uid, username, password;
  std::vector<std::string> as_groups;
  schema::Dict<std::vector<std::string>> as_extra;
  schema::Node auth_provider, extensions;
  std::optional<ExecEntry> exec;

  template <class D>
  void describe(D& d) {
    d.field("client-certificate", certificate);
    d.field("client-certificate-data", certificate_data);
    d.field("client-key", key);
    d.field("client-key-data", key_data);
    d.field("token", token);
    d.field("tokenFile", token_file);
    d.field("as", as);
    d.field("as-uid", as_uid);
    d.field("as-groups", as_groups);
    d.field("as-user-extra", as_extra);
    d.field("username", username);
    d.field("password", password);
    d.field("auth-provider", auth_provider);
    d.field("exec", exec);
    d.field("extensions", extensions);
  }
};

struct ContextEntry {
  std::string cluster, user, namespace_name;
  schema::Node extensions;

  template <class D>
  void describe(D& d) {
    d.field("cluster", cluster, {.required = true});
    d.field("user", user);
    d.field("namespace", namespace_name);
    d.field("extensions", extensions);
  }
};

}  // namespace mlib::kube
