#include "targets/podman_frames.hpp"

namespace mlib::targets {
namespace {

constexpr std::size_t head = 8;
constexpr std::size_t longest_line = 1U << 20U;

std::size_t length_of(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 4; i < head; ++i) length = length << 8U | static_cast<unsigned char>(bytes[i]);
  return length;
}

}  // namespace

void Frames::take(char stream, std::string_view payload, std::vector<std::string>& lines) {
  std::string& open = open_[stream == 2 ? 1 : 0];
  for (const char byte : payload) {
    if (byte == '\n' || open.size() >= longest_line) {
      if (!open.empty() && open.back() == '\r') open.pop_back();
      lines.push_back(std::move(open));
      open.clear();
    }
    if (byte != '\n') open += byte;
  }
}

std::vector<std::string> Frames::feed(std::string_view bytes) {
  std::vector<std::string> lines;
  buffer_ += bytes;
  std::string_view left = buffer_;
  while (left.size() >= head && left.size() - head >= length_of(left)) {
    const std::size_t length = length_of(left);
    take(left[0], left.substr(head, length), lines);
    left.remove_prefix(head + length);
  }
  buffer_.erase(0, buffer_.size() - left.size());
  return lines;
}

std::vector<std::string> Frames::rest() {
  std::vector<std::string> lines;
  for (std::string& open : open_)
    if (!open.empty()) lines.push_back(std::move(open));
  open_ = {};
  buffer_.clear();
  return lines;
}

}  // namespace mlib::targets
