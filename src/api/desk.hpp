#pragma once
#include <string>
#include <utility>

#include "api/app.hpp"

/// For tests: an App over the shipped catalogue, without sockets.
namespace mlib::api {

class StillClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override {
    return std::chrono::steady_clock::time_point{};
  }
  std::chrono::system_clock::time_point wall() const override { return {}; }
  void sleep(std::chrono::milliseconds) override {}
};

class Desk {
 public:
  explicit Desk(Options options = {}, std::shared_ptr<const cards::Library> library = shipped())
      : shelf_(std::move(library)), store_(store::memory_store()), app_(world_, std::move(options)) {}

  net::Reply ask(const std::string& method, const std::string& target, net::Headers headers = {},
                 std::string body = "") {
    net::Received received;
    received.method = method;
    received.target = target;
    const std::size_t mark = target.find('?');
    received.path = target.substr(0, mark);
    if (mark != std::string::npos) received.query = target.substr(mark + 1);
    received.headers = std::move(headers);
    received.body = std::move(body);
    return app_.handle(received);
  }
  net::Reply post(const std::string& target, std::string body) {
    return ask("POST", target, {{"content-type", "application/json"}}, std::move(body));
  }
  verbs::Shelf& shelf() { return shelf_; }
  App& app() { return app_; }

  static std::shared_ptr<const cards::Library> shipped() {
    static const std::shared_ptr<const cards::Library> library = cards::load(cards::embedded(), "catalog/");
    return library;
  }

 private:
  verbs::Shelf shelf_;
  std::unique_ptr<store::Store> store_;
  StillClock clock_;
  render::PolicyFile policy_;
  verbs::World world_{shelf_, *store_, clock_, {}, policy_};
  App app_;
};

/// The body, wherever it is.
inline const std::string& body_of(const net::Reply& reply) {
  return reply.shared_body ? *reply.shared_body : reply.body;
}
inline std::string header_of(const net::Reply& reply, std::string_view name) {
  for (const auto& [each, value] : reply.headers)
    if (each == name) return value;
  return "";
}

}  // namespace mlib::api
