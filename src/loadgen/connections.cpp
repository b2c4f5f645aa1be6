#include "loadgen/connections.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace mlib::loadgen {
namespace {

using net::Stream;

constexpr std::uint32_t other = UINT32_MAX;  // no connection's number
constexpr rlim_t most_descriptors = 65'536;

}  // namespace

Instant monotonic(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return time.tv_sec * second + time.tv_nsec;
}

Connections::Connections(const Endpoint& endpoint, const Load& load, ClientFacts& facts, Ended ended)
    : load_(load), facts_(facts), ended_(std::move(ended)), addresses_(endpoint.addresses) {
  const net::Url url = net::parse_url(endpoint.url);
  if (addresses_.empty())
    addresses_ = net::resolve(url, {std::chrono::steady_clock::now() + std::chrono::seconds{10}});
  if (url.tls) tls_ = net::make_tls(endpoint.tls.value_or(net::Tls{}));
  name_ = endpoint.tls && !endpoint.tls->server_name.empty() ? endpoint.tls->server_name : url.host;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) throw Problem(Kind::unavailable, "no epoll: too many files are open");
  // The kernel's table of descriptors doubles when it is full, and who opens the next one in a process of
  // several threads waits for RCU then, as long as 20 ms: it grows before the first request is due.
  const rlim_t most = std::min<rlim_t>(files.rlim_cur, most_descriptors);
  if (const int last = ::fcntl(epoll_, F_DUPFD_CLOEXEC, static_cast<int>(most) - 1); last >= 0) ::close(last);
}

Connections::~Connections() { ::close(epoll_); }

int Connections::poll(Instant pause) {
  const timespec time{pause / second, pause % second};
  return ::epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &time, nullptr);
}

bool Connections::handle(int event) {
  const epoll_event& found = events_[static_cast<std::size_t>(event)];
  if (found.data.u32 == other) return false;
  if (connections_[found.data.u32]->stream != nullptr) step(found.data.u32, found.events);
  return true;
}

