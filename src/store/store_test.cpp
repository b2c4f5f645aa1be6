#include "store/store.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"

using namespace mlib;
using namespace mlib::store;

namespace {

/// A folder of its own, removed at the end.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / ("mlib-store-" + random_hex(8))).string();
  ~Folder() { std::filesystem::remove_all(path); }
};

Deployment sample(const std::string& name, const std::string& space = "team-a") {
  Deployment record;
  record.namespace_name = space;
  record.name = name;
  record.target = "podman";
  record.template_name = "tiny";
  record.state = "deploying";
  record.values = {{"threads", 4}, {"text", "a: \"b\"\n---\n"}};
  return record;
}

const Audit by_ann{"2026-11-28T16:00:00Z", "ann", "deploy", "team-a/one", ""};

/// What every store keeps to.
void contract(Store& store) {
  store.save_filter({"b", "gated"}, by_ann);
  store.save_filter({"a", "format = 'gguf'"}, by_ann);
  store.save_filter({"b", "NOT gated"}, by_ann);
  REQUIRE(store.filters().size() == 2);
  CHECK(store.filters()[0].name == "a");
  CHECK(store.filters()[1].expression == "NOT gated");
  store.remove_filter("a", by_ann);
  store.remove_filter("none", by_ann);
  CHECK(store.filters().size() == 1);
  CHECK(!store.get("team-a", "one"));
  Deployment one = store.put(sample("one"), by_ann);
  CHECK(one.revision == 1);
  store.put(sample("two"), by_ann);
  store.put(sample("one", "a-team"), by_ann);

  const std::optional<Deployment> read = store.get("team-a", "one");
  REQUIRE(read);
  CHECK(schema::encode(*read) == schema::encode(one));
  CHECK(read->values[1].second.string() == "a: \"b\"\n---\n");

  std::vector<std::string> names;
  for (const Deployment& each : store.list()) names.push_back(each.namespace_name + "/" + each.name);
  CHECK(join(names, " ") == "a-team/one team-a/one team-a/two");
  CHECK(store.list("team-a").size() == 2);
  CHECK(store.list("team").empty());

  one.state = "deployed";
  CHECK(store.put(one, by_ann).revision == 2);
  CHECK_THROWS_WITH_AS(store.put(one, by_ann), "`team-a/one` was changed meanwhile (revision 2, expected 1)",
                       Problem);
  CHECK(store.get("team-a", "one")->revision == 2);
  CHECK_THROWS_AS(store.put(sample("one"), by_ann), Problem);

  store.remove("team-a", "one", {"t", "bob", "deleted", "team-a/one", "why"});
  CHECK(!store.get("team-a", "one"));
  CHECK_THROWS_WITH_AS(store.put(one, by_ann), "`team-a/one` was removed meanwhile", Problem);
  const std::vector<Audit> audit = store.audit(2);
  REQUIRE(audit.size() == 2);
  CHECK(audit[0].who == "bob");
  CHECK(audit[0].detail == "why");
  CHECK(audit[1].verb == "deploy");
  CHECK(store.audit(100).size() == 10);  // what was refused left no row

  std::unique_ptr<Hold> first = store.hold("team-a", "one");
  CHECK(first != nullptr);
  CHECK(store.hold("team-a", "one") == nullptr);
  CHECK(store.hold("team-a", "two") != nullptr);
  first.reset();
  CHECK(store.hold("team-a", "one") != nullptr);
}

/// Only what was deployed is kept, the last ten, and until the deployment goes.
void keeps_history(Store& store) {
  Deployment record = sample("one");
  for (int i = 1; i <= 12; ++i) {
    record.state = "deploying";
    ++record.applies;
    record = store.put(record, by_ann);
    record.state = "deployed";
    record.values = {{"threads", i}};
    record = store.put(record, by_ann);
  }
  ++record.applies;
  record.state = "failed";
  store.put(record, by_ann);
  store.put(sample("two"), by_ann);
  const std::vector<Deployment> history = store.history("team-a", "one");
  REQUIRE(history.size() == 10);
  CHECK(history.front().applies == 12);
  CHECK(history.front().values[0].second.integer() == 12);
  CHECK(history.back().applies == 3);
  CHECK(store.history("team-a", "two").empty());
  store.remove("team-a", "one", by_ann);
  CHECK(store.history("team-a", "one").empty());
}

int rows(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  sqlite3_open(file.c_str(), &db);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(db, sql, -1, &statement, nullptr);
  sqlite3_step(statement);
  const int count = sqlite3_column_int(statement, 0);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return count;
}

}  // namespace

TEST_CASE("The memory store keeps the contract") { contract(*memory_store()); }

TEST_CASE("The SQLite store keeps the contract") {
  const Folder folder;
  contract(*sqlite_store(folder.path + "/deeper"));
}

