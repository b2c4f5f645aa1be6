#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <iterator>
#include <mutex>
#include <system_error>

#include "store/lock.hpp"
#include "store/rules.hpp"
#include "store/store.hpp"

namespace mlib::store {
namespace {

/// "mlib" as SQLite's application_id, so that a foreign database is told from ours.
constexpr int our_id = 0x6d6c6962;

/// What each version of the schema adds to the one before; a new database gets all of them.
constexpr const char* migrations[] = {R"(
CREATE TABLE deployment (
  namespace TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (namespace, name)) WITHOUT ROWID;
CREATE TABLE audit (
  id INTEGER PRIMARY KEY, time TEXT NOT NULL, who TEXT NOT NULL, verb TEXT NOT NULL, object TEXT NOT NULL,
  detail TEXT NOT NULL);
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, verb TEXT NOT NULL, namespace TEXT NOT NULL,
  name TEXT NOT NULL, revision INTEGER NOT NULL);
)",
                                      R"(
CREATE TABLE history (
  namespace TEXT NOT NULL, name TEXT NOT NULL, applies INTEGER NOT NULL, revision INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (namespace, name, applies)) WITHOUT ROWID;
)",
                                      R"(
CREATE TABLE filter (name TEXT PRIMARY KEY, expression TEXT NOT NULL) WITHOUT ROWID;
)"};
constexpr int schema_version = static_cast<int>(std::size(migrations));

/// A prepared statement, its bindings in order, stepped row by row.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& path, const char* sql) : db_(db), path_(path) {
    if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) fail();
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::string_view text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
  }
  Statement& bind(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  /// True while there is a row.
  bool step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail();
    return false;
  }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr
               ? ""
               : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  int integer(int column) const { return sqlite3_column_int(statement_, column); }

 private:
  [[noreturn]] void fail() const {
    throw Problem(Kind::unavailable, fmt::format("{}: {}", path_, sqlite3_errmsg(db_)),
                  "the state cannot be used; name another folder with --state, or put the file right");
  }
  sqlite3* db_;
  const std::string& path_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

Deployment decoded(const std::string& body, int revision, const std::string& path) {
  schema::Reader reader(nullptr, true);
  Deployment record = schema::decode<Deployment>(reader, schema::read_json(body));
  if (!reader.findings.empty())
    throw Problem(Kind::unavailable,
                  fmt::format("{}: a record cannot be read: {}", path, reader.findings.front().message));
  record.revision = revision;
  return record;
}

