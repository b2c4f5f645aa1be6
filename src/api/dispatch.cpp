#include <fmt/format.h>

#include "api/fastapi.hpp"
#include "api/guards.hpp"
#include "api/kubeflow.hpp"
#include "api/problem_json.hpp"
#include "api/state.hpp"
#include "api/verb_call.hpp"
#include "base/text.hpp"

namespace mlib::api {
namespace {

bool is_original(const Route& route) {
  return route.verb == nullptr && (route.fixed == Fixed::get_all || route.fixed == Fixed::create ||
                                   route.fixed == Fixed::validate_template);
}

}  // namespace

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
  if (received.path.starts_with(kubeflow::prefix)) {  // it reads only, and has errors of its own shape
    index = routes.all().size();
    return kubeflow::answer(world, received);
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

}  // namespace mlib::api
