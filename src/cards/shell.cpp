#include "cards/shell.hpp"

#include <algorithm>
#include <array>

namespace mlib::cards {
namespace {

/// Words of the shell's own language that stand before a command.
constexpr std::array<std::string_view, 10> before{"then",  "do",    "else", "elif", "if",
                                                  "while", "until", "!",    "{",    "time"};

/// What scripts do besides starting a server: the shell's own commands, and tools that come with it.
constexpr std::array<std::string_view, 53> small{
    ".",        ":",     "[",    "[[",       "alias",   "break", "case",  "cat",   "cd",    "chmod", "chown",
    "continue", "cp",    "curl", "date",     "declare", "done",  "echo",  "esac",  "eval",  "exit",  "export",
    "false",    "fi",    "for",  "grep",     "hash",    "kill",  "ln",    "local", "ls",    "mkdir", "mv",
    "printf",   "pwd",   "read", "readonly", "return",  "rm",    "sed",   "set",   "shift", "sleep", "source",
    "test",     "touch", "trap", "true",     "ulimit",  "umask", "unset", "wait",  "wget"};

/// Those of the shell that give variables other values.
constexpr std::array<std::string_view, 7> setters{"declare", "export",   "for",  "local",
                                                  "read",    "readonly", "unset"};

template <class List>
bool holds(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t name_length(std::string_view text) {
  if (text.empty() || !begins_name(text.front())) return 0;
  const auto end =
      std::find_if(text.begin(), text.end(), [](char c) { return !begins_name(c) && !is_digit(c); });
  return static_cast<std::size_t>(end - text.begin());
}

class Reading {
 public:
  Reading(std::string_view script, const Variable& variable) : script_(script), variable_(variable) {}

  std::optional<std::vector<ShellCommand>> run() {
    while (!broken_ && at_ < script_.size()) step();
    end_command();
    if (broken_) return std::nullopt;
    return std::move(commands_);
  }

 private:
  char now(std::size_t ahead = 0) const { return at_ + ahead < script_.size() ? script_[at_ + ahead] : '\0'; }

  void step() {
    constexpr std::string_view joins = ";&|\n()";
    constexpr std::string_view blanks = " \t\n;";
    const char c = now();
    // A brace joins when it stands alone; in a word it is a letter like any other.
    const bool brace =
        (c == '{' || c == '}') && (now(1) == '\0' || blanks.find(now(1)) != std::string_view::npos);
    if (c == ' ' || c == '\t') {
      ++at_;
    } else if (c == '\\' && now(1) == '\n') {
      at_ += 2;
    } else if (c == '#') {
      at_ = std::min(script_.find('\n', at_), script_.size());
    } else if (c == '<' || c == '>') {
      redirection();
    } else if (c == '(' && at_ > 0 && !words_.empty() && words_.back().to == at_) {
      broken_ = true;  // name(): a function
    } else if (brace || joins.find(c) != std::string_view::npos) {
      end_command();
      ++at_;
    } else {
      ShellWord word = read_word();
      words_.push_back(std::move(word));
    }
  }

  /// `> FILE`, `2>&1`, `< FILE`: no words of the command.
  void redirection() {
    const bool number = !words_.empty() && words_.back().to == at_ &&
                        std::all_of(words_.back().text.begin(), words_.back().text.end(), is_digit);
    if (number) words_.pop_back();
    if (now() == '<' && now(1) == '<') broken_ = true;  // a here-document
    while (now() == '<' || now() == '>' || now() == '&' || now() == '|') ++at_;
    while (now() == ' ' || now() == '\t') ++at_;
    read_word();
  }

  ShellWord read_word() {
    constexpr std::string_view ends = " \t\n;&|()<>";
    ShellWord word;
    word.from = at_;
    while (!broken_ && at_ < script_.size() && ends.find(now()) == std::string_view::npos) {
      const char c = now();
      if (c == '\'') {
        single(word);
      } else if (c == '"') {
        twice(word);
      } else {
        part(word, false);
      }
    }
    word.to = at_;
    return word;
  }

  void single(ShellWord& word) {
    const std::size_t end = script_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return fail();
    for (const char c : script_.substr(at_ + 1, end - at_ - 1)) literal(word, c);
    at_ = end + 1;
  }

  void twice(ShellWord& word) {
    ++at_;
    while (!broken_ && at_ < script_.size() && now() != '"') part(word, true);
    if (now() != '"') return fail();
    ++at_;
  }

  /// One character, or one expansion.
  void part(ShellWord& word, bool quoted) {
    const char c = now();
    if (c == '\\') return escaped(word, quoted);
    if (c == '`') return command_substitution(word);
    if (c == '$') return expansion(word, quoted);
    literal(word, c);
    ++at_;
  }

  static void literal(ShellWord& word, char c) {
    if (c == unknown_part)
      word.known = false;
    else
      word.text += c;
  }

  void escaped(ShellWord& word, bool quoted) {
    constexpr std::string_view special = "$`\"\\\n";
    const char next = now(1);
    if (quoted && special.find(next) == std::string_view::npos) word.text += '\\';
    if (next != '\n' && next != '\0') literal(word, next);
    at_ += 2;
  }

  void command_substitution(ShellWord& word) {
    const std::size_t end = script_.find('`', at_ + 1);
    if (end == std::string_view::npos) return fail();
    word.known = false;
    at_ = end + 1;
  }

  void expansion(ShellWord& word, bool quoted) {
    const std::string_view rest = script_.substr(std::min(at_ + 1, script_.size()));
    if (rest.starts_with('@') || rest.starts_with('*')) {
      word.arguments = true;
      at_ += 2;
    } else if (rest.starts_with('(')) {
      word.known = false;
      skip('(', ')');
    } else if (rest.starts_with('{')) {
      const std::size_t length = name_length(rest.substr(1));
      const bool plain = length > 0 && rest.substr(1 + length).starts_with('}');
      if (plain)
        value(word, rest.substr(1, length), quoted);
      else
        word.known = false;
      skip('{', '}');
    } else if (const std::size_t length = name_length(rest); length > 0) {
      value(word, rest.substr(0, length), quoted);
      at_ += 1 + length;
    } else if (!rest.empty() &&
               (is_digit(rest[0]) || rest[0] == '?' || rest[0] == '$' || rest[0] == '!' || rest[0] == '#')) {
      word.known = false;
      at_ += 2;
    } else {
      literal(word, '$');
      ++at_;
    }
  }

  void value(ShellWord& word, std::string_view name, bool quoted) {
    const std::optional<std::string> found = holds(changed_, name) ? std::nullopt : variable_(name);
    // Without quotes blanks part words, and patterns become names of files.
    const bool whole = found && (quoted || found->find_first_of(" \t\n*?[") == std::string::npos);
    if (!whole || found->find(unknown_part) != std::string::npos)
      word.known = false;
    else
      word.text += *found;
  }

  /// From the `$` before `open` past the `close` that belongs to it.
  void skip(char open, char close) {
    int depth = 0;
    for (++at_; at_ < script_.size(); ++at_) {
      if (now() == open) ++depth;
      if (now() == close && --depth == 0) {
        ++at_;
        return;
      }
    }
    fail();
  }

  void fail() { broken_ = true; }

  void end_command() {
    ShellCommand command;
    auto word = words_.begin();
    const auto is_assignment = [](const ShellWord& each) {
      const std::size_t length = name_length(each.text);
      return length > 0 && each.text.size() > length && each.text[length] == '=';
    };
    for (; word != words_.end(); ++word) {
      if (word->text == "exec")
        command.exec = true;
      else if (is_assignment(*word))
        command.assignments.push_back(std::move(*word));
      else if (!holds(before, word->text) && word->text != "env" && word->text != "nohup")
        break;
    }
    std::move(word, words_.end(), std::back_inserter(command.words));
    words_.clear();
    note_changes(command);
    if (!command.words.empty()) commands_.push_back(std::move(command));
  }

  /// A variable that the script sets itself has no longer the value that the container gave it; `A=1 engine`
  /// sets it for the engine alone.
  void note_changes(const ShellCommand& command) {
    const bool sets = !command.words.empty() && holds(setters, command.words.front().text);
    const std::vector<ShellWord>& words = command.words.empty() ? command.assignments : command.words;
    if (!sets && !command.words.empty()) return;
    for (const ShellWord& each : words) changed_.push_back(each.text.substr(0, name_length(each.text)));
  }

  std::string_view script_;
  const Variable& variable_;
  std::vector<std::string> changed_;
  std::size_t at_ = 0;
  bool broken_ = false;
  std::vector<ShellWord> words_;
  std::vector<ShellCommand> commands_;
};

}  // namespace

std::optional<std::vector<ShellCommand>> shell_commands(std::string_view script, const Variable& variable) {
  return Reading(script, variable).run();
}

const ShellCommand* started(const std::vector<ShellCommand>& commands) {
  const ShellCommand* behind_exec = nullptr;
  const ShellCommand* other = nullptr;
  int execs = 0;
  int others = 0;
  for (const ShellCommand& each : commands) {
    if (each.exec) {
      behind_exec = &each;
      ++execs;
    } else if (!holds(small, each.words.front().text)) {
      other = &each;
      ++others;
    }
  }
  if (execs > 0) return execs == 1 ? behind_exec : nullptr;
  return others == 1 ? other : nullptr;
}

}  // namespace mlib::cards
