#include <fmt/format.h>
#include <libfyaml.h>

#include <algorithm>
#include <memory>
#include <unordered_set>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "schema/yaml_plain.hpp"
#include "schema/yaml_scalar.hpp"

namespace mlib::schema {
namespace {

/// A scalar's text. libfyaml 0.7.12's fy_token_get_text leaks a kilobyte for one that is made of many pieces
/// (lines, escapes); its iterator gives the same pieces. Both give three quotes for two pairs of them in
/// single quotes: a pair's second half comes as a piece of its own when another pair follows, which is left
/// out here.
std::string text_of(fy_token* token, bool plain) {
  const fy_mark *from = fy_token_start_mark(token), *to = fy_token_end_mark(token);
  if (plain && from != nullptr && to != nullptr && from->line == to->line) {
    std::size_t length = 0;
    const char* bytes = fy_token_get_text(token, &length);
    return bytes == nullptr ? std::string() : std::string(bytes, length);
  }
  std::string text;
  const std::unique_ptr<fy_token_iter, void (*)(fy_token_iter*)> iterator(fy_token_iter_create(token),
                                                                          fy_token_iter_destroy);
  const bool single = fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED;
  const char* quote = nullptr;  // the last one that counted
  const fy_iter_chunk* piece = nullptr;
  while ((piece = fy_token_iter_chunk_next(iterator.get(), piece, nullptr)) != nullptr) {
    const bool is_quote = single && piece->len == 1 && *piece->str == '\'';
    if (is_quote && quote != nullptr && piece->str == quote + 1) continue;
    quote = is_quote ? piece->str : nullptr;
    text.append(piece->str, piece->len);
  }
  return text;
}

struct Close {
  void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};

/// Builds nodes from the parser's events, up to what breaks the text.
class Builder {
 public:
  Builder(const Source& source, const Limits& limits, std::vector<Finding>& findings)
      : source_(source), limits_(limits), findings_(findings) {}

  void take(fy_parser* parser, fy_event* event);
  void report(Fault fault, int line, int column, std::string message, std::string hint = "");
  bool broken() const { return broken_; }
  std::vector<Node> documents;

 private:
  struct Frame {
    Node node;
    bool has_key = false;
    bool again = false;  ///< the key was there before: the first value stays
    Entry key;
    std::unordered_set<std::string> seen;
  };

  void open(Node node, const fy_mark* mark);
  void close();
  void add(Node node);
  void key(Node node);
  static bool is_new(Frame& frame, const std::string& name);
  void scalar(fy_event* event, const fy_mark* mark);
  void refuse(const fy_mark* mark, std::string_view what, std::string_view hint);
  bool tagged(fy_token* anchor, fy_token* tag, const fy_mark* mark);

