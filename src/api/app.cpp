#include "api/app.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "api/fastapi.hpp"
#include "api/guards.hpp"
#include "api/metrics.hpp"
#include "api/openapi.hpp"
#include "api/original.hpp"
#include "api/pages.hpp"
#include "api/problem_json.hpp"
#include "api/verb_call.hpp"
#include "base/text.hpp"

namespace mlib::api {
namespace {

using schema::Node;

/// A body over this may take longer to render than an I/O thread should be held.
constexpr std::size_t fast_body = 64U << 10U;

std::vector<std::string> labels(const Routes& routes) {
  std::vector<std::string> all;
  for (const Route& route : routes.all()) all.push_back(route.method + ' ' + route.path);
  all.emplace_back("none");
  return all;
}

bool is_original(const Route& route) {
  return route.verb == nullptr && (route.fixed == Fixed::get_all || route.fixed == Fixed::create ||
                                   route.fixed == Fixed::validate_template);
}

net::Reply plain(std::string content_type, std::string body) {
  net::Reply reply;
  reply.headers = {{"content-type", std::move(content_type)},
                   {"cache-control", "no-store"},
                   {"x-content-type-options", "nosniff"}};
  reply.body = std::move(body);
  return reply;
}

net::Reply json(const Node& value) { return plain("application/json", schema::to_json(value)); }

/// The authority of a request target in absolute form, or "".
std::string_view authority_of(std::string_view target) {
  const std::size_t scheme = target.starts_with('/') ? std::string_view::npos : target.find("://");
  if (scheme == std::string_view::npos) return {};
  target.remove_prefix(scheme + 3);
  return target.substr(0, target.find_first_of("/?#"));
}

}  // namespace

struct App::State {
  State(const verbs::World& the_world, Options the_options)
      : world(the_world), options(std::move(the_options)), started(world.clock.now()) {}

  const verbs::World& world;
  Options options;
  Routes routes;
  Metrics metrics{labels(routes)};
  std::chrono::steady_clock::time_point started;
  std::shared_ptr<const original::View> last_view;
  std::once_flag openapi_once;
  std::shared_ptr<const std::string> openapi_text;

