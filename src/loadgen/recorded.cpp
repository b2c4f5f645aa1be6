#include "loadgen/recorded.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

using schema::Node;

constexpr std::size_t most_requests = 5'000'000, most_findings = 10;
constexpr std::int64_t most_tokens = 10'000'000;
constexpr std::string_view azure = "timestamp,contexttokens,generatedtokens";

/// What is wrong with one line.
struct Wrong {
  Fault fault;
  std::string message, hint = {};
  int column = 1;
};

class Reader {
 public:
  explicit Reader(const schema::Source& file) : file_(file) {}
  Recorded read();

 private:
  void line(std::string_view text);
  void json_line(std::string_view text);
  void csv_line(std::string_view text);
  void came(std::optional<Instant> at);
  Script script_of(const Node& node) const;

  const schema::Source& file_;
  Recorded recorded_;
  std::vector<Finding> findings_;
  int line_ = 0;
  bool csv_ = false;
  std::optional<Instant> began_;
};

int tokens_at(const Node& node, std::string_view key) {
  const Node* value = node.find(key);
  if (value == nullptr || value->is_null()) return 0;
  if (!value->is_integer() || value->integer() < 0 || value->integer() > most_tokens)
    throw Wrong{Fault::out_of_range,
                fmt::format("`{}` has to be a whole number from 0 to {}", key, most_tokens)};
  return static_cast<int>(value->integer());
}

int estimated_tokens(std::string_view text) { return std::max(static_cast<int>(text.size() / 4), 1); }

/// The text of `"content": "…"`, or of `"content": [{"type": "text", "text": "…"}]`.
std::string said_in(const Node& message, std::string_view key) {
  const Node* value = message.find(key);
  if (value != nullptr && value->is_string()) return value->string();
  std::string text;
  if (value != nullptr && value->is_list())
    for (const Node& part : value->items()) text += part.text_at({"text"});
  if (text.empty()) throw Wrong{Fault::missing, fmt::format("a message has no `{}`", key)};
  return text;
}

/// ShareGPT's and OpenAI's conversations: what a person (or before that the system) says is asked.
Script conversation_of(const Node& list, std::string_view who, std::string_view what) {
  Script script;
  if (!list.is_list()) throw Wrong{Fault::wrong_type, "a conversation has to be a list of messages"};
  std::string system;
  for (const Node& message : list.items()) {
    const std::string from = message.text_at({who});
    const std::string text = said_in(message, what);
    if (from == "human" || from == "user") {
      script.questions.push_back({system + text});
      system.clear();
    } else if (from == "system") {
      system += text + "\n";
    } else if (from == "gpt" || from == "assistant" || from == "chatgpt" || from == "bing" ||
               from == "bard") {
      if (!script.questions.empty()) script.questions.back().answer_tokens = estimated_tokens(text);
    } else {
      throw Wrong{Fault::not_allowed, fmt::format("nobody is called `{}`", from),
                  suggestion(from, {"human", "gpt", "user", "assistant", "system"})};
    }
  }
  if (script.questions.empty()) throw Wrong{Fault::missing, "nobody asks anything in this conversation"};
  return script;
}

Script trace_of(const Node& node) {
  Script script;
  script.prompt_tokens = tokens_at(node, "input_length");
  script.answer_tokens = tokens_at(node, "output_length");
  if (script.prompt_tokens == 0) throw Wrong{Fault::out_of_range, "`input_length` has to be above 0"};
  const Node* blocks = node.find("hash_ids");
  if (blocks == nullptr) return script;
  if (!blocks->is_list()) throw Wrong{Fault::wrong_type, "`hash_ids` has to be a list of whole numbers"};
  for (const Node& block : blocks->items()) {
    if (!block.is_integer()) throw Wrong{Fault::wrong_type, "`hash_ids` has to be a list of whole numbers"};
    script.blocks.push_back(static_cast<std::uint64_t>(block.integer()));
  }
  if (script.blocks.size() * block_tokens < static_cast<std::size_t>(script.prompt_tokens))
    throw Wrong{Fault::out_of_range,
                fmt::format("{} `hash_ids` of {} tokens are too few for an `input_length` of {}",
                            script.blocks.size(), block_tokens, script.prompt_tokens)};
  return script;
}

/// Digits and nothing else, up to `end` or the end of the text.
template <class Number>
Number number_of(std::string_view text, const char* what) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    throw Wrong{Fault::wrong_type, fmt::format("{} is no number: `{}`", what, shortened(text, 40))};
  return value;
}

