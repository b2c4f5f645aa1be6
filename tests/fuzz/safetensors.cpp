#include "formats/safetensors.hpp"
#include "base/problem.hpp"
#include "formats/tensor_table.hpp"
#include "fuzz.hpp"

/// The header of a safetensors file, its length set right so that the JSON is reached; its tensors go into a
/// table.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string whole = mlib::fuzz::text(data, size);
  std::string framed(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) framed[i] = static_cast<char>((size >> (8 * i)) & 0xffU);
  for (const std::string& text : {whole, framed + whole}) {
    try {
      mlib::formats::TensorTable table;
      mlib::formats::read_safetensors(
          mlib::formats::TextBytes(text), "fuzz",
          [&](const std::string& name, const std::string&, const std::vector<std::uint64_t>& shape) {
            table.add(name, shape.empty() ? 0 : shape[0]);
          });
      mlib::cards::Shape said;
      said.layers = 2;
      said.vocabulary = 10;
      mlib::formats::Report report;
      table.compare(said, 1, report);
    } catch (const mlib::Problem&) {
    }
  }
  return 0;
}
