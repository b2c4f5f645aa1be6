#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace mlib::cli {
namespace {

using Words = std::vector<std::string>;

struct Nothing {
  template <class D>
  void describe(D&) {}
};
struct HelpArguments {
  std::string verb;
  template <class D>
  void describe(D& d) {
    d.field("verb", verb, {.help = "Verb to explain"});
  }
};

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

const Option* find_option(const std::vector<Option>& options, const std::string& flag) {
  for (const Option& each : options)
    if (each.flag == flag || (!each.letter.empty() && each.letter == flag)) return &each;
  return nullptr;
}

/// The words that are neither options of every verb nor their values.
Words plain_words(const Words& words) {
  Words plain;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_option(words[i])) {
      plain.push_back(words[i]);
      continue;
    }
    const Option* option = find_option(common_options(), words[i]);
    if (option != nullptr && option->takes != Option::Takes::flag) ++i;
  }
  return plain;
}

[[noreturn]] void unknown_verb(const Words& plain) {
  const std::string two = plain.size() > 1 ? plain[0] + " " + plain[1] : plain[0];
  Words names, second;
  for (const verbs::Verb& verb : verbs::table()) {
    names.emplace_back(verb.name);
    if (verb.name.rfind(plain[0] + " ", 0) == 0) second.emplace_back(verb.name.substr(plain[0].size() + 1));
  }
  for (const OwnCommand& own : own_commands()) names.emplace_back(own.name);
  if (!second.empty()) {
    const std::string list = join(second, ", ");
    if (plain.size() == 1)
      throw Problem(Kind::usage, fmt::format("`mlib {}` needs one of: {}", plain[0], list));
    std::string near = nearest(plain[1], second);
    if (second.size() == 1) near = second[0];
    throw Problem(Kind::usage, fmt::format("`mlib {}` knows no `{}`", plain[0], shortened(plain[1], 60)),
                  near.empty() ? "one of: " + list
                               : fmt::format("did you mean `mlib {} {}{}`?", plain[0], near,
                                             second.size() == 1 ? " " + plain[1] : ""));
  }
  std::string near = nearest(two, names);
  if (near.empty()) near = nearest(plain[0], names);
  throw Problem(Kind::usage, fmt::format("there is no verb `{}`", shortened(plain[0], 60)),
                near.empty() ? "`mlib --help` lists them" : fmt::format("did you mean `mlib {}`?", near));
}

/// Reads the words after the verb into arguments and options.
class Parser {
 public:
  Parser(std::string_view name, const Node& schema, const std::vector<std::string_view>& positional,
         const Inputs& inputs)
      : name_(name),
        schema_(schema),
        positional_(positional),
        inputs_(inputs),
        options_(options_of(schema, {})) {
    const std::vector<Option>& common = common_options();
    options_.insert(options_.end(), common.begin(), common.end());
  }

