#include "net/admit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.hpp"

namespace mlib::net {
namespace {

struct Reason {
  int status;
  std::string_view text;
};
constexpr std::array reasons{
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{417, "Expectation Failed"},
    Reason{421, "Misdirected Request"},
    Reason{422, "Unprocessable Content"},
    Reason{428, "Precondition Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{499, "Client Closed Request"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
};

Refusal bad(std::string detail) { return {400, "bad-request", std::move(detail)}; }

/// The name of `name`, `name:port` or `[IPv6]:port`; nothing when it is none of these.
std::optional<std::string_view> host_name(std::string_view authority) {
  const bool six = !authority.empty() && authority.front() == '[';
  const std::size_t end = six ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
  if (end == 0) return {};
  const std::string_view name = authority.substr(0, end);
  std::string_view port = authority.substr(end);
  if (!port.empty()) {
    if (port.front() != ':') return {};
    port.remove_prefix(1);
    if (port.size() > 5 ||
        !std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return {};
  }
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || (six && (c == ':' || c == '[' || c == ']'));
  };
  if (name.empty() || !std::all_of(name.begin(), name.end(), allowed)) return {};
  return name;
}

/// Takes `http://authority` off an absolute-form target; its authority, or "".
std::string take_authority(std::string& target) {
  const std::size_t scheme = same_name(std::string_view(target).substr(0, 7), "http://")    ? 7
                             : same_name(std::string_view(target).substr(0, 8), "https://") ? 8
                                                                                            : 0;
  if (scheme == 0) return "";
  const std::size_t end = std::min(target.find_first_of("/?", scheme), target.size());
  std::string authority = target.substr(scheme, end - scheme);
  target.erase(0, end);
  if (target.empty() || target.front() != '/') target.insert(0, 1, '/');
  return authority;
}

std::optional<Refusal> check_host(Received& request, bool http10, const std::vector<std::string>& hosts) {
  const std::string* host = nullptr;
  for (const auto& [name, value] : request.headers) {
    if (!same_name(name, "host")) continue;
    if (host != nullptr) return bad("two Host headers");
    host = &value;
  }
  if (host == nullptr && (!http10 || !hosts.empty())) return bad("no Host header");
  std::optional<std::string_view> name;
  if (host != nullptr && !(name = host_name(*host)))
    return bad("the Host header is no `name` or `name:port`");
  const auto known = [&](std::string_view wanted) {
    return std::any_of(hosts.begin(), hosts.end(),
                       [&](const std::string& each) { return same_name(each, wanted); });
  };
  const Refusal misdirected{421, "host-not-allowed",
                            "this server does not answer for the host that was asked for"};
  if (!hosts.empty() && !known(*name)) return misdirected;
  if (request.target.front() == '/') return {};
  const std::string authority = take_authority(request.target);
  // A proxy's form: it must ask for the same host as the header does.
  if (!authority.empty() && (host == nullptr || !same_name(authority, *host))) return misdirected;
  return {};
}

std::optional<Refusal> check_path(Received& request) {
  const std::string_view target = request.target;
  const std::size_t question = std::min(target.find('?'), target.size());
  request.query = target.substr(std::min(question + 1, target.size()));
  const Refusal refused{400, "bad-path",
                        "the path has dot segments, a backslash, an encoded slash, a character that must be "
                        "percent-encoded, or an encoding that is no UTF-8 text"};
  if (target == "*" && request.method == "OPTIONS") {
    request.path = "*";
    return {};
  }
  if (target.front() != '/') return refused;
  const bool plain = std::all_of(request.query.begin(), request.query.end(),
                                 [](char c) { return c > 0x20 && c < 0x7F && c != '#'; });
  std::optional<std::string> path = clean_path(target.substr(0, question));
  if (!plain || !path) return refused;
  request.path = std::move(*path);
  return {};
}

}  // namespace

std::string_view reason(int status) {
  for (const Reason& each : reasons)
    if (each.status == status) return each.text;
  return "Status";
}

std::optional<Refusal> admit(Received& request, const Framing& framing, const ServerOptions& options) {
  if (auto refused = check_host(request, framing.http10, options.hosts)) return refused;
  const std::string& method = request.method;
  if (method == "TRACE" || method == "CONNECT")
    return Refusal{405, "method-not-allowed", "this server has no TRACE and no CONNECT"};
  if (auto refused = check_path(request)) return refused;
  const bool due = method == "POST" || method == "PUT" || method == "PATCH";
  if (due && framing.body == Framing::Body::none && find_header(request.headers, "content-length") == nullptr)
    return Refusal{411, "length-required", "the request needs a Content-Length or a chunked body"};
  const std::string* encoding = find_header(request.headers, "content-encoding");
  if (encoding != nullptr && !same_name(*encoding, "identity"))
    return Refusal{415, "unsupported-encoding", "the body must be sent without a Content-Encoding"};
  if (framing.length > options.limits.body)
    return Refusal{413, "payload-too-large", fmt::format("a body has at most {} bytes", options.limits.body)};
  return {};
}

Reply problem_reply(const Refusal& refusal) {
  Reply reply;
  reply.status = refusal.status;
  reply.headers.emplace_back("Content-Type", "application/problem+json");
  if (refusal.status == 405)
    reply.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  if (refusal.status == 503) reply.headers.emplace_back("Retry-After", "1");
  // Details are this room's own texts: nothing in them needs an escape.
  reply.body = fmt::format(R"({{"type":"/problems/{}","title":"{}","status":{},"detail":"{}"}})",
                           refusal.slug, reason(refusal.status), refusal.status, refusal.detail);
  return reply;
}

bool write_head(const ReplyHead& head, std::string& out) {
  const std::size_t before = out.size();
  const Reply& reply = head.reply;
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "HTTP/1.1 {} {}\r\nDate: {}\r\n", reply.status, reason(reply.status), head.date);
  for (const auto& [name, value] : reply.headers) {
    if (same_name(name, "content-length") || same_name(name, "transfer-encoding") ||
        same_name(name, "connection") || same_name(name, "date"))
      continue;
    if (!is_token(name) || !is_field_value(value)) {
      out.resize(before);
      return false;
    }
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (reply.stream) {
    if (!head.http10) out += "Transfer-Encoding: chunked\r\n";
  } else if (!bodiless(reply.status)) {
    fmt::format_to(to, "Content-Length: {}\r\n",
                   reply.shared_body ? reply.shared_body->size() : reply.body.size());
  }
  if (!head.keep_alive)
    out += "Connection: close\r\n";
  else if (head.http10)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
  return true;
}

}  // namespace mlib::net
