#pragma once
#include "verbs/verb.hpp"

/// What the files of the one table share.
namespace mlib::verbs {

using Names = std::vector<std::string_view>;

template <class A>
Call answers(Response (*verb)(const World&, const Caller&, const A&)) {
  return [verb](const World& world, const Caller& caller, const Node& arguments) {
    return verb(world, caller, arguments_of<A>(arguments));
  };
}

template <class A>
StreamCall streams(void (*verb)(const World&, const Caller&, const A&, const Sink&, const Cancel&)) {
  return [verb](const World& world, const Caller& caller, const Node& arguments, const Sink& sink,
                const Cancel& cancel) { verb(world, caller, arguments_of<A>(arguments), sink, cancel); };
}

template <class A>
Question asks(std::string (*verb)(const World&, const Caller&, const A&)) {
  return [verb](const World& world, const Caller& caller, const Node& arguments) {
    return verb(world, caller, arguments_of<A>(arguments));
  };
}

inline constexpr std::string_view look = "Look around", check = "Check and render", run = "Run",
                                  measure = "Measure";

/// The verbs that look around among the cards, check and render them: the table's first part.
std::vector<Verb> card_verbs();
/// Those that measure.
std::vector<Verb> measure_verbs();
/// Those that measure a template and keep the result with it.
std::vector<Verb> bench_verbs();

}  // namespace mlib::verbs
