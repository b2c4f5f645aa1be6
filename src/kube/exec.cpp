#include "kube/exec.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/text.hpp"
#include "schema/document.hpp"

extern char** environ;

namespace mlib::kube {
namespace {

using schema::Node;
constexpr std::chrono::seconds longest{60};
constexpr std::size_t most = 1U << 20U;

/// Both ends of a pipe; closed when it goes.
struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Problem(Kind::internal, "no more pipes can be made");
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void close_end(std::size_t end) {
    if (ends[end] >= 0) ::close(std::exchange(ends[end], -1));
  }
};

struct Ran {
  int status = 0;
  bool timed_out = false;
  std::string out, err;
};

bool drain(int descriptor, std::string& into) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count > 0 && into.size() < most) into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

/// Reads both pipes to their ends; false when the time ran out.
bool read_both(Pipe& out, Pipe& err, Ran& ran) {
  const auto end = std::chrono::steady_clock::now() + longest;
  std::array<pollfd, 2> polled{pollfd{out.ends[0], POLLIN, 0}, pollfd{err.ends[0], POLLIN, 0}};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (::poll(polled.data(), polled.size(), static_cast<int>(left.count())) <= 0) continue;
    if (polled[0].fd >= 0 && polled[0].revents != 0 && !drain(polled[0].fd, ran.out)) polled[0].fd = -1;
    if (polled[1].fd >= 0 && polled[1].revents != 0 && !drain(polled[1].fd, ran.err)) polled[1].fd = -1;
  }
  return true;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

Ran run(const Exec& exec, std::vector<std::string> environment) {
  Pipe out, err;
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], 2);
  std::vector<std::string> words{exec.command};
  words.insert(words.end(), exec.args.begin(), exec.args.end());
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, exec.command.c_str(), &actions, nullptr, pointers(words).data(),
                                    pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0)
    throw Problem(
        Kind::unavailable,
        fmt::format("the credential program `{}` cannot be run: {}", exec.command, std::strerror(failed)),
        exec.install_hint.empty() ? "install it, or use another context" : exec.install_hint);
  out.close_end(1);
  err.close_end(1);
  Ran ran;
  ran.timed_out = !read_both(out, err, ran);
  if (ran.timed_out) ::kill(child, SIGKILL);
  while (::waitpid(child, &ran.status, 0) < 0 && errno == EINTR) {
  }
  return ran;
}

/// What the program is told of itself and of the cluster (KUBERNETES_EXEC_INFO).
std::string exec_info(const Config& config) {
  Node spec = Node::map();
  spec.set("interactive", false);
  if (config.exec->provide_cluster) {
    Node& cluster = spec.set("cluster", Node::map());
    cluster.set("server", config.server);
    if (!config.tls.server_name.empty()) cluster.set("tls-server-name", config.tls.server_name);
    if (!config.proxy.empty()) cluster.set("proxy-url", config.proxy);
    if (config.tls.insecure) cluster.set("insecure-skip-tls-verify", true);
    if (!config.tls.ca.empty()) cluster.set("certificate-authority-data", base64(config.tls.ca));
    if (!config.for_exec.is_null()) cluster.set("config", config.for_exec);
  }
  Node info = Node::map();
  info.set("apiVersion", config.exec->api_version);
  info.set("kind", "ExecCredential");
  info.set("spec", std::move(spec));
  return schema::to_json(info);
}

std::vector<std::string> environment_of(const Config& config) {
  std::vector<std::string> result;
  const auto given = [&](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    for (const auto& variable : config.exec->env)
      if (variable.first == name) return true;
    return name == "KUBERNETES_EXEC_INFO";
  };
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (!given(*entry)) result.emplace_back(*entry);
  for (const auto& [name, value] : config.exec->env) result.push_back(name + "=" + value);
  result.push_back("KUBERNETES_EXEC_INFO=" + exec_info(config));
  return result;
}

std::string last_line(std::string_view text) {
  text = trim(text);
  return shortened(visible(text.substr(text.rfind('\n') + 1)), 300);
}

}  // namespace

ExecCredential run_exec(const Config& config) {
  const Exec& exec = *config.exec;
  const Ran ran = run(exec, environment_of(config));
  if (ran.timed_out)
    throw Problem(Kind::timeout,
                  fmt::format("the credential program `{}` did not end within a minute", exec.command));
  if (!WIFEXITED(ran.status) || WEXITSTATUS(ran.status) != 0)
    throw Problem(Kind::unauthorized,
                  fmt::format("the credential program `{}` failed: {}", exec.command,
                              ran.err.empty() ? "it said nothing" : last_line(ran.err)),
                  "run it by hand, log in again if it asks for that");
  Node answer;
  schema::JsonError error;
  const bool read = schema::read_json(ran.out, answer, error);
  const Node* status = answer.find("status");
  if (!read || status == nullptr || answer.text_at({"kind"}) != "ExecCredential")
    throw Problem(Kind::unauthorized,
                  fmt::format("the credential program `{}` gave no ExecCredential", exec.command));
  ExecCredential credential;
  credential.token = Secret<std::string>(status->text_at({"token"}));
  credential.certificate = status->text_at({"clientCertificateData"});
  credential.key = Secret<std::string>(status->text_at({"clientKeyData"}));
  credential.expires = from_utc(status->text_at({"expirationTimestamp"}));
  if (credential.token.empty() && credential.certificate.empty())
    throw Problem(
        Kind::unauthorized,
        fmt::format("the credential program `{}` gave neither a token nor a certificate", exec.command));
  return credential;
}

std::optional<std::chrono::system_clock::time_point> from_utc(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.')
    for (++rest; *rest >= '0' && *rest <= '9';) ++rest;
  long offset = 0;
  if (*rest == '+' || *rest == '-') {
    int hours = 0;
    int minutes = 0;
    if (std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) return std::nullopt;
    offset = (*rest == '-' ? -1 : 1) * (hours * 3600L + minutes * 60L);
  } else if (*rest != 'Z') {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(::timegm(&parts) - offset);
}

}  // namespace mlib::kube
