#include "cards/arguments.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cards/parameter.hpp"
#include "cards/placeholder.hpp"
#include "cards/shell.hpp"

namespace mlib::cards {
namespace {

constexpr std::array<std::string_view, 6> shells{"sh", "bash", "ash", "dash", "zsh", "ksh"};

std::string_view program_of(std::string_view word) { return word.substr(word.rfind('/') + 1); }

std::string text_of(const Node& value) { return value.is_string() ? value.string() : schema::to_json(value); }

class Reading {
 public:
  Reading(const Framework& framework, const ValueOf& value_of) : framework_(framework), value_of_(value_of) {}

  std::vector<CommandLine> run() {
    for (const Node& document : framework_.manifest) {
      path_.clear();
      walk(document);
    }
    return std::move(lines_);
  }

 private:
  void walk(const Node& node) {
    if (node.is_list()) {
      for (std::size_t i = 0; i < node.items().size(); ++i) {
        path_.push_back({"", static_cast<int>(i)});
        walk(node.items()[i]);
        path_.pop_back();
      }
    } else if (node.is_map()) {
      for (const schema::Entry& entry : node.entries()) {
        path_.push_back({entry.key});
        if (entry.key == "containers" && entry.value.is_list())
          containers(entry.value);
        else
          walk(entry.value);
        path_.pop_back();
      }
    }
  }

  void containers(const Node& list) {
    for (std::size_t i = 0; i < list.items().size(); ++i) {
      path_.push_back({"", static_cast<int>(i)});
      const Node* image = list.items()[i].find("image");
      if (image != nullptr && image->is_string() && is_engine(image->string())) container(list.items()[i]);
      path_.pop_back();
    }
  }

  bool is_engine(const std::string& image) const {
    const std::vector<Piece> found = pieces(image);
    if (found.size() != 1 || found[0].what != Piece::What::placeholder)
      return !framework_.spec.image.empty() && image == framework_.spec.image;
    const Parameter* parameter = find(framework_.spec.parameters, found[0].text);
    return parameter != nullptr && parameter->from == "framework.image";
  }

  void container(const Node& container) {
    CommandLine line;
    std::vector<Word> all = words(container, "command");
    const bool image_starts = all.empty();
    std::vector<Word> args = words(container, "args");
    std::move(args.begin(), args.end(), std::back_inserter(all));
    environment(container, line);
    if (image_starts)
      line.words = std::move(all);
    else if (is_shell(all[0].text))
      shell(std::move(all), line);
    else if (!hand_over(std::move(all), line))
      return;
    lines_.push_back(std::move(line));
  }

  static bool is_shell(std::string_view program) {
    return std::find(shells.begin(), shells.end(), program_of(program)) != shells.end();
  }

  /// The words behind the program; false when it is a script of Python's.
  static bool hand_over(std::vector<Word> all, CommandLine& line) {
    std::size_t from = 1;
    if (program_of(all[0].text).starts_with("python") && all.size() > 1) {
      if (all[1].text == "-c") return false;
      // python -m MODULE
      if (all[1].text == "-m") from = 3;
    }
    line.words.assign(all.begin() + static_cast<std::ptrdiff_t>(std::min(from, all.size())), all.end());
    return true;
  }

  /// What the script of `sh -c SCRIPT NAME ARGUMENT…` hands to the engine; else `line.script`.
  void shell(std::vector<Word> all, CommandLine& line) const {
    std::size_t at = 1;
    bool inline_script = false;
    for (; at < all.size() && all[at].text.starts_with('-') && !inline_script; ++at) {
      inline_script =
          all[at].text.size() < 6 && all[at].text.ends_with('c') && !all[at].text.starts_with("--");
      if (all[at].text == "-o") ++at;
    }
    line.script = all[std::min(at, all.size() - 1)];
    if (!inline_script || at >= all.size()) return;
    const Script script = script_of(all[at]);
    const std::optional<std::vector<ShellCommand>> commands =
        shell_commands(script.text, [&](std::string_view name) { return variable(line, name); });
    const ShellCommand* command = commands ? started(*commands) : nullptr;
    if (command == nullptr) return;
    std::vector<Word> found;
    for (const ShellWord& each : command->words) {
      const bool quoted_alone = each.text.empty() && each.known;
      if (each.arguments && quoted_alone)
        found.insert(found.end(), all.begin() + static_cast<std::ptrdiff_t>(std::min(at + 2, all.size())),
                     all.end());
      else
        found.push_back(word_of(each, script, all[at]));
    }
    if (found.empty() || !found[0].known || is_shell(found[0].text) || !hand_over(std::move(found), line))
      return;
    for (const ShellWord& each : command->assignments) {
      Word word = word_of(each, script, all[at]);
      const std::size_t equals = word.text.find('=');
      std::string name = word.text.substr(0, equals);
      word.text.erase(0, equals + 1);
      line.env.emplace_back(std::move(name), std::move(word));
    }
    line.script.reset();
  }

  /// A script with the values that stand in it, and where.
  struct Script {
    struct Filled {
      std::size_t from, to;
      std::string parameter;
      const Node* value;
    };
    std::string text;
    std::vector<Filled> filled = {};
  };

  Script script_of(const Word& word) const {
    if (!word.parameter.empty() || word.at == nullptr || !word.at->is_string()) return {word.text};
    Script script;
    for (const Piece& part : pieces(word.at->string())) {
      if (part.what != Piece::What::placeholder) {
        script.text += part.text;
        continue;
      }
      const Node* value = value_of_(part.text);
      const std::size_t from = script.text.size();
      if (value == nullptr)
        script.text += unknown_part;
      else if (!value->is_null())
        script.text += text_of(*value);
      if (value != nullptr) script.filled.push_back({from, script.text.size(), part.text, value});
    }
    return script;
  }