void Connections::also(int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = other;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

void Connections::watch(std::uint32_t slot, std::uint32_t events) {
  Connection& connection = *connections_[slot];
  if (connection.watched == events) return;
  epoll_event event{};
  event.events = events;
  event.data.u32 = slot;
  ::epoll_ctl(epoll_, connection.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD,
              connection.stream->descriptor(), &event);
  connection.watched = events;
}

/// An idle connection, or one that is still to be made.
std::uint32_t Connections::free_connection() {
  std::vector<std::uint32_t>& from = idle_.empty() ? unused_ : idle_;
  if (from.empty()) {
    connections_.push_back(std::make_unique<Connection>());
    return static_cast<std::uint32_t>(connections_.size() - 1);
  }
  const std::uint32_t slot = from.back();
  from.pop_back();
  if (connections_[slot]->stream != nullptr) return slot;
  const std::uint32_t turn = connections_[slot]->turn;
  *connections_[slot] = Connection{};
  connections_[slot]->turn = turn + 1;
  return slot;
}

/// Begins to connect: to the address that took the last connection, or to those after it.
void Connections::connect(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  facts_.connections += connection.tried == 0 ? 1 : 0;
  for (;; ++connection.tried) {
    try {
      connection.address = (address_ + connection.tried) % addresses_.size();
      connection.stream = std::make_unique<Stream>(addresses_[connection.address], tls_, name_);
      connection.watched = 0;
      return watch(slot, EPOLLOUT);
    } catch (const Problem&) {
      if (connection.tried + 1 >= addresses_.size()) throw;
    }
  }
}

/// Where an address does not take the connection; false when no other is left.
bool Connections::connect_elsewhere(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  if (connection.stream->connected() || ++connection.tried >= addresses_.size()) return false;
  try {
    connect(slot);
  } catch (const Problem&) {
    return false;
  }
  return true;
}

void Connections::start(Request&& request, std::uint64_t index, std::uint32_t user, Instant scheduled) {
  const std::uint32_t slot = free_connection();
  Connection& connection = *connections_[slot];
  connection.busy = true;
  connection.request = std::move(request);
  connection.unsent = connection.request.bytes;
  connection.framing = Framing();
  connection.exchange = Exchange{};
  connection.exchange.index = index;
  connection.exchange.user = user;
  connection.exchange.scheduled = scheduled;
  connection.exchange.asked_tokens = connection.request.asked_tokens;
  connection.exchange.asked_prompt_tokens = connection.request.asked_prompt_tokens;
  connection.exchange.reused = connection.carried;
  ++connection.turn;
  ++in_flight_;
  facts_.most_in_flight = std::max(facts_.most_in_flight, in_flight_);
  connection.exchange.begun = now();
  deadlines_.push({connection.exchange.begun + load_.timeout, slot, connection.turn});
  try {
    if (connection.stream == nullptr) connect(slot);
    step(slot, EPOLLOUT);
  } catch (const Problem& problem) {
    finish(slot, problem.message());
  }
}

void Connections::send(Connection& connection) {
  if (connection.unsent.empty()) return;
  if (connection.exchange.sent < 0) connection.exchange.sent = now();
  connection.stream->write(connection.unsent);
  // Where it will not be sent again its memory goes now: a target may leave many long prompts unanswered.
  if (connection.unsent.empty() && !connection.carried) std::string().swap(connection.request.bytes);
}

void Connections::step(std::uint32_t slot, std::uint32_t events) {
  Connection& connection = *connections_[slot];
  if (!connection.busy) {  // an idle one was closed, or says what nobody asked
    std::erase(idle_, slot);
    drop(slot);
    return;
  }
  try {
    if (connection.connecting) {
      const Stream::Ready ready = connection.stream->connect();
      if (ready != Stream::Ready::now) {
        watch(slot, ready == Stream::Ready::when_readable ? EPOLLIN : EPOLLOUT);
        return;
      }
      connection.connecting = false;
      address_ = connection.address;
    }
    send(connection);
    watch(slot, connection.unsent.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
  } catch (const Problem& problem) {
    if (connect_elsewhere(slot)) return;
    if (connection.connecting) return finish(slot, problem.message());
    // Who does not want the rest of a request may have said why before the connection was closed.
    connection.broken = problem.message();
    connection.unsent = {};
    watch(slot, EPOLLIN);
    return receive(slot);
  }
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive(slot);
}

/// Of a kept connection that the other side closed before it saw the request.
bool Connections::send_again(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  if (!connection.carried || connection.exchange.head >= 0) return false;
  connection.stream.reset();
  connection.tried = 0;
  connection.connecting = true;
  connection.carried = false;
  connection.broken.clear();
  connection.unsent = connection.request.bytes;
  connection.framing = Framing();
  connection.exchange.reused = false;
  try {
    connect(slot);
  } catch (const Problem& problem) {
    finish(slot, problem.message());
  }
  return true;
}

/// Takes `got` bytes of buffer_.
void Connections::take(std::uint32_t slot, std::size_t got) {
  Connection& connection = *connections_[slot];
  Exchange& exchange = connection.exchange;
  const Instant time = now();
  if (exchange.head < 0) exchange.head = time;
  const std::size_t before = exchange.body.size();
  const bool fine = connection.framing.take({buffer_.data(), got}, exchange.body);
  const std::size_t grown = exchange.body.size() - before;
  held_ += grown + (grown > 0 ? sizeof(Arrived) : 0);
  facts_.most_bytes = std::max(facts_.most_bytes, held_);
  if (grown > 0) exchange.arrivals.push_back({time, static_cast<std::uint32_t>(exchange.body.size())});
  exchange.foreign = !fine || exchange.body.size() > load_.answer_limit;
  if (!fine) {
    finish(slot, fmt::format("the answer is broken: {}", connection.framing.fault()));
  } else if (exchange.body.size() > load_.answer_limit) {
    refuse(slot, fmt::format("the answer is longer than {} bytes", load_.answer_limit));
  } else if (held_ > load_.memory) {
    ++facts_.given_up;
    refuse(slot, std::string(client_full));
  } else if (connection.framing.whole()) {
    finish(slot, "");
  }
}

/// One read: who sends without end has to wait for the others.
void Connections::receive(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  try {
    std::size_t got = 0;
    const Stream::Ready ready = connection.stream->read(buffer_.data(), buffer_.size(), got);
    if (ready != Stream::Ready::now) return;
    if (got > 0) {
      ++facts_.reads;
      take(slot, got);
    } else if (connection.framing.closed()) {
      finish(slot, "");
    } else if (!send_again(slot)) {
      finish(slot, !connection.broken.empty()     ? connection.broken
                   : connection.exchange.head < 0 ? "the connection was closed before an answer"
                                                  : "the connection was closed within the answer");
    }
  } catch (const Problem& problem) {
    if (!send_again(slot)) finish(slot, problem.message());
  }
}

void Connections::finish(std::uint32_t slot, std::string error) {
  Connection& connection = *connections_[slot];
  Exchange exchange = std::move(connection.exchange);
  const Instant think = connection.request.think;
  exchange.end = now();
  exchange.status = connection.framing.status();
  exchange.event_stream = connection.framing.event_stream();
  exchange.error = std::move(error);
  held_ -= exchange.bytes();
  --in_flight_;
  connection.busy = false;
  // Who answered before all was sent would take the rest for the beginning of the next request.
  const bool keeps = exchange.error.empty() && connection.framing.keeps() && !connection.connecting &&
                     connection.unsent.empty() && connection.broken.empty();
  if (keeps) {
    connection.carried = true;
    idle_.push_back(slot);
  } else {
    drop(slot);
  }
  ended_(std::move(exchange), think);
}

/// Ends an exchange whose answer is too much, and does not keep what came of it.
void Connections::refuse(std::uint32_t slot, std::string error) {
  Exchange& exchange = connections_[slot]->exchange;
  held_ -= exchange.bytes();
  exchange.cut(0);
  held_ += exchange.bytes();
  finish(slot, std::move(error));
}

void Connections::drop(std::uint32_t slot) {
  Connection& connection = *connections_[slot];
  connection.stream.reset();
  connection.watched = 0;
  connection.busy = false;
  ++connection.turn;
  unused_.push_back(slot);
}

Instant Connections::next_deadline() const { return deadlines_.empty() ? INT64_MAX : deadlines_.front().at; }

void Connections::expire() {
  const Instant time = now();
  while (!deadlines_.empty()) {
    const Deadline deadline = deadlines_.front();
    const Connection& connection = *connections_[deadline.connection];
    const bool out = connection.busy && connection.turn == deadline.turn;
    if (out && deadline.at > time) return;
    deadlines_.pop();
    if (out)
      finish(deadline.connection,
             fmt::format("no whole answer within {} s", static_cast<double>(load_.timeout) / 1e9));
  }
}

void Connections::end_all() {
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    if (!connections_[slot]->busy) continue;
    connections_[slot]->exchange.unfinished = true;
    finish(slot, "the run ended before its answer");
  }
}

}  // namespace mlib::loadgen
