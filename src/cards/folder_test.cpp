#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "cards/library.hpp"
#include "cards/rule.hpp"

using namespace mlib;
using namespace mlib::cards;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("mlib-cards-" + random_hex(8));
  Folder() { fs::create_directories(path); }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  void write(const std::string& name, const std::string& text = "a: 1\n") const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
  }
};

std::string names(const std::vector<File>& files) {
  std::string all;
  for (const File& file : files) all += file.path + (file.refused.empty() ? " " : "(" + file.refused + ") ");
  return all;
}

}  // namespace

TEST_CASE("a folder gives its YAML and JSON files, below too, sorted, and nothing hidden") {
  const Folder folder;
  folder.write("b.yaml", "text");
  folder.write("a/deep/c.yml");
  folder.write("a/d.json");
  folder.write("README.md");
  folder.write(".hidden.yaml");
  folder.write(".git/x.yaml");
  const auto files = read_folder(folder.path);
  CHECK(names(files) == "a/d.json a/deep/c.yml b.yaml ");
  CHECK(files[2].text == "text");
}

TEST_CASE("a folder that is not there is unavailable, and the message names it") {
  try {
    read_folder("/nowhere/cards");
    FAIL("it was read");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::unavailable);
    CHECK(problem.message() == "the folder of cards `/nowhere/cards` cannot be read");
    CHECK(problem.hint() == "No such file or directory");
  }
  const Folder folder;
  folder.write("a.yaml");
  CHECK_THROWS_AS(read_folder(folder.path / "a.yaml"), Problem);
}

TEST_CASE("a link within the folder is read, one that leaves it or leads nowhere is refused") {
  const Folder folder;
  const Folder outside;
  outside.write("secret.yaml");
  folder.write("..data/real.yaml", "real");
  fs::create_symlink("..data/real.yaml", folder.path / "card.yaml");
  fs::create_symlink(outside.path / "secret.yaml", folder.path / "leak.yaml");
  fs::create_symlink("gone.yaml", folder.path / "lost.yaml");
  fs::create_symlink(".", folder.path / "loop");
  fs::create_symlink(outside.path / "secret.yaml", folder.path / "notes.txt");
  const auto files = read_folder(folder.path);
  CHECK(names(files) ==
        "card.yaml leak.yaml(the symbolic link leaves the folder of cards) loop(a symbolic link to a folder "
        "is not "
        "followed) lost.yaml(the symbolic link leads nowhere) ");
  CHECK(files[0].text == "real");
}

TEST_CASE("a folder whose name only begins like the catalogue's is outside") {
  const Folder folder;
  const fs::path other = folder.path.string() + "-other";
  fs::create_directories(other);
  std::ofstream(other / "x.yaml") << "a: 1\n";
  fs::create_symlink(other / "x.yaml", folder.path / "x.yaml");
  CHECK(names(read_folder(folder.path)) == "x.yaml(the symbolic link leaves the folder of cards) ");
  fs::remove_all(other);
}

TEST_CASE("what is no regular file is not opened, and a huge one is read up to the limit") {
  const Folder folder;
  REQUIRE(mkfifo((folder.path / "pipe.yaml").c_str(), 0600) == 0);
  folder.write("huge.yaml", "");
  fs::resize_file(folder.path / "huge.yaml", std::uintmax_t{1} << 32U);
  const auto files = read_folder(folder.path);
  REQUIRE(names(files) == "huge.yaml ");
  CHECK(files[0].text.size() < (5U << 20U));
  CHECK(!load(files, "")->findings.empty());
}

TEST_CASE(
    "a folder lies over the shipped flags, rules, causes and protocols; its own file of the same name wins") {
  const std::string own = "apiVersion: model-library/v1\nkind: Rules\nmetadata: {name: size}\nrules: []\n";
  const auto library = load(over_contract({{"below/rules/size.yaml", own}}), "mine");
  CHECK(library->findings.empty());
  CHECK(library->models.empty());
  CHECK(library->flags.count("vllm") == 1);
  CHECK_FALSE(library->causes.empty());
  CHECK(find_call(library->protocols, "completions") != nullptr);
  const auto has = [&](std::string_view name) {
    const std::vector<Rule>& all = library->rules->all;
    return std::any_of(all.begin(), all.end(), [&](const Rule& each) { return each.name == name; });
  };
  CHECK(has("task-not-served"));
  CHECK_FALSE(has("tensor-parallel-and-heads"));
}
