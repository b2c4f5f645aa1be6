#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "cards/expression.hpp"

/// What reading an expression is made of: the parse, then the literals.
namespace mlib::cards::detail {

/// Something that is wrong with an expression: `at` is the byte where.
struct Broken {
  Fault fault;
  std::size_t at;
  std::string message, hint;
};

/// The byte at which a term begins.
std::size_t offset_of(const std::string& text, const Term& term);

/// An integer where it is one.
schema::Node from_number(double value);

/// Reads the literals of the condition `term`, parsed from `text`, as values of the fields that they are
/// compared with. `paths` are those of Expression::fields. What cannot be one is added to `wrong`.
void read_literals(Term& term, const std::string& text, const std::vector<std::string>& paths,
                   const Fields& fields, std::vector<Broken>& wrong);

}  // namespace mlib::cards::detail
