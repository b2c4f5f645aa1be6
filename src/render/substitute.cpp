#include "render/substitute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"
#include "cards/placeholder.hpp"

namespace mlib::render {
namespace {

using cards::Piece;
using schema::Entry;

/// The name of the placeholder that `node` is, when it is exactly one and written without quotes.
const std::string* whole_placeholder(const Node& node, const std::vector<Piece>& pieces) {
  const bool whole = node.plain && pieces.size() == 1 && pieces[0].what == Piece::What::placeholder;
  return whole ? &pieces[0].text : nullptr;
}

/// True where Kubernetes expands `$(NAME)`: an item of command or args, and the value of an environment
/// variable.
bool is_expanded(const Path& path) {
  if (path.size() < 2) return false;
  const Step& last = path.back();
  const Step& before = path[path.size() - 2];
  if (last.index >= 0) return before.key == "command" || before.key == "args";
  return last.key == "value" && path.size() > 2 && before.index >= 0 && path[path.size() - 3].key == "env";
}

/// `$(` and `$$` doubled, as the kubelet halves them.
std::string unexpanded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '(';
    if (text[i] == '$' && (next == '(' || next == '$')) out += '$';
  }
  return out;
}

class Substitution {
 public:
  Substitution(const Values& values, Report& report, Report& secrets)
      : values_(values), report_(report), secrets_(secrets) {
    for (const auto& [name, value] : values_) known_.push_back(name);
  }

  Node document(const Node& node) {
    kind_ = node.text_at({"kind"});
    secrets_.object = kind_.empty() ? "an object" : kind_;
    path_.clear();
    return walk(node).value_or(Node());
  }

 private:
  /// Nothing when the node goes away.
  std::optional<Node> walk(const Node& node) {
    if (node.is_string()) return scalar(node);
    if (node.is_list()) return list(node);
    if (node.is_map()) return map(node);
    return node;
  }

  Node list(const Node& node) {
    Node made = Node::list();
    made.line = node.line;
    made.column = node.column;
    made.items().reserve(node.items().size());
    for (std::size_t i = 0; i < node.items().size(); ++i) {
      const Node& item = node.items()[i];
      path_.push_back({"", static_cast<int>(i)});
      std::optional<Node> each = walk(item);
      path_.pop_back();
      if (!each) continue;
      if (item.is_string() && each->is_list()) {
        for (Node& part : each->items()) made.push(std::move(part));
      } else {
        made.push(std::move(*each));
      }
    }
    return made;
  }

  Node map(const Node& node) {
    Node made = Node::map();
    made.line = node.line;
    made.column = node.column;
    // Room for the labels and the namespace that every object gets.
    made.entries().reserve(node.entries().size() + 1);
    for (const Entry& entry : node.entries()) {
      path_.push_back({entry.key});
      refuse_key(entry);
      if (std::optional<Node> each = walk(entry.value))
        made.entries().push_back({entry.key, std::move(*each), entry.line, entry.column});
      path_.pop_back();
    }
    return made;
  }

  void refuse_key(const Entry& entry) {
    if (entry.key.find('$') == std::string::npos) return;
    for (const Piece& piece : cards::pieces(entry.key))
      if (piece.what != Piece::What::literal)
        report_.add(Fault::not_allowed, {report_.file(), entry.line, entry.column}, path_,
                    fmt::format("a key cannot hold a placeholder: `{}`", shortened(entry.key, 60)),
                    "give the whole map as one parameter of type map");
  }

  std::optional<Node> scalar(const Node& node) {
    if (node.string().find('$') == std::string::npos) return node;
    const std::vector<Piece> pieces = cards::pieces(node.string());
    if (const std::string* name = whole_placeholder(node, pieces)) {
      const Value* value = find(*name, node);
      if (value == nullptr || value->value.is_null()) return std::nullopt;
      return placed(value->value, node);
    }
    std::string text;
    for (const Piece& piece : pieces) text += piece_text(piece, node);
    Node made(std::move(text));
    made.line = node.line;
    made.column = node.column;
    return made;
  }

  std::string piece_text(const Piece& piece, const Node& at) {
    if (piece.what == Piece::What::literal) return piece.text;
    if (piece.what == Piece::What::stray) {
      report_.add(Fault::syntax, at, path_, "a `$` that begins no placeholder", "write `$$` for a `$`");
      return piece.text;
    }
    const Value* value = find(piece.text, at);
    if (value == nullptr) return "";
    if (value->value.is_null()) {
      report_.add(Fault::missing, at, path_,
                  fmt::format("`{}` has no value, and is part of a text", piece.text),
                  fmt::format("set it: --set {}=…", piece.text));
      return "";
    }
    const std::string text = as_text(value->value);
    return is_expanded(path_) ? unexpanded(text) : text;
  }

