#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.hpp"
#include "base/secret.hpp"

namespace mlib::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// How a TLS peer is trusted and who we are to it; PEM texts. An empty `ca` means the system's certificates.
struct Tls {
  std::string ca;
  std::string certificate;
  Secret<std::string> key;
  std::string server_name;  ///< checked instead of the host, when not empty
  bool insecure = false;
};

/// Which addresses a call may reach: `any` for what the administrator configured, `public_only` for addresses
/// that a user supplied (loopback, private, link-local and metadata addresses are refused when connecting,
/// after resolution).
enum class Reach { any, public_only };

/// One outgoing HTTP call. Redirects are never followed, so that what is sent reaches the URL's own origin
/// only.
struct Call {
  std::string method = "GET";
  std::string url;  ///< http://host:port/path?query or https://…; with `socket` the host is only a name
  std::string socket = {};  ///< path of a Unix socket, or ""
  Headers headers = {};     ///< Host, User-Agent and Accept are added when missing; Content-Length is ours
  std::string proxy = {};   ///< http://host:port that the connection is asked of by CONNECT, or "" for none
  Secret<std::string> proxy_login = {};  ///< `user:password` for the proxy, which nobody else gets
  Secret<std::string> bearer = {};       ///< sent as `Authorization: Bearer …`, when not empty
  std::string body = {};
  std::optional<Tls> tls = {};  ///< for https; without it the system's certificates are trusted
  Reach reach = Reach::any;     ///< `public_only` refuses every Unix socket
  std::chrono::milliseconds connect_timeout{5'000};  ///< names, connecting and TLS's handshake together
  std::chrono::milliseconds timeout{30'000};         ///< for the whole call; with a sink: between two reads
  std::size_t body_limit = 64U << 20U;  ///< of the answer; Problem{too_large} beyond; not for a sink
};

struct Answer {
  int status = 0;
  Headers headers;
  std::string body;
  /// The first header of that name (case ignored), or "".
  std::string header(std::string_view name) const;
};

/// Takes the next bytes of an answer's body; false ends the call.
using BodySink = std::function<bool(std::string_view bytes)>;

/// The one outgoing HTTP client; may be used by several threads at once. Throws Problem{unavailable} (cannot
/// connect, connection lost, TLS refused, no HTTP), Problem{timeout}, Problem{too_large}, Problem{forbidden}
/// (address refused), Problem{cancelled} within 100 ms, Problem{usage} (a URL, method or header that cannot
/// be sent) and Problem{invalid} (PEM texts); any HTTP status is an Answer. Its texts name the method, the
/// address and the cause, never a query, a header or a body. A GET or HEAD may go over a connection that an
/// earlier call left open; when that was closed in the meantime it is sent once more over a new one.
/// Everything else is sent once.
class Client {
 public:
  virtual ~Client() = default;
  virtual Answer call(const Call& call, const Cancel* cancel = nullptr) = 0;
  /// With a sink the body of a 2xx answer goes to it as it arrives (Answer::body stays empty); any other
  /// answer has its body as from `call`. What the sink throws ends the call and is passed on.
  virtual Answer stream(const Call& call, const BodySink& sink, const Cancel* cancel = nullptr) = 0;
};

std::unique_ptr<Client> make_client();

}  // namespace mlib::net
