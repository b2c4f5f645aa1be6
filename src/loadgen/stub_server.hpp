#pragma once
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "loadgen/schedule.hpp"

namespace mlib::loadgen {

/// An engine whose times are known, for tests of the load generator: every answer's events leave at instants
/// that its rules fix. One thread; listens on a free port of 127.0.0.1 while it lives.
struct StubRules {
  Instant ttft = 20'000'000;  ///< from the whole request to its first token
  Instant gap = 5'000'000;    ///< between tokens
  int tokens = 8;
  int tokens_per_event = 1;
  int events_per_write = 1;              ///< so many leave together, at the last one's instant
  int slots = 1'000'000;                 ///< answers at once; others wait in a queue
  Instant freeze_every = 0, freeze = 0;  ///< the whole server stands still for `freeze`, every `freeze_every`
  bool usage = true;
  std::string line_end = "\n";
  std::string data = "data: ";  ///< what begins an event's line
  bool role_first = true;       ///< a role-only event at once
  std::function<std::string(std::uint64_t)> raw =
      {};              ///< the whole answer of the n-th request instead, at once
  bool close = false;  ///< after each raw answer
};

class StubServer {
 public:
  explicit StubServer(StubRules rules) : rules_(std::move(rules)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 4096) != 0)
      throw std::runtime_error("the stub cannot listen");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    began_ = clock();
    thread_ = std::thread([this] { work(); });
  }
  ~StubServer() {
    stop_ = true;
    thread_.join();
    for (auto& [descriptor, peer] : peers_) ::close(descriptor);
    ::close(listener_);
  }
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::uint64_t requests() const { return requests_; }

 private:
  struct Peer {
    std::string in;
    int sent = -1;  ///< tokens of the answer; -1: none is under way
    Instant due = 0;
  };

  static Instant clock() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
  }
  /// An instant as the server can act on it: not within a freeze.
  Instant thawed(Instant at) const {
    if (rules_.freeze == 0) return at;
    const Instant phase = (at - began_) % rules_.freeze_every;
    const Instant begin = rules_.freeze_every - rules_.freeze;
    return phase < begin ? at : at + rules_.freeze_every - phase;
  }
  static void put(int descriptor, const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const auto count = ::send(descriptor, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (count > 0) {
        at += static_cast<std::size_t>(count);
        continue;
      }
      pollfd full{descriptor, POLLOUT, 0};
      if (errno != EAGAIN || ::poll(&full, 1, 1000) <= 0) return;
    }
  }
  static std::string chunk(const std::string& bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
  }
  std::string event(const std::string& json) const {
    return rules_.data + json + rules_.line_end + rules_.line_end;
  }
  void start(int descriptor, Peer& peer) {
    std::string head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    if (rules_.role_first)
      head += chunk(event(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})"));
    put(descriptor, head);
    peer.sent = 0;
    peer.due = thawed(std::max(clock(), peer.due) + rules_.ttft);
    ++active_;
  }
  void request(int descriptor, Peer& peer) {
    const std::uint64_t index = requests_++;
    if (rules_.raw) {
      put(descriptor, rules_.raw(index));
      if (rules_.close) ::shutdown(descriptor, SHUT_RDWR);
      return;
    }
    peer.due = clock();
    if (active_ < rules_.slots)
      start(descriptor, peer);
    else
      queue_.push_back(descriptor);
  }
  /// Sends what is due; when something is due next.
  Instant serve(int descriptor, Peer& peer) {
    while (peer.sent >= 0 && peer.due <= clock()) {
      std::string out;
      for (int i = 0; i < rules_.events_per_write && peer.sent < rules_.tokens; ++i) {
        const int count = std::min(rules_.tokens_per_event, rules_.tokens - peer.sent);
        out += event(R"({"choices":[{"delta":{"content":"word "}}]})");
        peer.sent += count;
      }
      std::string bytes = chunk(out);
      if (peer.sent >= rules_.tokens) {
        if (rules_.usage)
          bytes += chunk(event(fmt::format(
              R"({{"choices":[],"usage":{{"prompt_tokens":5,"completion_tokens":{}}}}})", rules_.tokens)));
        bytes += chunk(event("[DONE]")) + "0\r\n\r\n";
        peer.sent = -1;
      }
      put(descriptor, bytes);
      peer.due = thawed(peer.due + rules_.gap * rules_.events_per_write);
      if (peer.sent >= 0) continue;
      --active_;
      if (!queue_.empty()) {
        const int next = queue_.front();
        queue_.erase(queue_.begin());
        if (peers_.count(next) > 0) start(next, peers_[next]);
      }
    }
    return peer.sent >= 0 ? peer.due : INT64_MAX;
  }
  /// False when the peer is gone.
  bool hear(int descriptor, Peer& peer) {
    char buffer[65536];
    const auto count = ::recv(descriptor, buffer, sizeof buffer, 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) return false;
    if (count > 0) peer.in.append(buffer, static_cast<std::size_t>(count));
    const std::size_t head = peer.in.find("\r\n\r\n");
    if (head == std::string::npos) return true;
    const std::size_t at = peer.in.find("Content-Length: ");
    const std::size_t length = at < head ? std::stoul(peer.in.substr(at + 16)) : 0;
    if (peer.in.size() < head + 4 + length) return true;
    peer.in.erase(0, head + 4 + length);
    request(descriptor, peer);
    return true;
  }
  void work() {
    while (!stop_) {
      Instant next = clock() + 20'000'000;
      for (auto& [descriptor, peer] : peers_) next = std::min(next, serve(descriptor, peer));
      std::vector<pollfd> watched{{listener_, POLLIN, 0}};
      for (const auto& [descriptor, peer] : peers_) watched.push_back({descriptor, POLLIN, 0});
      const Instant left = std::max<Instant>(next - clock(), 0);
      const timespec time{left / second, left % second};
      if (::ppoll(watched.data(), watched.size(), &time, nullptr) <= 0) continue;
      for (const pollfd& each : watched) {
        if (each.revents == 0) continue;
        if (each.fd == listener_) {
          const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
          const int on = 1;
          ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
          if (descriptor >= 0) peers_[descriptor] = {};
        } else if (!hear(each.fd, peers_[each.fd])) {
          if (peers_[each.fd].sent >= 0) --active_;
          std::erase(queue_, each.fd);
          ::close(each.fd);
          peers_.erase(each.fd);
        }
      }
    }
  }

  StubRules rules_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  Instant began_ = 0;
  std::map<int, Peer> peers_;
  std::vector<int> queue_;
  int active_ = 0;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace mlib::loadgen
