#pragma once
#include "loadgen/bench.hpp"
#include "loadgen/stub_server.hpp"

namespace mlib::loadgen {

inline Plan plan_for(const StubServer& server, double rate, std::uint64_t requests) {
  Plan plan;
  plan.endpoint.url = server.url();
  plan.arrivals = {.kind = Arrivals::Kind::constant, .rate = rate};
  plan.stop.requests = requests;
  plan.workload.prompt.mean = 8;
  plan.workload.output.mean = 8;
  plan.timeout = 10 * second;
  plan.drain = 10 * second;
  return plan;
}

inline Outcome measured(const Plan& plan) {
  const Cancel never;
  return bench(plan, never);
}

inline std::string answer(const std::string& type, const std::string& body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}", type, body.size(),
                     body);
}

/// How one raw answer is read.
inline Sample read(const std::string& raw, bool close = false) {
  StubRules rules;
  rules.raw = [raw](std::uint64_t) { return raw; };
  rules.close = close;
  const StubServer server(rules);
  Plan plan = plan_for(server, 100, 1);
  plan.warm_up = 0;
  return measured(plan).samples.at(0);
}

/// Sends the same request at each of the instants and keeps what came back, by index.
class Collector final : public Source {
 public:
  explicit Collector(const StubServer& server) {
    const Asking asking;
    request_ = request_of(asking, {.prompt = "hello", .max_tokens = 8},
                          head_of(asking, server.url().substr(7), "", ""));
  }
  std::optional<Request> next(std::uint64_t, std::uint32_t) override { return Request{request_}; }
  void done(Exchange&& exchange) override { exchanges.push_back(std::move(exchange)); }
  const std::string& request() const { return request_; }
  ClientFacts run(const StubServer& server, Load load) {
    const Cancel never;
    const ClientFacts facts = loadgen::run({server.url()}, load, *this, never);
    std::sort(exchanges.begin(), exchanges.end(),
              [](const Exchange& a, const Exchange& b) { return a.index < b.index; });
    return facts;
  }
  std::vector<Exchange> exchanges;

 private:
  std::string request_;
};

}  // namespace mlib::loadgen