  void read(const Words& words, std::size_t skip) {
    bool only_plain = false;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == "--" && !only_plain) {
        only_plain = true;
      } else if (!only_plain && is_option(words[i])) {
        i = option(words, i);
      } else if (skip > 0) {
        --skip;
      } else {
        plain(words[i]);
      }
    }
  }

  void require_all() const {
    Words missing;
    for (const std::string_view each : positional_)
      if (required(each) && arguments.find(each) == nullptr) missing.push_back(upper(each));
    for (const Option& each : options_)
      if (each.required && !is_positional(each.property) && arguments.find(each.property) == nullptr)
        missing.push_back(each.flag);
    if (missing.empty()) return;
    throw Problem(Kind::usage, fmt::format("`mlib {}` needs {}", name_, join(missing, " and ")),
                  usage(name_, schema_, positional_));
  }

  Node arguments = Node::map();
  Node common = Node::map();

 private:
  static std::string upper(std::string_view word) {
    std::string out(word);
    for (char& c : out)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return out;
  }

  bool required(std::string_view name) const {
    const Node* list = schema_.find("required");
    return list != nullptr && std::any_of(list->items().begin(), list->items().end(),
                                          [&](const Node& each) { return each.string() == name; });
  }

  bool is_positional(std::string_view name) const {
    return std::find(positional_.begin(), positional_.end(), name) != positional_.end();
  }

  void plain(const std::string& word) {
    if (place_ >= positional_.size()) {
      if (place_ > 0 && positional_.back() == "text") {
        Node* text = arguments.find("text");
        text->string() += " " + word;
        return;
      }
      throw Problem(Kind::usage, fmt::format("`mlib {}`: unexpected `{}`", name_, shortened(word, 60)),
                    usage(name_, schema_, positional_));
    }
    const std::string_view name = positional_[place_];
    if (name == "files") return card_files(word);
    if (name == "names") {
      if (arguments.find("names") == nullptr) arguments.set("names", Node::list());
      arguments.find("names")->push(word);
      return;
    }
    ++place_;
    arguments.set(name, word);
  }

  void card_files(const std::string& path) {
    if (arguments.find("files") == nullptr) arguments.set("files", Node::list());
    for (const cards::File& file : inputs_.read_cards(path)) {
      Node item = Node::map();
      item.set("path", file.path);
      item.set("text", file.text);
      arguments.find("files")->push(std::move(item));
    }
  }

  std::size_t option(const Words& words, std::size_t i) {
    const std::size_t equals = words[i].find('=');
    std::string flag = words[i].substr(0, equals);
    bool negated = false;
    const Option* found = find_option(options_, flag);
    if (found == nullptr && flag.rfind("--no-", 0) == 0) {
      found = find_option(options_, "--" + flag.substr(5));
      negated = found != nullptr && found->takes == Option::Takes::flag;
      if (!negated) found = nullptr;
    }
    if (found == nullptr) unknown_option(flag);
    std::optional<std::string> value;
    if (equals != std::string::npos) value = words[i].substr(equals + 1);
    const bool alone = found->takes == Option::Takes::flag || found->takes == Option::Takes::stdin;
    if (!alone && !value) {
      if (i + 1 >= words.size())
        throw Problem(Kind::usage, fmt::format("{} needs a value: {} {}", flag, flag, found->word));
      value = words[++i];
    }
    take(*found, value, negated);
    return i;
  }

  [[noreturn]] void unknown_option(const std::string& flag) const {
    for (const Option& each : options_)
      if (each.takes == Option::Takes::file && each.flag == flag + "-file")
        throw Problem(
            Kind::usage,
            fmt::format("{}: a secret never stands on the command line, where others can read it", flag),
            fmt::format("{0}-file FILE, or {0}-stdin", flag));
    Words known;
    for (const Option& each : options_) known.push_back(each.flag);
    const std::string near = nearest(flag, known);
    throw Problem(Kind::usage, fmt::format("`mlib {}` has no option {}", name_, shortened(flag, 60)),
                  near.empty() ? fmt::format("`mlib {} --help` lists them", name_)
                               : fmt::format("did you mean {}?", near));
  }

  void take(const Option& option, const std::optional<std::string>& value, bool negated) {
    Node& into = option.of_every_verb ? common : arguments;
    switch (option.takes) {
      case Option::Takes::flag: {
        if (value && *value != "true" && *value != "false")
          throw Problem(Kind::usage, fmt::format("{}: `{}` is neither true nor false", option.flag,
                                                 shortened(*value, 60)));
        const bool on = !value || *value == "true";
        into.set(option.property, on != negated);
        return;
      }
      case Option::Takes::file:
        return file(into, option, *value);
      case Option::Takes::stdin:
        return piped(into, option);
      case Option::Takes::pair:
        return pair(into, option, *value);
      case Option::Takes::value:
        if (value->empty())
          throw Problem(Kind::usage, fmt::format("{} has an empty value", option.flag),
                        fmt::format("{} {}, or leave it out", option.flag, option.word));
        check_allowed(option, *value);
        return one(into, option, *value);
    }
  }

  /// A secret without the blanks around it. Nothing is never what was meant: the command that was to print it
  /// has failed, and an endpoint would come up without its key.
  void piped(Node& into, const Option& option) {
    const std::string text(trim(inputs_.read_stdin()));
    if (text.empty())
      throw Problem(
          Kind::invalid, fmt::format("{}: standard input is empty", option.flag),
          fmt::format("printf %s \"$KEY\" | mlib {} … {}, or leave the option out", name_, option.flag));
    into.set(option.property, text);
  }

  /// What is in a file: of a secret or another text without the blanks around it, of what has a name as it
  /// stands there, so that lines can be told by their numbers. An empty one is never what was meant.
  void file(Node& into, const Option& option, const std::string& path) {
    std::string text = inputs_.read_file(path);
    if (trim(text).empty())
      throw Problem(Kind::invalid, fmt::format("{}: {} is empty", option.flag, shortened(path, 200)),
                    "name a file that has something in it, or leave the option out");
    if (option.type != "object") {
      into.set(option.property, trim(text));
      return;
    }
    Node named = Node::map();
    named.set("path", path);
    named.set("text", std::move(text));
    into.set(option.property, std::move(named));
  }

  void check_allowed(const Option& option, const std::string& value) const {
    const Node* allowed = schema_.at({"properties", option.property, "enum"});
    if (allowed == nullptr) return;
    Words known;
    for (const Node& each : allowed->items()) known.push_back(each.string());
    if (std::find(known.begin(), known.end(), value) != known.end()) return;
    const std::string near = nearest(value, known);
    throw Problem(
        Kind::usage, fmt::format("{}: `{}` is not allowed here", option.flag, shortened(value, 60)),
        (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) + "one of: " + join(known, ", "));
  }

  static void pair(Node& into, const Option& option, const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw Problem(Kind::usage, fmt::format("{}: `{}` is no NAME=VALUE", option.flag, shortened(text, 60)),
                    fmt::format("as in {} threads=4", option.flag));
    // A list or a map stays a text here: whoever knows the parameter's type reads it.
    into.child(option.property).set(text.substr(0, equals), schema::scalar_of(text.substr(equals + 1)));
  }

  static void one(Node& into, const Option& option, const std::string& text) {
    if (option.type == "array") {
      if (into.find(option.property) == nullptr) into.set(option.property, Node::list());
      return into.find(option.property)->push(text);
    }
    if (option.type == "string") {
      into.set(option.property, text);
      return;
    }
    Node number = schema::scalar_of(text);
    if (!number.is_number() || (option.type == "integer" && !number.is_integer()))
      throw Problem(Kind::usage, fmt::format("{}: `{}` is not {}", option.flag, shortened(text, 60),
                                             option.type == "integer" ? "a whole number" : "a number"));
    into.set(option.property, std::move(number));
  }

  std::string name_;
  const Node& schema_;
  const std::vector<std::string_view>& positional_;
  const Inputs& inputs_;
  std::vector<Option> options_;
  std::size_t place_ = 0;
};

