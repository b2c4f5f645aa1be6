#pragma once
#include <functional>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cards/cause.hpp"
#include "cards/contract.hpp"
#include "cards/library.hpp"
#include "cards/rule.hpp"
#include "schema/document.hpp"

/// Inside cards::load: cards while they are being checked, with the text that they came from.
namespace mlib::cards::detail {

/// A file. The documents of most are let go once their cards are decoded, which saves most of the memory;
/// who has something to say of a place in them has them read again (thread-safe).
class Text {
 public:
  std::string path;  ///< relative to the catalogue
  schema::Source source;
  bool broken = false;  ///< something was found when it was read

  /// The first reading: what is wrong goes to `findings`.
  void read(std::vector<Finding>& findings);
  const std::vector<Node>& documents() const;
  void let_go();

 private:
  mutable std::mutex mutex_;
  mutable std::optional<std::vector<Node>> documents_;
};

Path path_of(std::initializer_list<std::string_view> keys);
/// The path of `a.b.c` below spec.
Path spec_path(std::string_view dotted);

/// Places of a card that were told of already. What stands there is not known, and so nothing more is said of
/// it: neither of its value nor of its absence.
class Doubts {
 public:
  /// Of a card of which nothing is known.
  static const Doubts& of_all();

  void add(const Finding& finding) {
    places_.push_back({finding.path, finding.fault == Fault::unknown_field});
  }
  void add(Path path) { places_.push_back({std::move(path), false}); }
  /// The last key is one that nobody knows: any that is near to it may be meant.
  void add_unknown(Path path) { places_.push_back({std::move(path), true}); }
  bool empty() const { return places_.empty(); }
  /// True when a place is `path`, a part of it, or what it is part of.
  bool touch(const Path& path) const;
  bool touch(std::initializer_list<std::string_view> keys) const { return !empty() && touch(path_of(keys)); }

 private:
  struct Told {
    Path path;
    bool unknown;
  };
  std::vector<Told> places_;
};

/// A card with its document as it was written; `sound` false once something was found in it.
template <class C>
struct Draft {
  C card;
  const Text* text = nullptr;
  std::size_t at = 0;  ///< which document of the text
  bool sound = true;
  const Draft* base = nullptr;  ///< the card that it extends
  Doubts doubts = {};

  const Node& document() const { return text->documents()[at]; }
};

/// A place in a document.
struct Spot {
  const Text* text;
  int line;
  int column;
  Path path;
  std::string heir = {};  ///< the card that inherits what stands there, when that is meant
};

/// Where the value at `path` was written; where it would be when it is not there.
Spot value_spot(const Text& text, const Node& document, const Path& path);
/// Where the last key of `path` was written.
Spot key_spot(const Text& text, const Node& document, const Path& path);

void report(std::vector<Finding>& findings, const Spot& spot, Fault fault, std::string message,
            std::string hint = "");

/// By file, line and column.
bool is_before(const Finding& a, const Finding& b);

/// True when the document says something at `path`.
bool says(const Node& document, const Path& path);
/// The one of a card and those that it extends whose file gives the value at `path`; the card itself when
/// none.
template <class C>
const Draft<C>& giver(const Draft<C>& draft, const Path& path) {
  for (const Draft<C>* each = &draft; each != nullptr; each = each->base)
    if (says(each->document(), path)) return *each;
  return draft;
}
template <class C>
Spot spot_in(const Draft<C>& draft, const Path& path, Spot (*find)(const Text&, const Node&, const Path&)) {
  const Draft<C>& from = giver(draft, path);
  Spot spot = find(*from.text, from.document(), path);
  if (&from != &draft) spot.heir = draft.card.metadata.name;
  return spot;
}
template <class C>
Spot value_spot(const Draft<C>& draft, const Path& path) {
  return spot_in(draft, path, value_spot);
}
template <class C>
Spot key_spot(const Draft<C>& draft, const Path& path) {
  return spot_in(draft, path, key_spot);
}

/// A document that extends another one, not yet decoded.
struct Extending {
  const Text* text;
  std::size_t at;     ///< which document of the text
  bool alone;         ///< the only card of its file
  bool done = false;  ///< decoded, or reported and lost

