#pragma once
#include <string>
#include <string_view>

#include "net/wire.hpp"

namespace mlib::net {

/// A client's connection that never waits, for a loop that watches many descriptors. Its functions throw
/// Problem{unavailable} with the bare cause ("connection refused").
class Stream {
 public:
  /// What has to happen before the same call can go on: nothing, or the descriptor is readable or writable.
  enum class Ready { now, when_readable, when_writable };

  /// Begins to connect to `address` (the bytes of a sockaddr, see resolve); with a `tls` context it shakes
  /// hands for `name` then.
  Stream(const std::string& address, TlsContext tls, std::string name);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int descriptor() const { return descriptor_; }
  /// TCP's connection stands; TLS may still shake hands.
  bool connected() const { return connected_; }
  /// `now` once bytes may be written.
  Ready connect();
  /// Up to `size` bytes; `got` is 0 with `now` at the peer's end.
  Ready read(char* to, std::size_t size, std::size_t& got);
  /// Takes from the front of `bytes` what was sent; `now` when nothing is left.
  Ready write(std::string_view& bytes);

 private:
  Ready after_tls(int result);
  int descriptor_ = -1;
  bool connected_ = false;
  TlsContext tls_;
  std::string name_;
  SSL* ssl_ = nullptr;
  bool ended_ = false;
};

}  // namespace mlib::net
