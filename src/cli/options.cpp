#include "cli/options.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace mlib::cli {
namespace {

struct Letter {
  std::string_view property, letter;
};
/// The name typed again is what `--yes` takes where yes alone would be too little.
constexpr std::string_view name_again = "confirm";
constexpr Letter letters[] = {{"output", "-o"},   {"namespace", "-n"}, {"follow", "-f"},   {"yes", "-y"},
                              {name_again, "-y"}, {"help", "-h"},      {"previous", "-p"}, {"watch", "-w"}};

std::string dashed(std::string_view property) {
  if (property == name_again) return "--yes";
  std::string flag = "--";
  for (const char c : property) flag += c == '_' ? '-' : c;
  return flag;
}

std::string choices_of(const Node& property) {
  const Node* choices = property.find("enum");
  if (choices == nullptr) return "";
  std::vector<std::string> words;
  for (const Node& choice : choices->items()) words.push_back(choice.string());
  return join(words, "|");
}

std::string word_of(const Node& property, const std::string& name, const std::string& type) {
  if (const std::string choices = choices_of(property); !choices.empty()) return choices;
  if (type == "object") return "NAME=VALUE";
  if (type == "integer" || type == "number") return "N";
  if (name == "filter") return "FIELD=VALUE";
  if (name == "kubeconfig" || name == "kube_watcher_keys" || name == "records") return "FILE";
  if (name == name_again) return "NAME";
  if (name == "catalog" || name == "state") return "DIR";
  if (name == "listen" || name == "kube_watcher") return "ADDRESS:PORT";
  std::string word = name.substr(name.rfind('_') + 1);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c); });
  return word;
}

void add_secret(std::vector<Option>& options, Option option) {
  const std::string flag = option.flag, help = option.help;
  option.flag = flag + "-file";
  option.word = "FILE";
  option.help = help + ", read from a file";
  option.takes = Option::Takes::file;
  options.push_back(option);
  option.flag = flag + "-stdin";
  option.word = "";
  option.help = help + ", read from standard input";
  option.takes = Option::Takes::stdin;
  options.push_back(std::move(option));
}

bool is_required(const Node& schema, std::string_view name) {
  const Node* required = schema.find("required");
  if (required == nullptr) return false;
  return std::any_of(required->items().begin(), required->items().end(),
                     [&](const Node& each) { return each.string() == name; });
}

}  // namespace

std::vector<Option> options_of(const Node& json_schema, const std::vector<std::string_view>& without) {
  std::vector<Option> options;
  for (const schema::Entry& entry : json_schema.find("properties")->entries()) {
    if (std::find(without.begin(), without.end(), entry.key) != without.end()) continue;
    Option option;
    option.flag = dashed(entry.key);
    option.property = entry.key;
    option.type = entry.value.text_at({"type"}, "string");
    option.help = entry.value.text_at({"description"});
    option.negated = entry.key == "color" || entry.key == "wait" || entry.key == "stream";
    option.required = is_required(json_schema, entry.key);
    for (const Letter& each : letters)
      if (each.property == entry.key) option.letter = each.letter;
    if (entry.value.find("writeOnly") != nullptr) {
      add_secret(options, std::move(option));
      continue;
    }
    if (entry.value.text_at({"format"}) == "content") {
      option.takes = Option::Takes::file;
      option.word = "FILE";
      options.push_back(std::move(option));
      continue;
    }
    option.takes = option.type == "boolean"  ? Option::Takes::flag
                   : option.type == "object" ? Option::Takes::pair
                                             : Option::Takes::value;
    if (option.takes != Option::Takes::flag) option.word = word_of(entry.value, entry.key, option.type);
    options.push_back(std::move(option));
  }
  return options;
}

const std::vector<Option>& common_options() {
  static const std::vector<Option> options = [] {
    std::vector<Option> made = options_of(schema::json_schema<Options>(), {});
    for (Option& each : made) each.of_every_verb = true;
    return made;
  }();
  return options;
}

}  // namespace mlib::cli