  const Value* find(const std::string& name, const Node& at) {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      report_.add(Fault::reference, at, path_, fmt::format("nothing gives `{}` a value", name),
                  suggestion(name, known_));
      return nullptr;
    }
    if (found->second.secret && !in_secret())
      secrets_.add(Fault::not_allowed, at, path_,
                   fmt::format("`{}` is secret: it may only be in the data of a Secret", name),
                   "put it into a Secret and refer to it by secretKeyRef");
    return &found->second;
  }

  bool in_secret() const {
    return kind_ == "Secret" && path_.size() == 2 && (path_[0].key == "stringData" || path_[0].key == "data");
  }

  /// The value at the place of its placeholder; texts in it escaped where Kubernetes expands them.
  Node placed(Node value, const Node& at) {
    value.line = at.line;
    value.column = at.column;
    if (value.is_string() && is_expanded(path_)) value = placed_text(unexpanded(value.string()), at);
    if (value.is_list()) {
      for (Node& item : value.items()) item = placed_item(std::move(item), at);
    } else if (value.is_map()) {
      for (Entry& entry : value.entries()) {
        path_.push_back({entry.key});
        entry.value = placed(std::move(entry.value), at);
        entry.line = at.line;
        entry.column = at.column;
        path_.pop_back();
      }
    }
    return value;
  }

  /// An item of a list that is spliced into a list, or is the whole list: either way its path ends in an
  /// index.
  Node placed_item(Node item, const Node& at) {
    const bool spliced = !path_.empty() && path_.back().index >= 0;
    if (!spliced) path_.push_back({"", 0});
    item = placed(std::move(item), at);
    if (!spliced) path_.pop_back();
    return item;
  }

  static Node placed_text(std::string text, const Node& at) {
    Node made(std::move(text));
    made.line = at.line;
    made.column = at.column;
    return made;
  }

  const Values& values_;
  Report& report_;
  Report& secrets_;
  std::vector<std::string> known_;
  std::string kind_;
  Path path_;
};

/// Values of identity that are names, and so mean nothing to a shell.
bool is_harmless(const cards::Framework& framework, const std::string& name) {
  static constexpr std::array<std::string_view, 3> names{"name", "namespace", "deployment_name"};
  if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  const cards::Parameter* parameter = cards::find(framework.spec.parameters, name);
  return parameter != nullptr && cards::is_confined(*parameter);
}

/// `-c`, `-ec`, `-lc`, …: the next argument is a script.
bool announces_script(const Node& item) {
  if (!item.is_string()) return false;
  const std::string& text = item.string();
  return text.size() >= 2 && text.size() <= 6 && text[0] == '-' && text[1] != '-' && text.back() == 'c';
}

class ScriptCheck {
 public:
  ScriptCheck(const cards::Framework& framework, Report& report) : framework_(framework), report_(report) {}

  void walk(const Node& node) {
    if (node.is_list()) {
      for (std::size_t i = 0; i < node.items().size(); ++i) {
        path_.push_back({"", static_cast<int>(i)});
        walk(node.items()[i]);
        path_.pop_back();
      }
    } else if (node.is_map()) {
      for (const Entry& entry : node.entries()) {
        path_.push_back({entry.key});
        walk(entry.value);
        path_.pop_back();
      }
      check_command(node);
    }
  }

 private:
  struct Word {
    const Node* node;
    Path path;
  };

  void check_command(const Node& map) {
    std::vector<Word> words;
    for (const std::string_view key : {"command", "args"}) {
      const Node* list = map.find(key);
      if (list == nullptr || !list->is_list()) continue;
      for (std::size_t i = 0; i < list->items().size(); ++i) {
        Path path = path_;
        path.push_back({std::string(key)});
        path.push_back({"", static_cast<int>(i)});
        words.push_back({&list->items()[i], std::move(path)});
      }
    }
    for (std::size_t i = 1; i < words.size(); ++i)
      if (announces_script(*words[i - 1].node)) check_script(words[i]);
  }

  void check_script(const Word& word) {
    if (!word.node->is_string()) return;
    for (const Piece& piece : cards::pieces(word.node->string())) {
      if (piece.what != Piece::What::placeholder || is_harmless(framework_, piece.text)) continue;
      report_.add(Fault::not_allowed, *word.node, word.path,
                  fmt::format("`{}` would be read by a shell: its value could be any command", piece.text),
                  "pass it as an environment variable or an argument, or give the parameter a pattern "
                  "(word, path, url, repository)");
    }
  }

  const cards::Framework& framework_;
  Report& report_;
  Path path_;
};

}  // namespace

std::string called(const Node& object) {
  return object.text_at({"kind"}, "object") + " " + object.text_at({"metadata", "name"}, "without a name");
}

std::string as_text(const Node& value) { return value.is_string() ? value.string() : schema::to_json(value); }

std::vector<Node> substitute(const std::vector<Node>& manifest, const Values& values, Report& report,
                             Report& secrets) {
  std::vector<Node> documents;
  Substitution substitution(values, report, secrets);
  for (const Node& document : manifest)
    if (!document.is_null()) documents.push_back(substitution.document(document));
  return documents;
}

void check_scripts(const cards::Framework& framework, Report& report) {
  ScriptCheck check(framework, report);
  for (const Node& document : framework.manifest) check.walk(document);
}

}  // namespace mlib::render