/// One connection, used by one thread and one process at a time.
class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const std::string& folder)
      : path_(folder + "/mlib.db"), changes_(folder + "/changes"), lock_(folder + "/lock") {
    const Held held(*this);
    if (sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        nullptr) != SQLITE_OK) {
      const std::string cause = sqlite3_errmsg(db_);
      sqlite3_close(db_);
      throw Problem(Kind::unavailable, fmt::format("{}: cannot be opened: {}", path_, cause),
                    "name another folder with --state");
    }
    try {
      prepare();
    } catch (const Problem&) {
      sqlite3_close(db_);
      throw;
    }
  }

  ~SqliteStore() override {
    // Closing may checkpoint, which another process must not see half done; a lock that cannot be had leaves
    // the WAL to the next one.
    try {
      const Held held(*this);
      sqlite3_close(db_);
    } catch (const Problem&) {
    }
  }

  std::optional<Deployment> get(std::string_view namespace_name, std::string_view name) const override {
    const Held held(*this);
    Statement found(db_, path_, "SELECT body, revision FROM deployment WHERE namespace = ? AND name = ?");
    if (!found.bind(namespace_name).bind(name).step()) return {};
    return decoded(found.text(0), found.integer(1), path_);
  }

  std::vector<Deployment> list(std::string_view namespace_name) const override {
    const Held held(*this);
    Statement found(
        db_, path_,
        "SELECT body, revision FROM deployment WHERE ? IN ('', namespace) ORDER BY namespace, name");
    found.bind(namespace_name);
    std::vector<Deployment> all;
    while (found.step()) all.push_back(decoded(found.text(0), found.integer(1), path_));
    return all;
  }

  Deployment put(Deployment deployment, const Audit& audit) override {
    const Held held(*this);
    transact([&] {
      Statement there(db_, path_, "SELECT revision FROM deployment WHERE namespace = ? AND name = ?");
      const bool exists = there.bind(deployment.namespace_name).bind(deployment.name).step();
      check_revision(deployment, exists ? there.integer(0) : 0);
      ++deployment.revision;
      Statement(db_, path_, "INSERT OR REPLACE INTO deployment VALUES (?, ?, ?, ?)")
          .bind(deployment.namespace_name)
          .bind(deployment.name)
          .bind(deployment.revision)
          .bind(schema::to_json(schema::encode(deployment)))
          .step();
      if (deployment.state == "deployed") keep(deployment);
      note(audit, deployment.namespace_name, deployment.name, deployment.revision);
    });
    return deployment;
  }

  void remove(std::string_view namespace_name, std::string_view name, const Audit& audit) override {
    const Held held(*this);
    transact([&] {
      for (const char* sql : {"DELETE FROM deployment WHERE namespace = ? AND name = ?",
                              "DELETE FROM history WHERE namespace = ? AND name = ?"})
        Statement(db_, path_, sql).bind(namespace_name).bind(name).step();
      note(audit, namespace_name, name, 0);
    });
  }

  std::vector<Deployment> history(std::string_view namespace_name, std::string_view name) const override {
    const Held held(*this);
    Statement found(
        db_, path_,
        "SELECT body, revision FROM history WHERE namespace = ? AND name = ? ORDER BY applies DESC");
    found.bind(namespace_name).bind(name);
    std::vector<Deployment> all;
    while (found.step()) all.push_back(decoded(found.text(0), found.integer(1), path_));
    return all;
  }

  std::unique_ptr<Hold> hold(std::string_view namespace_name, std::string_view name) override {
    return hold_in(changes_, fmt::format("{}/{}", namespace_name, name));
  }

  std::vector<SavedFilter> filters() const override {
    const Held held(*this);
    Statement found(db_, path_, "SELECT name, expression FROM filter ORDER BY name");
    std::vector<SavedFilter> all;
    while (found.step()) all.push_back({found.text(0), found.text(1)});
    return all;
  }

  void save_filter(const SavedFilter& filter, const Audit& audit) override {
    const Held held(*this);
    transact([&] {
      Statement(db_, path_, "INSERT OR REPLACE INTO filter VALUES (?, ?)")
          .bind(filter.name)
          .bind(filter.expression)
          .step();
      note(audit, "", filter.name, 0);
    });
  }

  void remove_filter(std::string_view name, const Audit& audit) override {
    const Held held(*this);
    transact([&] {
      Statement(db_, path_, "DELETE FROM filter WHERE name = ?").bind(name).step();
      note(audit, "", name, 0);
    });
  }

  std::vector<Audit> audit(std::size_t newest) const override {
    const Held held(*this);
    Statement found(db_, path_, "SELECT time, who, verb, object, detail FROM audit ORDER BY id DESC LIMIT ?");
    found.bind(static_cast<std::int64_t>(newest));
    std::vector<Audit> all;
    while (found.step())
      all.push_back({found.text(0), found.text(1), found.text(2), found.text(3), found.text(4)});
    return all;
  }

 private:
  /// This process's threads, and then other processes, are kept out while it lives.
  struct Held {
    explicit Held(const SqliteStore& store) : threads(store.mutex_), lock(store.lock_) { lock.lock(); }
    ~Held() { lock.unlock(); }
    std::lock_guard<std::mutex> threads;
    FileLock& lock;
  };

  void run(const char* sql) {
    if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return;
    throw Problem(Kind::unavailable, fmt::format("{}: {}", path_, sqlite3_errmsg(db_)),
                  "name another folder with --state, or put the file right");
  }

  int pragma(const char* sql) {
    Statement value(db_, path_, sql);
    return value.step() ? value.integer(0) : 0;
  }

  template <class Work>
  void transact(Work work) {
    run("BEGIN IMMEDIATE");
    try {
      work();
      run("COMMIT");
    } catch (const Problem&) {
      sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
      throw;
    }
  }

  void keep(const Deployment& deployment) {
    Statement(db_, path_, "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?)")
        .bind(deployment.namespace_name)
        .bind(deployment.name)
        .bind(deployment.applies)
        .bind(deployment.revision)
        .bind(schema::to_json(schema::encode(deployment)))
        .step();
    Statement(
        db_, path_,
        "DELETE FROM history WHERE namespace = ?1 AND name = ?2 AND applies NOT IN (SELECT applies FROM "
        "history WHERE namespace = ?1 AND name = ?2 ORDER BY applies DESC LIMIT ?3)")
        .bind(deployment.namespace_name)
        .bind(deployment.name)
        .bind(std::int64_t{kept_renderings})
        .step();
  }

  void note(const Audit& audit, std::string_view namespace_name, std::string_view name, int revision) {
    Statement(db_, path_, "INSERT INTO audit (time, who, verb, object, detail) VALUES (?, ?, ?, ?, ?)")
        .bind(audit.time)
        .bind(audit.who)
        .bind(audit.verb)
        .bind(audit.object)
        .bind(audit.detail)
        .step();
    Statement(db_, path_, "INSERT INTO outbox (time, verb, namespace, name, revision) VALUES (?, ?, ?, ?, ?)")
        .bind(audit.time)
        .bind(audit.verb)
        .bind(namespace_name)
        .bind(name)
        .bind(revision)
        .step();
  }

  void prepare() {
    sqlite3_busy_timeout(db_, 5'000);
    const int id = pragma("PRAGMA application_id");
    const int tables = pragma("SELECT count(*) FROM sqlite_schema");
    if (id != our_id && tables > 0)
      throw Problem(Kind::unavailable, fmt::format("{}: it is the database of another program", path_),
                    "name another folder with --state");
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("PRAGMA foreign_keys = ON");
    const int version = pragma("PRAGMA user_version");
    if (version > schema_version)
      throw Problem(Kind::unavailable,
                    fmt::format("{}: written by a newer mlib (schema {}, this one knows {})", path_, version,
                                schema_version),
                    "use that version, or another folder with --state");
    if (version == schema_version) return;
    transact([&] {
      for (int next = version; next < schema_version; ++next) run(migrations[next]);
      run(fmt::format("PRAGMA application_id = {}", our_id).c_str());
      run(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
    });
    ::chmod(path_.c_str(), 0600);
  }

  std::string path_;
  std::string changes_;  ///< the file of holds
  mutable std::mutex mutex_;
  mutable FileLock lock_;
  sqlite3* db_ = nullptr;
};

}  // namespace

std::unique_ptr<Store> sqlite_store(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw Problem(Kind::unavailable,
                  fmt::format("{}: the folder cannot be made: {}", folder, error.message()),
                  "name another folder with --state");
  return std::make_unique<SqliteStore>(folder);
}

}  // namespace mlib::store
