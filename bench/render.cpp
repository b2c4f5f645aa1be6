#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "api/app.hpp"
#include "api/original_catalogue.hpp"
#include "api/shape.hpp"

/// bench_render [COUNT]: COUNT (1,000) renders of the shipped templates in turn, then COUNT calls of /create
/// without sockets with a new user each; prints one JSON object, times in microseconds per call.
namespace {

using namespace mlib;
using Steady = std::chrono::steady_clock;

double microseconds(Steady::time_point since, int count) {
  return std::chrono::duration<double, std::micro>(Steady::now() - since).count() / count;
}

double renders(const cards::Library& library, int count) {
  std::size_t bytes = 0;
  const auto begin = Steady::now();
  for (int i = 0; i < count; ++i) {
    const cards::Template& card = library.templates[static_cast<std::size_t>(i) % library.templates.size()];
    render::Request request;
    request.template_name = card.metadata.name;
    request.identity.name = fmt::format("demo-{}", i);
    request.identity.namespace_name = "bench";
    bytes += render::to_manifest(render::render(library, request), false).size();
  }
  return bytes > 0 ? microseconds(begin, count) : 0;
}

struct Shop {
  verbs::Shelf shelf;
  std::unique_ptr<store::Store> records = store::memory_store();
  SystemClock clock;
  render::PolicyFile policy;
  verbs::World world{shelf, *records, clock, {}, policy};
  api::App app{world};
  explicit Shop(std::shared_ptr<const cards::Library> library) : shelf(std::move(library)) {}
};

double creates(Shop& shop, int count) {
  const auto catalogue = api::original::catalogue_of(*shop.shelf.library());
  const std::string card = schema::to_json(api::Lister::list(catalogue.templates.front()));
  net::Received received;
  received.method = "POST";
  received.path = received.target = "/create";
  received.headers = {{"host", "127.0.0.1"}, {"content-type", "application/json"}};
  int failed = 0;
  const auto begin = Steady::now();
  for (int i = 0; i < count; ++i) {
    received.body = fmt::format(
        R"({{"template":{},"user":{{"id":"user-{}","namespace":"user-{}","API_key":"XXXXXXX"}}}})", card, i,
        i);
    failed += shop.app.handle(received).status == 200 ? 0 : 1;
  }
  return failed == 0 ? microseconds(begin, count) : -1;
}

double get_alls(Shop& shop, int count) {
  net::Received received;
  received.method = "GET";
  received.path = received.target = "/get_all";
  const auto begin = Steady::now();
  std::size_t bytes = 0;
  for (int i = 0; i < count; ++i) bytes += shop.app.handle(received).shared_body->size();
  return bytes > 0 ? microseconds(begin, count) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1000;
  const auto begin = Steady::now();
  const std::shared_ptr<const cards::Library> library = cards::load(cards::embedded(), "catalog/");
  const double load = microseconds(begin, 1);
  Shop shop(library);
  renders(*library, 10);
  const double render = renders(*library, count);
  creates(shop, 10);
  const double create = creates(shop, count);
  const double get_all = get_alls(shop, count);
  fmt::print(
      R"({{"count": {}, "load_us": {:.1f}, "render_us": {:.2f}, "create_us": {:.2f}, "get_all_us": {:.3f}}})"
      "\n",
      count, load, render, create, get_all);
  return create < 0 ? 1 : 0;
}
