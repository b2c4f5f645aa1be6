#include "net/url.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cstring>

#include "base/problem.hpp"

using namespace mlib;
using namespace mlib::net;

namespace {

std::string refusal(std::string_view text) {
  try {
    parse_url(text);
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::usage);
    return problem.message();
  }
  return "";
}

std::optional<std::string> judged(const std::string& text) {
  sockaddr_storage storage{};
  sockaddr_in in{};
  sockaddr_in6 in6{};
  if (inet_pton(AF_INET, text.c_str(), &in.sin_addr) == 1) {
    in.sin_family = AF_INET;
    std::memcpy(&storage, &in, sizeof in);
  } else {
    REQUIRE(inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr) == 1);
    in6.sin6_family = AF_INET6;
    std::memcpy(&storage, &in6, sizeof in6);
  }
  return not_public(reinterpret_cast<const sockaddr&>(storage));
}

}  // namespace

TEST_CASE("a URL is taken apart") {
  const Url url = parse_url("HTTPS://Example.ORG:8443/a/b?c=d#e");
  CHECK(url.tls);
  CHECK(url.host == "example.org");
  CHECK(url.port == 8443);
  CHECK(url.target == "/a/b?c=d");
  CHECK(url.origin() == "https://example.org:8443");
  CHECK(parse_url("http://a").target == "/");
  CHECK(parse_url("http://a?b").target == "/?b");
  CHECK(parse_url("http://a").origin() == "http://a");
  CHECK(parse_url("https://a").port == 443);
  const Url six = parse_url("http://[2001:DB8::1]:80/x");
  CHECK(six.host == "2001:db8::1");
  CHECK(six.authority() == "[2001:db8::1]");
}

TEST_CASE("a URL that cannot be called says why, without a password") {
  CHECK(refusal("ftp://a/") == "`ftp://a/` is no URL to call: it does not begin with http:// or https://");
  CHECK(refusal("http:///x").find("it has no host") != std::string::npos);
  CHECK(refusal("http://a:0/").find("its port `0` is not a number from 1 to 65535") != std::string::npos);
  CHECK(refusal("http://a:65536/").find("port") != std::string::npos);
  CHECK(refusal("http://a:8x/").find("port") != std::string::npos);
  CHECK(refusal("http://[::1/").find("has no `]`") != std::string::npos);
  CHECK(refusal("http://[abc]/").find("no IPv6 address") != std::string::npos);
  CHECK(refusal("http://[::1]x/").find("only a port") != std::string::npos);
  CHECK(refusal("http://a/b c").find("blank") != std::string::npos);
  CHECK(refusal("http://a/\r\nX: y").find("control") != std::string::npos);
  CHECK(refusal("http://a\\b/").find("backslash") != std::string::npos);
  const std::string user = refusal("http://user:secret@host/");
  CHECK(user.find("a user or a password") != std::string::npos);
  CHECK(user.find("secret") == std::string::npos);
  CHECK(refusal("http://a:x/?key=secret").find("secret") == std::string::npos);
}

TEST_CASE("only public addresses are public") {
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "100.127.255.255",
                              "127.0.0.1",
                              "127.255.255.255",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.168.0.1",
                              "198.18.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "168.63.129.16",
                              "::",
                              "::1",
                              "::ffff:10.0.0.1",
                              "::7f00:1",
                              "64:ff9b::7f00:1",
                              "2002:7f00:1::",
                              "2002:a9fe:a9fe::",
                              "fc00::1",
                              "fd00:ec2::254",
                              "fe80::1",
                              "fec0::1",
                              "ff02::1",
                              "2001:db8::1",
                              "2001::1",
                              "100::1",
                              "64:ff9b:1::1"}) {
    CAPTURE(address);
    CHECK(judged(address).has_value());
  }
  for (const char* address :
       {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "169.253.0.1",
        "192.167.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    CAPTURE(address);
    CHECK_FALSE(judged(address).has_value());
  }
  CHECK(judged("169.254.169.254") == "link-local");
  CHECK(judged("::ffff:127.0.0.1") == "loopback");
}
