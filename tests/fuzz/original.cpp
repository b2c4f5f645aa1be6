#include "formats/original.hpp"

#include "base/problem.hpp"
#include "fuzz.hpp"
#include "schema/document.hpp"

/// The original's JSON, beside a library with one framework.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static mlib::cards::Library library;
  if (library.frameworks.empty()) {
    library.frameworks.emplace_back();
    library.frameworks[0].metadata.name = "x";
    library.frameworks[0].spec.parameters.emplace_back("threads", mlib::cards::Parameter{});
  }
  mlib::schema::Node json;
  mlib::schema::JsonError error;
  if (!mlib::schema::read_json(mlib::fuzz::text(data, size), json, error)) return 0;
  try {
    mlib::formats::from_original(json, "fuzz", library, {"", "x", ""});
  } catch (const mlib::Problem&) {
  }
  return 0;
}
