#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace mlib::verbs {

/// Takes a stream of server-sent events (text/event-stream), or of lines, apart, cut anywhere by the network.
class EventStream {
 public:
  /// Takes an event's data; false ends it.
  using Take = std::function<bool(const std::string& data)>;
  explicit EventStream(Take take, bool lines = false) : take_(std::move(take)), lines_(lines) {}
  /// False once `take` has ended it.
  bool feed(std::string_view bytes);
  /// Gives an event that the stream ended without a blank line after.
  bool finish();

 private:
  bool line(std::string_view line);

  Take take_;
  bool lines_;  ///< each line is an event's data
  std::string rest_;
  std::string data_;
  bool has_data_ = false;
};

}  // namespace mlib::verbs
