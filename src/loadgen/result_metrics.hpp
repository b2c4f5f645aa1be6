#pragma once
#include "loadgen/result.hpp"

/// The figures of a result, made of a run's.
namespace mlib::loadgen {

/// To a microsecond (of milliseconds), so that files stay readable.
double rounded(double value);
/// To five digits that count, for figures of any size.
double short_of(double value);

/// Every metric by its name, with its meaning and unit. Of answers that are no text (`generates` false) there
/// is none of their tokens, and what the prompts' cost instead.
Dict<Measured> measured_of(bool generates, const Outcome& outcome, const std::optional<PriceText>& price);
/// What its output tokens cost, or where answers have none its prompts', where it has a price.
void add_cost(Result& result);

}  // namespace mlib::loadgen
