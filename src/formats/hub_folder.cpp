#include "formats/hub_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "formats/front_matter.hpp"
#include "schema/document.hpp"

namespace mlib::formats::detail {
namespace {

constexpr std::size_t longest_config = 4U << 20U, longest_readme = 4U << 20U, longest_tokenizer = 32U << 20U;

/// Puts a null where Python wrote a number that JSON has none of; false when `at` is no such place.
bool without_no_number(std::string& text, std::size_t at) {
  for (const std::string_view word : {"NaN", "Infinity"}) {
    if (text.compare(std::min(at, text.size()), word.size(), word) != 0) continue;
    const std::size_t sign = at > 0 && text[at - 1] == '-' ? 1 : 0;
    text.replace(at - sign, word.size() + sign, "null");
    return true;
  }
  return false;
}

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t start = before.rfind('\n');
  const std::size_t column =
      utf8_length(start == std::string_view::npos ? before : before.substr(start + 1)) + 1;
  return fmt::format("{}:{}", line, column);
}

}  // namespace

HubFolder::HubFolder(const std::vector<FolderFile>& the_files, std::string_view folder,
                     const Wanted& the_wanted)
    : files(the_files), path(folder), wanted(the_wanted), draft(the_wanted) {
  read_config();
  if (const FolderFile* found = file("tokenizer_config.json")) tokenizer = json_of(*found, longest_tokenizer);
  read_readme();
}

const FolderFile* HubFolder::file(std::string_view name) const {
  for (const FolderFile& each : files)
    if (each.name == name) return &each;
  return nullptr;
}

std::string HubFolder::text_of(const FolderFile& file, std::size_t longest) const {
  if (file.bytes->size() > longest)
    throw Problem(Kind::too_large, fmt::format("{}/{}: {} bytes: at most {} are read", path, file.name,
                                               file.bytes->size(), longest));
  return file.bytes->read(0, longest);
}

Node HubFolder::json_of(const FolderFile& file, std::size_t longest) const {
  std::string text = text_of(file, longest);
  Node node;
  schema::JsonError error;
  const schema::Limits limits{64, longest, 2'000'000};
  bool read = schema::read_json(text, node, error, limits);
  for (int number = 0; !read && number < 64 && without_no_number(text, error.offset); ++number)
    read = schema::read_json(text, node, error = {}, limits);
  if (!read)
    throw Problem(Kind::invalid, fmt::format("{}/{}:{}: no sound JSON: {}", path, file.name,
                                             line_and_column(text, error.offset), error.message));
  if (!node.is_map())
    throw Problem(Kind::invalid,
                  fmt::format("{}/{}: this is a {}, no JSON object", path, file.name, node.kind()));
  return node;
}

void HubFolder::read_config() {
  const FolderFile* found = file("config.json");
  if (found == nullptr)
    throw Problem(Kind::invalid, fmt::format("{}: there is no config.json in this folder", path),
                  "a Hugging Face folder has one; a GGUF file is imported by its own name");
  config = json_of(*found, longest_config);
  for (const std::string_view part : {"text_config", "llm_config", "language_config", "thinker_config"}) {
    const Node* inner = config.find(part);
    if (inner == nullptr || !inner->is_map()) continue;
    text = inner;
    prefix_ = fmt::format("config.json: {}.", part);
    used.emplace(part);
    return;
  }
}

void HubFolder::read_readme() {
  const FolderFile* found = file("README.md");
  if (found == nullptr)
    return draft.report.leave("README.md", "there is none: license and task are guessed or missing");
  std::string flaw;
  readme = front_matter(text_of(*found, longest_readme), flaw);
  if (!flaw.empty()) draft.report.leave("README.md", flaw);
}

const Node* HubFolder::find(Keys keys, std::string& where) {
  const Node* first = nullptr;
  for (const Node* part : {text, static_cast<const Node*>(&config)}) {
    if (part == nullptr) continue;
    for (const std::string_view key : keys) {
      const Node* value = part->find(key);
      if (value == nullptr || value->is_null()) continue;
      used.emplace(key);
      if (first == nullptr) where = (part == text ? prefix_ : "config.json: ") + std::string(key);
      if (first == nullptr) first = value;
    }
  }
  return first;
}

std::optional<int> whole(const Node* value) {
  if (value == nullptr || !value->is_integer()) return {};
  if (value->integer() < 1 || value->integer() > std::numeric_limits<int>::max()) return {};
  return static_cast<int>(value->integer());
}

}  // namespace mlib::formats::detail