/// `2023-11-16 18:17:03.9799600` (and `+00:00` behind it) as nanoseconds.
Instant instant_of(std::string_view text) {
  if (text.ends_with("+00:00")) text.remove_suffix(6);
  if (text.ends_with("Z")) text.remove_suffix(1);
  const bool shaped = text.size() >= 19 && text[4] == '-' && text[7] == '-' &&
                      (text[10] == ' ' || text[10] == 'T') && text[13] == ':' && text[16] == ':';
  if (!shaped)
    throw Wrong{Fault::wrong_type, fmt::format("`{}` is no instant", shortened(text, 40)),
                "write it as 2023-11-16 18:17:03.9799600"};
  const auto part = [&](std::size_t at, std::size_t size) {
    return number_of<int>(text.substr(at, size), "a part of TIMESTAMP");
  };
  const std::chrono::year_month_day day{std::chrono::year{part(0, 4)},
                                        std::chrono::month{static_cast<unsigned>(part(5, 2))},
                                        std::chrono::day{static_cast<unsigned>(part(8, 2))}};
  if (!day.ok()) throw Wrong{Fault::out_of_range, fmt::format("`{}` is no day", text.substr(0, 10))};
  const Instant days = std::chrono::sys_days{day}.time_since_epoch().count();
  const Instant seconds = ((days * 24 + part(11, 2)) * 60 + part(14, 2)) * 60;
  const auto rest = number_of<double>(text.substr(17), "the seconds of TIMESTAMP");
  return seconds * second + static_cast<Instant>(rest * 1e9);
}

/// Adds when a request came; nothing: its line does not say.
void Reader::came(std::optional<Instant> at) {
  const bool first = recorded_.scripts.empty();
  if (first) began_ = at;
  if (!first && at.has_value() != began_.has_value())
    throw Wrong{Fault::missing, at ? "it has a `timestamp`, which the first request lacks"
                                   : "it has no `timestamp`, which the first request has"};
  if (!at) return;
  const Instant since = *at - *began_;
  if (since < (first ? 0 : recorded_.arrivals.back()))
    throw Wrong{Fault::out_of_range, "its `timestamp` is before that of the line above",
                "sort the lines by it"};
  recorded_.arrivals.push_back(since);
}

Script Reader::script_of(const Node& node) const {
  if (node.is_string()) {
    Script script;
    script.questions.push_back({node.string()});
    return script;
  }
  if (!node.is_map())
    throw Wrong{Fault::wrong_type, fmt::format("a line has to be a JSON object or text, not {}", node.kind()),
                node.is_list() ? fmt::format("make lines of a list: jq -c '.[]' {}", file_.file) : ""};
  if (const Node* list = node.find("conversations")) return conversation_of(*list, "from", "value");
  if (const Node* list = node.find("messages")) return conversation_of(*list, "role", "content");
  if (node.find("input_length") != nullptr) return trace_of(node);
  const Node* prompt = node.find("prompt");
  if (prompt == nullptr)
    throw Wrong{Fault::missing, "nothing in it says what to ask",
                "known: prompt, conversations (ShareGPT), messages (OpenAI), input_length (Mooncake)"};
  if (!prompt->is_string()) throw Wrong{Fault::wrong_type, "`prompt` has to be a text"};
  Script script;
  const int tokens = tokens_at(node, "output_tokens");
  script.questions.push_back({prompt->string(), tokens > 0 ? tokens : tokens_at(node, "max_tokens")});
  return script;
}

void Reader::json_line(std::string_view text) {
  Node node;
  schema::JsonError error;
  if (!schema::read_json(text, node, error)) {
    const bool list = trim(text) == "[";
    throw Wrong{Fault::syntax, error.message,
                list ? fmt::format("make lines of a list: jq -c '.[]' {}", file_.file) : "",
                static_cast<int>(utf8_length(text.substr(0, error.offset))) + 1};
  }
  Script script = script_of(node);
  const Node* timestamp = node.find("timestamp");
  if (timestamp != nullptr && (!timestamp->is_number() || !(std::abs(timestamp->number()) < 9e12)))
    throw Wrong{Fault::wrong_type, "`timestamp` has to be a number of milliseconds"};
  came(timestamp == nullptr ? std::optional<Instant>() : static_cast<Instant>(timestamp->number() * 1e6));
  recorded_.scripts.push_back(std::move(script));
}

