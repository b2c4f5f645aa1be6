#pragma once
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/text.hpp"
#include "loadgen/exact_text.hpp"

/// A tokenizer for tests.
namespace mlib::verbs {

/// A byte-level tokenizer.json that knows the letters and the words that made text is of, `home` in two
/// parts.
inline std::string made_tokenizer() {
  std::string vocabulary = R"("Ġ":0)", merges;
  int id = 0;
  const auto token = [&](const std::string& text) { vocabulary += fmt::format(R"(,"{}":{})", text, ++id); };
  for (const std::string& letter : loadgen::made_letters()) token(letter);
  for (const std::string& word : loadgen::made_words()) {
    for (std::size_t size = 2; size <= word.size() && (word != "home" || size <= 2); ++size) {
      if (vocabulary.find("\"" + word.substr(0, size) + "\"") != std::string::npos) continue;
      token(word.substr(0, size));
      merges += fmt::format(R"({}["{}","{}"])", merges.empty() ? "" : ",", word.substr(0, size - 1),
                            word[size - 1]);
    }
    if (word == "home") continue;
    token("Ġ" + word);
    merges += fmt::format(R"(,["Ġ","{}"])", word);
  }
  return fmt::format(
      R"({{"model":{{"type":"BPE","ignore_merges":true,"vocab":{{{}}},"merges":[{}]}},"pre_tokenizer":)"
      R"({{"type":"ByteLevel","add_prefix_space":false}}}})",
      vocabulary, merges);
}

/// A folder that goes with it.
struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path + "/" + name) << text;
    return path + "/" + name;
  }
  std::string path = (std::filesystem::temp_directory_path() / ("mlib-test-" + random_hex(6))).string();
};

}  // namespace mlib::verbs
