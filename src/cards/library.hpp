#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cards/card.hpp"
#include "cards/cause.hpp"
#include "cards/protocol.hpp"

namespace mlib::cards {

class Finder;
struct FlagTable;
struct Rules;

/// All cards, immutable once loaded; references between them resolve. Each kind sorted by name.
class Library {
 public:
  std::vector<Framework> frameworks;
  std::vector<Model> models;
  std::vector<Hardware> hardware;
  std::vector<Template> templates;
  Causes causes;        ///< of failure, as these files say them
  Protocols protocols;  ///< of engines, by their files' names

  /// Flags of serving engines by the engine's name (flags.hpp), and the rules that cards are held to
  /// (rule.hpp).
  std::map<std::string, std::shared_ptr<const FlagTable>, std::less<>> flags;
  std::shared_ptr<const Rules> rules;

  /// What is likely wrong with cards that are here all the same, sorted by file and line.
  std::vector<Finding> warnings;
  /// What was wrong with the cards (and files) that were left out, sorted by file and line.
  std::vector<Finding> findings;
  /// The cards among those, as `Template/NAME`; `/NAME` where the kind is not known.
  std::set<std::string> left_out;
  /// Changes whenever any byte of any card changes (SHA-256 over files' names and bytes).
  std::string version;

  const Framework* framework(std::string_view name) const;
  const Model* model(std::string_view name) const;
  const Hardware* find_hardware(std::string_view name) const;
  const Template* find_template(std::string_view name) const;

  /// That there is no such card (`kind` in lower case), with the nearest name, or that it was left out.
  Problem missing(std::string_view kind, std::string_view name) const;
  /// The same as those above, or Problem{not_found}.
  const Framework& get_framework(std::string_view name) const;
  const Model& get_model(std::string_view name) const;
  const Hardware& get_hardware(std::string_view name) const;
  const Template& get_template(std::string_view name) const;
  /// The framework that serves a template of this library: its own, or its model's.
  const Framework& framework_of(const Template& chosen) const;

  /// Finds the cards by what they say; made when first asked for, and kept with this library.
  const Finder& finder() const;

 private:
  mutable std::once_flag finder_once_;
  mutable std::shared_ptr<const Finder> finder_;
};

/// A file of a catalogue: its path relative to the catalogue's root, and its bytes.
struct File {
  std::string path;
  std::string text;
  std::string refused = {};  ///< why it was not read; "" when it was
  std::string place = {};    ///< what findings call it; "": the catalogue's name and the path
};

/// Reads every *.yaml, *.yml and *.json below `folder` (hidden names skipped, symbolic links that leave it
/// refused). Throws Problem{unavailable} when the folder itself cannot be read.
std::vector<File> read_folder(const std::string& folder);

/// The catalogue that is embedded in this program.
std::vector<File> embedded();

/// `files` over the embedded flags, rules, causes and protocols, which hold in every catalogue; a file of the
/// same name in a folder of the same name wins.
std::vector<File> over_contract(std::vector<File> files);

/// Cards from files; pure. Every broken card is reported in `findings` and left out, as is what refers to it.
/// `name` is put before the paths in findings (`catalog/`). Of two files of the same path the later wins, so
/// a folder can be laid over the embedded catalogue.
std::shared_ptr<const Library> load(std::vector<File> files, std::string_view name);

/// Findings of `load` as one Problem, or nothing when there is none: for `mlib validate`.
void require_sound(const Library& library);

}  // namespace mlib::cards
