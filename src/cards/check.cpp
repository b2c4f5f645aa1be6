#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "cards/draft.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"
#include "cards/placeholder.hpp"

namespace mlib::cards::detail {
namespace {

/// A parameter of this group may be given by cards and is used by nothing (the original's cards have some).
constexpr std::string_view ignored_group = "ignored";

/// Programs whose `-c` takes a script.
constexpr std::array<std::string_view, 10> interpreters{"sh",  "bash",   "ash",     "dash", "zsh",
                                                        "ksh", "python", "python3", "perl", "ruby"};

/// What is known of a text while the manifest is walked.
struct Within {
  std::string_view kind;  ///< of the object
  bool script = false;
};

/// Where `token` stands in a scalar that began at `node`.
Spot token_spot(const Text& text, const Node& node, std::string_view token, const Path& path) {
  constexpr int farthest = 400;
  for (int line = node.line; line > 0 && line < node.line + farthest; ++line) {
    const std::string written = text.source.line(line);
    std::size_t from = 0;
    for (int column = 1; line == node.line && column < node.column && from < written.size(); ++from)
      if (from + 1 < written.size() && !is_utf8_continuation(written[from + 1])) ++column;
    const std::size_t at = written.find(token, from);
    if (at != std::string::npos)
      return {&text, line, static_cast<int>(utf8_length(std::string_view(written).substr(0, at))) + 1, path};
  }
  return {&text, node.line, node.column, path};
}

/// Walks a manifest's nodes: every placeholder is one that somebody gives.
class Manifest {
 public:
  Manifest(Draft<Framework>& draft, const Text& text, std::vector<Finding>& findings)
      : draft_(draft), text_(text), findings_(findings) {}

  void check() {
    bool any = false;
    for (const Node& document : text_.documents()) {
      if (document.is_null()) continue;
      any = true;
      check_object(document);
      path_.clear();
      walk(document, {document.is_map() ? std::string_view(kind_of(document)) : ""});
    }
    if (!any && !text_.broken) tell({&text_, 1, 1, {}}, Fault::missing, "the manifest holds no object", "");
    if (!text_.broken) check_unused();
  }

 private:
  void tell(const Spot& spot, Fault fault, std::string message, std::string hint) {
    report(findings_, spot, fault, std::move(message), std::move(hint));
    draft_.sound = false;
  }

  static const std::string& kind_of(const Node& document) {
    static const std::string none;
    const Node* kind = document.find("kind");
    return kind != nullptr && kind->is_string() ? kind->string() : none;
  }

  void check_object(const Node& document) {
    if (!document.is_map())
      return tell({&text_, document.line, document.column, {}}, Fault::wrong_type, "an object is a map", "");
    for (const Path& needed : {path_of({"apiVersion"}), path_of({"kind"}), path_of({"metadata", "name"})}) {
      const Node* there = &document;
      for (const Step& step : needed)
        if (there != nullptr) there = there->find(step.key);
      if (there == nullptr || !there->is_string())
        tell(value_spot(text_, document, needed), Fault::missing,
             fmt::format("an object of the manifest needs `{}`", to_text(needed)), "");
    }
    if (kind_of(document) == "Namespace")
      tell(value_spot(text_, document, path_of({"kind"})), Fault::not_allowed,
           "a manifest makes no Namespace", "leave it out: the deployment's own is added");
  }

  void walk(const Node& node, const Within& within) {
    if (node.is_string()) return check_text(node, within);
    if (node.is_list()) {
      for (std::size_t i = 0; i < node.items().size(); ++i) {
        path_.push_back({"", static_cast<int>(i)});
        walk(node.items()[i], within);
        path_.pop_back();
      }
    }
    if (!node.is_map()) return;
    const bool scripted = runs_script(node);
    for (const schema::Entry& entry : node.entries()) {
      path_.push_back({entry.key});
      check_key(entry);
      const bool script = within.script || (scripted && (entry.key == "command" || entry.key == "args"));
      walk(entry.value, {within.kind, script});
      path_.pop_back();
    }
  }

  /// True for a container whose command or args hand a script to an interpreter.
  static bool runs_script(const Node& container) {
    bool interpreter = false;
    for (const std::string_view key : {"command", "args"}) {
      const Node* words = container.find(key);
      if (words == nullptr || !words->is_list()) continue;
      for (const Node& word : words->items()) {
        if (!word.is_string()) continue;
        const std::string& text = word.string();
        const std::string_view program = std::string_view(text).substr(text.rfind('/') + 1);
        if (std::find(interpreters.begin(), interpreters.end(), program) != interpreters.end())
          interpreter = true;
        if (interpreter && text.size() < 6 && text.starts_with('-') && text.ends_with('c')) return true;
      }
    }
    return false;
  }

