#include "cards/expression.hpp"

#include "fuzz.hpp"

/// The text of a filter over a text, a number of bytes and what nothing is known of.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mlib::cards::Fields fields = mlib::cards::fields_of({"a", "model.layers", "values."});
  fields.type = [](const std::string& path) {
    mlib::cards::FieldType type;
    if (path == "a") type.is = mlib::cards::FieldType::Is::text;
    if (path == "model.layers") type.is = mlib::cards::FieldType::Is::quantity;
    if (path == "model.layers") type.unit = "bytes";
    return type;
  };
  std::vector<mlib::Finding> findings;
  mlib::cards::Expression::parse({"filter", mlib::fuzz::text(data, size)}, fields, findings);
  return 0;
}
