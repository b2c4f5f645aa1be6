#include "net/http.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.hpp"

namespace mlib::net {
namespace {

constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = 0; c < 256; ++c)
    table[static_cast<std::size_t>(c)] =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> value_table() {
  std::array<bool, 256> table{};
  for (int c = 0x20; c < 256; ++c) table[static_cast<std::size_t>(c)] = c != 0x7F;
  table['\t'] = true;
  return table;
}
constexpr auto tokens = token_table();
constexpr auto values = value_table();

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool allowed(const std::array<bool, 256>& table, char c) { return table[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Refusal bad(std::string detail) { return {400, "bad-request", std::move(detail)}; }

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// The next line without its CR LF; `rest` loses it. HeadScan has seen that each line ends so.
std::string_view next_line(std::string_view& rest) {
  const std::size_t at = rest.find('\n');
  if (at == std::string_view::npos || at == 0) return std::exchange(rest, {});
  const std::string_view line = rest.substr(0, at - 1);
  rest.remove_prefix(at + 1);
  return line;
}

std::optional<Refusal> parse_fields(std::string_view rest, Headers& out) {
  out.clear();
  while (!rest.empty()) {
    const std::string_view line = next_line(rest);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') return bad("a header goes on in a second line");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header line has no colon");
    if (!is_token(line.substr(0, colon)))
      return bad("a header's name is empty or has a character that is not allowed");
    const std::string_view value = trim_blanks(line.substr(colon + 1));
    if (!is_field_value(value)) return bad("a header's value has a control character");
    out.emplace_back(line.substr(0, colon), value);
  }
  return {};
}

/// Content-Length and Transfer-Encoding; both, doubles and anything but digits are refused.
std::optional<Refusal> parse_length(const Headers& headers, Framing& framing) {
  const std::string* length = nullptr;
  const std::string* coding = nullptr;
  for (const auto& [name, value] : headers) {
    if (same_name(name, "content-length")) {
      if (length != nullptr) return bad("two Content-Length headers");
      length = &value;
    } else if (same_name(name, "transfer-encoding")) {
      if (coding != nullptr) return bad("two Transfer-Encoding headers");
      coding = &value;
    }
  }
  if (length != nullptr && coding != nullptr) return bad("both Content-Length and Transfer-Encoding");
  if (coding != nullptr) {
    if (framing.http10) return bad("Transfer-Encoding in HTTP/1.0");
    if (!same_name(*coding, "chunked"))
      return Refusal{501, "unsupported-transfer-encoding", "Transfer-Encoding can only be chunked"};
    framing.body = Framing::Body::chunked;
  } else if (length != nullptr) {
    if (length->empty() || length->size() > 18 || !std::all_of(length->begin(), length->end(), is_digit))
      return bad("Content-Length is not a number of bytes");
    framing.length = 0;
    for (const char c : *length) framing.length = framing.length * 10 + static_cast<std::size_t>(c - '0');
    framing.body = framing.length == 0 ? Framing::Body::none : Framing::Body::length;
  }
  return {};
}

void parse_connection(const Headers& headers, Framing& framing) {
  framing.keep_alive = !framing.http10;
  for (const auto& [name, value] : headers) {
    if (!same_name(name, "connection")) continue;
    if (has_item(value, "close"))
      framing.keep_alive = false;
    else if (framing.http10 && has_item(value, "keep-alive"))
      framing.keep_alive = true;
  }
}

std::optional<Refusal> parse_request_line(std::string_view line, Received& out, Framing& framing) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("the request line is not `METHOD target HTTP/1.1`");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return bad("the method is no token");
  if (target.empty() || target.find(' ') != std::string_view::npos)
    return bad("the request line has stray spaces");
  const bool shaped = version.size() == 8 && version.substr(0, 5) == "HTTP/" && is_digit(version[5]) &&
                      version[6] == '.' && is_digit(version[7]);
  if (!shaped) return bad("the request line is not `METHOD target HTTP/1.1`");
  framing.http10 = version == "HTTP/1.0";
  if (!framing.http10 && version != "HTTP/1.1")
    return Refusal{505, "version-not-supported", "this server speaks HTTP/1.1 and HTTP/1.0"};
  out.method = method;
  out.target = target;
  return {};
}

bool is_hex(char c) { return is_digit(c) || (small(c) >= 'a' && small(c) <= 'f'); }

bool has_percent_pair(std::string_view text) {
  for (std::size_t i = 0; i + 2 < text.size(); ++i)
    if (text[i] == '%' && is_hex(text[i + 1]) && is_hex(text[i + 2])) return true;
  return false;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return small(x) == small(y); });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return allowed(tokens, c); });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return allowed(values, c); });
}

