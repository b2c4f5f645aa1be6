#include "targets/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mlib::targets {

std::string_view to_text(Phase phase) {
  static constexpr std::array<std::string_view, 8> names{"absent", "pending",  "pulling", "starting",
                                                         "ready",  "degraded", "failed",  "deleting"};
  return names[static_cast<std::size_t>(phase)];
}

std::vector<Event> Target::events(const Ref& ref) { cannot(Ability::events, ref); }
std::vector<std::string> Target::contents(const std::string& space) {
  cannot(Ability::namespaces, {space, ""});
}
void Target::remove_namespace(const std::string& space, const LineSink&, const Cancel&) {
  cannot(Ability::namespaces, {space, ""});
}

std::vector<std::string> Target::storage(const Ref&, const std::vector<Owned>&) { return {}; }
std::vector<Running> Target::running(const Ref&) { return {}; }
std::vector<Capacity> Target::capacity() { cannot(Ability::capacity, {}); }
net::Answer Target::send(net::Client& http, const net::Call& call, const net::BodySink& sink,
                         const Cancel* cancel) {
  return sink ? http.stream(call, sink, cancel) : http.call(call, cancel);
}

bool Target::can(Ability ability) {
  const std::vector<Ability> lacking = lacks();
  return std::find(lacking.begin(), lacking.end(), ability) == lacking.end();
}

std::string Target::title() const { return fmt::format("target {}", name()); }

void Target::cannot(Ability ability, const Ref& ref) const {
  const AbilityText& text = text_of(ability);
  throw Problem(Kind::unsupported, fmt::format("{} cannot {}", title(), text.cannot),
                instead_of(ability, ref));
}

std::string instead_of(Ability ability, const Ref& ref) {
  std::string hint(text_of(ability).instead);
  for (const auto& [word, name] : {std::pair("NS", &ref.namespace_name), std::pair("NAME", &ref.name)})
    for (std::size_t at = hint.find(word); at != std::string::npos && !name->empty();
         at = hint.find(word, at + name->size()))
      hint.replace(at, std::string_view(word).size(), *name);
  return hint;
}

Problem no_running_secret(std::string_view secret, std::string_view key) {
  return {Kind::conflict,
          fmt::format("Secret {} had a value of `{}` then, the one that runs has none, and values of secrets "
                      "are never stored",
                      secret, key),
          "deploy it again with the values that `mlib history` shows, and the key"};
}

}  // namespace mlib::targets
