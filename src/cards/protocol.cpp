#include "cards/protocol.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/draft.hpp"
#include "cards/placeholder.hpp"

namespace mlib::cards {
namespace {

using namespace detail;

constexpr std::string_view folder = "protocols/";
constexpr std::size_t deepest = 64;  ///< steps of a pointer

Path with(Path path, std::string_view key) {
  path.push_back({std::string(key)});
  return path;
}
Path with(Path path, std::size_t index) {
  path.push_back({"", static_cast<int>(index)});
  return path;
}

void check_path(const std::string& path, std::vector<CallFault>& faults) {
  // It is written into the first line of a request: what ends a word or a line there would begin another.
  const auto plain = [](char each) { return each > ' ' && each < '\x7f'; };
  if (path.starts_with('/') && std::all_of(path.begin(), path.end(), plain)) return;
  faults.push_back({path_of({"path"}), Fault::not_allowed,
                    fmt::format("`{}` is no path of a URL", shortened(visible(path), 60)),
                    "it begins with / and has neither blanks nor letters beyond ASCII"});
}

void check_text(const Node& text, const Path& path, std::vector<CallFault>& faults) {
  const std::vector<std::string>& known = body_placeholders();
  for (const Piece& piece : pieces(text.string())) {
    if (piece.what == Piece::What::stray)
      faults.push_back({path, Fault::syntax, "a `$` that begins no placeholder", "write `$$` for a `$`"});
    else if (piece.what == Piece::What::placeholder &&
             std::find(known.begin(), known.end(), piece.text) == known.end())
      faults.push_back({path, Fault::reference,
                        fmt::format("no request has a value for `${}`", shortened(piece.text, 60)),
                        suggestion(piece.text, known)});
  }
}

void check_body(const Node& node, const Path& path, std::vector<CallFault>& faults) {
  if (node.is_string()) check_text(node, path, faults);
  if (node.is_map())
    for (const schema::Entry& entry : node.entries()) check_body(entry.value, with(path, entry.key), faults);
  if (node.is_list())
    for (std::size_t i = 0; i < node.items().size(); ++i) check_body(node.items()[i], with(path, i), faults);
}

void check_pointers(const Pointers& pointers, const Path& path, std::vector<CallFault>& faults) {
  for (std::size_t i = 0; i < pointers.size(); ++i)
    if (!pointer_steps(pointers[i]))
      faults.push_back(
          {with(path, i), Fault::syntax,
           fmt::format("`{}` is no JSON pointer", shortened(visible(pointers[i]), 60)),
           "a / before each step, as in /choices/0/text; ~1 stands for a / in a name, ~0 for a ~"});
}

/// A file as it is read into the protocols.
class ProtocolReading {
 public:
  ProtocolReading(const Text& text, const Node& document, std::vector<Finding>& findings)
      : text_(text), document_(document), findings_(findings) {}

  void read(Beside& beside) {
    const std::size_t before = findings_.size();
    schema::Reader reader(&text_.source);
    auto made = schema::decode<Protocol>(reader, document_);
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(findings_));
    if (findings_.size() == before) check(made, beside.protocols);
    // Where a text can be read in two ways nobody knows how the engine is asked.
    if (findings_.size() == before && !text_.broken)
      beside.protocols.push_back(std::move(made));
    else
      beside.lost_protocols.push_back(document_.text_at({"metadata", "name"}));
  }

 private:
  void check(const Protocol& made, const Protocols& others) {
    const auto same = [&](const Protocol& each) { return each.metadata.name == made.metadata.name; };
    if (std::any_of(others.begin(), others.end(), same))
      report(findings_, value_spot(text_, document_, path_of({"metadata", "name"})), Fault::duplicate,
             fmt::format("there is another protocol called `{}`", made.metadata.name));
    if (made.calls.empty())
      report(findings_, value_spot(text_, document_, path_of({"calls"})), Fault::missing,
             "a protocol has one call at least");
    for (const auto& [name, call] : made.calls) {
      const Path path = path_of({"calls", name});
      if (find_call(others, name) != nullptr)
        report(findings_, key_spot(text_, document_, path), Fault::duplicate,
               fmt::format("another protocol has a call `{}`", name),
               "--protocol names a call: give it another name");
      for (const CallFault& fault : faults_of(call)) {
        Path whole = path;
        whole.insert(whole.end(), fault.at.begin(), fault.at.end());
        report(findings_, value_spot(text_, document_, whole), fault.fault, fault.message, fault.hint);
      }
    }
  }

  const Text& text_;
  const Node& document_;
  std::vector<Finding>& findings_;
};

std::vector<std::string> names_of(const Protocols& protocols) {
  std::vector<std::string> names;
  for (const Protocol& each : protocols) names.push_back(each.metadata.name);
  return names;
}

const Protocol* find_protocol(const Protocols& protocols, std::string_view name) {
  for (const Protocol& each : protocols)
    if (each.metadata.name == name) return &each;
  return nullptr;
}

/// The protocols of `protocols/*.yaml` among the files; what is broken is left out (cards::load reports it).
Protocols load_protocols(const std::vector<File>& files) {
  Beside beside;
  std::vector<Finding> findings;
  for (const File& file : files) {
    if (!file.path.starts_with(folder) || !file.refused.empty()) continue;
    Text text;
    text.path = file.path;
    text.source = {file.path, file.text};
    text.read(findings);
    read_protocols(text, beside, findings);
  }
  return std::move(beside.protocols);
}

}  // namespace

