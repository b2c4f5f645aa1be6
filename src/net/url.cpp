#include "net/url.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/problem.hpp"
#include "base/text.hpp"

namespace mlib::net {
namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view cause) {
  const std::string_view place = text.substr(0, std::min(text.find('?'), text.size()));
  throw Problem(Kind::usage, fmt::format("`{}` is no URL to call: {}", visible(shortened(place, 200)), cause),
                "a URL is http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH");
}

struct Range4 {
  std::uint32_t net;
  int bits;
  std::string_view why;
};
// IANA IPv4 Special-Purpose Address Registry: what is not globally reachable.
constexpr std::array ranges4{
    Range4{0x00000000, 8, "this network"},       Range4{0x0A000000, 8, "private"},
    Range4{0x64400000, 10, "carrier-grade NAT"}, Range4{0x7F000000, 8, "loopback"},
    Range4{0xA9FE0000, 16, "link-local"},        Range4{0xAC100000, 12, "private"},
    Range4{0xC0000000, 24, "reserved"},          Range4{0xC0000200, 24, "documentation"},
    Range4{0xC0586300, 24, "reserved"},          Range4{0xC0A80000, 16, "private"},
    Range4{0xC6120000, 15, "benchmarking"},      Range4{0xC6336400, 24, "documentation"},
    Range4{0xCB007100, 24, "documentation"},     Range4{0xE0000000, 4, "multicast"},
    Range4{0xF0000000, 4, "reserved"},
};

std::optional<std::string> not_public4(std::uint32_t address) {
  for (const Range4& each : ranges4)
    if ((address ^ each.net) >> (32 - each.bits) == 0) return std::string(each.why);
  if (address == 0xA83F8110) return "metadata";  // 168.63.129.16, Azure's wire server
  return {};
}

std::uint32_t four(const unsigned char* at) {
  return static_cast<std::uint32_t>(at[0]) << 24U | static_cast<std::uint32_t>(at[1]) << 16U |
         static_cast<std::uint32_t>(at[2]) << 8U | at[3];
}

std::optional<std::string> not_public6(const unsigned char (&b)[16]) {
  const auto starts = [&](std::initializer_list<int> bytes) {
    std::size_t i = 0;
    return std::all_of(bytes.begin(), bytes.end(), [&](int byte) { return b[i++] == byte; });
  };
  if (starts({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF})) return not_public4(four(b + 12));
  if (starts({0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) return not_public4(four(b + 12));
  if (starts({0x20, 0x02})) return not_public4(four(b + 2));
  if (starts({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) && b[15] <= 1)
    return b[15] == 1 ? "loopback" : "unspecified";
  if ((b[0] & 0xFEU) == 0xFC) return "private";
  if (b[0] == 0xFE && (b[1] & 0xC0U) == 0x80) return "link-local";
  if (b[0] == 0xFF) return "multicast";
  if (starts({0x20, 0x01, 0x0D, 0xB8})) return "documentation";
  // Only 2000::/3 is given out as global unicast; its 2001::/23 is for protocols (Teredo hides an IPv4
  // address).
  if ((b[0] & 0xE0U) != 0x20 || (starts({0x20, 0x01}) && b[2] < 2)) return "reserved";
  return {};
}

}  // namespace

std::string Url::authority() const {
  const std::string name = host.find(':') == std::string::npos ? host : '[' + host + ']';
  return port == (tls ? 443 : 80) ? name : fmt::format("{}:{}", name, port);
}

std::string Url::origin() const { return (tls ? "https://" : "http://") + authority(); }

Url parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (lower(rest.substr(0, 7)) == "http://") {
    rest.remove_prefix(7);
  } else if (lower(rest.substr(0, 8)) == "https://") {
    rest.remove_prefix(8);
    url.tls = true;
    url.port = 443;
  } else {
    refuse(text, "it does not begin with http:// or https://");
  }
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  std::string_view authority = rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  rest.remove_prefix(authority.size());
  // Checked first: the text of the error must not hold a password.
  if (authority.find('@') != std::string_view::npos)
    refuse(url.tls ? "https://…" : "http://…", "a user or a password in a URL is not accepted");
  if (!plain)
    refuse(text, "it has a blank, a control character, a backslash or a letter that must be percent-encoded");
  rest = rest.substr(0, rest.find('#'));
  if (!rest.empty()) url.target = rest.front() == '?' ? '/' + std::string(rest) : std::string(rest);
  std::string_view port;
  if (!authority.empty() && authority.front() == '[') {
    const std::size_t end = authority.find(']');
    in6_addr parsed{};
    if (end == std::string_view::npos) refuse(text, "`[` has no `]`");
    url.host = lower(authority.substr(1, end - 1));
    if (inet_pton(AF_INET6, url.host.c_str(), &parsed) != 1)
      refuse(text, "what is in [ ] is no IPv6 address");
    port = authority.substr(end + 1);
    if (!port.empty() && port.front() != ':') refuse(text, "after `]` only a port can follow");
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = lower(authority.substr(0, colon));
    port = authority.substr(colon);
  }
  if (url.host.empty()) refuse(text, "it has no host");
  if (port.empty()) return url;
  port.remove_prefix(1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0 || number > 65535)
    refuse(text, fmt::format("its port `{}` is not a number from 1 to 65535", shortened(port, 20)));
  url.port = static_cast<std::uint16_t>(number);
  return url;
}

std::optional<std::string> not_public(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    return not_public4(ntohl(in.sin_addr.s_addr));
  }
  if (address.sa_family != AF_INET6) return "not an internet address";
  sockaddr_in6 in{};
  std::memcpy(&in, &address, sizeof in);
  return not_public6(in.sin6_addr.s6_addr);
}

std::string address_text(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
  }
  return text;
}

}  // namespace mlib::net
