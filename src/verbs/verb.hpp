#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.hpp"
#include "base/clock.hpp"
#include "cards/library.hpp"
#include "render/render.hpp"
#include "store/store.hpp"
#include "targets/target.hpp"

namespace mlib::net {
class Client;
}

namespace mlib::verbs {

using schema::Node;

/// The library in force, replaced whole by a reload: a reader keeps the one it took.
class Shelf {
 public:
  explicit Shelf(std::shared_ptr<const cards::Library> library) : library_(std::move(library)) {}
  std::shared_ptr<const cards::Library> library() const { return std::atomic_load(&library_); }
  void replace(std::shared_ptr<const cards::Library> library) {
    std::atomic_store(&library_, std::move(library));
  }

 private:
  std::shared_ptr<const cards::Library> library_;
};

/// How to reach a target, as the caller said (`--kubeconfig`, `--context`, `--kube-watcher-url`); made anew
/// for each call.
struct TargetOptions {
  std::string kubeconfig, context, kube_watcher_url;

  template <class D>
  void describe(D& d) {
    d.field("kubeconfig", kubeconfig, {.help = "Kubeconfig file ($KUBECONFIG)", .format = "local"});
    d.field("context", context, {.help = "Context of the kubeconfig", .format = "local"});
    d.field("kube_watcher_url", kube_watcher_url,
            {.help = "Where Kube Watcher is ($KUBE_WATCHER_URL)", .format = "local"});
  }
};
using MakeTarget = std::function<std::unique_ptr<targets::Target>(const TargetOptions&)>;

/// Where results of benchmarks are kept: files beside the cards, which the library reads again.
class Results {
 public:
  virtual ~Results() = default;
  /// Problem{unavailable} when nothing can be kept there; asked before anything is deployed.
  virtual void check() = 0;
  /// Whole or not at all, and on disk when it returns. Gives the file's name. Problem{unavailable}.
  virtual std::string save(const cards::BenchmarkCard& card) = 0;
  /// Removes one; one that is not there is fine. Problem{unavailable}.
  virtual void remove(const std::string& template_name, const std::string& id) = 0;
  /// Removes what a killed process had begun to write.
  virtual void tidy() = 0;
};

/// Everything a verb may use; handed in by app/.
struct World {
  const Shelf& shelf;
  store::Store& store;
  Clock& clock;
  std::vector<std::pair<std::string, MakeTarget>> targets;  ///< in reading order; the first is the default
  const render::PolicyFile& policy;
  net::Client* http = nullptr;  ///< asks deployments; without it they cannot be asked
  Results* results = nullptr;   ///< keeps benchmarks; without it none can be made
  /// The files of the catalogue in force, read anew.
  std::function<std::vector<cards::File>()> files = cards::embedded;
};

enum class Role { viewer, editor, admin };

/// Who asks.
struct Caller {
  std::string user;
  Role role = Role::viewer;
};

/// A table for people: how an answer looks with `-o table` and `-o wide`.
struct Table {
  struct Column {
    std::string header;
    bool wide = false;  ///< only with -o wide
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows = {};
  std::vector<std::vector<std::string>> wide_rows = {};  ///< with -o wide instead, when there are any
  bool folded = false;  ///< cells too wide for the terminal go on in the next line, nothing is cut off
};

/// What a verb answers: a value for programs, and how people see it (a table, or a text).
struct Response {
  Node value;
  std::optional<Table> table = {};
  std::optional<std::string> text = {};
  std::string notes = {};  ///< for people, beside the answer: the command line puts it on standard error
  std::string brief = {};  ///< one line, for an answer that is watched: what may change
  int exit_code =
      0;  ///< of the command line, for an answer that is no error (diff: 1 when something differs)
  schema::Dict<std::string> forms = {};  ///< of outputs that only this answer has (html, csv, …)
};

/// Takes what a stream verb tells: {"line": "…"} (log), {"progress": "…"}, {"piece": "…"} (of a line),
/// {"live": "…", "done": 0.4, "seconds": 12} (a line that replaces the one before, how much is done),
/// {"outputs": […]} before anything is done, when its answer will have only those of the verb's own outputs,
/// {"result": …, "text": "…"} once at the end, with "forms" and "exit_code" as of a Response. False ends it.
using Sink = std::function<bool(const Node& event)>;

enum class Method { get, post, del };

using Call = std::function<Response(const World&, const Caller&, const Node& arguments)>;
using StreamCall =
    std::function<void(const World&, const Caller&, const Node& arguments, const Sink&, const Cancel&)>;

/// What to ask somebody before a verb that deletes: names what would go. Throws when there is nothing to
/// delete.
using Question = std::function<std::string(const World&, const Caller&, const Node& arguments)>;

/// What the command line exits with where the kinds' own codes (base/problem.hpp) will not do: kubectl's
/// `wait` and `diff` have codes that scripts know.
struct Exits {
  std::string_view help = {};  ///< for the verb's help
  int (*of)(Kind) = exit_code;
};

/// One line of the one table that drives routing, the command line and OpenAPI. `name` is what is typed
/// ("get templates"); `path` has {name} parts, filled from arguments of that name; "" keeps the verb to the
/// command line. Exactly one of call and
/// stream is set. In the arguments' schema, `writeOnly` marks a secret (the command line takes it from a file
/// or stdin only) and `format: local` what names a thing on the caller's own machine or shows secrets: only
/// the command line has it, api/ refuses it.
struct Verb {
  std::string_view name;
  Method method;
  std::string_view path;
  Role role;
  std::string_view summary;
  Node (*arguments)();  ///< JSON Schema of the arguments: properties in the order of the command line's
                        ///< positionals first
  Call call;
  StreamCall stream;
  std::vector<std::string_view> positional = {};
  std::string_view group = {};    ///< heading in the help
  std::string_view example = {};  ///< one command line per line, without `mlib `
  Question question = {};
  Exits exits = {};
  std::vector<std::string_view> outputs = {};  ///< that it has beside those of every verb
};

/// All verbs, in reading order.
const std::vector<Verb>& table();

/// The message of a Problem whose findings are of a verb's arguments, each with its path in them.
inline constexpr const char* wrong_arguments = "the arguments are not valid";

/// Checks `arguments` against A's description and calls `verb(world, caller, A)`; findings are one
/// Problem{invalid}.
template <class A>
A arguments_of(const Node& arguments) {
  schema::Reader reader;
  A value = schema::decode<A>(reader, arguments);
  if (!reader.findings.empty()) throw Problem(Kind::invalid, wrong_arguments, "", std::move(reader.findings));
  return value;
}

}  // namespace mlib::verbs