  static Word word_of(const ShellWord& word, const Script& script, const Word& whole) {
    Word made{word.text, whole.at, whole.parameter, whole.path, word.known && !word.arguments};
    for (const Script::Filled& each : script.filled) {
      if (each.from < word.from || each.to > word.to || each.from == each.to) continue;
      if (word.text != std::string_view(script.text).substr(each.from, each.to - each.from)) continue;
      made.at = each.value;
      made.parameter = each.parameter;
    }
    return made;
  }

  /// The value that the container's environment gives a variable.
  static std::optional<std::string> variable(const CommandLine& line, std::string_view name) {
    for (const auto& [known, word] : line.env)
      if (known == name && word.known) return word.text;
    return std::nullopt;
  }

  std::vector<Word> words(const Node& container, std::string_view key) {
    std::vector<Word> found;
    const Node* list = container.find(key);
    if (list == nullptr || !list->is_list()) return found;
    path_.push_back({std::string(key)});
    for (std::size_t i = 0; i < list->items().size(); ++i) {
      path_.push_back({"", static_cast<int>(i)});
      add(list->items()[i], found);
      path_.pop_back();
    }
    path_.pop_back();
    return found;
  }

  void environment(const Node& container, CommandLine& line) {
    const Node* list = container.find("env");
    if (list == nullptr || !list->is_list()) return;
    path_.push_back({"env"});
    for (std::size_t i = 0; i < list->items().size(); ++i) {
      const Node& entry = list->items()[i];
      const Node* value = entry.find("value");
      std::vector<Word> found;
      path_.push_back({"", static_cast<int>(i)});
      const std::string name = entry.text_at({"name"});
      if (value != nullptr) add(*value, found);
      if (value == nullptr) found.push_back({"", entry.find("name"), "", path_, false});
      path_.pop_back();
      if (!found.empty() && found[0].at != nullptr) line.env.emplace_back(name, std::move(found[0]));
    }
    path_.pop_back();
  }

  /// The word or words that `node` stands for; none when it is a placeholder without a value.
  void add(const Node& node, std::vector<Word>& found) {
    if (!node.is_string()) return found.push_back({text_of(node), &node, "", path_});
    const std::string& text = node.string();
    if (text.find('$') == std::string::npos) return found.push_back({text, &node, "", path_});
    const std::vector<Piece> parts = pieces(text);
    if (parts.size() == 1 && parts[0].what == Piece::What::placeholder)
      return add_value(node, parts[0].text, found);
    Word word{"", &node, "", path_};
    for (const Piece& part : parts) {
      if (part.what != Piece::What::placeholder) {
        word.text += part.text;
        continue;
      }
      const Node* value = value_of_(part.text);
      if (value == nullptr || value->is_null())
        word.known = false;
      else
        word.text += text_of(*value);
    }
    found.push_back(std::move(word));
  }

  void add_value(const Node& node, const std::string& parameter, std::vector<Word>& found) {
    const Node* value = value_of_(parameter);
    if (value == nullptr) return found.push_back({"", &node, "", path_, false});
    if (value->is_null()) return;
    if (!value->is_list()) return found.push_back({text_of(*value), value, parameter, path_});
    for (const Node& item : value->items()) found.push_back({text_of(item), &item, parameter, path_});
  }

  const Framework& framework_;
  const ValueOf& value_of_;
  std::vector<CommandLine> lines_;
  Path path_;
};

/// Whether a part of an image's tag is a version that was not read: written as that one is, as v0.28.0 is
/// like 0.27.1, and b9800 like b9753.
bool is_like(std::string_view part, std::string_view version) {
  if (part.starts_with('v')) part.remove_prefix(1);
  constexpr std::string_view digits = "0123456789";
  const std::size_t begin = version.find_first_of(digits);
  const bool dotted = version.find('.') != std::string_view::npos;
  return begin != std::string_view::npos && part.size() > begin &&
         part.substr(0, begin) == version.substr(0, begin) &&
         digits.find(part[begin]) != std::string_view::npos &&
         dotted == (part.find('.') != std::string_view::npos);
}

}  // namespace

std::vector<CommandLine> command_lines(const Framework& framework, const ValueOf& value_of) {
  return Reading(framework, value_of).run();
}

std::string version_of_image(const Framework& framework, const FlagTable& table, std::string_view image) {
  for (const EngineVersion& each : framework.spec.versions)
    if (!each.image.empty() && each.image == image) return each.version;
  if (image == framework.spec.image || image.empty()) return framework.spec.version;
  const std::string_view tag = image.substr(0, image.find('@'));
  const std::size_t colon = tag.rfind(':');
  if (colon == std::string_view::npos || tag.find('/', colon) != std::string_view::npos)
    return framework.spec.version;
  for (const std::string& part : split(tag.substr(colon + 1), '-')) {
    const VersionPlace place = table.place(part);
    const std::string& near = table.versions[static_cast<std::size_t>(place.lower)].version;
    if (part == "latest" || part.empty()) continue;
    if (place.lower == place.upper && !place.newer && !place.older) return near;
    if (is_like(part, near)) return part.substr(part.front() == 'v' ? 1 : 0);
  }
  return framework.spec.version;
}

}  // namespace mlib::cards
