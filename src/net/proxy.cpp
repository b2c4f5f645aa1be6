#include <fmt/format.h>

#include "base/text.hpp"
#include "net/http.hpp"
#include "net/wire.hpp"

namespace mlib::net {
namespace {

constexpr std::string_view hint = "check the proxy, and that it lets us reach that address";

std::string request_head(const Call& call, const Url& url) {
  const std::string host = url.host.find(':') == std::string::npos ? url.host : fmt::format("[{}]", url.host);
  std::string head = fmt::format("CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n", host, url.port);
  if (!call.proxy_login.empty())
    head += fmt::format("Proxy-Authorization: Basic {}\r\n", base64(call.proxy_login.reveal()));
  return head + "\r\n";
}

/// Why the proxy did not connect us, or "".
std::string refusal_of(Wire& wire, const Wait& wait) {
  std::string text;
  HeadScan scan;
  for (;;) {
    char byte = 0;  // one by one: what follows the head is not the proxy's
    if (wire.read(&byte, 1, wait) == 0) return "closed the connection";
    text += byte;
    const Step step = scan.scan(text);
    if (step == Step::refused) return "does not speak HTTP/1.1";
    if (step == Step::done) break;
  }
  Answer answer;
  Framing framing;
  if (parse_answer(text, true, answer, framing)) return "does not speak HTTP/1.1";
  return answer.status / 100 == 2 ? "" : fmt::format("answered {}", answer.status);
}

}  // namespace

Wire connect_by_proxy(const Call& call, const Url& url, const Wait& wait) {
  const Url proxy = parse_url(call.proxy);
  if (proxy.tls)
    throw Problem(Kind::unsupported, fmt::format("the proxy {} wants TLS for itself", proxy.origin()),
                  "name one with http://: what goes through it is encrypted anyway");
  std::string why;
  try {
    Wire wire = connect_host(proxy, call.reach, wait);
    wire.write(request_head(call, url), wait);
    why = refusal_of(wire, wait);
    if (why.empty()) return wire;
  } catch (const Problem& problem) {
    if (problem.kind() != Kind::unavailable) throw;
    why = "does not answer: " + problem.message();
  }
  throw Problem(Kind::unavailable, fmt::format("the proxy {} {}", proxy.origin(), why), std::string(hint));
}

}  // namespace mlib::net
