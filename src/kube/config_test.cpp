#include "kube/config.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"

namespace mlib::kube {
namespace {

/// A folder of its own that goes at the end.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / ("mlib-kube-" + random_hex(6))).string();
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path + "/" + name) << text;
    return path + "/" + name;
  }
};

const std::string plain = R"(
apiVersion: v1
kind: Config
preferences: {}
current-context: a
clusters:
- name: c
  cluster: {server: "https://one:6443/", certificate-authority: ca.pem, tls-server-name: api.test,
    extensions: [{name: x, extension: {}}, {name: client.authentication.k8s.io/exec, extension: {a: b}}]}
users:
- name: u
  user: {token: t0ken, exec: null, as: boss, as-groups: [g1, g2], as-user-extra: {"acme.com/p": [v]}}
contexts:
- name: a
  context: {cluster: c, user: u, namespace: team-a}
- name: nowhere
  context: {cluster: missing, user: u}
)";

Problem problem_of(const Where& where) {
  try {
    find(where);
  } catch (const Problem& problem) {
    return problem;
  }
  return {Kind::internal, "no problem"};
}

std::string with_user(const std::string& user) {
  return "current-context: a\nclusters: [{name: c, cluster: {server: 'https://one'}}]\nusers: [{name: u, "
         "user: " +
         user + "}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n";
}

TEST_CASE("a kubeconfig gives server, trust, token, namespace and impersonation") {
  const Folder folder;
  folder.write("ca.pem", "CERTIFICATE");
  const Config config = find({.kubeconfig = folder.write("config", plain)});
  CHECK(config.server == "https://one:6443");
  CHECK(config.tls.ca == "CERTIFICATE");
  CHECK(config.tls.server_name == "api.test");
  CHECK(config.for_exec.text_at({"a"}) == "b");
  CHECK(config.namespace_name == "team-a");
  CHECK(config.token.reveal() == "t0ken");
  REQUIRE(config.impersonate.size() == 4);
  CHECK(config.impersonate[1] == std::pair<std::string, std::string>("Impersonate-Group", "g1"));
  CHECK(config.impersonate[3].first == "Impersonate-Extra-acme.com%2Fp");
}

TEST_CASE("-n beats the context's namespace") {
  const Folder folder;
  folder.write("ca.pem", "C");
  CHECK(find({.kubeconfig = folder.write("config", plain), .namespace_name = "mine"}).namespace_name ==
        "mine");
}

TEST_CASE("files are merged, the first to name something wins, absent ones are skipped") {
  const Folder folder;
  const std::string first = folder.write("first",
                                         "current-context: b\ncontexts: [{name: b, context: {cluster: c, "
                                         "user: u}}]\nusers: [{name: u, user: {token: "
                                         "mine}}]\nclusters: null\n");
  folder.write("ca.pem", "C");
  const Config config = find({.paths = {folder.path + "/absent", first, folder.write("second", plain)}});
  CHECK(config.context == "b");
  CHECK(config.token.reveal() == "mine");
  CHECK(config.server == "https://one:6443");
}

TEST_CASE("an unknown context or cluster names the nearest") {
  const Folder folder;
  const std::string file = folder.write("config", plain);
  const Problem context = problem_of({.kubeconfig = file, .context = "nowhre"});
  CHECK(context.kind() == Kind::not_found);
  CHECK(context.hint() == "did you mean `nowhere`?");
  CHECK(problem_of({.kubeconfig = file, .context = "nowhere"}).message() ==
        file + " has no cluster `missing`");
}

TEST_CASE("what is not supported is named, not ignored") {
  const Folder folder;
  const auto kind_and_text = [&](const std::string& text) {
    const Problem problem = problem_of({.kubeconfig = folder.write("config", text)});
    return std::pair(problem.kind(), problem.message().substr(0, problem.message().find(" in ")));
  };
  using Pair = std::pair<Kind, std::string>;
  CHECK(kind_and_text(with_user("{auth-provider: {name: gcp}}")) ==
        Pair(Kind::unsupported, "`auth-provider` of `u`"));
  CHECK(kind_and_text(with_user("{username: a, password: b}")) ==
        Pair(Kind::unsupported, "`username/password` of `u`"));
  CHECK(kind_and_text(with_user("{exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}")) ==
        Pair(Kind::unsupported, "`exec.apiVersion client.authentication.k8s.io/v1alpha1` of `u`"));
  const Problem unknown = problem_of({.kubeconfig = folder.write("config", with_user("{tokn: a}"))});
  REQUIRE(unknown.findings().size() == 1);
  CHECK(unknown.findings()[0].fault == Fault::unknown_field);
}

TEST_CASE("proxy-url is used when it is http, its login apart from it; other schemes are named") {
  const Folder folder;
  const auto with = [&](const std::string& url) {
    return Where{.kubeconfig =
                     folder.write("config",
                                  "current-context: a\nclusters: [{name: c, cluster: {server: 'https://one', "
                                  "proxy-url: '" +
                                      url + "'}}]\ncontexts: [{name: a, context: {cluster: c}}]\n")};
  };
  const Config plain = find(with("http://p:3128"));
  CHECK(plain.proxy == "http://p:3128");
  CHECK(plain.proxy_login.empty());
  const Config named = find(with("http://me:p%40ss@p:3128/"));
  CHECK(named.proxy == "http://p:3128");
  CHECK(named.proxy_login.reveal() == "me:p@ss");
  CHECK(identity_of(named) != identity_of(plain));
  CHECK(identity_of(plain) == identity_of(find(with("http://p:3128"))));
  for (const std::string url : {"socks5://p:1080", "https://me:canary@p"}) {
    const Problem problem = problem_of(with(url));
    CHECK(problem.kind() == Kind::unsupported);
    CHECK(problem.message().starts_with("`proxy-url " + url.substr(0, url.find(':')) + "` of `c` in "));
    CHECK(to_text(problem).find("canary") == std::string::npos);
  }
}

TEST_CASE("a broken kubeconfig does not show its secrets") {
  const Folder folder;
  const Problem problem = problem_of({.kubeconfig = folder.write("config", "users:\n- token: canary7: [\n")});
  CHECK(problem.kind() == Kind::invalid);
  CHECK(to_text(problem).find("canary7") == std::string::npos);
}

TEST_CASE("in a pod the service account is used") {
  const Folder folder;
  folder.write("ca.crt", "CA");
  folder.write("token", "one\n");
  folder.write("namespace", "team-b");
  const Config config =
      find({.service_host = "fd00::1", .service_port = "6443", .service_account = folder.path});
  CHECK(config.server == "https://[fd00::1]:6443");
  CHECK(config.namespace_name == "team-b");
  CHECK(config.token_file == folder.path + "/token");
}

TEST_CASE("without any kubeconfig the error says where it looked") {
  const Problem problem = problem_of({.paths = {"/nowhere/.kube/config"}});
  CHECK(problem.kind() == Kind::not_found);
  CHECK(problem.message() == "no cluster is configured: /nowhere/.kube/config does not exist");
}

}  // namespace
}  // namespace mlib::kube
