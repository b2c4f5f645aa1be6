#include "formats/bytes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/problem.hpp"

namespace mlib::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 10'000;

class FileBytes final : public Bytes {
 public:
  explicit FileBytes(const std::string& path) : path_(path), in_(path, std::ios::binary) {
    std::error_code error;
    size_ = fs::file_size(path, error);
    if (!in_ || error) throw Problem(Kind::unavailable, fmt::format("{}: the file cannot be read", path));
  }
  std::uint64_t size() const override { return size_; }
  std::string read(std::uint64_t offset, std::size_t count) const override {
    if (offset >= size_) return "";
    std::string text(static_cast<std::size_t>(std::min<std::uint64_t>(count, size_ - offset)), '\0');
    in_.clear();
    in_.seekg(static_cast<std::streamoff>(offset));
    in_.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in_.bad()) throw Problem(Kind::unavailable, fmt::format("{}: the file cannot be read", path_));
    text.resize(static_cast<std::size_t>(in_.gcount()));
    return text;
  }

 private:
  std::string path_;
  mutable std::ifstream in_;
  std::uint64_t size_ = 0;
};

/// Calls `use` with each entry of a folder; Problem{unavailable} when it cannot be read, or no further.
template <class Use>
void each_entry(const std::string& folder, const Use& use) {
  std::error_code error;
  fs::directory_iterator entries(folder, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) use(*entries);
  if (error)
    throw Problem(Kind::unavailable, fmt::format("{}: the folder cannot be read", folder), error.message());
}

}  // namespace

std::shared_ptr<const Bytes> open_file(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error))
    throw Problem(Kind::not_found, fmt::format("{}: there is no such file", path));
  if (!fs::is_regular_file(path, error))
    throw Problem(Kind::unavailable, fmt::format("{}: this is no file", path));
  return std::make_shared<FileBytes>(path);
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

std::vector<FolderFile> open_folder(const std::string& path) {
  std::vector<FolderFile> files;
  each_entry(path, [&](const fs::directory_entry& entry) {
    std::error_code error;
    if (!entry.is_regular_file(error)) return;
    if (files.size() == most_files)
      throw Problem(Kind::too_large, fmt::format("{}: more than {} files", path, most_files));
    files.push_back({entry.path().filename().string(), open_file(entry.path().string())});
  });
  std::sort(files.begin(), files.end(),
            [](const FolderFile& a, const FolderFile& b) { return a.name < b.name; });
  return files;
}

std::string_view part_ending(std::string_view name) {
  constexpr std::string_view form = "-00000-of-00000.gguf";
  if (name.size() <= form.size()) return {};
  const std::string_view ending = name.substr(name.size() - form.size());
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = ending[i] >= '0' && ending[i] <= '9';
    if (form[i] == '0' ? !digit : ending[i] != form[i]) return {};
  }
  return ending;
}

std::vector<FolderFile> open_parts(const std::string& path) {
  constexpr std::size_t most_parts = 500;
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string_view ending = part_ending(name);
  std::vector<FolderFile> parts;
  if (ending.empty()) {
    parts.push_back({name, open_file(path)});
    return parts;
  }
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string_view stem = std::string_view(name).substr(0, name.size() - ending.size());
  const std::string_view of_all = ending.substr(ending.find("-of-"));
  each_entry(folder, [&](const fs::directory_entry& entry) {
    const std::string each = entry.path().filename().string();
    if (each.size() != name.size() || !each.starts_with(stem) || !each.ends_with(of_all)) return;
    std::error_code error;
    if (part_ending(each).empty() || !entry.is_regular_file(error)) return;
    if (parts.size() == most_parts)
      throw Problem(Kind::too_large, fmt::format("{}: more than {} parts", path, most_parts));
    parts.push_back({each, open_file(entry.path().string())});
  });
  if (parts.empty()) parts.push_back({name, open_file(path)});
  std::sort(parts.begin(), parts.end(),
            [](const FolderFile& a, const FolderFile& b) { return a.name < b.name; });
  return parts;
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const fs::path full = fs::absolute(path, error).lexically_normal();
  std::string text = error ? path : full.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace mlib::formats