  void check_key(const schema::Entry& entry) {
    for (const Piece& piece : pieces(entry.key))
      if (piece.what == Piece::What::placeholder)
        tell({&text_, entry.line, entry.column, path_}, Fault::not_allowed,
             fmt::format("`{}` is a key: only values are filled in", entry.key), "");
  }

  void check_text(const Node& node, const Within& within) {
    std::set<std::string> seen;
    for (const Piece& piece : pieces(node.string())) {
      if (piece.what == Piece::What::stray) {
        tell(token_spot(text_, node, "$", path_), Fault::syntax, "a `$` that begins no placeholder",
             "write `$$` for a `$`");
      } else if (piece.what == Piece::What::placeholder && seen.insert(piece.text).second) {
        check_placeholder(node, piece.text, within);
      }
    }
  }

  void check_placeholder(const Node& node, const std::string& name, const Within& within) {
    used_.insert(name);
    const std::string written =
        node.string().find("${" + name) != std::string::npos ? "${" + name : "$" + name;
    const auto spot = [&] { return token_spot(text_, node, written, path_); };
    const Parameter* parameter = find(draft_.card.spec.parameters, name);
    if (parameter == nullptr && draft_.doubts.touch({"spec", "parameters", name})) return;
    if (parameter == nullptr && !is_given(name)) {
      std::vector<std::string> known = names(draft_.card.spec.parameters);
      for (std::string& each : given_names()) known.push_back(std::move(each));
      return tell(spot(), Fault::reference, fmt::format("no parameter called `{}`", name),
                  suggestion(name, known));
    }
    const auto doubted = [&](std::string_view field) {
      return draft_.doubts.touch({"spec", "parameters", name, field});
    };
    if (parameter != nullptr && parameter->secret && within.kind != "Secret")
      tell(spot(), Fault::not_allowed,
           fmt::format("`{}` is secret: only a Secret may hold it, not a {}", name, within.kind),
           "put it into a Secret's stringData and refer to that by secretKeyRef");
    const bool confined = parameter != nullptr ? is_confined(*parameter) : name != "user" && name != "id";
    if (within.script && !confined && !doubted("type") && !doubted("pattern"))
      tell(spot(), Fault::not_allowed,
           fmt::format("`{}` would become part of a script, and its values are not confined", name),
           "hand it over as an environment variable, or give the parameter a pattern");
  }

  void check_unused() {
    for (const auto& [name, parameter] : draft_.card.spec.parameters) {
      const bool fetches = name.starts_with("fetch_") && used_.contains("weights_init");
      if (used_.contains(name) || fetches || parameter.group == ignored_group || !is_parameter_name(name))
        continue;
      if (draft_.doubts.touch({"spec", "parameters", name, "group"})) continue;
      tell(key_spot(draft_, path_of({"spec", "parameters", name})), Fault::reference,
           fmt::format("nothing in the manifest uses `{}`", name),
           fmt::format("use it as `${}`, take it out, or put it into the group `{}`", name, ignored_group));
    }
  }

  Draft<Framework>& draft_;
  const Text& text_;
  std::vector<Finding>& findings_;
  std::set<std::string, std::less<>> used_;
  Path path_;
};

void check_parameters(Draft<Framework>& draft, std::vector<Finding>& findings) {
  for (const auto& [name, parameter] : draft.card.spec.parameters) {
    const Path here = path_of({"spec", "parameters", name});
    const bool readable = can_check_values(draft, name);
    std::vector<Path> wrong;
    if (!is_parameter_name(name) || is_given(name)) {
      draft.sound = false;
      wrong.push_back(here);
      report(findings, key_spot(draft, here), Fault::not_allowed,
             is_given(name) ? fmt::format("`{}` is always there: it cannot be declared", name)
                            : fmt::format("`{}` cannot be the name of a parameter", shortened(name, 60)),
             is_given(name) ? "" : "letters, digits and _, not beginning with a digit");
    }
    for (const Flaw& flaw : flaws(parameter)) {
      Path where = here;
      where.push_back({flaw.field});
      if (draft.doubts.touch(where) || (!readable && flaw.field != "from")) continue;
      draft.sound = false;
      wrong.push_back(where);
      report(findings, value_spot(draft, where), flaw.fault, fmt::format("`{}`: {}", name, flaw.message),
             flaw.hint);
    }
    for (Path& each : wrong) draft.doubts.add(std::move(each));
  }
}

}  // namespace

bool can_check_values(const Draft<Framework>& framework, std::string_view parameter) {
  for (const std::string_view field : {"type", "enum", "pattern", "minimum", "maximum"})
    if (framework.doubts.touch({"spec", "parameters", parameter, field})) return false;
  return true;
}

void check_framework(Draft<Framework>& draft, const Text* manifest, std::vector<Finding>& findings) {
  check_parameters(draft, findings);
  if (manifest == nullptr) return;
  if (manifest->broken) draft.sound = false;
  Manifest(draft, *manifest, findings).check();
}

}  // namespace mlib::cards::detail
