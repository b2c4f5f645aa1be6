#include <cstdint>
#include <cstring>
#include <map>

#include "base/text.hpp"
#include "formats/model.hpp"
#include "formats/original.hpp"
#include "golden.hpp"
#include "schema/document.hpp"

namespace mlib::golden {
namespace {

template <class T>
std::string packed(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// Bytes of a line: `u32 3`, `u64 9`, `f32 1.5`, `u8 1`, `text abc` (a length and the text), `raw GGUF`,
/// `zeros 20`.
std::string bytes_of(const std::string& line) {
  const std::string word = line.substr(0, line.find(' '));
  const std::string rest = line.size() > word.size() ? line.substr(word.size() + 1) : "";
  if (word == "u8") return packed(static_cast<std::uint8_t>(std::stoul(rest)));
  if (word == "u32") return packed(static_cast<std::uint32_t>(std::stoul(rest)));
  if (word == "u64") return packed(static_cast<std::uint64_t>(std::stoull(rest)));
  if (word == "f32") return packed(std::stof(rest));
  if (word == "text") return packed(static_cast<std::uint64_t>(rest.size())) + rest;
  if (word == "raw") return rest;
  if (word == "zeros") return std::string(std::stoul(rest), '\0');
  return "";
}

std::string shown(const formats::Imported& all) {
  return schema::to_yaml(all.cards) + formats::to_text(all.report);
}

formats::Imported original(const std::string& text) {
  cards::Library library;
  library.frameworks.emplace_back();
  cards::Framework& framework = library.frameworks[0];
  framework.metadata.name = "echo";
  framework.spec.original = cards::Original{};
  framework.spec.original->id = "a";
  framework.spec.original->deployment_yaml = "echo.yaml";
  framework.spec.parameters.emplace_back("greeting", cards::Parameter{});
  cards::Parameter cpus;
  cpus.from = "hardware.cpus";
  framework.spec.parameters.emplace_back("num_cpus", cpus);
  return formats::from_original(schema::read_json(text), "cards.json", library, {});
}

}  // namespace

/// Input: `=== PATH` and what is in the file: of *.gguf and *.safetensors lines that make bytes, else text.
/// One file `cards.json` is the original's, one or more *.gguf are a model, everything else a Hugging Face
/// folder.
std::string imported(const std::string& input) {
  std::map<std::string, std::string> texts;
  std::string path;
  for (const std::string& line : split(input, '\n')) {
    if (line.starts_with("=== "))
      texts[path = line.substr(4)];
    else if (path.ends_with(".gguf") || path.ends_with(".safetensors"))
      texts[path] += bytes_of(line);
    else
      texts[path] += line + "\n";
  }
  try {
    const auto& [name, text] = *texts.begin();
    if (name == "cards.json") return shown(original(text));
    std::vector<formats::FolderFile> files;
    for (const auto& [each, content] : texts)
      files.push_back({each, std::make_shared<formats::TextBytes>(content)});
    if (name.ends_with(".gguf")) return shown(formats::from_gguf(files, {"", "echo", "/w/" + name}));
    return shown(formats::from_hugging_face(files, "model", {"", "echo", "/w/model"}));
  } catch (const Problem& problem) {
    return to_text(problem) + "\n";
  }
}

}  // namespace mlib::golden
