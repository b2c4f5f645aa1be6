#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/library.hpp"
#include "golden.hpp"

namespace mlib::golden {
namespace {

/// Input: files, each after a line `=== PATH`; they are laid over the sound cards of
/// tests/golden/broken/base. A line `%with NAME` lays the cards of tests/golden/broken/NAME over them; a line
/// `%repeat N TEXT` stands for N times TEXT.
std::vector<cards::File> files_of(const std::string& input) {
  std::vector<cards::File> files = cards::read_folder(MLIB_SOURCE_DIR "/tests/golden/broken/base");
  for (const std::string& line : split(input, '\n')) {
    if (line.starts_with("=== ")) {
      files.push_back({line.substr(4), ""});
    } else if (line.starts_with("%with ")) {
      for (cards::File& file : cards::read_folder(MLIB_SOURCE_DIR "/tests/golden/broken/" + line.substr(6)))
        files.push_back(std::move(file));
    } else if (line.starts_with("%repeat ")) {
      const std::size_t text = line.find(' ', 8) + 1;
      for (int left = std::stoi(line.substr(8)); left > 0; --left) files.back().text += line.substr(text);
      files.back().text += "\n";
    } else {
      files.back().text += line + "\n";
    }
  }
  // The input's last newline ends its last line; it begins none.
  files.back().text.pop_back();
  return files;
}

template <class C>
std::string names(const std::vector<C>& cards) {
  std::vector<std::string> all;
  for (const C& card : cards) all.push_back(card.metadata.name);
  return all.empty() ? "none" : join(all, ", ");
}

}  // namespace

std::string broken(const std::string& input) {
  const auto library = cards::load(files_of(input), "cards");
  std::string text;
  for (const Finding& finding : library->findings) text += to_text(finding) + "\n";
  for (const Finding& finding : library->warnings) text += to_text(finding) + "\n";
  return text + fmt::format("usable: {}; {}; {}; {}\n", names(library->frameworks), names(library->models),
                            names(library->hardware), names(library->templates));
}

}  // namespace mlib::golden
