#pragma once
#include <utility>

namespace mlib {

/// A value that no logger, serializer or error can print: it has no conversion, no formatter and no
/// operator<<; `reveal()` is the only way in, and a house rule lists who may call it.
template <class T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T value) : value_(std::move(value)) {}
  const T& reveal() const { return value_; }
  bool empty() const { return value_ == T{}; }

 private:
  T value_{};
};

}  // namespace mlib
