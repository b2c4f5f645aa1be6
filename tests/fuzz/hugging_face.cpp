#include "base/problem.hpp"
#include "formats/model.hpp"
#include "fuzz.hpp"

/// A folder of config.json alone, and with the same text as all else that is read of a folder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::make_shared<mlib::formats::TextBytes>(mlib::fuzz::text(data, size));
  for (const bool all : {false, true}) {
    std::vector<mlib::formats::FolderFile> files{{"config.json", bytes}};
    if (all) files.push_back({"README.md", bytes});
    if (all) files.push_back({"tokenizer_config.json", bytes});
    if (all) files.push_back({"model.safetensors.index.json", bytes});
    try {
      mlib::formats::from_hugging_face(files, "fuzz", {"fuzz", "x", "/fuzz"});
    } catch (const mlib::Problem&) {
    }
  }
  return 0;
}
