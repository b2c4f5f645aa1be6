#pragma once
#include <netinet/in.h>
#include <sys/socket.h>

#include "loadgen/connections.hpp"
#include "loadgen/events.hpp"
#include "loadgen/stub_run.hpp"

/// What the tests of known bugs share: ways to ask the stub, and to look at what came.
namespace mlib::loadgen {

inline constexpr Instant ms = 1'000'000;

inline double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 0.5);
}

/// A client that has at most so many requests out, whatever was to arrive.
inline Outcome capped(const StubServer& server, std::uint32_t cap, std::uint64_t requests) {
  Plan plan = plan_for(server, 1, requests);
  plan.users = cap;
  plan.warm_up = 0;
  return measured(plan);
}

inline Outcome burst(const StubServer& server, std::uint64_t requests) {
  Plan plan = plan_for(server, 1, requests);
  plan.arrivals.kind = Arrivals::Kind::trace;
  plan.arrivals.trace.assign(requests, 0);
  plan.warm_up = 0;
  return measured(plan);
}

inline std::vector<Exchange> exchanges_of(const StubServer& server, int count, Instant apart) {
  Load load;
  for (int i = 0; i < count; ++i) load.arrivals.push_back(i * apart);
  Collector collector(server);
  collector.run(server, load);
  return std::move(collector.exchanges);
}

/// When each event whose text has `word` came.
inline std::vector<Instant> events_with(const Exchange& exchange, std::string_view word) {
  std::vector<Instant> all;
  events_of(exchange, [&](std::string_view data, Instant at) {
    if (data.find(word) != std::string_view::npos) all.push_back(at);
  });
  return all;
}

inline double mean_gap(const std::vector<Instant>& all) {
  return static_cast<double>(all.back() - all.front()) / 1e6 / static_cast<double>(all.size() - 1);
}

/// The median of what decode makes of them: on a busy machine one of them may have been late.
inline double tpot_of(const std::vector<Exchange>& exchanges) {
  std::vector<double> all;
  for (const Exchange& exchange : exchanges)
    all.push_back(*tpot_of(decode(exchange, shipped("chat"), nullptr)));
  return middle(all);
}

/// A sample of a request that was sent late.
inline Sample late(std::uint64_t index, Instant scheduled, Instant sent, Instant took) {
  Sample sample;
  sample.index = index;
  sample.scheduled = scheduled;
  sample.begun = sample.sent = sent;
  sample.head = sample.first = sample.first_output = sample.last = sample.end = sent + took;
  sample.status = 200;
  sample.tokens = 1;
  return sample;
}

/// What takes so long on a processor, whatever else runs there.
inline void work_for(Instant duration) {
  const auto clock = [] { return monotonic(CLOCK_THREAD_CPUTIME_ID); };
  for (const Instant end = clock() + duration; clock() < end;) continue;
}

/// Reads one answer as many a client does: it handles an event before it reads on. When each was handled.
inline std::vector<Instant> handled(const StubServer& server, const std::string& request,
                                    const std::function<void()>& handle) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string url = server.url();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  std::vector<Instant> stamps;
  std::string text;
  char bytes[4096];
  ssize_t got = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
                    ? ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL)
                    : 0;
  for (std::size_t at = 0; got > 0 && text.find("[DONE]") == std::string::npos;) {
    got = ::recv(descriptor, bytes, sizeof bytes, 0);
    if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
    for (std::size_t end = 0; (end = text.find("\n\n", at)) != std::string::npos; at = end + 2) {
      if (text.substr(at, end - at).find("word") == std::string::npos) continue;
      handle();
      stamps.push_back(monotonic());
    }
  }
  ::close(descriptor);
  return stamps;
}

}  // namespace mlib::loadgen
