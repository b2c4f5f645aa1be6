#include "kube/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "kube/kubeconfig.hpp"

namespace mlib::kube {
namespace {

using schema::Node;

/// An entry of a kubeconfig's lists and the file it stands in.
struct Named {
  std::string name;
  Node value;
  std::string file;
};

struct Merged {
  std::vector<Named> clusters, users, contexts;
  std::string current;
  std::vector<std::string> files;
  std::string source() const { return join(files, ", "); }
};

std::string bytes_of(const std::string& path, std::string_view what) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  if (!file.is_open() || file.bad())
    throw Problem(Kind::not_found, fmt::format("{} {} cannot be read", what, path),
                  "check that the file exists and that you may read it");
  return text;
}

Node without_nulls(Node node) {
  if (node.is_map()) {
    std::erase_if(node.entries(), [](const schema::Entry& entry) { return entry.value.is_null(); });
    for (schema::Entry& entry : node.entries()) entry.value = without_nulls(std::move(entry.value));
  }
  if (node.is_list())
    for (Node& item : node.items()) item = without_nulls(std::move(item));
  return node;
}

/// Lines of a kubeconfig hold keys and tokens: no finding may show them.
std::vector<Finding> without_excerpts(std::vector<Finding> findings) {
  for (Finding& finding : findings) finding.excerpt.clear();
  return findings;
}

void take(std::vector<Named>& into, const Node& root, std::string_view list, std::string_view key,
          const std::string& file) {
  const Node* items = root.find(list);
  if (items == nullptr || !items->is_list()) return;
  for (const Node& item : items->items()) {
    const std::string name = item.text_at({"name"});
    const Node* value = item.find(key);
    if (name.empty() || value == nullptr) continue;
    const bool known = std::any_of(into.begin(), into.end(), [&](const Named& n) { return n.name == name; });
    if (!known) into.push_back({name, *value, file});
  }
}

void merge_file(Merged& merged, const std::string& path) {
  const std::string text = bytes_of(path, "the kubeconfig");
  const schema::Source source{path, text};
  std::vector<Finding> findings;
  const std::vector<Node> documents = schema::read_yaml(source, findings);
  if (!findings.empty())
    throw Problem(Kind::invalid, fmt::format("{} is not a valid kubeconfig", path), "",
                  without_excerpts(std::move(findings)));
  merged.files.push_back(path);
  if (documents.empty() || documents.front().is_null()) return;
  const Node root = without_nulls(documents.front());
  if (!root.is_map() || root.text_at({"kind"}, "Config") != "Config")
    throw Problem(Kind::invalid, fmt::format("{} is not a kubeconfig: its kind is not Config", path));
  take(merged.clusters, root, "clusters", "cluster", path);
  take(merged.users, root, "users", "user", path);
  take(merged.contexts, root, "contexts", "context", path);
  if (merged.current.empty()) merged.current = root.text_at({"current-context"});
}

const Named& pick(const std::vector<Named>& entries, const std::string& name, std::string_view what,
                  const Merged& merged) {
  std::vector<std::string> names;
  for (const Named& entry : entries) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
  }
  throw Problem(Kind::not_found, fmt::format("{} has no {} `{}`", merged.source(), what, name),
                suggestion(name, names));
}

template <class T>
T decoded(const Named& entry, std::string_view what) {
  schema::Reader reader;
  T value = schema::decode<T>(reader, entry.value);
  if (reader.findings.empty()) return value;
  for (Finding& finding : reader.findings) finding.place.file = entry.file;
  throw Problem(Kind::invalid, fmt::format("{} `{}` of {} is not valid", what, entry.name, entry.file), "",
                without_excerpts(std::move(reader.findings)));
}

[[noreturn]] void unsupported(const Named& entry, std::string_view field, std::string_view hint) {
  throw Problem(Kind::unsupported,
                fmt::format("`{}` of `{}` in {} is not supported", field, entry.name, entry.file),
                std::string(hint));
}

std::string beside(const std::string& file, const std::string& path) {
  const std::filesystem::path given(path);
  return given.is_absolute() ? path : (std::filesystem::absolute(file).parent_path() / given).string();
}

