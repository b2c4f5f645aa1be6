#include "targets/target.hpp"

#include <fmt/format.h>

#include <array>

namespace mlib::targets {

std::string_view to_text(Phase phase) {
  static constexpr std::array<std::string_view, 8> names{"absent", "pending",  "pulling", "starting",
                                                         "ready",  "degraded", "failed",  "deleting"};
  return names[static_cast<std::size_t>(phase)];
}

std::vector<Event> Target::events(const Ref&) { cannot("tell events"); }
std::vector<std::string> Target::contents(const std::string&) { cannot("list a namespace"); }
void Target::remove_namespace(const std::string&, const LineSink&, const Cancel&) {
  cannot("delete a namespace");
}

std::vector<std::string> Target::storage(const Ref&, const std::vector<Owned>&) { return {}; }
std::vector<Capacity> Target::capacity() { cannot("tell what it has"); }
net::Answer Target::send(net::Client& http, const net::Call& call, const net::BodySink& sink,
                         const Cancel* cancel) {
  return sink ? http.stream(call, sink, cancel) : http.call(call, cancel);
}

void Target::cannot(std::string_view what) const {
  throw Problem(Kind::unsupported, fmt::format("target {} cannot {}", name(), what));
}

Problem no_running_secret(std::string_view secret, std::string_view key) {
  return {Kind::conflict,
          fmt::format("Secret {} had a value of `{}` then, the one that runs has none, and values of secrets "
                      "are never stored",
                      secret, key),
          "deploy it again with the values that `mlib history` shows, and the key"};
}

}  // namespace mlib::targets
