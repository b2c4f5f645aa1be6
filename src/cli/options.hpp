#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "schema/describe.hpp"

namespace mlib::cli {

using schema::Node;

/// Options of every verb.
struct Options {
  std::string output = "table";
  std::string catalog;
  std::string state;
  bool color = true;
  bool yes = false;
  bool help = false;

  template <class D>
  void describe(D& d) {
    d.field("output", output,
            {.help = "How to print the answer; the last four are of benchmarks' results",
             .one_of = {"table", "wide", "json", "yaml", "name", "markdown", "csv", "html", "llm-d",
                        "prometheus"}});
    d.field("catalog", catalog, {.help = "Folder of cards (the catalogue in this program)"});
    d.field("state", state, {.help = "Folder of the state (~/.local/state/model-library)"});
    d.field("color", color, {.help = "No colours on a terminal ($NO_COLOR)"});
    d.field("yes", yes, {.help = "Do not ask before deleting"});
    d.field("help", help, {.help = "Explain this verb"});
  }
};

struct ServeArguments {
  std::string listen = "127.0.0.1:8001";
  std::string kube_watcher, kube_watcher_target, kube_watcher_keys;

  template <class D>
  void describe(D& d) {
    d.field("listen", listen, {.help = "Address and port (127.0.0.1:8001)"});
    d.field(
        "kube_watcher", kube_watcher,
        {.help = "Stand in for Kube Watcher of January 2024 there, too (off; 127.0.0.1:8000 is its own)"});
    d.field("kube_watcher_target", kube_watcher_target, {.help = "Target that it deploys to (podman)"});
    d.field(
        "kube_watcher_keys", kube_watcher_keys,
        {.help = "Keys, one a line, of which each call to it must show one; none are needed on loopback"});
  }
};

/// One option as it is typed, made from a property of a JSON Schema.
struct Option {
  enum class Takes { flag, value, pair, file, stdin };
  std::string flag;      ///< --dry-run
  std::string letter;    ///< -n, or ""
  std::string property;  ///< dry_run
  std::string type;      ///< string, integer, number, boolean, array, object
  std::string word;      ///< what stands for the value in the help
  std::string help;
  Takes takes = Takes::value;
  bool required = false;
  bool negated = false;  ///< a flag that is on unless said otherwise: the help shows --no-NAME
  bool of_every_verb = false;
};

/// The options that the properties of `json_schema` stand for, but those of `without`. A secret (`writeOnly`)
/// becomes `--NAME-file FILE` and `--NAME-stdin`: secrets never stand on a command line.
std::vector<Option> options_of(const Node& json_schema, const std::vector<std::string_view>& without);
/// The options of every verb.
const std::vector<Option>& common_options();

}  // namespace mlib::cli