TEST_CASE("The lazy store keeps the contract and opens once, when used") {
  int opened = 0;
  const std::unique_ptr<Store> store = lazy_store([&] {
    ++opened;
    return memory_store();
  });
  CHECK(opened == 0);
  contract(*store);
  CHECK(opened == 1);
}

TEST_CASE("Two stores of one folder, as of two processes, share their holds") {
  const Folder folder;
  const std::unique_ptr<Store> one = sqlite_store(folder.path), two = sqlite_store(folder.path);
  std::unique_ptr<Hold> held = one->hold("team-a", "demo");
  CHECK(two->hold("team-a", "demo") == nullptr);
  held.reset();
  CHECK(two->hold("team-a", "demo") != nullptr);
}

TEST_CASE("Every store keeps the last ten renderings that were deployed") {
  const Folder folder;
  keeps_history(*memory_store());
  keeps_history(*sqlite_store(folder.path));
}

TEST_CASE("A database of the first version gets its history without losing a record") {
  const Folder folder;
  sqlite_store(folder.path)->put(sample("one"), by_ann);
  const std::string file = folder.path + "/mlib.db";
  rows(file, "DROP TABLE history");
  rows(file, "DROP TABLE filter");
  rows(file, "PRAGMA user_version = 1");
  const std::unique_ptr<Store> store = sqlite_store(folder.path);
  CHECK(store->list().size() == 1);
  keeps_history(*sqlite_store(folder.path + "/other"));
  Deployment one = *store->get("team-a", "one");
  one.state = "deployed";
  store->put(one, by_ann);
  CHECK(store->history("team-a", "one").size() == 1);
}

TEST_CASE("A record, its audit row and its outbox row are there together") {
  const Folder folder;
  sqlite_store(folder.path)->put(sample("one"), by_ann);
  const std::string file = folder.path + "/mlib.db";
  CHECK(rows(file, "SELECT count(*) FROM deployment") == 1);
  CHECK(rows(file, "SELECT count(*) FROM audit WHERE who = 'ann'") == 1);
  CHECK(rows(file, "SELECT count(*) FROM outbox WHERE name = 'one' AND revision = 1") == 1);
}

TEST_CASE("What put returned for survives a kill -9") {
  const Folder folder;
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::unique_ptr<Store> store = sqlite_store(folder.path);
    for (int i = 0;; ++i) {
      store->put(sample("n" + std::to_string(i)), by_ann);
      if (::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
    }
  }
  ::close(pipe_ends[1]);
  char byte = 0;
  std::size_t acknowledged = 0;
  while (acknowledged < 20 && ::read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  while (::read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
  ::close(pipe_ends[0]);
  const std::unique_ptr<Store> store = sqlite_store(folder.path);
  CHECK(store->list().size() >= acknowledged);
  CHECK(store->audit(100'000).size() == store->list().size());
  CHECK(store->get("team-a", "n" + std::to_string(acknowledged - 1)));
}

TEST_CASE("Two processes may share a folder, and none of their changes is lost") {
  const Folder folder;
  const auto write_fifty = [&](const std::string& who) {
    const std::unique_ptr<Store> store = sqlite_store(folder.path);
    for (int i = 0; i < 50; ++i) store->put(sample(who + std::to_string(i)), by_ann);
  };
  const pid_t child = ::fork();
  if (child == 0) {
    write_fifty("child");
    ::_exit(0);
  }
  write_fifty("parent");
  int state = 1;
  ::waitpid(child, &state, 0);
  CHECK(state == 0);
  CHECK(sqlite_store(folder.path)->list().size() == 100);
}

TEST_CASE("A file that is no database, a foreign one and a newer one are refused with path and cause") {
  const Folder folder;
  std::filesystem::create_directories(folder.path);
  const std::string file = folder.path + "/mlib.db";
  const auto refused = [&] {
    try {
      sqlite_store(folder.path);
    } catch (const Problem& problem) {
      CHECK(problem.kind() == Kind::unavailable);
      return problem.message();
    }
    return std::string("nothing");
  };
  std::ofstream(file) << std::string(4096, 'x');
  CHECK(refused() == file + ": file is not a database");
  std::filesystem::remove(file);
  rows(file, "CREATE TABLE theirs (a)");
  CHECK(refused() == file + ": it is the database of another program");
  std::filesystem::remove(file);
  sqlite_store(folder.path);
  rows(file, "PRAGMA user_version = 99");
  CHECK(refused() == file + ": written by a newer mlib (schema 99, this one knows 3)");
}

TEST_CASE("A folder that cannot be made is refused with path and cause") {
  CHECK_THROWS_WITH_AS(sqlite_store("/proc/no/such"),
                       doctest::Contains("/proc/no/such: the folder cannot be made: "), Problem);
}
