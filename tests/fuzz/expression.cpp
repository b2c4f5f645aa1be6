#include "cards/expression.hpp"

#include "fuzz.hpp"

/// The text of a filter.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mlib::cards::Fields fields = mlib::cards::fields_of({"a", "model.layers", "values."});
  std::vector<mlib::Finding> findings;
  mlib::cards::Expression::parse({"filter", mlib::fuzz::text(data, size)}, fields, findings);
  return 0;
}