  const Source& source_;
  const Limits& limits_;
  std::vector<Finding>& findings_;
  std::vector<Frame> stack_;
  std::size_t nodes_ = 0;
  bool broken_ = false;
  bool filled_ = false;
};

void Builder::report(Fault fault, int line, int column, std::string message, std::string hint) {
  Finding finding;
  finding.fault = fault;
  finding.place = {source_.file, line, column};
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  finding.excerpt = source_.line(line);
  findings_.push_back(std::move(finding));
}

void Builder::refuse(const fy_mark* mark, std::string_view what, std::string_view hint) {
  broken_ = true;
  report(Fault::syntax, mark == nullptr ? 1 : mark->line + 1, mark == nullptr ? 1 : mark->column + 1,
         fmt::format("{} are not allowed", what), std::string(hint));
}

bool Builder::tagged(fy_token* anchor, fy_token* tag, const fy_mark* mark) {
  if (anchor != nullptr) refuse(mark, "anchors and aliases", "write the value out where it is used");
  if (tag != nullptr) refuse(mark, "tags (!)", "leave it out: the type follows from the value");
  return anchor != nullptr || tag != nullptr;
}

void Builder::open(Node node, const fy_mark* mark) {
  node.line = mark->line + 1;
  node.column = mark->column + 1;
  if (static_cast<int>(stack_.size()) >= limits_.depth) {
    broken_ = true;
    report(Fault::limit, node.line, node.column, fmt::format("nested deeper than {} levels", limits_.depth));
    return;
  }
  Frame frame;
  frame.node = std::move(node);
  stack_.push_back(std::move(frame));
}

/// Few keys are compared, many are looked up.
bool Builder::is_new(Frame& frame, const std::string& name) {
  constexpr std::size_t few = 16;
  const Node::Map& entries = frame.node.entries();
  if (entries.size() < few) return frame.node.find(name) == nullptr;
  if (frame.seen.empty())
    for (const Entry& entry : entries) frame.seen.insert(entry.key);
  return frame.seen.insert(name).second;
}

void Builder::key(Node node) {
  Frame& frame = stack_.back();
  if (!node.is_scalar() || node.is_null()) {
    broken_ = true;
    report(Fault::syntax, node.line, node.column, "a key must be a text");
    return;
  }
  std::string name = node.is_string() ? std::move(node.string()) : to_json(node);
  if (name == "<<" && node.plain) {
    broken_ = true;
    report(Fault::syntax, node.line, node.column, "merge keys (<<) are not allowed", "write the fields out");
    return;
  }
  frame.again = !is_new(frame, name);
  if (frame.again)
    report(Fault::duplicate, node.line, node.column, fmt::format("`{}` is given twice", shortened(name, 60)),
           "keep one of them");
  frame.key = Entry{std::move(name), Node(), node.line, node.column};
  frame.has_key = true;
}

void Builder::add(Node node) {
  if (++nodes_ > limits_.nodes) {
    if (!broken_)
      report(Fault::limit, node.line, node.column, fmt::format("more than {} values", limits_.nodes));
    broken_ = true;
    return;
  }
  if (stack_.empty()) {
    documents.push_back(std::move(node));
    filled_ = true;
    return;
  }
  Frame& frame = stack_.back();
  if (frame.node.is_list()) {
    frame.node.items().push_back(std::move(node));
  } else if (!frame.has_key) {
    key(std::move(node));
  } else {
    frame.key.value = std::move(node);
    if (!frame.again) frame.node.entries().push_back(std::move(frame.key));
    frame.has_key = false;
  }
}

void Builder::close() {
  Node node = std::move(stack_.back().node);
  stack_.pop_back();
  add(std::move(node));
}

void Builder::scalar(fy_event* event, const fy_mark* mark) {
  const bool plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
  const std::string text = text_of(event->scalar.value, plain);
  Node node = plain ? scalar_of(text) : Node(text);
  node.plain = plain && node.is_string();
  node.line = mark == nullptr ? 0 : mark->line + 1;
  node.column = mark == nullptr ? 0 : mark->column + 1;
  if (plain && is_ambiguous(text))
    report(Fault::syntax, node.line, node.column,
           fmt::format("`{}` is read differently by YAML 1.1 and 1.2", shortened(text, 40)),
           "put it in quotes, or write the decimal number");
  const std::string word = plain && text.size() <= 5
                               ? lower(text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text)
                               : "";
  if (word == ".inf" || word == ".nan")
    report(Fault::syntax, node.line, node.column, fmt::format("`{}` is no number that JSON can hold", text));
  add(std::move(node));
}

void Builder::take(fy_parser*, fy_event* event) {
  switch (event->type) {
    case FYET_DOCUMENT_START:
      filled_ = false;
      break;
    case FYET_DOCUMENT_END:
      if (!filled_ && !broken_) documents.emplace_back();
      break;
    case FYET_ALIAS:
      refuse(fy_token_start_mark(event->alias.anchor), "anchors and aliases",
             "write the value out where it is used");
      break;
    case FYET_SCALAR: {
      const fy_mark* mark =
          event->scalar.value == nullptr ? nullptr : fy_token_start_mark(event->scalar.value);
      if (!tagged(event->scalar.anchor, event->scalar.tag, mark)) scalar(event, mark);
      break;
    }
    case FYET_SEQUENCE_START: {
      const fy_mark* mark = fy_token_start_mark(event->sequence_start.sequence_start);
      if (!tagged(event->sequence_start.anchor, event->sequence_start.tag, mark)) open(Node::list(), mark);
      break;
    }
    case FYET_MAPPING_START: {
      const fy_mark* mark = fy_token_start_mark(event->mapping_start.mapping_start);
      if (!tagged(event->mapping_start.anchor, event->mapping_start.tag, mark)) open(Node::map(), mark);
      break;
    }
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
      close();
      break;
    default:
      break;
  }
}

void silent(fy_diag*, void*, const char*, std::size_t) {}

/// The parser's own words for what is broken, at its place.
void report_syntax(fy_diag* diag, Builder& builder) {
  void* previous = nullptr;
  const fy_diag_error* error = fy_diag_errors_iterate(diag, &previous);
  if (error == nullptr) {
    builder.report(Fault::syntax, 1, 1, "this is not YAML");
    return;
  }
  std::string message(trim(error->msg == nullptr ? "this is not YAML" : error->msg));
  builder.report(Fault::syntax, std::max(1, error->line), std::max(1, error->column), message);
}

/// Bytes that no YAML text may hold, before the parser sees them; false when there are any.
bool is_text(const Source& source, const Limits& limits, Builder& builder) {
  if (source.text.size() > limits.bytes) {
    builder.report(Fault::limit, 0, 0,
                   fmt::format("the text has {} bytes, more than {}", source.text.size(), limits.bytes));
    return false;
  }
  int line = 1;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= source.text.size(); ++i) {
    if (i < source.text.size() && source.text[i] != '\n') continue;
    const std::string_view each = std::string_view(source.text).substr(begin, i - begin);
    const bool control = std::any_of(each.begin(), each.end(), [](char c) {
      return (c >= 0 && c < 0x20 && c != '\t' && c != '\r') || c == 0x7F;
    });
    if (control || !is_utf8(each)) {
      builder.report(Fault::syntax, line, 1,
                     control ? "control characters are not allowed" : "the text is not UTF-8");
      return false;
    }
    begin = i + 1;
    ++line;
  }
  return true;
}

}  // namespace

