#include "golden.hpp"

#include <fmt/format.h>

#include "api/desk.hpp"
#include "base/text.hpp"

namespace mlib::golden {

/// A request (METHOD TARGET, headers, an empty line, the body) → the answer in the same form.
std::string api(const std::string& input) {
  std::string request = input;
  if (request.ends_with('\n')) request.pop_back();
  const std::size_t gap = request.find("\n\n");
  const std::vector<std::string> head = split(request.substr(0, gap), '\n');
  net::Headers headers;
  for (std::size_t i = 1; i < head.size(); ++i) {
    const std::size_t colon = head[i].find(": ");
    headers.emplace_back(head[i].substr(0, colon), head[i].substr(colon + 2));
  }
  const std::size_t space = head[0].find(' ');
  mlib::api::Desk desk;
  const net::Reply reply = desk.ask(head[0].substr(0, space), head[0].substr(space + 1), std::move(headers),
                                    gap == std::string::npos ? "" : request.substr(gap + 2));
  std::string answer = fmt::format("{}\n", reply.status);
  for (const auto& [name, value] : reply.headers) answer += fmt::format("{}: {}\n", name, value);
  answer += '\n' + mlib::api::body_of(reply);
  if (reply.stream)
    reply.stream([&](std::string_view piece) {
      answer += piece;
      return true;
    });
  return answer + '\n';
}

}  // namespace mlib::golden
