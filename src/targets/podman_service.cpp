#include "targets/podman_service.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/text.hpp"
#include "targets/cause.hpp"

extern "C" char** environ;

namespace mlib::targets {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr int longest_start_ms = 20'000;
constexpr int longest_end_ms = 2'000;
constexpr int poll_ms = 20;

/// crun, podman's default, cannot run on a machine whose cgroups are not wholly of version 2; runc can.
bool needs_runc(const std::vector<std::string>& command) {
  std::error_code error;
  const bool v2 = fs::exists("/sys/fs/cgroup/cgroup.controllers", error);
  const bool chosen = std::find(command.begin(), command.end(), "--runtime") != command.end();
  const auto is_there = [&](const char* path) { return fs::exists(path, error); };
  return !v2 && !chosen &&
         (is_there("/usr/bin/runc") || is_there("/usr/sbin/runc") || is_there("/usr/local/bin/runc"));
}

void refuse_old(const std::string& version) {
  const std::vector<std::string> parts = split(version, '.');
  int major = 0;
  int minor = 0;
  if (parts.size() < 2) return;
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), major);
  std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), minor);
  if (major > 0 && (major < 4 || (major == 4 && minor < 3)))
    throw Problem(Kind::unavailable, fmt::format("podman {} is too old", version),
                  "podman 4.3 or newer is needed");
}

/// posix_spawn's attributes and actions, freed in any case.
struct Spawn {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  Spawn() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
};

/// In a session of its own, so that Ctrl-C does not reach it; conmon may leave a file in its working
/// directory.
int spawn(const std::vector<std::string>& command, const std::string& log, const char* folder, pid_t& pid) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  Spawn how;
  posix_spawn_file_actions_addopen(&how.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&how.actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&how.actions, 1, 2);
  posix_spawn_file_actions_addchdir_np(&how.actions, folder);
  sigset_t none;
  sigset_t usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD}) sigaddset(&usual, signal);
  posix_spawnattr_setsigmask(&how.attributes, &none);
  posix_spawnattr_setsigdefault(&how.attributes, &usual);
  posix_spawnattr_setflags(&how.attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  return posix_spawnp(&pid, arguments[0], &how.actions, &how.attributes, arguments.data(), environ);
}

}  // namespace

void PodmanService::find() {
  if (!options_.socket.empty()) {
    const bool prefixed = options_.socket.starts_with("unix://");
    socket_ = prefixed ? options_.socket.substr(7) : options_.socket;
    if (!answers(socket_))
      throw Problem(Kind::unavailable, fmt::format("podman does not answer at {}", socket_),
                    fmt::format("start it: podman system service --time=0 unix://{}", socket_));
    return;
  }
  for (const std::string& each : options_.sockets) {
    if (each.empty() || !answers(each)) continue;
    socket_ = each;
    return;
  }
  start();
}

PodmanService::~PodmanService() { end(); }

bool PodmanService::answers(const std::string& socket) const {
  std::error_code error;
  if (!fs::exists(socket, error)) return false;
  net::Call call;
  call.url = "http://podman/v4.0.0/libpod/_ping";
  call.socket = socket;
  call.connect_timeout = milliseconds(2'000);
  call.timeout = milliseconds(5'000);
  std::string version;
  try {
    const net::Answer answer = client_.call(call);
    if (answer.status != 200) return false;
    version = answer.header("Libpod-API-Version");
  } catch (const Problem&) {  // nobody listens there, or something else does
    return false;
  }
  refuse_old(version);
  return true;
}

void PodmanService::start() {
  if (options_.command.empty()) throw Problem(Kind::unavailable, "no podman service answers");
  char name[] = "/tmp/mlib-podman-XXXXXX";  // a socket's path has at most 107 bytes
  if (mkdtemp(name) == nullptr)
    throw Problem(Kind::unavailable, fmt::format("cannot make a folder in /tmp: {}", std::strerror(errno)));
  folder_ = name;
  socket_ = folder_ + "/podman.sock";
  std::vector<std::string> command = options_.command;
  if (needs_runc(command)) command.insert(command.end(), {"--runtime", "runc"});
  command.insert(command.end(), {"system", "service", "--time=300", "unix://" + socket_});
  std::error_code error;
  const bool keeps_state = !options_.state.empty() && fs::is_directory(options_.state, error);
  const int failed = spawn(command, folder_ + "/log", keeps_state ? options_.state.c_str() : "/tmp", pid_);
  if (failed != 0) {
    pid_ = -1;
    end();
    throw Problem(
        Kind::unavailable,
        failed == ENOENT ? fmt::format("{} is not installed", command[0])
                         : fmt::format("{} cannot be started: {}", command[0], std::strerror(failed)),
        "install podman 4.3 or newer (Debian: apt-get install podman), or choose --target kubernetes");
  }
  for (int waited = 0; waited < longest_start_ms; waited += poll_ms) {
    if (answers(socket_)) return;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    std::this_thread::sleep_for(milliseconds(poll_ms));
  }
  const std::string words = last_words();
  end();
  throw Problem(
      Kind::unavailable,
      fmt::format("podman cannot run here: {}", words.empty() ? "its service does not answer" : words),
      "containers need root, or user namespaces and the package uidmap; --target kubernetes needs "
      "neither");
}

std::string PodmanService::last_words() const {
  std::ifstream in(folder_ + "/log");
  return telling_line(std::string(std::istreambuf_iterator<char>(in), {}));
}

bool PodmanService::restart() {
  if (folder_.empty()) return false;
  end();
  start();
  return true;
}

void PodmanService::end() {
  if (pid_ > 0) {
    kill(pid_, SIGTERM);
    int status = 0;
    int waited = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (waited == longest_end_ms) kill(pid_, SIGKILL);  // containers live on without it
      std::this_thread::sleep_for(milliseconds(poll_ms));
      waited += poll_ms;
    }
    pid_ = -1;
  }
  std::error_code error;
  if (!folder_.empty()) fs::remove_all(folder_, error);
  folder_.clear();
}

}  // namespace mlib::targets
