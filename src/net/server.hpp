#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/client.hpp"

namespace mlib::net {

/// A request as it came in. `target` is the raw request target; `path` its percent-decoded path; `query` raw.
struct Received {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  Headers headers;
  std::string body;
  std::string peer;                ///< address of the other side
  const Cancel* cancel = nullptr;  ///< set when the other side closes the connection
  /// The first header of that name (case ignored), or "".
  std::string header(std::string_view name) const;
};

/// Writes pieces of a streamed body; false when the client is gone.
using Write = std::function<bool(std::string_view piece)>;

/// An answer. When `stream` is set it is called (on a worker thread) to write the body in chunks; else `body`
/// is sent. `shared_body`, when set, is sent in place of `body` without a copy.
struct Reply {
  int status = 200;
  Headers headers = {};
  std::string body = {};
  std::shared_ptr<const std::string> shared_body = {};
  std::function<void(const Write&)> stream = {};
};

/// Never throws. Called on an I/O thread when `fast(received)` says so, else on a worker thread.
using Handler = std::function<Reply(const Received&)>;

/// Limits of anchors: heads 16 KiB in all, 8 KiB a line, 100 headers; body; times. Violations are answered by
/// the server itself (400, 408, 411, 413, 414, 417, 431, 501, 505) as application/problem+json.
struct Limits {
  std::size_t head = 16U << 10U;
  std::size_t body = 1U << 20U;
  std::size_t connections = 1024;
  std::chrono::milliseconds head_time{10'000};
  std::chrono::milliseconds body_time{30'000};
  std::chrono::milliseconds idle_time{75'000};
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: a free one
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
  /// No new connections; running requests get `grace` to end, then are cut. Idempotent.
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{5'000});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mlib::net
