#pragma once
#include <cstddef>
#include <optional>
#include <string_view>

namespace mlib::api {

/// Where Python's json module stops reading, and what it says there.
struct PythonJsonError {
  std::size_t offset = 0;  ///< in bytes
  std::string_view message;
};

/// The first error that Python 3.11's json.loads finds in `text` (UTF-8); nothing when it finds none within
/// 64 levels. NaN and Infinity, which Python takes, are errors here.
std::optional<PythonJsonError> python_json_error(std::string_view text);

}  // namespace mlib::api