bool has_item(std::string_view value, std::string_view item) {
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    if (same_name(trim_blanks(value.substr(0, comma)), item)) return true;
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return false;
}

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers)
    if (same_name(key, name)) return &value;
  return nullptr;
}

std::string Answer::header(std::string_view name) const {
  const std::string* found = find_header(headers, name);
  return found == nullptr ? std::string() : *found;
}

std::string Received::header(std::string_view name) const {
  const std::string* found = find_header(headers, name);
  return found == nullptr ? std::string() : *found;
}

Step HeadScan::refuse(int status, std::string_view slug, std::string detail) {
  refusal_ = {status, slug, std::move(detail)};
  return Step::refused;
}

Step HeadScan::scan(std::string_view buffer) {
  for (;;) {
    const void* found = std::memchr(buffer.data() + seen_, '\n', buffer.size() - seen_);
    const std::size_t at = found == nullptr
                               ? buffer.size()
                               : static_cast<std::size_t>(static_cast<const char*>(found) - buffer.data());
    if (at - start_ > line_ + 1) {
      if (lines_ == 0) return refuse(414, "uri-too-long", "the request line is too long");
      return refuse(431, "headers-too-large", "a header line is too long");
    }
    if (at > total_) return refuse(431, "headers-too-large", "the headers are too large");
    seen_ = at;
    if (found == nullptr) return Step::more;
    if (at == start_ || buffer[at - 1] != '\r')
      return refuse(400, "bad-request", "a line does not end with CR LF");
    const bool empty = at - start_ == 1;
    start_ = seen_ = at + 1;
    if (empty && lines_ == 0) return refuse(400, "bad-request", "an empty line before the request");
    if (empty) return Step::done;
    if (++lines_ > fields_ + 1) return refuse(431, "headers-too-large", "too many headers");
  }
}

std::optional<std::string> clean_path(std::string_view raw) {
  for (const char c : raw)
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7F || c == '\\' ||
        c == '#')
      return {};
  std::string path;
  if (raw.find('%') == std::string_view::npos) {
    path = raw;
  } else {
    std::optional<std::string> decoded = percent_decoded(raw);
    if (!decoded || has_percent_pair(*decoded) || !is_utf8(*decoded)) return {};
    if (std::count(decoded->begin(), decoded->end(), '/') != std::count(raw.begin(), raw.end(), '/'))
      return {};
    for (const char c : *decoded)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\') return {};
    path = std::move(*decoded);
  }
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view segment = rest.substr(0, std::min(slash, rest.substr(0, slash).find(';')));
    if (segment == "." || segment == "..") return {};
    rest.remove_prefix(std::min(slash + 1, rest.size()));
  }
  return path;
}

std::optional<Refusal> parse_request(std::string_view head, Received& out, Framing& framing) {
  framing = {};
  if (auto refused = parse_request_line(next_line(head), out, framing)) return refused;
  if (auto refused = parse_fields(head, out.headers)) return refused;
  if (auto refused = parse_length(out.headers, framing)) return refused;
  parse_connection(out.headers, framing);
  if (const std::string* expected = find_header(out.headers, "expect");
      expected != nullptr && !framing.http10) {
    if (!same_name(*expected, "100-continue"))
      return Refusal{417, "expectation-failed", "Expect can only be 100-continue"};
    framing.expect_continue = framing.body != Framing::Body::none;
  }
  return {};
}

