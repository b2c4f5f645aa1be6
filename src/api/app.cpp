#include "api/app.hpp"

#include <fmt/format.h>

#include "api/fastapi.hpp"
#include "api/openapi.hpp"
#include "api/original.hpp"
#include "api/pages.hpp"
#include "api/problem_json.hpp"
#include "api/state.hpp"

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

net::Reply plain(std::string content_type, std::string body) {
  net::Reply reply;
  reply.headers = {{"content-type", std::move(content_type)},
                   {"cache-control", "no-store"},
                   {"x-content-type-options", "nosniff"}};
  reply.body = std::move(body);
  return reply;
}

net::Reply json(const Node& value) { return plain("application/json", schema::to_json(value)); }

}  // namespace

App::State::State(const verbs::World& the_world, Options the_options)
    : world(the_world),
      options(std::move(the_options)),
      metrics(labels(routes)),
      started(world.clock.now()) {}

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