std::optional<std::vector<std::string>> pointer_steps(std::string_view pointer) {
  std::vector<std::string> steps;
  if (pointer.empty()) return steps;
  if (!pointer.starts_with('/')) return std::nullopt;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      if (steps.size() == deepest) return std::nullopt;
      steps.emplace_back();
    } else if (pointer[i] != '~') {
      steps.back() += pointer[i];
    } else {
      const char next = ++i < pointer.size() ? pointer[i] : '\0';
      if (next != '0' && next != '1') return std::nullopt;
      steps.back() += next == '0' ? '~' : '/';
    }
  }
  return steps;
}

const std::vector<std::string>& body_placeholders() {
  static const std::vector<std::string> names{"model",      "prompt",     "messages",
                                              "query",      "max_tokens", "temperature",
                                              "ignore_end", "stream",     "stream_or_not"};
  return names;
}

bool uses(const Node& body, std::string_view placeholder) {
  if (body.is_string())
    for (const Piece& piece : pieces(body.string()))
      if (piece.what == Piece::What::placeholder && piece.text == placeholder) return true;
  if (body.is_map())
    for (const schema::Entry& entry : body.entries())
      if (uses(entry.value, placeholder)) return true;
  if (body.is_list())
    for (const Node& item : body.items())
      if (uses(item, placeholder)) return true;
  return false;
}

std::vector<CallFault> faults_of(const Call& call) {
  std::vector<CallFault> faults;
  check_path(call.path, faults);
  if (!call.body.is_null() && !call.body.is_map())
    faults.push_back(
        {path_of({"body"}), Fault::wrong_type, "the body of a request is a map", "as in {prompt: $prompt}"});
  check_body(call.body, path_of({"body"}), faults);
  const auto check = [&](std::string_view part, std::string_view key, const Pointers& pointers) {
    check_pointers(pointers, part.empty() ? path_of({key}) : path_of({part, key}), faults);
  };
  check("answer", "text", call.answer.text);
  check("answer", "reasoning", call.answer.reasoning);
  check("answer", "finish", call.answer.finish);
  check("answer", "items", call.answer.items);
  if (call.stream) {
    check("stream", "text", call.stream->text);
    check("stream", "reasoning", call.stream->reasoning);
    check("stream", "finish", call.stream->finish);
    if (call.stream->text.empty() && call.answer.text.empty())
      faults.push_back({path_of({"stream"}), Fault::missing, "where the text of a piece lies is not said",
                        "text: [/choices/0/delta/content]"});
  }
  check("usage", "prompt", call.usage.prompt);
  check("usage", "output", call.usage.output);
  check("usage", "cached", call.usage.cached);
  check("usage", "reasoning", call.usage.reasoning);
  check("usage", "speed", call.usage.speed);
  check("", "error", call.error);
  return faults;
}

std::vector<std::string> call_names(const Protocols& protocols) {
  std::vector<std::string> names;
  for (const Protocol& protocol : protocols)
    for (const auto& [name, call] : protocol.calls) names.push_back(name);
  return names;
}

const NamedCall* find_call(const Protocols& protocols, std::string_view name) {
  for (const Protocol& protocol : protocols)
    for (const NamedCall& call : protocol.calls)
      if (call.first == name) return &call;
  return nullptr;
}

const NamedCall& get_call(const Protocols& protocols, std::string_view name) {
  if (const NamedCall* found = find_call(protocols, name)) return *found;
  throw Problem(Kind::usage, fmt::format("no protocol is called `{}`", shortened(visible(name), 60)),
                suggestion(name, call_names(protocols)));
}

const NamedCall& call_for(const Protocols& protocols, std::string_view protocol, std::string_view task) {
  const Protocol* found = find_protocol(protocols, protocol);
  if (found == nullptr)
    throw Problem(Kind::not_found, fmt::format("no protocol called `{}`", shortened(visible(protocol), 60)),
                  suggestion(protocol, names_of(protocols)));
  for (const NamedCall& call : found->calls)
    if (std::find(call.second.tasks.begin(), call.second.tasks.end(), task) != call.second.tasks.end())
      return call;
  return found->calls.front();
}

const Protocols& shipped_protocols() {
  static const Protocols shipped = load_protocols(embedded());
  return shipped;
}

namespace detail {

void read_protocols(const Text& text, Beside& beside, std::vector<Finding>& findings) {
  for (const Node& document : text.documents())
    if (!document.is_null()) ProtocolReading(text, document, findings).read(beside);
}

void check_protocol(Draft<Framework>& draft, const Beside& beside, std::vector<Finding>& findings) {
  const Path path = path_of({"spec", "protocol"});
  if (draft.doubts.touch(path)) return;
  if (!says(giver(draft, path).document(), path)) return;
  const std::string& name = draft.card.spec.protocol;
  // Cards that are read alone have none to look it up in.
  const bool alone = beside.protocols.empty() && beside.lost_protocols.empty();
  if (alone || find_protocol(beside.protocols, name) != nullptr) return;
  draft.sound = false;
  const auto& lost = beside.lost_protocols;
  if (std::find(lost.begin(), lost.end(), name) != lost.end())
    return report(findings, value_spot(draft, path), Fault::reference,
                  fmt::format("the protocol `{}` was left out, and so is this card", name),
                  "mend the protocol first: it has errors of its own");
  report(findings, value_spot(draft, path), Fault::reference,
         fmt::format("no protocol called `{}`", shortened(name, 60)),
         suggestion(name, names_of(beside.protocols)));
}

}  // namespace detail

}  // namespace mlib::cards
