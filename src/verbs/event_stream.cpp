#include "verbs/event_stream.hpp"

namespace mlib::verbs {

bool EventStream::line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (lines_) return line.empty() || take_(std::string(line));
  if (line.empty()) return finish();
  if (!line.starts_with("data:")) return true;  // comments, ids and names of events
  line.remove_prefix(5);
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (has_data_) data_ += '\n';
  data_ += line;
  has_data_ = true;
  return true;
}

bool EventStream::feed(std::string_view bytes) {
  for (std::size_t end = 0; (end = bytes.find('\n')) != std::string_view::npos;
       bytes.remove_prefix(end + 1)) {
    rest_ += bytes.substr(0, end);
    const std::string whole = std::move(rest_);
    rest_.clear();
    if (!line(whole)) return false;
  }
  rest_ += bytes;
  return true;
}

bool EventStream::finish() {
  if (!rest_.empty()) {
    const std::string last = std::move(rest_);
    rest_.clear();
    line(last);
  }
  if (!has_data_) return true;
  const std::string data = std::move(data_);
  data_.clear();
  has_data_ = false;
  return take_(data);
}

}  // namespace mlib::verbs
