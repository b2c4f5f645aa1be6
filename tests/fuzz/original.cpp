#include "formats/original.hpp"

#include "base/problem.hpp"
#include "fuzz.hpp"
#include "schema/document.hpp"

/// The original's JSON, beside a library with one framework.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const mlib::cards::Library library = [] {
    mlib::cards::Library made;
    made.frameworks.emplace_back();
    made.frameworks[0].metadata.name = "x";
    made.frameworks[0].spec.parameters.emplace_back("threads", mlib::cards::Parameter{});
    return made;
  }();
  mlib::schema::Node json;
  mlib::schema::JsonError error;
  if (!mlib::schema::read_json(mlib::fuzz::text(data, size), json, error)) return 0;
  try {
    mlib::formats::from_original(json, "fuzz", library, {"", "x", ""});
  } catch (const mlib::Problem&) {
  }
  return 0;
}
