#include "targets/podman_probe.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "targets/podman_labels.hpp"

namespace mlib::targets {

Probe probe(net::Client& client, const SeenContainer& main, std::chrono::milliseconds timeout) {
  Probe made;
  const std::string port = main.label(label::host_port);
  const std::string path = main.label(label::health);
  if (port.empty()) return made;
  made.any_status = path.empty();
  made.url = fmt::format("http://127.0.0.1:{}{}{}", port, path.starts_with('/') ? "" : "/", path);
  net::Call call;
  call.url = made.url;
  call.connect_timeout = timeout;
  call.timeout = timeout;
  try {
    made.status = client.call(call).status;
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::usage) throw;  // a health path that is none
    made.error = problem.message();
    // An answer that is too long is an answer.
    if (problem.kind() == Kind::too_large) made.status = 200;
  }
  return made;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool fine = socket >= 0 && bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                    getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (socket >= 0) close(socket);
  if (!fine)
    throw Problem(Kind::unavailable,
                  fmt::format("no port of 127.0.0.1 can be had: {}", std::strerror(error)));
  return ntohs(address.sin_port);
}

Machine this_machine() {
  Machine machine;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    machine.files = std::min<std::uint64_t>(machine.files, limit.rlim_max);
  if (getrlimit(RLIMIT_NPROC, &limit) == 0)
    machine.processes = std::min<std::uint64_t>(machine.processes, limit.rlim_max);
  std::uint64_t ids = 0;  // podman lowers its own limit to this
  if (std::ifstream("/proc/sys/kernel/pid_max") >> ids && ids > 0)
    machine.processes = std::min(machine.processes, ids);
  return machine;
}

}  // namespace mlib::targets
