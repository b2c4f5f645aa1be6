#pragma once
#include <string>
#include <vector>

#include "cards/filter.hpp"
#include "verbs/verb.hpp"

namespace mlib::verbs {

inline constexpr std::string_view filter_help =
    "Condition, e.g. \"format=gguf\" or \"memory > 16Gi AND NOT name LIKE 'tiny%'\", or @NAME of a saved "
    "one; "
    "repeat it to narrow down; `mlib filter-options` lists the fields, and numbers take units: 70B, 128K "
    "tokens, 80GB, 0.2s";

/// The expressions of `--filter`; `@NAME` stands for a saved one. Problem{usage} with the place in the text
/// and the nearest field; Problem{not_found} with the nearest name.
std::vector<cards::Expression> expressions(const World& world, const std::vector<std::string>& filters,
                                           const cards::Fields& fields);

/// What a list of cards is asked for besides its kind.
struct Narrowing {
  std::string name;
  std::vector<std::string> filter;
  std::string sort;     ///< FIELD[,-FIELD2]
  std::string columns;  ///< FIELD[,FIELD2]; "": the usual ones
  int limit = 0;        ///< at most so many; 0: all
};

/// The rows (of the Library's vector of that kind) that hold, sorted. Problem as `expressions` says, and
/// Problem{usage} for a sort by no field.
std::vector<std::uint32_t> narrowed(const World& world, const cards::Finder& finder, cards::CardKind kind,
                                    const Narrowing& wanted);

/// Why nothing was found, for people: a line for each text that a filter asks for and no card has ("no
/// template has framework `vlmm`; near: `vllm`"). "" when there is none.
std::string unknown_texts(const World& world, const cards::Finder& finder, cards::CardKind kind,
                          const Narrowing& wanted);

/// The table and value of `--columns`.
Response in_columns(const cards::Finder& finder, cards::CardKind kind, const std::vector<std::uint32_t>& rows,
                    const std::string& columns);

}  // namespace mlib::verbs
