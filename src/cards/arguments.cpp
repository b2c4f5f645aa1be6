#include "cards/arguments.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cards/parameter.hpp"
#include "cards/placeholder.hpp"

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
    const std::vector<Word> command = words(container, "command");
    std::vector<Word> args = words(container, "args");
    std::size_t from = command.empty() ? 0 : 1;
    if (!command.empty()) {
      const std::string_view program = program_of(command[0].text);
      if (std::find(shells.begin(), shells.end(), program) != shells.end()) return;
      // python -m MODULE
      if (program.starts_with("python") && command.size() > 2 && command[1].text == "-m") from = 3;
      if (program.starts_with("python") && command.size() > 1 && command[1].text == "-c") return;
    }
    line.words.assign(command.begin() + static_cast<std::ptrdiff_t>(std::min(from, command.size())),
                      command.end());
    std::move(args.begin(), args.end(), std::back_inserter(line.words));
    environment(container, line);
    lines_.push_back(std::move(line));
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
    if (part != "latest" && !part.empty() && place.lower == place.upper && !place.newer && !place.older)
      return table.versions[static_cast<std::size_t>(place.lower)].version;
  }
  return framework.spec.version;
}

}  // namespace mlib::cards