/// The verb or own command that the plain words begin with, and how many words its name has.
std::size_t find_command(const Words& plain, CommandLine& line) {
  if (plain.size() > 1) line.verb = find_verb(plain[0] + " " + plain[1]);
  if (line.verb != nullptr) return 2;
  line.verb = find_verb(plain[0]);
  if (line.verb == nullptr) line.own = find_own(plain[0]);
  if (line.verb == nullptr && line.own == nullptr) unknown_verb(plain);
  return 1;
}

Options options_from(const Node& node) {
  schema::Reader reader;
  Options options = schema::decode<Options>(reader, node);
  if (reader.findings.empty()) return options;
  const Finding& first = reader.findings.front();
  throw Problem(Kind::usage, "--" + first.message, first.hint);
}

}  // namespace

const std::vector<OwnCommand>& own_commands() {
  static const std::vector<OwnCommand> commands{
      {"serve",
       "Serve the API until Ctrl-C",
       schema::json_schema<ServeArguments>,
       {},
       "serve\nserve --listen 127.0.0.1:9000 --catalog my-cards/"},
      {"help", "Explain a verb", schema::json_schema<HelpArguments>, {"verb"}, "help deploy"},
      {"version", "Print the version", schema::json_schema<Nothing>, {}, "version"},
      {"reference",
       "Print all of this help as Markdown",
       schema::json_schema<Nothing>,
       {},
       "reference > docs/cli.md"},
  };
  return commands;
}

const verbs::Verb* find_verb(std::string_view name) {
  for (const verbs::Verb& verb : verbs::table()) {
    const bool plural = verb.name.back() == 's' && verb.name.find(' ') != std::string_view::npos;
    if (verb.name == name || (plural && verb.name.substr(0, verb.name.size() - 1) == name)) return &verb;
  }
  return nullptr;
}

const OwnCommand* find_own(std::string_view name) {
  for (const OwnCommand& own : own_commands())
    if (own.name == name) return &own;
  return nullptr;
}

std::string usage(std::string_view name, const Node& arguments,
                  const std::vector<std::string_view>& positional) {
  std::string text = fmt::format("mlib {}", name);
  const std::vector<Option> options = options_of(arguments, {});
  for (const std::string_view each : positional) {
    const auto at = std::find_if(options.begin(), options.end(),
                                 [&](const Option& option) { return option.property == each; });
    std::string word = each == "files" ? "FILE|DIR…" : at->word;
    text += at->required ? " " + word : " [" + word + "]";
  }
  for (const Option& each : options)
    if (each.required && std::find(positional.begin(), positional.end(), each.property) == positional.end())
      text += fmt::format(" {} {}", each.flag, each.word);
  return text + " [OPTIONS]";
}

CommandLine parse(const std::vector<std::string>& words, const Inputs& inputs) {
  CommandLine line;
  if (words == Words{"--version"}) {
    line.own = find_own("version");
    return line;
  }
  const Words plain = plain_words(words);
  std::size_t skip = 0;
  if (!plain.empty() && plain[0] == "help" && plain.size() > 1) {
    line.own = find_own("help");
    line.arguments.set("verb", join({plain.begin() + 1, plain.end()}, " "));
    return line;
  }
  const bool asks = std::find(words.begin(), words.end(), "--help") != words.end() ||
                    std::find(words.begin(), words.end(), "-h") != words.end();
  if (!plain.empty() &&
      !(asks && plain.size() == 1 && find_verb(plain[0]) == nullptr && find_own(plain[0]) == nullptr))
    skip = find_command(plain, line);
  if (line.verb == nullptr && line.own == nullptr) {
    line.options.help = true;
    if (!plain.empty()) line.arguments.set("verb", plain[0]);
    return line;
  }
  const Node schema = line.verb != nullptr ? line.verb->arguments() : line.own->arguments();
  const std::vector<std::string_view>& positional =
      line.verb != nullptr ? line.verb->positional : line.own->positional;
  Parser parser(line.verb != nullptr ? line.verb->name : line.own->name, schema, positional, inputs);
  parser.read(words, skip);
  line.options = options_from(parser.common);
  if (!line.options.help) parser.require_all();
  line.arguments = std::move(parser.arguments);
  return line;
}

}  // namespace mlib::cli
