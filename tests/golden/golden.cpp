#include "golden.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace fs = std::filesystem;

namespace mlib::golden {
namespace {

constexpr std::string_view mark = "----------\n";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Count {
  int passed = 0, wrong = 0, accepted = 0;
};

void run_one(const Suite& suite, const fs::path& file, Count& count) {
  const bool accept = std::getenv("MLIB_ACCEPT") != nullptr;
  const std::string text = read(file);
  const std::size_t at = std::min(text.find(mark), text.size());
  const std::string input = text.substr(0, at);
  const std::string expected = text.substr(std::min(at + mark.size(), text.size()));
  const std::string got = suite.run(input);
  if (got == expected && at < text.size()) {
    ++count.passed;
  } else if (accept) {
    std::ofstream(file, std::ios::binary) << input << mark << got;
    fmt::print("accepted: {}\n", file.string());
    ++count.accepted;
  } else {
    fmt::print("WRONG: {}\n--- expected\n{}--- got\n{}---\n", file.string(), expected, got);
    ++count.wrong;
  }
}

}  // namespace
}  // namespace mlib::golden

/// test_golden [NAME]: all goldens, or those whose path holds NAME. MLIB_ACCEPT=1 rewrites what differs and
/// fails, so that accepting cannot pass by mistake.
int main(int argc, char** argv) {
  using namespace mlib::golden;
  const std::vector<Suite> suites{{"broken", broken},
                                  {"api", api},
                                  {"causes", causes},
                                  {"import", mlib::golden::imported},
                                  {"bench", mlib::golden::bench}};
  Count count;
  for (const Suite& suite : suites) {
    std::vector<fs::path> files;
    for (const auto& entry :
         fs::directory_iterator(fs::path(MLIB_SOURCE_DIR) / "tests/golden" / suite.folder))
      if (entry.path().extension() == ".test") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files)
      if (argc < 2 || file.string().find(argv[1]) != std::string::npos) run_one(suite, file, count);
  }
  if (count.accepted > 0) fmt::print("accepted {}, skipped\n", count.accepted);
  fmt::print("goldens: {} passed, {} wrong\n", count.passed, count.wrong);
  return count.wrong == 0 && count.accepted == 0 && count.passed > 0 ? 0 : 1;
}