/// `data` (base64) wins over `path`, as in kubectl.
std::string data_or_file(const Named& entry, const std::string& data, const std::string& path,
                         std::string_view field) {
  if (!data.empty()) {
    std::string compact = data;
    std::erase_if(compact, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
    const auto bytes = from_base64(compact);
    if (!bytes)
      throw Problem(Kind::invalid,
                    fmt::format("`{}-data` of `{}` in {} is not base64", field, entry.name, entry.file));
    return *bytes;
  }
  return path.empty() ? "" : bytes_of(beside(entry.file, path), field);
}

/// `http://[user:password@]host:port`, user and password percent-encoded.
void use_proxy(Config& config, const Named& named, const std::string& url) {
  if (url.empty()) return;
  constexpr std::string_view scheme = "http://";
  if (!lower(url).starts_with(scheme))
    unsupported(named, fmt::format("proxy-url {}", shortened(visible(url.substr(0, url.find(':'))), 40)),
                "only http:// proxies are: what goes through one is encrypted between us and the cluster");
  std::string rest = url.substr(scheme.size(), url.find('/', scheme.size()) - scheme.size());
  if (const std::size_t at = rest.rfind('@'); at != std::string::npos) {
    const auto login = percent_decoded(rest.substr(0, at));
    if (!login)
      throw Problem(Kind::invalid, fmt::format("the user in `proxy-url` of `{}` in {} is not percent-encoded",
                                               named.name, named.file));
    config.proxy_login = Secret<std::string>(*login);
    rest.erase(0, at + 1);
  }
  config.proxy = std::string(scheme) + rest;
}

void use_cluster(Config& config, const Named& named) {
  const auto cluster = decoded<ClusterEntry>(named, "cluster");
  use_proxy(config, named, cluster.proxy_url);
  config.server = cluster.server;
  while (!config.server.empty() && config.server.back() == '/') config.server.pop_back();
  if (config.server.find("://") == std::string::npos) config.server = "https://" + config.server;
  config.tls.ca = data_or_file(named, cluster.certificate_authority_data, cluster.certificate_authority,
                               "certificate-authority");
  config.tls.insecure = cluster.insecure;
  config.tls.server_name = cluster.tls_server_name;
  if (cluster.extensions.is_list())
    for (const Node& each : cluster.extensions.items())
      if (each.text_at({"name"}) == "client.authentication.k8s.io/exec")
        if (const Node* extension = each.find("extension")) config.for_exec = *extension;
}

void use_exec(Config& config, const Named& named, const ExecEntry& entry) {
  if (entry.api_version != "client.authentication.k8s.io/v1" &&
      entry.api_version != "client.authentication.k8s.io/v1beta1")
    unsupported(named, fmt::format("exec.apiVersion {}", entry.api_version),
                "supported: client.authentication.k8s.io/v1 and v1beta1");
  if (entry.interactive_mode == "Always")
    unsupported(named, "exec.interactiveMode Always", "the program must work without a terminal");
  Exec exec{entry.api_version, entry.command, entry.args, {}, entry.install_hint, entry.provide_cluster};
  if (exec.command.find('/') != std::string::npos) exec.command = beside(named.file, exec.command);
  for (const ExecVariable& variable : entry.env) exec.env.emplace_back(variable.name, variable.value);
  config.exec = std::move(exec);
}

void use_impersonation(Config& config, const Named& named, const UserEntry& user) {
  if (user.as.empty() && (!user.as_uid.empty() || !user.as_groups.empty() || !user.as_extra.empty()))
    throw Problem(Kind::invalid, fmt::format("`{}` in {} has as-uid, as-groups or as-user-extra without `as`",
                                             named.name, named.file));
  if (!user.as.empty()) config.impersonate.emplace_back("Impersonate-User", user.as);
  if (!user.as_uid.empty()) config.impersonate.emplace_back("Impersonate-Uid", user.as_uid);
  for (const std::string& group : user.as_groups) config.impersonate.emplace_back("Impersonate-Group", group);
  for (const auto& [key, values] : user.as_extra)
    for (const std::string& value : values)
      config.impersonate.emplace_back("Impersonate-Extra-" + percent_encoded(key), value);
}

void use_user(Config& config, const Named& named) {
  const auto user = decoded<UserEntry>(named, "user");
  if (!user.auth_provider.is_null())
    unsupported(named, "auth-provider", "kubectl dropped it in 1.26: use an exec credential plugin");
  if (!user.username.empty() || !user.password.empty())
    unsupported(named, "username/password", "Kubernetes dropped basic authentication in 1.19: use a token");
  config.tls.certificate = data_or_file(named, user.certificate_data, user.certificate, "client-certificate");
  config.tls.key = Secret<std::string>(data_or_file(named, user.key_data, user.key, "client-key"));
  if (config.tls.certificate.empty() != config.tls.key.empty())
    throw Problem(Kind::invalid, fmt::format("user `{}` in {} has a client {} without a {}", named.name,
                                             named.file, config.tls.key.empty() ? "certificate" : "key",
                                             config.tls.key.empty() ? "key" : "certificate"));
  if (!user.token_file.empty()) {
    config.token_file = beside(named.file, user.token_file);
  } else {
    config.token = Secret<std::string>(user.token);
  }
  if (user.exec) use_exec(config, named, *user.exec);
  use_impersonation(config, named, user);
}

Config in_cluster(const Where& where) {
  const bool six = where.service_host.find(':') != std::string::npos;
  const std::string host = six ? fmt::format("[{}]", where.service_host) : where.service_host;
  Config config;
  config.context = "in-cluster";
  config.source = where.service_account;
  config.server = fmt::format("https://{}:{}", host, where.service_port.empty() ? "443" : where.service_port);
  config.tls.ca = bytes_of(where.service_account + "/ca.crt", "the service account's certificate authority");
  config.token_file = where.service_account + "/token";
  bytes_of(config.token_file, "the service account's token");
  config.namespace_name =
      std::string(trim(bytes_of(where.service_account + "/namespace", "the service account's namespace")));
  return config;
}

Merged merged_files(const Where& where) {
  Merged merged;
  if (!where.kubeconfig.empty()) {
    merge_file(merged, where.kubeconfig);
    return merged;
  }
  for (const std::string& path : where.paths) {
    std::error_code none;
    if (!path.empty() && std::filesystem::exists(path, none)) merge_file(merged, path);
  }
  return merged;
}

}  // namespace

