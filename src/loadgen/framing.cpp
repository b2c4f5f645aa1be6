#include "loadgen/framing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace mlib::loadgen {
namespace {

constexpr std::size_t head_limit = 64U << 10U;

}  // namespace

bool Framing::refuse(std::string why) {
  fault_ = std::move(why);
  return false;
}

/// Moves bytes into line_ up to the next LF; true when the line is whole (without its CR).
bool Framing::line_of(std::string_view& bytes) {
  const std::size_t at = bytes.find('\n');
  const std::size_t size = std::min(at, bytes.size());
  line_.append(bytes.substr(0, size));
  head_bytes_ += size;
  bytes.remove_prefix(at == std::string_view::npos ? size : size + 1);
  if (at == std::string_view::npos) return false;
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  return true;
}

bool Framing::header(std::string_view name, std::string_view value) {
  const std::string key = lower(name);
  if (key == "content-length") {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), left_);
    if (error != std::errc() || end != value.data() + value.size())
      return refuse("its Content-Length is no number");
    has_length_ = true;
  } else if (key == "transfer-encoding") {
    chunked_ = lower(value) == "chunked";
    if (!chunked_) return refuse("its Transfer-Encoding is not known");
  } else if (key == "connection") {
    keeps_ = keeps_ && lower(value).find("close") == std::string::npos;
  } else if (key == "content-encoding") {
    if (lower(value) != "identity") return refuse("it is compressed, which was not asked for");
  } else if (key == "content-type") {
    event_stream_ = lower(value).starts_with("text/event-stream");
  }
  return true;
}

bool Framing::head_line(std::string_view line) {
  if (!first_line_) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return refuse("its head has a line without a colon");
    return header(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  first_line_ = false;
  if (!line.starts_with("HTTP/1.") || line.size() < 12) return refuse("it is no HTTP/1.1");
  keeps_ = line[7] != '0';
  const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status_);
  if (error != std::errc() || end != line.data() + 12 || status_ < 100)
    return refuse("its status is no number");
  return true;
}

bool Framing::head_end() {
  if (status_ < 200) {  // an interim answer; the real one follows
    *this = Framing();
    return true;
  }
  const bool bare = status_ == 204 || status_ == 304;
  if (bare || (has_length_ && !chunked_ && left_ == 0))
    state_ = State::done;
  else if (chunked_)
    state_ = State::size;
  else if (has_length_)
    state_ = State::fixed;
  else
    state_ = State::until_closed;
  keeps_ = keeps_ && state_ != State::until_closed;
  return true;
}

bool Framing::chunk_size() {
  const std::string_view digits = trim(std::string_view(line_).substr(0, line_.find(';')));
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size())
    return refuse("a chunk's size is no number");
  state_ = left_ == 0 ? State::trailer : State::data;
  return true;
}

bool Framing::take(std::string_view bytes, std::string& body) {
  while (!bytes.empty()) {
    if (state_ == State::done) return refuse("more came than one answer");
    if (state_ == State::until_closed) {
      body.append(bytes);
      return true;
    }
    if (state_ == State::fixed || state_ == State::data) {
      const std::size_t size = std::min<std::uint64_t>(left_, bytes.size());
      body.append(bytes.substr(0, size));
      bytes.remove_prefix(size);
      left_ -= size;
      if (left_ == 0) state_ = state_ == State::fixed ? State::done : State::after_data;
      continue;
    }
    if (head_bytes_ + line_.size() > head_limit && state_ == State::head)
      return refuse("its head is too large");
    if (line_.size() > head_limit) return refuse("a line of its framing is too long");
    if (!line_of(bytes)) return true;
    const State state = state_;
    if (state == State::head && line_.empty() && !first_line_) {
      if (!head_end()) return false;
    } else if (state == State::head && !head_line(line_)) {
      return false;
    } else if (state == State::size && !chunk_size()) {
      return false;
    } else if (state == State::after_data) {
      if (!line_.empty()) return refuse("a chunk is longer than it says");
      state_ = State::size;
    } else if (state == State::trailer && line_.empty()) {
      state_ = State::done;
    }
    line_.clear();
  }
  return true;
}

bool Framing::closed() {
  if (state_ == State::until_closed) state_ = State::done;
  return state_ == State::done;
}

}  // namespace mlib::loadgen