  std::shared_ptr<const original::View> view();
  net::Reply dispatch(const net::Received& received, std::size_t& index);
  net::Reply guarded(const net::Received& received, std::size_t& index);
  net::Reply unrouted(const net::Received& received, const Found& found) const;
  net::Reply fixed(const Route& route, const Found& found, const net::Received& received);
  net::Reply openapi();
  net::Reply ready();
  net::Reply figures();
};

/// The library in force as the original's clients see it, made anew when the library was replaced.
std::shared_ptr<const original::View> App::State::view() {
  std::shared_ptr<const cards::Library> library = world.shelf.library();
  std::shared_ptr<const original::View> now = std::atomic_load(&last_view);
  if (now == nullptr || now->library != library) {
    now = original::view_of(std::move(library));
    std::atomic_store(&last_view, now);
  }
  return now;
}

net::Reply App::State::openapi() {
  std::call_once(openapi_once, [&] {
    openapi_text = std::make_shared<const std::string>(schema::to_json(openapi_of(routes), 2) + '\n');
  });
  net::Reply reply = plain("application/json", "");
  reply.shared_body = openapi_text;
  return reply;
}

net::Reply App::State::ready() {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  if (library->templates.empty())
    throw Problem(
        Kind::unavailable, "the library has no template",
        fmt::format("{} findings in its files: `mlib validate` lists them", library->findings.size()));
  Node body = Node::map();
  body.set("status", "ready");
  body.set("library", library->version);
  body.set("templates", library->templates.size());
  body.set("findings", library->findings.size());
  return json(body);
}

net::Reply App::State::figures() {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  Metrics::Facts facts;
  facts.cards = {{"framework", library->frameworks.size()},
                 {"model", library->models.size()},
                 {"hardware", library->hardware.size()},
                 {"template", library->templates.size()}};
  facts.findings = library->findings.size();
  facts.uptime_seconds = std::chrono::duration<double>(world.clock.now() - started).count();
  return plain("text/plain; version=0.0.4; charset=utf-8", metrics.text(facts));
}

net::Reply App::State::fixed(const Route& route, const Found& found, const net::Received& received) {
  switch (route.fixed) {
    case Fixed::get_all:
      return original::get_all(*view(), received);
    case Fixed::create:
      return original::create(*view(), received, world.policy);
    case Fixed::validate_template:
      return original::validate_template(received);
    case Fixed::healthz:
      return json(Node(Node::Map{{"status", "ok"}}));
    case Fixed::readyz:
      return ready();
    case Fixed::version:
      return json(Node(Node::Map{{"name", "mlib"}, {"version", MLIB_VERSION}, {"api", "v1"}}));
    case Fixed::metrics:
      return figures();
    case Fixed::openapi:
      return openapi();
    case Fixed::docs:
      return docs_page(routes);
    case Fixed::problem:
      return problem_page(found.parameters.front().second);
  }
  return fastapi::text_detail(404, "Not Found");
}

/// Below /api/ a problem, elsewhere FastAPI's words: 307 for a trailing slash, 405, 404.
net::Reply App::State::unrouted(const net::Received& received, const Found& found) const {
  const bool ours = received.path.starts_with("/api/");
  const std::string allow = join(found.allowed, ", ");
  if (!found.allowed.empty()) {
    if (ours)
      throw Refusal{"method-not-allowed",
                    fmt::format("{} is not a method of this path", received.method),
                    "allowed: " + allow,
                    {{"allow", allow}}};
    net::Reply reply = fastapi::text_detail(405, "Method Not Allowed");
    reply.headers.emplace_back("allow", allow);
    return reply;
  }
  if (ours) {
    std::vector<std::string> known;
    for (const Route& route : routes.all()) known.push_back(route.path);
    throw Refusal{"not-found", fmt::format("no such path: {}", shortened(visible(received.path), 64)),
                  suggestion(received.path, known)};
  }
  std::string bare = received.path;
  while (bare.size() > 1 && bare.back() == '/') bare.pop_back();
  const Found without = routes.find(received.method, bare);
  const bool leads = without.index < routes.all().size() || !without.allowed.empty();
  if (bare == received.path || bare.starts_with("//") || !leads)
    return fastapi::text_detail(404, "Not Found");
  net::Reply reply;
  reply.status = 307;
  reply.headers.emplace_back("location", received.query.empty() ? bare : bare + '?' + received.query);
  return reply;
}

net::Reply App::State::dispatch(const net::Received& received, std::size_t& index) {
  if (!options.any_host) {
    const std::string_view authority = authority_of(received.target);
    if (!is_own_host(received.header("host"), options.hosts) || !is_own_host(authority, options.hosts))
      throw Refusal{"host-not-allowed", "this server is not the host that was asked for",
                    "ask it by the address it listens on"};
  }
  if (is_cross_site(received))
    throw Refusal{"origin-not-allowed", "the request comes from a page of another origin"};
  Found found = routes.find(received.method, received.path);
  if (received.method == "HEAD" && found.index == routes.all().size()) {
    Found get = routes.find("GET", received.path);
    if (get.index < routes.all().size() && !is_original(routes.all()[get.index])) found = std::move(get);
  }
  index = found.index;
  if (index == routes.all().size()) return unrouted(received, found);
  const Route& route = routes.all()[index];
  if (route.verb == nullptr) return fixed(route, found, received);
  return run_verb(world, options.caller, route, found.parameters, received);
}

net::Reply App::State::guarded(const net::Received& received, std::size_t& index) {
  try {
    return dispatch(received, index);
  } catch (const Refusal& refusal) {
    return problem_reply(refusal);
  } catch (const Problem& problem) {
    if (problem.kind() == Kind::internal && options.log) options.log(problem.message());
    return problem_reply(problem);
  } catch (const std::exception& error) {
    if (options.log) options.log(fmt::format("{} {}: {}", received.method, received.path, error.what()));
  } catch (...) {
    if (options.log) options.log(fmt::format("{} {}: an unknown failure", received.method, received.path));
  }
  return problem_reply(Refusal{"internal", "a defect of ours: it was written to the log"});
}

App::App(const verbs::World& world, Options options)
    : state_(std::make_unique<State>(world, std::move(options))) {}
App::~App() = default;

net::Reply App::handle(const net::Received& received) {
  const auto begin = state_->world.clock.now();
  std::size_t index = state_->routes.all().size();
  net::Reply reply = state_->guarded(received, index);
  state_->metrics.count(index, reply.status, state_->world.clock.now() - begin);
  return reply;
}

bool App::fast(const net::Received& received) const {
  return received.body.size() <= fast_body && !received.path.starts_with("/api/");
}

}  // namespace mlib::api
