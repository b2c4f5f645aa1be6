#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mlib::loadgen {

/// Takes an HTTP/1.1 answer as it comes, byte by byte if need be, and hands out its body.
class Framing {
 public:
  /// Takes from `bytes`, appends what is body to `body`; what follows the answer is an error. False at a
  /// fault: `fault` says which.
  bool take(std::string_view bytes, std::string& body);
  /// The peer closed; true when the answer was whole.
  bool closed();

  bool whole() const { return state_ == State::done; }
  bool has_head() const { return status_ != 0 && state_ != State::head; }
  int status() const { return status_; }
  bool event_stream() const { return event_stream_; }
  /// The connection may carry another request.
  bool keeps() const { return keeps_; }
  const std::string& fault() const { return fault_; }

 private:
  enum class State { head, fixed, size, data, after_data, trailer, until_closed, done };
  bool refuse(std::string why);
  bool head_line(std::string_view line);
  bool head_end();
  bool header(std::string_view name, std::string_view value);
  bool line_of(std::string_view& bytes);
  bool chunk_size();

  State state_ = State::head;
  std::string line_;
  std::string fault_;
  std::size_t head_bytes_ = 0;
  std::uint64_t left_ = 0;
  int status_ = 0;
  bool keeps_ = true, event_stream_ = false, chunked_ = false, has_length_ = false, first_line_ = true;
};

}  // namespace mlib::loadgen
