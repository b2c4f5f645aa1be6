// The loop against servers that are slow to be reached, or that go away.
#include <doctest/doctest.h>

#include <poll.h>

#include "loadgen/stub_run.hpp"

using namespace mlib;
using namespace mlib::loadgen;

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

std::string address_of(std::uint16_t port) {
  const sockaddr_in address = loopback(port);
  return {reinterpret_cast<const char*>(&address), sizeof address};
}

/// Answers the first request, closes its connection some milliseconds after the second, and says nothing on
/// the next one.
class Closing {
 public:
  explicit Closing(int after) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    auto* at = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_, at, size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    ::getsockname(listener_, at, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, after] { serve(after); });
  }
  ~Closing() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

 private:
  void serve(int after) const {
    char bytes[4096];
    const std::string whole = answer("application/json", R"({"choices":[{"message":{"content":"a"}}]})");
    const int first = ::accept(listener_, nullptr, nullptr);
    ::recv(first, bytes, sizeof bytes, 0);
    ::send(first, whole.data(), whole.size(), MSG_NOSIGNAL);
    ::recv(first, bytes, sizeof bytes, 0);
    ::poll(nullptr, 0, after);
    ::close(first);
    const int second = ::accept(listener_, nullptr, nullptr);
    while (::recv(second, bytes, sizeof bytes, 0) > 0) continue;
    ::close(second);
  }

  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a handshake that takes its time is the network's, and no lag of the client") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});  // which answers no handshake
  Collector collector(server);
  Load load{.arrivals = {0}};
  load.timeout = second / 2;
  const Cancel never;
  run({"https" + server.url().substr(4), net::Tls{}}, load, collector, never);
  REQUIRE(collector.exchanges.size() == 1);
  const Sample sample = decode(collector.exchanges[0], shipped("chat"), nullptr);
  CHECK(sample.begun >= 0);
  CHECK(sample.sent == -1);
  const Metrics metrics = measure({sample}, {}, second, {});
  CHECK(metrics.lag.count == 1);
  CHECK(metrics.lag.most < 200);
  CHECK(metrics.connect.count == 0);
}

TEST_CASE("waiting for an instant without sleeping is counted, and is no work of the client") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Collector collector(server);
  Load load;
  for (int i = 0; i < 400; ++i) load.arrivals.push_back(i * second / 2000);
  const ClientFacts facts = collector.run(server, load);
  CHECK(facts.spun > 0);
  CHECK(facts.spun < facts.ended);
  ClientFacts spinning;
  spinning.ended = second;
  spinning.cpu_seconds = 0.95;
  spinning.spun = second / 2;
  Sample sample;
  sample.begun = sample.sent = 0;
  sample.last = sample.end = second / 2;
  const auto busy = [&] {
    const Verdict verdict = judge(measure({sample}, {}, second, {}), {sample}, spinning, {});
    return std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                       [](const std::string& each) { return each.starts_with("the client used "); });
  };
  CHECK_FALSE(busy());
  spinning.spun = 0;
  CHECK(busy());
}

TEST_CASE("what is told of a run as offered is what was due, not what a late client has sent") {
  /// Takes long over its first request.
  class Slow final : public Source {
   public:
    explicit Slow(Collector& inner) : inner_(inner) {}
    std::optional<Request> next(std::uint64_t index, std::uint32_t user) override {
      const auto begin = std::chrono::steady_clock::now();
      while (index == 0 && std::chrono::steady_clock::now() - begin < std::chrono::milliseconds{600})
        continue;
      return inner_.next(index, user);
    }
    void done(Exchange&& exchange) override { inner_.done(std::move(exchange)); }

   private:
    Collector& inner_;
  };
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  Collector collector(server);
  Slow slow(collector);
  Load load;
  for (int i = 0; i < 50; ++i) load.arrivals.push_back(i * second / 100);
  const Cancel never;
  std::vector<Live> told;
  run({server.url()}, load, slow, never, [&](const Live& live) { told.push_back(live); });
  REQUIRE(told.size() >= 2);
  CHECK(told.front().offered == 50);
  CHECK(told.back().offered == 50);
  CHECK(told.back().ended == 50);
}

TEST_CASE("the time to connect stands apart from the lag, and is that of new connections") {
  Sample sample;
  sample.scheduled = 0;
  sample.begun = 1'000'000;
  sample.sent = 201'000'000;
  Sample over_the_same = sample;
  over_the_same.reused = true;
  over_the_same.sent = sample.begun;
  const Metrics metrics = measure({sample, over_the_same}, {}, second, {});
  CHECK(metrics.lag.count == 2);
  CHECK(metrics.lag.most == 1);
  CHECK(metrics.connect.count == 1);
  CHECK(metrics.connect.p50 == 200);
}

TEST_CASE("where one of a host's addresses takes no connection, the next one is asked") {
  const StubServer server({.ttft = 0, .gap = 0, .tokens = 1});
  const auto port = static_cast<std::uint16_t>(std::stoi(server.url().substr(server.url().rfind(':') + 1)));
  Collector collector(server);
  Load load;
  load.users = 1;
  load.stop.requests = 3;
  const Cancel never;
  Endpoint endpoint;
  endpoint.url = server.url();
  endpoint.addresses = {address_of(9), address_of(port)};  // nobody listens at the first
  const ClientFacts facts = run(endpoint, load, collector, never);
  REQUIRE(collector.exchanges.size() == 3);
  for (const Exchange& exchange : collector.exchanges) CHECK(exchange.error.empty());
  CHECK(facts.connections == 1);
  endpoint.addresses = {address_of(9), address_of(9)};
  run(endpoint, load, collector, never);
  CHECK(collector.exchanges.back().error == "Connection refused");
}

TEST_CASE("a request that is sent once more has no more time than any other") {
  const Closing server(700);
  const StubServer other({.ttft = 0, .gap = 0, .tokens = 1});
  Collector collector(other);  // for its request
  Load load;
  load.users = 1;
  load.stop.requests = 2;
  load.timeout = second;
  const Cancel never;
  const ClientFacts facts = run({server.url()}, load, collector, never);
  CHECK(facts.connections == 2);
  REQUIRE(collector.exchanges.size() == 2);
  CHECK(collector.exchanges[0].error.empty());
  const Exchange& again = collector.exchanges[1];
  CHECK(again.error == "no whole answer within 1 s");
  CHECK(again.end - again.begun >= second);
  CHECK(again.end - again.begun < second * 3 / 2);
}
