#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "net/client.hpp"
#include "net/url.hpp"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace mlib::net {

/// How long to wait and who may end it; looked at every 50 ms.
struct Wait {
  std::chrono::steady_clock::time_point until;
  const Cancel* cancel = nullptr;
};

/// A connected stream of bytes, with or without TLS. Its functions throw Problem{unavailable} with the bare
/// cause
/// ("connection reset by peer"), Problem{timeout} and Problem{cancelled}; the client puts the call before it.
class Wire {
 public:
  Wire() = default;
  explicit Wire(int descriptor) : descriptor_(descriptor) {}
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&& other) noexcept;
  ~Wire();
  /// Shakes hands as a client; the peer's certificate must be for `name` unless the context checks nothing.
  void start_tls(SSL_CTX* context, const std::string& name, const Wait& wait);
  /// At least one byte, or 0 at the end.
  std::size_t read(char* to, std::size_t size, const Wait& wait);
  void write(std::string_view bytes, const Wait& wait);
  /// Nothing came and nothing was closed while nobody looked.
  bool quiet() const;

 private:
  void close() noexcept;
  void wait_for(short events, const Wait& wait) const;
  /// Waits for what TLS wants after `result`; false at the peer's orderly end.
  bool after_tls(int result, const Wait& wait);
  int descriptor_ = -1;
  SSL* ssl_ = nullptr;
};

/// Connects to the host's addresses one after the other; with `public_only` an address that is not public is
/// Problem{forbidden}. The names are resolved on a thread of their own, which a time-out leaves behind.
Wire connect_host(const Url& url, Reach reach, const Wait& wait);
/// Connects to a Unix socket.
Wire connect_socket(const std::string& path, const Wait& wait);

/// Has `call.proxy` connect to the host of `url` (CONNECT, RFC 9110 §9.3.6). Problem{unavailable} names the
/// proxy and, when it refuses, its status.
Wire connect_by_proxy(const Call& call, const Url& url, const Wait& wait);

using TlsContext = std::shared_ptr<SSL_CTX>;
/// Problem{invalid} when a PEM text holds no certificate or key, or the two do not belong together.
TlsContext make_tls(const Tls& tls);
/// OpenSSL's words for its last error, without file names or numbers.
std::string tls_error();

}  // namespace mlib::net
