#pragma once
#include "cards/card.hpp"

namespace mlib::cards {

/// JSON Schema 2020-12 of the values for a framework's parameters, without `$schema`: types, enum, range,
/// pattern, default, title (the group), writeOnly for a secret, and `x-unit`, `x-advanced`, `x-from`.
/// Conditions between parameters are listed in `x-conditions`: JSON Schema cannot say them.
Node parameters_schema(const Framework& framework);

/// The parameters by group, in the order of the groups' first parameters, the advanced ones of a group last.
std::vector<std::pair<std::string, std::vector<const std::pair<std::string, Parameter>*>>> by_group(
    const Dict<Parameter>& parameters);

}  // namespace mlib::cards
