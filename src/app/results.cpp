#include "app/results.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "schema/document.hpp"

namespace mlib::app {
namespace {

namespace fs = std::filesystem;

/// Of files that are being written: hidden, so that nobody reads them.
constexpr std::string_view unfinished = ".writing-";

[[noreturn]] void cannot(const fs::path& path, std::string_view what, int error) {
  throw Problem(Kind::unavailable,
                fmt::format("{}: cannot be {}: {}", path.string(), what, std::strerror(error)),
                "results lie beside the cards of --catalog, or in the folder of --state");
}

/// An open file or folder.
class Handle {
 public:
  Handle(const fs::path& path, int flags) : file_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Handle() {
    if (file_ >= 0) ::close(file_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  int get() const { return file_; }

 private:
  int file_;
};

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) cannot(path, "made", error.value());
}

void sync_folder(const fs::path& path) {
  const Handle folder(path, O_RDONLY | O_DIRECTORY);
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) cannot(path, "written", errno);
}

/// Writes beside, syncs and renames: a reader sees the whole file or none, also after a crash. Its lock tells
/// that somebody still writes it.
void write_whole(const fs::path& path, const std::string& text) {
  const fs::path aside = path.parent_path() / (std::string(unfinished) + path.filename().string());
  const Handle file(aside, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.get() < 0 || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) cannot(aside, "written", errno);
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(file.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno != EINTR) cannot(aside, "written", errno);
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  if (::fsync(file.get()) != 0) cannot(aside, "written", errno);
  if (::rename(aside.c_str(), path.c_str()) != 0) cannot(path, "written", errno);
  sync_folder(path.parent_path());
}

class Folder final : public verbs::Results {
 public:
  explicit Folder(std::string folder) : root_(results_folder(folder)) {}

  void check() override {
    make_folder(root_);
    if (::access(root_.c_str(), W_OK | X_OK) != 0) cannot(root_, "written to", errno);
  }

  std::string save(const cards::BenchmarkCard& card) override {
    const fs::path folder = root_ / card.spec.template_name;
    make_folder(folder);
    sync_folder(root_);
    const fs::path path = folder / (card.metadata.name + ".yaml");
    write_whole(path, schema::to_yaml(schema::encode(card)));
    return path.string();
  }

  void remove(const std::string& template_name, const std::string& id) override {
    const fs::path path = root_ / template_name / (id + ".yaml");
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) cannot(path, "removed", errno);
  }

  void tidy() override {
    std::error_code error;
    for (fs::recursive_directory_iterator each(root_, error), end; !error && each != end;
         each.increment(error)) {
      const fs::path path = each->path();
      if (!path.filename().string().starts_with(unfinished)) continue;
      const Handle file(path, O_WRONLY);
      if (file.get() >= 0 && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    }
  }

 private:
  fs::path root_;
};

}  // namespace

std::string results_folder(const std::string& folder) { return (fs::path(folder) / "benchmarks").string(); }

std::unique_ptr<verbs::Results> results_in(std::string folder) {
  return std::make_unique<Folder>(std::move(folder));
}

std::vector<cards::File> read_results(const std::string& folder) {
  const std::string below = results_folder(folder);
  std::error_code error;
  if (!fs::is_directory(below, error)) return {};
  std::vector<cards::File> files = cards::read_folder(below);
  for (cards::File& file : files) {
    file.place = (fs::path(below) / file.path).string();
    file.path = "benchmarks/" + file.path;
  }
  return files;
}

}  // namespace mlib::app
