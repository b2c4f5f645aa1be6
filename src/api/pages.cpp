#include "api/pages.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace mlib::api {
namespace {

net::Reply page(std::string_view title, std::string_view content) {
  net::Reply reply;
  reply.headers = {{"content-type", "text/html; charset=utf-8"},
                   {"content-security-policy",
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"},
                   {"x-content-type-options", "nosniff"},
                   {"referrer-policy", "no-referrer"}};
  reply.body = fmt::format(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<meta name=\"viewport\" content=\"width=device-width\"><style>body{{font:16px/1.5 sans-serif;"
      "max-width:60em;margin:2em auto;padding:0 1em}}td{{padding:.2em 1em .2em 0;vertical-align:top}}"
      "code{{font-size:.95em}}</style></head><body><h1>{0}</h1>{1}</body></html>\n",
      html_escaped(title), content);
  return reply;
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

net::Reply docs_page(const Routes& routes) {
  std::string rows;
  for (const Route& route : routes.all())
    rows += fmt::format("<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>", route.method,
                        html_escaped(route.path), html_escaped(route.summary));
  return page("Model Library",
              "<p>Described for programs in <a href=\"/openapi.json\">/openapi.json</a>.</p>"
              "<table>" +
                  rows + "</table>");
}

net::Reply problem_page(const std::string& slug) {
  const ProblemType* type = problem_type(slug);
  if (type == nullptr) {
    std::vector<std::string> known;
    for (const ProblemType& each : problem_types()) known.emplace_back(each.slug);
    throw Refusal{"not-found", fmt::format("no type of problem is called `{}`", shortened(visible(slug), 64)),
                  suggestion(slug, known)};
  }
  return page(type->title, fmt::format("<p>{}</p><p>Status {}, type <code>/problems/{}</code>.</p>",
                                       html_escaped(type->text), type->status, type->slug));
}

}  // namespace mlib::api