  const Node& document() const { return text->documents()[at]; }
};
/// How many cards may stand one upon another.
inline constexpr std::size_t most_extended = 16;

/// `own` over what it inherits from `base`: maps merge, a null removes, everything else replaces; places stay
/// those of the file that wrote them. Not inherited: apiVersion, kind, extends, the name and the original's
/// id.
Node extended(const Node& base, const Node& own);

/// Cards of one kind by name, while they are being resolved.
template <class C>
using Drafts = std::map<std::string, Draft<C>, std::less<>>;

/// What has been read so far.
struct Shelf {
  Drafts<Framework> frameworks;
  Drafts<Model> models;
  Drafts<Hardware> hardware;
  Drafts<Template> templates;
  Drafts<BenchmarkCard> benchmarks;
  /// Names of cards that were left out before they got here, as `Model/NAME`.
  std::set<std::string> lost;
  bool is_lost(std::string_view kind, std::string_view name) const;
};

/// Cards as rules see them (contract.hpp), made once for cards that are asked for again soon.
class CardFacts {
 public:
  template <class C>
  const Node& of(const C& card) {
    const auto [there, fresh] = kept_.try_emplace(&card);
    if (fresh) there->second = facts_of(card);
    return there->second;
  }
  /// Forgets what was made when it has become much; what `of` gave is gone then.
  void make_room();

 private:
  std::map<const void*, Node> kept_;
};

/// A reference to a card that there is not. Its finding gets the nearest name once all are known.
struct Nowhere {
  Finding finding;
  std::string kind;
  std::string name;
};

/// What is said of cards while they are resolved; each thread has its own.
struct Verdict {
  std::vector<Finding> findings;
  std::vector<Finding> warnings;
  std::vector<Nowhere> nowhere;
  CardFacts facts;
};

/// "no KIND called `NAME`".
void report_nowhere(Verdict& verdict, const Spot& spot, std::string_view kind, const std::string& name);

/// Calls `work` with the batches of 0..count, in a few threads when there are many; `thread` is below
/// most_threads.
inline constexpr std::size_t most_threads = 8;
using BatchWork = std::function<void(std::size_t thread, std::size_t from, std::size_t to)>;
void in_batches(std::size_t count, const BatchWork& work);

/// True for the files that hold causes of failure instead of cards.
inline bool is_causes(std::string_view path) {
  return path.starts_with("causes/") || path.find("/causes/") != std::string_view::npos;
}

/// Takes the sound causes of a file; what is wrong with the others goes to `findings`.
void read_causes(const Text& text, Causes& causes, std::vector<Finding>& findings);
/// Puts them in the order in which they are tried.
void put_in_order(Causes& causes);

/// What lies in a catalogue beside the cards.
struct Beside {
  FlagTables flags;
  std::set<std::string, std::less<>> lost_flags;  ///< tables that were left out
  std::shared_ptr<Rules> rules = std::make_shared<Rules>();
  Protocols protocols;
  std::vector<std::string> lost_protocols;  ///< names of those that were left out
};
/// Take the sound tables of flags, the sound rules and the sound protocols of a file; what is wrong with
/// others goes to `findings`.
void read_flags(const Text& text, Beside& beside, std::vector<Finding>& findings);
void read_rules(const Text& text, Rules& rules, std::vector<Finding>& findings);
void read_protocols(const Text& text, Beside& beside, std::vector<Finding>& findings);

/// Checks that the protocol which a framework says is there.
void check_protocol(Draft<Framework>& draft, const Beside& beside, std::vector<Finding>& findings);

/// Gives a framework its contract: parses its conditions and finds its table of flags.
void add_contract(Draft<Framework>& draft, const Beside& beside, std::vector<Finding>& findings);
/// A machine that a template names, and where.
struct Named {
  const Draft<Hardware>* hardware;  ///< a null pointer: it cannot be had, or does not fit
  Path path;
};
/// Hold a card to the contract of its framework (contract.hpp): a framework with its defaults, a model with
/// its values, a template on each of its machines. What was refused before is asked for by nothing. What is
/// wrong goes to the verdict. A model that is a null pointer cannot be had.
void hold_framework(Verdict& verdict, Draft<Framework>& draft, const Text* manifest);
void hold_model(Verdict& verdict, Draft<Model>& draft, const Draft<Framework>& framework);
void hold_template(Verdict& verdict, Draft<Template>& draft, const Draft<Framework>& framework,
                   const Draft<Model>* model, const std::vector<Named>& machines);

/// Checks a framework's parameters and its manifest's placeholders (a null pointer: there is none).
void check_framework(Draft<Framework>& draft, const Text* manifest, std::vector<Finding>& findings);
/// False when what the framework says of the values of a parameter was refused itself.
bool can_check_values(const Draft<Framework>& framework, std::string_view parameter);

/// Checks that references resolve and that values are declared; marks what is wrong, and what refers to it.
/// Gives each template the benchmarks that lie in files of their own.
void resolve(Shelf& shelf, Verdict& verdict);

}  // namespace mlib::cards::detail
