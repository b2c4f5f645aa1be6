#pragma once
#include <chrono>
#include <functional>
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

/// One outgoing HTTP call. Redirects are never followed.
struct Call {
  std::string method = "GET";
  std::string url;  ///< http://host:port/path?query or https://…; with `socket` the host is only a name
  std::string socket = {};  ///< path of a Unix socket, or ""
  Headers headers = {};
  Secret<std::string> bearer = {};  ///< sent as `Authorization: Bearer …`, when not empty
  std::string body = {};
  std::optional<Tls> tls = {};
  Reach reach = Reach::any;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};  ///< for the whole call; with a sink: between two reads
  std::size_t body_limit = 64U << 20U;        ///< of the answer; Problem{too_large} beyond
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

/// The one outgoing HTTP client. Throws Problem{unavailable} (cannot connect, connection lost, TLS refused),
/// Problem{timeout}, Problem{too_large}, Problem{forbidden} (address refused), Problem{cancelled}; any HTTP
/// status is an Answer. Its texts name the method, the address and the cause, never a header or the body.
class Client {
 public:
  virtual ~Client() = default;
  virtual Answer call(const Call& call, const Cancel* cancel = nullptr) = 0;
  /// With a sink the body of a 2xx answer goes to it as it arrives (Answer::body stays empty).
  virtual Answer stream(const Call& call, const BodySink& sink, const Cancel* cancel = nullptr) = 0;
};

}  // namespace mlib::net