std::vector<Node> read_any_yaml(const Source& source, std::vector<Finding>& findings, const Limits& limits) {
  Builder builder(source, limits, findings);
  if (!is_text(source, limits, builder)) return {};
  fy_diag_cfg quiet{};
  fy_diag_cfg_default(&quiet);
  quiet.fp = nullptr;
  quiet.output_fn = silent;
  const std::unique_ptr<fy_diag, Close> diag(fy_diag_create(&quiet));
  fy_diag_set_collect_errors(diag.get(), true);
  fy_parse_cfg config{};
  config.flags =
      static_cast<fy_parse_cfg_flags>(FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE |
                                      FYPCF_DISABLE_DEPTH_LIMIT | FYPCF_ALLOW_DUPLICATE_KEYS);
  config.diag = diag.get();
  const std::unique_ptr<fy_parser, Close> parser(fy_parser_create(&config));
  fy_parser_set_string(parser.get(), source.text.data(), source.text.size());
  while (!builder.broken()) {
    fy_event* event = fy_parser_parse(parser.get());
    if (event == nullptr) break;
    builder.take(parser.get(), event);
    fy_parser_event_free(parser.get(), event);
  }
  const bool cut_off = !builder.broken() && fy_parser_get_stream_error(parser.get());
  if (cut_off) report_syntax(diag.get(), builder);
  if (cut_off || builder.broken()) return {};
  return std::move(builder.documents);
}

std::vector<Node> read_yaml(const Source& source, std::vector<Finding>& findings, const Limits& limits) {
  if (std::optional<std::vector<Node>> documents = read_plain_yaml(source.text, limits))
    return std::move(*documents);
  return read_any_yaml(source, findings, limits);
}

std::vector<Node> read_yaml(const Source& source, const Limits& limits) {
  std::vector<Finding> findings;
  std::vector<Node> documents = read_yaml(source, findings, limits);
  if (!findings.empty())
    throw Problem(Kind::invalid, fmt::format("{} cannot be read", source.file), "", findings);
  return documents;
}

}  // namespace mlib::schema