std::string identity_of(const Config& config) {
  std::string all;
  const auto add = [&](std::string_view text) { all += fmt::format("{}:{}", text.size(), text); };
  for (const std::string* each : {&config.server, &config.tls.ca, &config.tls.certificate,
                                  &config.tls.key.reveal(), &config.tls.server_name, &config.token.reveal(),
                                  &config.token_file, &config.proxy, &config.proxy_login.reveal()})
    add(*each);
  for (const auto& [name, value] : config.impersonate) add(name + "=" + value);
  add(config.tls.insecure ? "insecure" : "");
  if (config.exec) {
    add(config.exec->command);
    for (const std::string& argument : config.exec->args) add(argument);
    for (const auto& [name, value] : config.exec->env) add(name + "=" + value);
  }
  return sha256_hex(all);
}

Config find(const Where& where) {
  const Merged merged = merged_files(where);
  if (merged.contexts.empty() && where.kubeconfig.empty() && !where.service_host.empty())
    return in_cluster(where);
  if (merged.files.empty())
    throw Problem(Kind::not_found,
                  fmt::format("no cluster is configured: {} does not exist",
                              where.paths.empty() ? "a kubeconfig" : join(where.paths, ", ")),
                  "name one with --kubeconfig FILE or $KUBECONFIG");
  const std::string name = where.context.empty() ? merged.current : where.context;
  if (name.empty()) {
    std::vector<std::string> names;
    for (const Named& context : merged.contexts) names.push_back(context.name);
    throw Problem(
        Kind::not_found, fmt::format("{} names no current-context", merged.source()),
        fmt::format("choose with --context; known: {}", names.empty() ? "none" : join(names, ", ")));
  }
  const Named& named = pick(merged.contexts, name, "context", merged);
  const auto context = decoded<ContextEntry>(named, "context");
  Config config;
  config.context = name;
  config.source = named.file;
  if (!context.namespace_name.empty()) config.namespace_name = context.namespace_name;
  if (!where.namespace_name.empty()) config.namespace_name = where.namespace_name;
  use_cluster(config, pick(merged.clusters, context.cluster, "cluster", merged));
  if (!context.user.empty()) use_user(config, pick(merged.users, context.user, "user", merged));
  return config;
}

}  // namespace mlib::kube
