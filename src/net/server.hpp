#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/client.hpp"

namespace mlib::net {

/// A request as it came in. `target` is the raw request target, always in origin form (or `*` of OPTIONS);
/// `path` its percent-decoded path without dot segments, NUL, backslashes or encoded slashes; `query` is raw,
/// without the `?`.
struct Received {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  Headers headers;
  std::string body;
  std::string peer;  ///< address of the other side, without its port
  const Cancel* cancel =
      nullptr;  ///< set when the other side closes the connection; null for a `fast` handler
  /// The first header of that name (case ignored), or "".
  std::string header(std::string_view name) const;
};

/// Sends a piece of a streamed body at once, and waits while the other side reads slowly; false when it is
/// gone, has read nothing for `Limits::body_time`, or the server stops. An empty piece sends nothing and only
/// asks.
using Write = std::function<bool(std::string_view piece)>;

/// An answer. When `stream` is set it is called, on a thread of its own, to write the body in chunks; else
/// `body` is sent. `shared_body`, when set, is sent in place of `body` without a copy. Content-Length,
/// Transfer-Encoding, Connection and Date are the server's. To HEAD the body's length is told and no body
/// sent (no stream called).
struct Reply {
  int status = 200;
  Headers headers = {};
  std::string body = {};
  std::shared_ptr<const std::string> shared_body = {};
  std::function<void(const Write&)> stream = {};
};

/// Never throws. Called on an I/O thread when `fast(received)` says so, else on a worker thread.
using Handler = std::function<Reply(const Received&)>;

/// What the server refuses by itself, as application/problem+json with `Connection: close` (400, 405, 408,
/// 411, 413, 414, 415, 417, 421, 431, 501, 503, 505). A line of a head has at most 8 KiB, a head at most 100
/// headers.
struct Limits {
  std::size_t head = 16U << 10U;
  std::size_t body = 1U << 20U;
  std::size_t connections = 1024;
  std::size_t waiting = 256;  ///< requests at and before the workers; 503 beyond
  std::size_t streams = 64;   ///< streamed answers at once; 503 beyond
  std::chrono::milliseconds head_time{10'000};
  std::chrono::milliseconds body_time{30'000};  ///< also for the other side to read an answer
  std::chrono::milliseconds idle_time{75'000};
};

struct ServerOptions {
  std::string address = "127.0.0.1";  ///< an IPv4 or IPv6 address
  std::uint16_t port = 0;             ///< 0: a free one
  /// Names that a request's Host may have, without ports ("localhost", "127.0.0.1", "[::1]"); empty: any.
  /// Others get 421, so that a web page cannot reach this server under a name of its own (DNS rebinding).
  std::vector<std::string> hosts = {};
  int io_threads = 1;
  int workers = 8;
  Limits limits = {};
  std::function<bool(const Received&)> fast = {};  ///< handlers that never wait may run on the I/O thread
};

/// Listens from construction (Problem{unavailable} when the address is taken, with the cause) until `stop`.
class Server {
 public:
  Server(ServerOptions options, Handler handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  std::uint16_t port() const;
  /// No new connections; running requests get `grace` to end, then they are cancelled and cut. Returns when
  /// no handler runs any more. Idempotent; not to be called from a handler.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{5'000});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlib::net
