#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "net/server.hpp"

/// HTTP/1.1 as text, without sockets: one strict parser (RFC 9112, none of its leniencies) for both
/// directions.
namespace mlib::net {

/// Why bytes of a peer were refused: HTTP status, slug of the problem's type, and a detail for people.
struct Refusal {
  int status = 400;
  std::string_view slug = "bad-request";
  std::string detail;
};

/// Names of methods and headers: ASCII letters compare without case.
bool same_name(std::string_view a, std::string_view b);
/// An RFC 9110 token: what a method or a header's name is made of.
bool is_token(std::string_view text);
/// No control characters but a tab inside.
bool is_field_value(std::string_view text);
/// Whether a comma-separated header's value has this item (case ignored).
bool has_item(std::string_view value, std::string_view item);
/// The header's value, or null when it is not there.
const std::string* find_header(const Headers& headers, std::string_view name);

enum class Step { more, piece, done, refused };

/// Finds the end of a head in a growing buffer and refuses what can be refused before it is complete: lines
/// that end without CR LF (400), a request line over `line` bytes (414), other lines, the count or the whole
/// over a limit (431).
class HeadScan {
 public:
  explicit HeadScan(std::size_t total = 64U << 10U, std::size_t line = 32U << 10U, std::size_t fields = 200)
      : total_(total), line_(line), fields_(fields) {}
  /// `buffer` begins with the head's first byte on each call. `more`, `done` or `refused`.
  Step scan(std::string_view buffer);
  std::size_t size() const { return start_; }  ///< after `done`: bytes of the head, its empty line too
  const Refusal& refusal() const { return refusal_; }

 private:
  Step refuse(int status, std::string_view slug, std::string detail);
  std::size_t total_, line_, fields_;
  std::size_t start_ = 0;  ///< of the current line
  std::size_t seen_ = 0;
  std::size_t lines_ = 0;
  Refusal refusal_;
};

/// How a message's body is delimited and what happens to its connection afterwards.
struct Framing {
  enum class Body { none, length, chunked, to_end };
  Body body = Body::none;
  std::size_t length = 0;
  bool keep_alive = true;
  bool http10 = false;
  bool expect_continue = false;
};

/// Reads a complete request head (with its empty line) into `out` and `framing`.
std::optional<Refusal> parse_request(std::string_view head, Received& out, Framing& framing);
/// Reads a complete answer head; `to_head` says that the request was HEAD, whose answers have no body.
std::optional<Refusal> parse_answer(std::string_view head, bool to_head, Answer& out, Framing& framing);

/// The percent-decoded path of a request target; nothing when it has dot segments, backslashes, encoded
/// slashes, NUL or control characters, double encoding or bytes that are no UTF-8.
std::optional<std::string> clean_path(std::string_view raw);

/// Takes a body out of the bytes that follow a head.
class BodyScan {
 public:
  explicit BodyScan(const Framing& framing = {});
  /// Removes from the front of `in` what it understood; on `piece` the next bytes of the body are in `out` (a
  /// view of `in`). `more` when `in` is used up before the end.
  Step step(std::string_view& in, std::string_view& out);
  bool done() const { return state_ == State::done; }
  bool to_end() const { return state_ == State::to_end; }

 private:
  enum class State {
    length,
    to_end,
    size_first,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_text,
    trailer_lf,
    last_lf,
    done,
    refused
  };
  State chunk_line(char c);
  State state_;
  std::size_t left_ = 0;
  std::size_t line_ = 0;  ///< bytes of the current size line, or of all trailers
  int digits_ = 0;
};

}  // namespace mlib::net
