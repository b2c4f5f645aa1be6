#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace mlib::targets {

/// Takes podman's log stream apart: frames of 8 bytes head (stream, 0, 0, 0, length of 4 bytes, big-endian)
/// and payload, cut anywhere by the network; gives whole lines, stdout and stderr each put together on their
/// own.
class Frames {
 public:
  /// The lines that `bytes` completes, without their newlines.
  std::vector<std::string> feed(std::string_view bytes);
  /// What is left of unfinished lines when the stream has ended.
  std::vector<std::string> rest();

 private:
  void take(char stream, std::string_view payload, std::vector<std::string>& lines);

  std::string buffer_;
  std::array<std::string, 2> open_;
};

}  // namespace mlib::targets
