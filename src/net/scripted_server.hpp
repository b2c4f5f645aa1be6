#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// For the tests of this room: sockets without any of the room's own code.
namespace mlib::net::test {

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

inline bool readable(int descriptor, int milliseconds) {
  pollfd watched{descriptor, POLLIN, 0};
  return ::poll(&watched, 1, milliseconds) == 1;
}

inline bool send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Until the text `end` has come, the peer closes, or nothing comes for 5 s.
inline std::string read_until(int descriptor, std::string_view end) {
  std::string text;
  char buffer[4096];
  while (text.find(end) == std::string::npos && readable(descriptor, 5'000)) {
    const auto count = ::recv(descriptor, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

/// Until the peer closes, or nothing comes for 5 s.
inline std::string read_all(int descriptor) {
  std::string text;
  char buffer[16384];
  while (readable(descriptor, 5'000)) {
    const auto count = ::recv(descriptor, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

/// The next close of this descriptor resets the connection.
inline void reset_on_close(int descriptor) {
  const linger now{1, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline Descriptor connect_to(std::uint16_t port) {
  Descriptor made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Descriptor();
  return made;
}

/// Calls `script` with each connection, one after the other, on its own thread, until it is destroyed. A
/// script waits for `ended` (readable then) when it wants to hang.
class ScriptedServer {
 public:
  using Script = std::function<void(int connection, int ended)>;
  explicit ScriptedServer(Script script, const std::string& socket = "") : script_(std::move(script)) {
    if (socket.empty()) {
      listener_ = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address = loopback(0);
      socklen_t size = sizeof address;
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
      ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
      port_ = ntohs(address.sin_port);
    } else {
      listener_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::strncpy(address.sun_path, socket.c_str(), sizeof address.sun_path - 1);
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    ::listen(listener_.get(), 16);
    int ends[2];
    if (::pipe(ends) == 0) {
      ended_ = Descriptor(ends[0]);
      end_ = Descriptor(ends[1]);
    }
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    end_ = Descriptor();
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  int connections() const { return connections_; }

 private:
  void serve() {
    while (!stopping_) {
      const Descriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (connection.get() < 0) return;
      ++connections_;
      script_(connection.get(), ended_.get());
    }
  }
  Script script_;
  Descriptor listener_, ended_, end_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

/// Reads a request's head, answers with these bytes, closes.
inline ScriptedServer::Script answer_with(std::string bytes) {
  return [bytes = std::move(bytes)](int connection, int) {
    read_until(connection, "\r\n\r\n");
    send_all(connection, bytes);
  };
}

}  // namespace mlib::net::test