void Reader::csv_line(std::string_view text) {
  const std::vector<std::string> cells = split(text, ',');
  if (cells.size() < 3)
    throw Wrong{Fault::missing,
                fmt::format("{} of the 3 columns TIMESTAMP,ContextTokens,GeneratedTokens", cells.size())};
  Script script;
  script.prompt_tokens = number_of<int>(trim(cells[1]), "ContextTokens");
  script.answer_tokens = number_of<int>(trim(cells[2]), "GeneratedTokens");
  if (script.prompt_tokens < 1 || script.answer_tokens < 0 || script.prompt_tokens > most_tokens ||
      script.answer_tokens > most_tokens)
    throw Wrong{Fault::out_of_range, fmt::format("a number of tokens is not within 1 to {}", most_tokens)};
  came(instant_of(trim(cells[0])));
  recorded_.scripts.push_back(std::move(script));
}

void Reader::line(std::string_view text) {
  if (trim(text).empty()) return;
  if (recorded_.scripts.empty() && findings_.empty() && !csv_ && lower(text).starts_with(azure)) {
    csv_ = true;
    return;
  }
  if (recorded_.scripts.size() >= most_requests)
    throw Problem(Kind::too_large, fmt::format("{} has more than {} requests", file_.file, most_requests));
  try {
    csv_ ? csv_line(text) : json_line(text);
  } catch (const Wrong& wrong) {
    Finding finding;
    finding.fault = wrong.fault;
    finding.place = {file_.file, line_, wrong.column};
    finding.message = wrong.message;
    finding.hint = wrong.hint;
    finding.excerpt = shortened(text, 120);
    findings_.push_back(std::move(finding));
  }
}

Recorded Reader::read() {
  std::string_view left = file_.text;
  if (left.starts_with("\xEF\xBB\xBF")) left.remove_prefix(3);
  while (!left.empty() && findings_.size() < most_findings) {
    const std::size_t end = std::min(left.find('\n'), left.size());
    ++line_;
    std::string_view text = left.substr(0, end);
    if (text.ends_with('\r')) text.remove_suffix(1);
    line(text);
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  if (!findings_.empty())
    throw Problem(Kind::invalid, file_.file + " cannot be read", "", std::move(findings_));
  if (recorded_.scripts.empty())
    throw Problem(Kind::invalid, file_.file + " has no request", "write one a line: {\"prompt\": \"…\"}");
  return std::move(recorded_);
}

}  // namespace

Recorded read_requests(const schema::Source& file) { return Reader(file).read(); }

std::string trace_text(const Recorded& recorded) {
  constexpr std::size_t longest = 512U << 10U;
  std::string text;
  Instant before = 0;
  for (std::size_t i = 0; i < recorded.scripts.size(); ++i) {
    const Script& script = recorded.scripts[i];
    if (!script.questions.empty() || text.size() > longest) return "";
    const Instant at = i < recorded.arrivals.size() ? recorded.arrivals[i] : before;
    text += fmt::format("{} {} {}", at - before, script.prompt_tokens, script.answer_tokens);
    if (!script.blocks.empty()) text += fmt::format(" {}", fmt::join(script.blocks, ","));
    text += '\n';
    before = at;
  }
  return text.size() > longest ? "" : text;
}

Recorded read_trace_text(const std::string& text) {
  Recorded made;
  Instant at = 0;
  for (const std::string& line : split(text, '\n')) {
    if (line.empty()) continue;
    const std::vector<std::string> parts = split(line, ' ');
    try {
      if (parts.size() < 3) throw Wrong{Fault::missing, "it has no three numbers"};
      Script script;
      at += number_of<Instant>(parts[0], "an instant");
      script.prompt_tokens = number_of<int>(parts[1], "a length");
      script.answer_tokens = number_of<int>(parts[2], "a length");
      if (parts.size() > 3)
        for (const std::string& block : split(parts[3], ','))
          script.blocks.push_back(number_of<std::uint64_t>(block, "a block"));
      made.scripts.push_back(std::move(script));
      made.arrivals.push_back(at);
    } catch (const Wrong& wrong) {
      throw Problem(Kind::invalid, fmt::format("line {} of the result's requests: {}",
                                               made.scripts.size() + 1, wrong.message));
    }
  }
  return made;
}

}  // namespace mlib::loadgen
