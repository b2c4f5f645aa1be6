#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace mlib::formats {

/// Bytes that may be far more than memory holds.
class Bytes {
 public:
  virtual ~Bytes() = default;
  virtual std::uint64_t size() const = 0;
  /// `count` bytes from `offset`, fewer where they end.
  virtual std::string read(std::uint64_t offset, std::size_t count) const = 0;
};

/// A text as Bytes.
class TextBytes final : public Bytes {
 public:
  explicit TextBytes(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  std::string read(std::uint64_t offset, std::size_t count) const override {
    return offset >= text_.size() ? "" : text_.substr(static_cast<std::size_t>(offset), count);
  }

 private:
  std::string text_;
};

/// A file of a folder.
struct FolderFile {
  std::string name;
  std::shared_ptr<const Bytes> bytes;
};

/// The file; Problem{not_found} when there is none, Problem{unavailable} when it cannot be read.
std::shared_ptr<const Bytes> open_file(const std::string& path);
bool is_folder(const std::string& path);
/// The plain files of a folder (not of folders in it), by name; Problem{unavailable} when it cannot be read,
/// Problem{too_large} with more than 10,000 of them.
std::vector<FolderFile> open_folder(const std::string& path);
/// `-00001-of-00003.gguf`, which llama.cpp ends the names of a model's parts with; "" of another name.
std::string_view part_ending(std::string_view name);
/// All parts of the GGUF model that `path` is one of which are beside it, by name; it alone where it is
/// whole. Problem as of the two above.
std::vector<FolderFile> open_parts(const std::string& path);
/// The path from the root, without `.` and `..`.
std::string absolute(const std::string& path);

}  // namespace mlib::formats
