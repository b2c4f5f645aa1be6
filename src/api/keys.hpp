#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "net/server.hpp"

namespace mlib::api {

/// The keys that callers may show. Only their SHA-256 is kept, and which of them is compared, and how much of
/// it agrees, takes no time of its own.
class Keys {
 public:
  Keys() = default;
  /// Of a file: a key on each line; empty lines and those that begin with `#` are left out. Problem{usage}
  /// that names file and line, never the key, for one shorter than 16 characters or with a blank in it, and
  /// for a file without any.
  Keys(std::string_view text, std::string_view file);

  bool empty() const { return digests_.empty(); }
  /// Whether the request shows one of them: `X-API-KEY: KEY` or `Authorization: Bearer KEY`.
  bool admit(const net::Received& received) const;

 private:
  bool holds(std::string_view key) const;

  std::vector<std::string> digests_;
};

}  // namespace mlib::api
