#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "api/app.hpp"
#include "api/original_catalogue.hpp"
#include "api/shape.hpp"
#include "cards/contract.hpp"
#include "render/merge.hpp"

/// bench_render [COUNT]: COUNT (1,000) renders of the shipped templates in turn, then COUNT calls of /create
/// without sockets with a new user each, then the lint of each shipped template's flags; prints one JSON
/// object, times in microseconds per call.
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

struct Linted {
  int templates = 0;
  double mean = 0, worst = 0;  ///< of the templates
};

/// The command lines of each shipped template, with the values in force, against the flags of its engine's
/// version: what a load does for each of them. The values are merged before.
Linted lints(const cards::Library& library, int rounds) {
  Linted all;
  std::size_t findings = 0;
  for (const cards::Template& card : library.templates) {
    const cards::Framework& framework = library.framework_of(card);
    if (!framework.contract || !framework.contract->flags) continue;
    render::Request request;
    request.template_name = card.metadata.name;
    request.identity = {"name", "namespace", "user"};
    const render::Values values =
        render::merge(framework, render::layers(library, request), request.identity);
    const cards::GivenOf given = [&](const std::string& name) -> cards::Given {
      const auto found = values.find(name);
      if (found == values.end()) return {};
      return {&found->second.value};
    };
    const cards::Parties parties{framework};
    double one = std::numeric_limits<double>::max();
    for (int turn = 0; turn < 5; ++turn) {  // the best of five: what else the machine does only adds to it
      const auto begin = Steady::now();
      for (int i = 0; i < rounds; ++i) findings += cards::judge_flags(parties, given).size();
      one = std::min(one, microseconds(begin, rounds));
    }
    ++all.templates;
    all.mean += one;
    all.worst = std::max(all.worst, one);
  }
  all.mean /= std::max(all.templates, 1);
  if (findings > 0) fmt::print(stderr, "bench_render: {} findings in shipped templates\n", findings);
  return all;
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
  const Linted lint = lints(*library, 10);
  fmt::print(
      R"({{"count": {}, "load_us": {:.1f}, "render_us": {:.2f}, "create_us": {:.2f}, "get_all_us": {:.3f}, )"
      R"("linted": {}, "lint_us": {:.2f}, "lint_worst_us": {:.2f}}})"
      "\n",
      count, load, render, create, get_all, lint.templates, lint.mean, lint.worst);
  return create < 0 ? 1 : 0;
}
