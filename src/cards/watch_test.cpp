#include "cards/watch.hpp"

#include <doctest/doctest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "base/text.hpp"

using namespace mlib;
using namespace mlib::cards;
namespace fs = std::filesystem;

namespace {

/// A folder of cards that is watched, and what the watch told.
struct Watched {
  fs::path path = fs::temp_directory_path() / ("mlib-watch-" + random_hex(8));
  std::mutex mutex;
  std::condition_variable told;
  std::shared_ptr<const Library> library;
  int changes = 0;
  int loads = 0;
  std::string failure;
  std::unique_ptr<Watch> watch;

  Watched() {
    write("small", "1");
    library = load_now();
    watch = std::make_unique<Watch>(options(), library->version);
  }
  ~Watched() {
    watch.reset();
    std::error_code error;
    fs::remove_all(path, error);
  }

  std::shared_ptr<const Library> load_now() const { return load(read_folder(path), "cards"); }

  WatchOptions options() {
    WatchOptions made;
    made.folder = path;
    made.quiet = std::chrono::milliseconds(30);
    made.load = [this] {
      const std::lock_guard lock(mutex);
      ++loads;
      told.notify_all();
      return load_now();
    };
    made.changed = [this](std::shared_ptr<const Library> fresh) {
      const std::lock_guard lock(mutex);
      library = std::move(fresh);
      ++changes;
      told.notify_all();
    };
    made.failed = [this](const Problem& problem) {
      const std::lock_guard lock(mutex);
      failure = problem.message();
      told.notify_all();
    };
    return made;
  }

  static std::string card(const std::string& name, const std::string& cpus) {
    return "apiVersion: model-library/v1\nkind: Hardware\nmetadata: {name: " + name +
           "}\nspec: {cpus: " + cpus + "}\n";
  }
  void write(const std::string& name, const std::string& cpus) const {
    fs::create_directories(path / "hardware");
    std::ofstream(path / "hardware" / (name + ".yaml")) << card(name, cpus);
  }
  void replace(const std::string& name, const std::string& cpus) const {
    std::ofstream(path / "hardware" / ".new~") << card(name, cpus);
    fs::rename(path / "hardware" / ".new~", path / "hardware" / (name + ".yaml"));
  }

  std::shared_ptr<const Library> current() {
    const std::lock_guard lock(mutex);
    return library;
  }

  /// Waits until `done` holds of what was told.
  template <class Done>
  bool await(Done done) {
    std::unique_lock lock(mutex);
    return told.wait_for(lock, std::chrono::seconds(20), done);
  }
  bool await_cpus(const std::string& name, double cpus) {
    return await([&] {
      const Hardware* found = library->find_hardware(name);
      return found != nullptr && found->spec.cpus == cpus;
    });
  }
};

}  // namespace

TEST_CASE(
    "a file that is written, replaced by rename, added in a new folder or removed changes the library") {
  Watched watched;
  watched.write("small", "2");
  CHECK(watched.await_cpus("small", 2));
  watched.replace("small", "3");
  CHECK(watched.await_cpus("small", 3));
  fs::create_directories(watched.path / "more" / "deep");
  std::ofstream(watched.path / "more" / "deep" / "big.yaml") << Watched::card("big", "64");
  CHECK(watched.await_cpus("big", 64));
  std::ofstream(watched.path / "more" / "deep" / "big.yaml") << Watched::card("big", "65");
  CHECK(watched.await_cpus("big", 65));
  fs::remove_all(watched.path / "more");
  CHECK(watched.await([&] { return watched.library->find_hardware("big") == nullptr; }));
}

TEST_CASE("a bad edit is told and takes only its own card away") {
  Watched watched;
  watched.write("other", "8");
  CHECK(watched.await_cpus("other", 8));
  const auto before = watched.current();
  watched.write("small", "lots");
  CHECK(watched.await([&] { return !watched.library->findings.empty(); }));
  CHECK(watched.current()->find_hardware("other") != nullptr);
  CHECK(watched.current()->find_hardware("small") == nullptr);
  // Who took the old library still has all of it.
  CHECK(before->find_hardware("small")->spec.cpus == 1);
  watched.write("small", "5");
  CHECK(watched.await_cpus("small", 5));
}

TEST_CASE("a poke loads even when nothing changed; a file rewritten without a change is not told") {
  Watched watched;
  watched.watch->poke();
  CHECK(watched.await([&] { return watched.changes == 1; }));
  watched.replace("small", "1");
  CHECK(watched.await([&] { return watched.loads > 1; }));
  watched.replace("last", "9");
  CHECK(watched.await_cpus("last", 9));
  const std::lock_guard lock(watched.mutex);
  CHECK(watched.changes == 2);
}

TEST_CASE("a folder that goes away is told once and the old library stays; it may come back") {
  Watched watched;
  const fs::path away = watched.path.string() + "-away";
  fs::rename(watched.path, away);
  CHECK(watched.await([&] { return !watched.failure.empty(); }));
  {
    const std::lock_guard lock(watched.mutex);
    CHECK(watched.failure.find(watched.path.string()) != std::string::npos);
  }
  CHECK(watched.current()->find_hardware("small") != nullptr);
  fs::rename(away, watched.path);
  watched.write("small", "7");
  CHECK(watched.await_cpus("small", 7));
}

TEST_CASE("a watch ends at once, also while it waits for quiet") {
  Watched watched;
  watched.write("small", "2");
  watched.watch.reset();
  CHECK(watched.current()->find_hardware("small") != nullptr);
}
