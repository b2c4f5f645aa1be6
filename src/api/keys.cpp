#include "api/keys.hpp"

#include <fmt/format.h>

#include "base/problem.hpp"
#include "base/text.hpp"

namespace mlib::api {
namespace {

constexpr std::size_t shortest = 16;

bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

}  // namespace

Keys::Keys(std::string_view text, std::string_view file) {
  const std::string hint = "make one with: openssl rand -hex 24";
  std::size_t number = 0;
  for (const std::string& line : split(text, '\n')) {
    ++number;
    const std::string_view key = trim(line);
    if (key.empty() || key.front() == '#') continue;
    if (key.find_first_of(" \t") != std::string_view::npos)
      throw Problem(Kind::usage, fmt::format("{}:{}: a key has no blanks in it", file, number), hint);
    if (key.size() < shortest)
      throw Problem(Kind::usage,
                    fmt::format("{}:{}: a key has at least {} characters", file, number, shortest), hint);
    digests_.push_back(sha256_hex(key));
  }
  if (digests_.empty()) throw Problem(Kind::usage, fmt::format("{}: there is no key in it", file), hint);
}

bool Keys::holds(std::string_view key) const {
  const std::string digest = sha256_hex(key);
  bool found = false;
  for (const std::string& each : digests_) found = same(each, digest) || found;
  return found;
}

bool Keys::admit(const net::Received& received) const {
  constexpr std::string_view bearer = "bearer ";
  const std::string named = received.header("x-api-key");
  if (!named.empty() && holds(trim(named))) return true;
  const std::string authorization = received.header("authorization");
  return lower(authorization).starts_with(bearer) &&
         holds(trim(std::string_view(authorization).substr(bearer.size())));
}

}  // namespace mlib::api