std::optional<Refusal> parse_answer(std::string_view head, bool to_head, Answer& out, Framing& framing) {
  framing = {};
  const std::string_view line = next_line(head);
  const bool shaped = line.size() >= 12 &&
                      (line.substr(0, 8) == "HTTP/1.1" || line.substr(0, 8) == "HTTP/1.0") &&
                      line[8] == ' ' && is_digit(line[9]) && is_digit(line[10]) && is_digit(line[11]) &&
                      (line.size() == 12 || line[12] == ' ') && line[9] != '0';
  if (!shaped) return bad("it has no status line");
  framing.http10 = line[7] == '0';
  out.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
  if (auto refused = parse_fields(head, out.headers)) return refused;
  framing.body = Framing::Body::to_end;
  if (auto refused = parse_length(out.headers, framing)) return refused;
  parse_connection(out.headers, framing);
  if (to_head || out.status < 200 || out.status == 204 || out.status == 304)
    framing.body = Framing::Body::none;
  if (framing.body == Framing::Body::to_end) framing.keep_alive = false;
  return {};
}

BodyScan::BodyScan(const Framing& framing) : state_(State::done), left_(framing.length) {
  if (framing.body == Framing::Body::length) state_ = State::length;
  if (framing.body == Framing::Body::chunked) state_ = State::size_first;
  if (framing.body == Framing::Body::to_end) state_ = State::to_end;
}

/// The next state after one byte of a chunk's frame.
BodyScan::State BodyScan::chunk_line(char c) {
  constexpr std::size_t longest_line = 4096;
  constexpr int most_digits = 15;
  if (++line_ > longest_line) return State::refused;
  switch (state_) {
    case State::size_first:
      left_ = 0;
      digits_ = 0;
      line_ = 1;
      [[fallthrough]];
    case State::size:
      if (is_hex(c)) {
        if (++digits_ > most_digits) return State::refused;
        left_ = left_ * 16 + static_cast<std::size_t>(is_digit(c) ? c - '0' : small(c) - 'a' + 10);
        return State::size;
      }
      if (digits_ == 0) return State::refused;
      if (c == '\r') return State::size_lf;
      return c == ';' ? State::extension : State::refused;
    case State::extension:
      if (c == '\r') return State::size_lf;
      return allowed(values, c) ? State::extension : State::refused;
    case State::size_lf:
      if (c != '\n') return State::refused;
      line_ = 0;
      return left_ == 0 ? State::trailer : State::data;
    case State::data_cr:
      return c == '\r' ? State::data_lf : State::refused;
    case State::data_lf:
      return c == '\n' ? State::size_first : State::refused;
    case State::trailer:
      if (c == '\r') return State::last_lf;
      return allowed(tokens, c) ? State::trailer_text : State::refused;
    case State::trailer_text:
      if (c == '\r') return State::trailer_lf;
      return allowed(values, c) ? State::trailer_text : State::refused;
    case State::trailer_lf:
      return c == '\n' ? State::trailer : State::refused;
    case State::last_lf:
      return c == '\n' ? State::done : State::refused;
    default:
      return State::refused;
  }
}

Step BodyScan::step(std::string_view& in, std::string_view& out) {
  for (;;) {
    if (state_ == State::done) return Step::done;
    if (state_ == State::refused) return Step::refused;
    if (in.empty()) return Step::more;
    if (state_ == State::length || state_ == State::data || state_ == State::to_end) {
      const std::size_t count = state_ == State::to_end ? in.size() : std::min(left_, in.size());
      out = in.substr(0, count);
      in.remove_prefix(count);
      if (state_ == State::to_end) return Step::piece;
      left_ -= count;
      if (left_ == 0) state_ = state_ == State::length ? State::done : State::data_cr;
      return Step::piece;
    }
    state_ = chunk_line(in.front());
    in.remove_prefix(1);
  }
}

}  // namespace mlib::net
