#pragma once
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <memory>
#include <mutex>
#include <queue>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "loadgen/stub_answer.hpp"

namespace mlib::loadgen {

/// An engine whose times are known, for tests and for bench/loadgen.cpp: every event leaves at an instant
/// that its rules fix, and what left when is kept. One thread; listens on 127.0.0.1 while it lives.
class StubServer {
 public:
  /// Throws std::runtime_error when it cannot listen; port 0: a free one.
  explicit StubServer(StubRules rules, std::uint16_t port = 0)
      : rules_(std::move(rules)), content_(chunk(content_event(rules_))) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 4096) != 0)
      throw std::runtime_error("the stub cannot listen");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    watch(listener_, EPOLLIN, EPOLL_CTL_ADD);
    began_ = clock();
    thread_ = std::thread([this] { work(); });
  }
  ~StubServer() {
    stop_ = true;
    thread_.join();
    for (std::size_t descriptor = 0; descriptor < peers_.size(); ++descriptor)
      if (peers_[descriptor] != nullptr) ::close(static_cast<int>(descriptor));
    ::close(listener_);
    ::close(epoll_);
  }
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t connections() const { return accepted_; }
  int most_active() const { return most_active_; }  ///< answers under way or queued at once
  /// What left when, so far.
  Truth truth() const {
    const std::lock_guard lock(mutex_);
    return truth_;
  }
  /// Forgets it.
  void forget() {
    const std::lock_guard lock(mutex_);
    truth_ = Truth();
  }
  /// The bodies of the first hundred requests.
  std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

 private:
  struct Peer {
    std::string in, out;
    std::size_t out_at = 0;  ///< of `out` that was sent
    std::uint32_t turn = 0;  ///< tells one answer from the next
    int sent = -1;           ///< tokens of the answer; -1: none is under way
    bool streams = true, watched = false, closes = false;
    std::string drip;  ///< what is left of an answer that goes byte by byte
    bool pours = false;
    Instant due = 0;
    Record record;
  };
  struct Timer {
    Instant at = 0;
    int descriptor = -1;
    std::uint32_t turn = 0;
    bool operator>(const Timer& other) const { return at > other.at; }
  };

  static Instant clock() {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
  }
  void watch(int descriptor, std::uint32_t events, int how) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_, how, descriptor, &event);
  }
  /// An instant as the server can act on it: not within a freeze.
  Instant thawed(Instant at) const {
    if (rules_.freeze == 0) return at;
    const Instant phase = (at - began_) % rules_.freeze_every;
    const Instant begin = rules_.freeze_every - rules_.freeze;
    return phase < begin ? at : at + rules_.freeze_every - phase;
  }

  /// Sends what the kernel takes of `out`; the rest when it can.
  void flush(int descriptor, Peer& peer) {
    for (int writes = 0; writes < 16; ++writes) {
      if (peer.out_at == peer.out.size()) {
        peer.out.clear();
        peer.out_at = 0;
        if (!peer.pours) break;
        peer.out.assign(rules_.pour);
      }
      const auto count =
          ::send(descriptor, peer.out.data() + peer.out_at, peer.out.size() - peer.out_at, MSG_NOSIGNAL);
      if (count <= 0) break;
      peer.out_at += static_cast<std::size_t>(count);
    }
    const bool wants = !peer.out.empty() || peer.pours;
    if (wants != peer.watched) watch(descriptor, EPOLLIN | (wants ? EPOLLOUT : 0U), EPOLL_CTL_MOD);
    peer.watched = wants;
    if (!wants && peer.closes) ::shutdown(descriptor, SHUT_RDWR);
  }

  void again(int descriptor, const Peer& peer) { timers_.push({peer.due, descriptor, peer.turn}); }

  void begin(int descriptor, Peer& peer) {
    peer.sent = 0;
    ++peer.turn;
    peer.due = thawed(std::max(clock(), peer.record.received) + ttft_of(rules_, peer.record.index));
    if (peer.streams) {
      peer.out += stream_head();
      if (rules_.role_first) peer.out += chunk(role_event(rules_));
      if (rules_.ttft > 0) flush(descriptor, peer);
    } else {
      peer.due = thawed(peer.due + rules_.gap * (rules_.tokens - 1));
    }
    if (peer.due <= clock())
      serve(descriptor, peer);
    else
      again(descriptor, peer);
  }

  void odd(int descriptor, Peer& peer, std::uint64_t index) {
    if (rules_.reset) {
      const linger hard{1, 0};
      ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      return drop(descriptor);
    }
    const std::string answer = rules_.raw(index);
    if (rules_.drip > 0) {
      peer.drip = answer;
      peer.due = clock();
      return again(descriptor, peer);
    }
    peer.out += answer;
    peer.pours = !rules_.pour.empty();
    peer.closes = rules_.close;
    flush(descriptor, peer);
  }

  void request(int descriptor, Peer& peer, std::string_view head, std::string_view body) {
    if (head.starts_with("GET ") && rules_.get) {
      peer.out += whole_answer("200 OK", rules_.get(head.substr(4, head.find(' ', 4) - 4)));
      return flush(descriptor, peer);
    }
    const std::uint64_t index = requests_++;
    if (index < 100) {
      const std::lock_guard lock(mutex_);
      bodies_.emplace_back(body);
    }
    if (rules_.raw || rules_.reset) return odd(descriptor, peer, index);
    peer.record = Record{index, clock(), -1, -1, std::hash<std::string_view>{}(body)};
    if (rules_.error_every > 0 && index % static_cast<std::uint64_t>(rules_.error_every) == 0) {
      peer.out += whole_answer("503 Busy", R"({"error":{"message":"too busy"}})");
      {
        const std::lock_guard lock(mutex_);
        ++truth_.errors;
      }
      return flush(descriptor, peer);
    }
    peer.streams = wants_stream(body);
    most_active_ = std::max(most_active_.load(), active_ + static_cast<int>(queue_.size()) + 1);
    if (active_ >= rules_.slots) return queue_.push_back(descriptor);
    ++active_;
    begin(descriptor, peer);
  }

  void write_events(Peer& peer, Instant time) {
    Instant until_next = 0;
    for (int i = 0; i < rules_.events_per_write && peer.sent < rules_.tokens; ++i) {
      const int count = std::min(rules_.tokens_per_event, rules_.tokens - peer.sent);
      until_next += gap_of(rules_, peer.record.index, peer.sent);
      peer.out += content_;
      peer.sent += count;
    }
    if (peer.record.first < 0)
      peer.record.first = time;
    else if (rules_.keep)
      gaps_.push_back(time - peer.record.last);
    peer.record.last = time;
    if (peer.sent >= rules_.tokens) peer.out += stream_end(rules_);
    peer.due = thawed(peer.due + until_next);
  }

  /// Before the last piece is sent: who has read the answer finds it in the truth.
  void keep(const Peer& peer) {
    if (!rules_.keep) return;
    const std::lock_guard lock(mutex_);
    truth_.records.push_back(peer.record);
    truth_.gaps.insert(truth_.gaps.end(), gaps_.begin(), gaps_.end());
    gaps_.clear();
  }

  void end(Peer& peer) {
    peer.sent = -1;
    --active_;
    while (!queue_.empty() && active_ < rules_.slots) {
      const int next = queue_.front();
      queue_.pop_front();
      ++active_;
      begin(next, *peers_[static_cast<std::size_t>(next)]);
    }
  }

  /// Sends what is due.
  void serve(int descriptor, Peer& peer) {
    if (!peer.drip.empty()) {
      peer.out += peer.drip.front();
      peer.drip.erase(0, 1);
      peer.due += rules_.drip;
      flush(descriptor, peer);
      return again(descriptor, peer);
    }
    while (peer.sent >= 0 && peer.sent < rules_.tokens) {
      const Instant time = clock();
      if (peer.due > time) return again(descriptor, peer);
      if (peer.streams) {
        write_events(peer, time);
      } else {
        peer.sent = rules_.tokens;
        peer.record.first = peer.record.last = time;
        peer.out += whole_answer("200 OK", whole_body(rules_));
      }
      const bool ended = peer.sent >= rules_.tokens;
      if (ended) keep(peer);
      flush(descriptor, peer);
      if (ended) return end(peer);
    }
  }

  void drop(int descriptor) {
    Peer& peer = *peers_[static_cast<std::size_t>(descriptor)];
    if (peer.sent >= 0) --active_;
    std::erase(queue_, descriptor);
    ::close(descriptor);
    peers_[static_cast<std::size_t>(descriptor)].reset();
  }

  void hear(int descriptor) {
    Peer& peer = *peers_[static_cast<std::size_t>(descriptor)];
    const auto count = ::recv(descriptor, buffer_.data(), buffer_.size(), 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) return drop(descriptor);
    if (count > 0) peer.in.append(buffer_.data(), static_cast<std::size_t>(count));
    const std::size_t head = peer.in.find("\r\n\r\n");
    if (head == std::string::npos) return;
    const std::size_t length = length_of_body(std::string_view(peer.in).substr(0, head));
    if (peer.in.size() < head + 4 + length) {
      if (rules_.eager.empty()) return;
      peer.out = rules_.eager;
      flush(descriptor, peer);
      return rules_.close ? drop(descriptor) : watch(descriptor, 0, EPOLL_CTL_MOD);
    }
    const std::string whole = std::move(peer.in);
    peer.in = whole.substr(head + 4 + length);
    request(descriptor, peer, std::string_view(whole).substr(0, head),
            std::string_view(whole).substr(head + 4, length));
  }

  void welcome() {
    for (;;) {
      const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor < 0) return;
      const int on = 1;
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (peers_.size() <= static_cast<std::size_t>(descriptor))
        peers_.resize(static_cast<std::size_t>(descriptor) + 1);
      peers_[static_cast<std::size_t>(descriptor)] = std::make_unique<Peer>();
      ++accepted_;
      watch(descriptor, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void serve_due() {
    while (!timers_.empty() && timers_.top().at <= clock()) {
      const Timer timer = timers_.top();
      timers_.pop();
      const auto at = static_cast<std::size_t>(timer.descriptor);
      if (peers_[at] != nullptr && peers_[at]->turn == timer.turn) serve(timer.descriptor, *peers_[at]);
    }
  }

  void work() {
    ::prctl(PR_SET_TIMERSLACK, 1);
    epoll_event events[256];
    while (!stop_) {
      serve_due();
      Instant left = 20'000'000;
      if (!timers_.empty()) left = std::clamp<Instant>(timers_.top().at - clock(), 0, left);
      const timespec time{left / second, left % second};
      const int count = ::epoll_pwait2(epoll_, events, 256, &time, nullptr);
      for (int i = 0; i < count; ++i) {
        const int descriptor = events[i].data.fd;
        if (descriptor == listener_) {
          welcome();
          continue;
        }
        const auto at = static_cast<std::size_t>(descriptor);
        if (peers_[at] != nullptr && (events[i].events & EPOLLOUT) != 0) flush(descriptor, *peers_[at]);
        if (peers_[at] != nullptr && (events[i].events & ~std::uint32_t{EPOLLOUT}) != 0) hear(descriptor);
      }
    }
  }

  StubRules rules_;
  std::string content_;  ///< the chunk of one token's event
  int listener_ = -1, epoll_ = -1;
  std::uint16_t port_ = 0;
  Instant began_ = 0;
  std::vector<std::unique_ptr<Peer>> peers_;  ///< by descriptor
  std::deque<int> queue_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  int active_ = 0;
  std::vector<Instant> gaps_;
  std::vector<char> buffer_ = std::vector<char>(64U << 10U);
  mutable std::mutex mutex_;
  Truth truth_;
  std::vector<std::string> bodies_;
  std::atomic<std::uint64_t> requests_{0}, accepted_{0};
  std::atomic<int> most_active_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace mlib::loadgen
