#pragma once
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/client.hpp"

namespace mlib::kube {

/// For tests: an HTTP client whose answers a function gives, and which keeps what was asked.
class ScriptedHttp final : public net::Client {
 public:
  using Script = std::function<net::Answer(const net::Call&)>;
  explicit ScriptedHttp(Script script) : script_(std::move(script)) {}

  net::Answer call(const net::Call& call, const Cancel* cancel) override {
    if (cancel != nullptr) cancel->check();
    calls.push_back(call);
    return script_(call);
  }
  net::Answer stream(const net::Call& call, const net::BodySink& sink, const Cancel* cancel) override {
    net::Answer answer = this->call(call, cancel);
    if (answer.status / 100 == 2) {
      sink(answer.body);
      answer.body.clear();
    }
    return answer;
  }
  std::vector<net::Call> calls;

 private:
  Script script_;
};

/// For tests: a clock that sleeps by moving on.
class HeldClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::time_point{passed};
  }
  std::chrono::system_clock::time_point wall() const override {
    return std::chrono::system_clock::time_point{std::chrono::seconds{1'800'000'000}} + passed;
  }
  void sleep(std::chrono::milliseconds span) override { passed += span; }
  std::chrono::milliseconds passed{0};
};

}  // namespace mlib::kube
