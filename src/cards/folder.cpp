#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cards/draft.hpp"
#include "cards/library.hpp"
#include "schema/document.hpp"

namespace mlib::cards {
namespace {

namespace fs = std::filesystem;

bool is_card_file(const fs::path& path) {
  const std::string end = path.extension().string();
  return end == ".yaml" || end == ".yml" || end == ".json";
}

bool is_below(const fs::path& path, const fs::path& root) {
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

class Folder {
 public:
  explicit Folder(const std::string& folder) : root_(folder) {
    std::error_code error;
    real_ = fs::canonical(root_, error);
    if (error || !fs::is_directory(real_))
      throw Problem(Kind::unavailable, fmt::format("the folder of cards `{}` cannot be read", folder),
                    error ? error.message() : "it is not a folder");
  }

  std::vector<File> read() {
    walk(root_);
    detail::in_batches(to_read_.size(), [&](std::size_t, std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) read(files_[to_read_[i]]);
    });
    std::erase_if(files_, [](const File& file) { return file.path.empty(); });
    std::sort(files_.begin(), files_.end(), [](const File& a, const File& b) { return a.path < b.path; });
    return std::move(files_);
  }

 private:
  void walk(const fs::path& folder) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    if (error && folder == root_)
      throw Problem(Kind::unavailable, fmt::format("the folder of cards `{}` cannot be read", root_.string()),
                    error.message());
    if (error) return refuse(folder, "the folder cannot be read: " + error.message());
    for (const fs::directory_entry& entry : entries) {
      if (entry.path().filename().string().starts_with('.')) continue;
      if (entry.is_symlink(error)) {
        look_at_link(entry.path());
      } else if (entry.is_directory(error)) {
        walk(entry.path());
      } else if (entry.is_regular_file(error) && is_card_file(entry.path())) {
        take(entry.path());
      }
    }
  }

  /// Links to files of the folder are fine (Kubernetes mounts ConfigMaps so); no link may leave it or make a
  /// loop.
  void look_at_link(const fs::path& path) {
    std::error_code error;
    const fs::path target = fs::canonical(path, error);
    const bool folder = !error && fs::is_directory(target, error);
    if (!folder && !is_card_file(path)) return;
    if (error) return refuse(path, "the symbolic link leads nowhere");
    if (folder) return refuse(path, "a symbolic link to a folder is not followed");
    if (!is_below(target, real_)) return refuse(path, "the symbolic link leaves the folder of cards");
    if (fs::is_regular_file(target, error)) take(path);
  }

  void refuse(const fs::path& path, std::string why) {
    files_.push_back({path.lexically_relative(root_).string(), "", std::move(why)});
  }

  void take(const fs::path& path) {
    files_.push_back({path.lexically_relative(root_).string(), "", ""});
    to_read_.push_back(files_.size() - 1);
  }

  /// Reads one byte more than a document may have, so that a huge file costs no more than that.
  void read(File& file) const {
    const fs::path path = root_ / file.path;
    std::ifstream in(path, std::ios::binary);
    std::error_code error;
    if (!in) {
      if (fs::exists(path, error))
        file.refused = "the file cannot be read";
      else
        file.path.clear();  // it went away since it was listed
      return;
    }
    const std::uintmax_t size =
        std::min<std::uintmax_t>(fs::file_size(path, error), schema::Limits{}.bytes + 1);
    file.text.resize(error ? 0 : size);
    in.read(file.text.data(), static_cast<std::streamsize>(file.text.size()));
    file.text.resize(static_cast<std::size_t>(in.gcount()));
  }

  fs::path root_;
  fs::path real_;
  std::vector<File> files_;
  std::vector<std::size_t> to_read_;  ///< of those
};

}  // namespace

std::vector<File> read_folder(const std::string& folder) { return Folder(folder).read(); }

/// What holds in every catalogue.
constexpr std::string_view contract_folders[] = {"flags/", "rules/", "causes/", "protocols/"};

std::vector<File> over_contract(std::vector<File> files) {
  std::vector<File> all;
  for (File& shipped : embedded()) {
    const std::string& path = shipped.path;
    const auto below = [&](std::string_view folder) { return path.starts_with(folder); };
    if (std::none_of(std::begin(contract_folders), std::end(contract_folders), below)) continue;
    const auto same = [&](const File& each) { return each.path == path || each.path.ends_with("/" + path); };
    if (std::any_of(files.begin(), files.end(), same)) continue;
    shipped.place = "catalog/" + path;
    all.push_back(std::move(shipped));
  }
  std::move(files.begin(), files.end(), std::back_inserter(all));
  return all;
}

}  // namespace mlib::cards
