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

/// True where Kubernetes expands `$(NAME)`: an item of command or args, and the value of an environment
/// variable.
bool is_expanded(const Trail* at) {
  if (at == nullptr || at->up == nullptr) return false;
  const Trail& before = *at->up;
  if (at->index >= 0) return before.key == "command" || before.key == "args";
  return at->key == "value" && before.up != nullptr && before.index >= 0 && before.up->key == "env";
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
      : values_(values), report_(report), secrets_(secrets) {}

  Node document(const Node& node) {
    kind_ = node.text_at({"kind"});
    secrets_.object = kind_.empty() ? "an object" : kind_;
    return walk(node, nullptr).value_or(Node());
  }

 private:
  /// Nothing when the node goes away.
  std::optional<Node> walk(const Node& node, const Trail* at) {
    if (node.is_string()) return scalar(node, at);
    if (node.is_list()) return list(node, at);
    if (node.is_map()) return map(node, at);
    return node;
  }

  Node list(const Node& node, const Trail* at) {
    Node made = placed_at(Node::list(), node);
    made.items().reserve(node.items().size());
    int index = 0;
    for (const Node& item : node.items()) {
      const Trail here{at, {}, index++};
      std::optional<Node> each = walk(item, &here);
      if (!each) continue;
      if (item.is_string() && each->is_list()) {
        for (Node& part : each->items()) made.push(std::move(part));
      } else {
        made.items().push_back(std::move(*each));
      }
    }
    return made;
  }

  Node map(const Node& node, const Trail* at) {
    Node made = placed_at(Node::map(), node);
    // Room for the labels and the namespace that every object gets.
    made.entries().reserve(node.entries().size() + 1);
    for (const Entry& entry : node.entries()) {
      const Trail here{at, entry.key};
      refuse_key(entry, here);
      if (std::optional<Node> each = walk(entry.value, &here))
        made.entries().push_back({entry.key, std::move(*each), entry.line, entry.column});
    }
    return made;
  }

  void refuse_key(const Entry& entry, const Trail& here) {
    if (entry.key.find('$') == std::string::npos) return;
    for (const Piece& piece : cards::pieces(entry.key))
      if (piece.what != Piece::What::literal)
        report_.add(Fault::not_allowed, {report_.file(), entry.line, entry.column}, here.path(),
                    fmt::format("a key cannot hold a placeholder: `{}`", shortened(entry.key, 60)),
                    "give the whole map as one parameter of type map");
  }

  std::optional<Node> scalar(const Node& node, const Trail* at) {
    if (node.string().find('$') == std::string::npos) return node;
    // Only a placeholder without quotes stands for a value with its type.
    if (const std::string_view name = cards::whole_placeholder(node.string()); node.plain && !name.empty()) {
      const Value* value = find(name, node, at);
      if (value == nullptr || value->value.is_null()) return std::nullopt;
      return placed(value->value, node, at);
    }
    std::string text;
    std::string_view rest = node.string();
    while (!rest.empty()) {
      const cards::Front piece = cards::front_piece(rest);
      add_piece(text, piece, node, at);
      rest.remove_prefix(piece.bytes);
    }
    return placed_at(std::move(text), node);
  }

  void add_piece(std::string& text, const cards::Front& piece, const Node& node, const Trail* at) {
    if (piece.what == Piece::What::stray)
      report_.add(Fault::syntax, node, path_of(at), "a `$` that begins no placeholder",
                  "write `$$` for a `$`");
    if (piece.what != Piece::What::placeholder) {
      text += piece.text;
      return;
    }
    const Value* value = find(piece.text, node, at);
    if (value == nullptr) return;
    if (value->value.is_null())
      return report_.add(Fault::missing, node, path_of(at),
                         fmt::format("`{}` has no value, and is part of a text", piece.text),
                         fmt::format("set it: --set {}=…", piece.text));
    const std::string own = value->value.is_string() ? std::string() : as_text(value->value);
    const std::string& shown = value->value.is_string() ? value->value.string() : own;
    text += is_expanded(at) ? unexpanded(shown) : shown;
  }

  const Value* find(std::string_view name, const Node& node, const Trail* at) {
    const auto found = values_.find(name);
    if (found == values_.end()) {
      std::vector<std::string> known;
      for (const auto& [each, value] : values_) known.push_back(each);
      report_.add(Fault::reference, node, path_of(at), fmt::format("nothing gives `{}` a value", name),
                  suggestion(name, known));
      return nullptr;
    }
    if (found->second.secret && !in_secret(at))
      secrets_.add(Fault::not_allowed, node, path_of(at),
                   fmt::format("`{}` is secret: it may only be in the data of a Secret", name),
                   "put it into a Secret and refer to it by secretKeyRef");
    return &found->second;
  }

  bool in_secret(const Trail* at) const {
    if (kind_ != "Secret" || at == nullptr || at->up == nullptr || at->up->up != nullptr) return false;
    return at->up->key == "stringData" || at->up->key == "data";
  }

  /// The value at the place of its placeholder; texts in it escaped where Kubernetes expands them.
  static Node placed(Node value, const Node& node, const Trail* at) {
    if (value.is_string() && is_expanded(at)) value.string() = unexpanded(value.string());
    if (value.is_list()) {
      // The items are spliced into a list, or are the whole list: either way their path ends in an index.
      const Trail item_at{at, {}, 0};
      const bool spliced = at != nullptr && at->index >= 0;
      for (Node& item : value.items()) item = placed(std::move(item), node, spliced ? at : &item_at);
    } else if (value.is_map()) {
      for (Entry& entry : value.entries()) {
        const Trail here{at, entry.key};
        entry.value = placed(std::move(entry.value), node, &here);
        entry.line = node.line;
        entry.column = node.column;
      }
    }
    return placed_at(std::move(value), node);
  }

  static Node placed_at(Node made, const Node& node) {
    made.line = node.line;
    made.column = node.column;
    return made;
  }

  const Values& values_;
  Report& report_;
  Report& secrets_;
  std::string kind_;
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

  void walk(const Node& node, const Trail* at) {
    if (node.is_list()) {
      int index = 0;
      for (const Node& item : node.items()) {
        const Trail here{at, {}, index++};
        if (!item.is_scalar()) walk(item, &here);
      }
    } else if (node.is_map()) {
      bool commands = false;
      for (const Entry& entry : node.entries()) {
        if (entry.value.is_scalar()) continue;
        const Trail here{at, entry.key};
        walk(entry.value, &here);
        commands = commands || entry.key == "command" || entry.key == "args";
      }
      if (commands) check_command(node, at);
    }
  }

 private:
  struct Word {
    const Node* node;
    std::string_view list;
    int index;
  };

  void check_command(const Node& map, const Trail* at) {
    std::vector<Word> words;
    for (const std::string_view key : {"command", "args"}) {
      const Node* list = map.find(key);
      if (list == nullptr || !list->is_list()) continue;
      int index = 0;
      for (const Node& item : list->items()) words.push_back({&item, key, index++});
    }
    for (std::size_t i = 1; i < words.size(); ++i)
      if (announces_script(*words[i - 1].node)) check_script(words[i], at);
  }

  void check_script(const Word& word, const Trail* at) {
    if (!word.node->is_string()) return;
    const Trail list{at, word.list};
    const Trail here{&list, {}, word.index};
    for (const Piece& piece : cards::pieces(word.node->string())) {
      if (piece.what != Piece::What::placeholder || is_harmless(framework_, piece.text)) continue;
      report_.add(Fault::not_allowed, *word.node, here.path(),
                  fmt::format("`{}` would be read by a shell: its value could be any command", piece.text),
                  "pass it as an environment variable or an argument, or give the parameter a pattern "
                  "(word, path, url, repository)");
    }
  }

  const cards::Framework& framework_;
  Report& report_;
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
  for (const Node& document : framework.manifest) check.walk(document, nullptr);
}

}  // namespace mlib::render
