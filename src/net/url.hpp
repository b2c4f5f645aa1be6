#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr;

namespace mlib::net {

/// The parts of an http or https URL that a call needs.
struct Url {
  bool tls = false;
  std::string host;  ///< lower case; an IPv6 address without its brackets
  std::uint16_t port = 80;
  std::string target = "/";  ///< path and query, at least "/"; a fragment is left out
  /// `https://host:port`, the port only when it is not the scheme's own.
  std::string origin() const;
  /// `host:port` as the Host header wants it.
  std::string authority() const;
};

/// Problem{usage} naming what is wrong: another scheme, a user in the URL, no host, a bad port, blanks or
/// controls.
Url parse_url(std::string_view text);

/// Why an address must not be reached for a user: "loopback", "private", "link-local", …; nothing for a
/// public one. IPv4 inside IPv6 (mapped, NAT64, 6to4) is judged as the IPv4 address.
std::optional<std::string> not_public(const sockaddr& address);
/// The address as digits, without the port.
std::string address_text(const sockaddr& address);

}  // namespace mlib::net
