#include "app/serve.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "api/app.hpp"
#include "api/kube_watcher.hpp"
#include "app/ground.hpp"
#include "app/results.hpp"
#include "base/text.hpp"
#include "cards/watch.hpp"
#include "net/server.hpp"
#include "verbs/names.hpp"
#include "verbs/trial.hpp"

namespace mlib::app {
namespace {

void say(const std::string& line) { fmt::print(stderr, "{}\n", visible(line)); }

/// `127.0.0.1:8001`, `:8001`, `[::1]:8001`; Problem{usage} that names `option` otherwise.
net::ServerOptions address_of(std::string_view option, const std::string& listen) {
  net::ServerOptions options;
  const std::size_t colon = listen.rfind(':');
  unsigned port = 0;
  const char* end = listen.data() + listen.size();
  const char* from = colon == std::string::npos ? end : listen.data() + colon + 1;
  const auto [rest, error] = std::from_chars(from, end, port);
  if (colon == std::string::npos || error != std::errc{} || rest != end || port > 65535)
    throw Problem(Kind::usage, fmt::format("{}: `{}` is no address and port", option, shortened(listen, 80)),
                  fmt::format("as in {} 127.0.0.1:8001", option));
  std::string host = listen.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (!host.empty()) options.address = host;
  options.port = static_cast<std::uint16_t>(port);
  return options;
}

bool is_loopback(const std::string& address) {
  return address.rfind("127.", 0) == 0 || address == "::1" || address == "localhost";
}

/// What a request to a loopback address may ask for: a page that resolves a name of its own to it (DNS
/// rebinding) is refused; 0.0.0.0 is how the original's page asks.
std::vector<std::string> local_names(const std::string& address) {
  return {"localhost", "127.0.0.1", "[::1]", "0.0.0.0", address};
}

api::Keys keys_of(const cli::ServeArguments& arguments) {
  const std::string& path = arguments.kube_watcher_keys;
  if (path.empty()) return {};
  if (arguments.kube_watcher.empty())
    throw Problem(Kind::usage, "--kube-watcher-keys: there is no --kube-watcher that would ask for them");
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) throw Problem(Kind::usage, fmt::format("--kube-watcher-keys: {} cannot be read", path));
  return {text, path};
}

/// Kube Watcher's API beside our own; nothing when it was not asked for.
std::unique_ptr<net::Server> stand_in(const cli::ServeArguments& arguments, const verbs::World& world,
                                      const api::KubeWatcherFacade& facade) {
  if (arguments.kube_watcher.empty()) return nullptr;
  net::ServerOptions listening = address_of("--kube-watcher", arguments.kube_watcher);
  const bool inside = is_loopback(listening.address);
  if (!inside && arguments.kube_watcher_keys.empty())
    throw Problem(Kind::usage,
                  fmt::format("--kube-watcher: whoever reaches {} could deploy, since no keys are set",
                              listening.address),
                  "set some with --kube-watcher-keys FILE, or take a loopback address: 127.0.0.1:8000");
  const std::string& target = verbs::target_of(world, arguments.kube_watcher_target).first;
  if (inside) listening.hosts = local_names(listening.address);
  const std::string address = listening.address;
  auto server = std::make_unique<net::Server>(
      std::move(listening), [&facade](const net::Received& received) { return facade.handle(received); });
  say(fmt::format("and stands in for Kube Watcher at http://{}:{}/v1/, on {}",
                  address.find(':') == std::string::npos ? address : "[" + address + "]", server->port(),
                  target));
  if (!inside) say("its keys are sent in the clear: put TLS before it where others can listen");
  return server;
}

/// What stays out of the library is told, a line each.
void tell_findings(const cards::Library& library) {
  for (const Finding& finding : library.findings) say(to_text(finding));
  const std::size_t count = library.findings.size();
  if (count > 0)
    say(fmt::format("{} finding{}; the cards with findings are left out", count, count == 1 ? "" : "s"));
}

/// Watches the catalogue's folder, or the results that lie beside the embedded one.
std::unique_ptr<cards::Watch> watch(const std::string& folder, const std::string& state,
                                    verbs::Shelf& shelf) {
  cards::WatchOptions options;
  options.folder = folder.empty() ? results_folder(state) : folder;
  if (folder.empty()) results_in(state)->check();
  options.load = [folder, state] { return load_catalogue(folder, state); };
  options.changed = [&shelf](std::shared_ptr<const cards::Library> library) {
    tell_findings(*library);
    say(fmt::format("catalogue loaded again: version {}", library->version.substr(0, 12)));
    shelf.replace(std::move(library));
  };
  options.failed = [](const Problem& problem) {
    say(to_text(problem));
    say("the catalogue stays as it was");
  };
  return std::make_unique<cards::Watch>(std::move(options), shelf.library()->version);
}

/// What runs on without this server, and how to remove it.
void tell_running(const store::Store& store) {
  for (const store::Deployment& each : store.list()) {
    const bool usual = each.namespace_name == verbs::default_namespace;
    say(fmt::format("`{}` goes on ({}); remove it: mlib delete deployment {}{}", each.name, each.target,
                    each.name, usual ? "" : " -n " + each.namespace_name));
  }
}

}  // namespace

int serve(const cli::Options& options, const cli::ServeArguments& arguments, const Environment& environment,
          const Signals& signals) {
  // Else each thread keeps what its largest answer took: with a hundred deployments a megabyte each.
  ::mallopt(M_ARENA_MAX, 2);
  api::KubeWatcherFacadeOptions standing;
  standing.caller.user = environment.user;
  standing.target = arguments.kube_watcher_target;
  standing.keys = keys_of(arguments);
  standing.log = [](std::string_view line) { say(std::string(line)); };
  net::ServerOptions listening = address_of("--listen", arguments.listen);
  if (is_loopback(listening.address)) listening.hosts = local_names(listening.address);
  Ground ground(options, environment, true);
  const verbs::World& world = ground.world();
  world.store.list();  // a state that cannot be used is refused now, not at the first request
  tell_findings(*world.shelf.library());
  api::Options told;
  told.caller.user = environment.user;
  told.log = [](std::string_view line) { say(std::string(line)); };
  api::App app(world, std::move(told));
  listening.fast = [&](const net::Received& received) { return app.fast(received); };
  const std::string address = listening.address;
  net::Server server(std::move(listening),
                     [&](const net::Received& received) { return app.handle(received); });
  const bool six = address.find(':') != std::string::npos;
  say(fmt::format("mlib " MLIB_VERSION " serves http://{}:{}/ ({} templates)",
                  six ? "[" + address + "]" : address, server.port(),
                  world.shelf.library()->templates.size()));
  if (!is_loopback(address)) say("anybody who reaches this address may deploy: there are no keys yet");
  const api::KubeWatcherFacade facade(world, std::move(standing));
  const std::unique_ptr<net::Server> beside = stand_in(arguments, world, facade);
  std::unique_ptr<cards::Watch> watching =
      watch(options.catalog, state_of(options, environment), ground.shelf());
  verbs::remove_leftovers(world, {environment.user, verbs::Role::admin}, {}, say);
  SystemClock clock;
  while (!signals.ended.asked()) {
    clock.sleep(std::chrono::milliseconds{50});
    if (signals.take_reload()) watching->poke();
  }
  watching.reset();
  if (beside) beside->stop();
  server.stop();
  tell_running(world.store);
  return 0;
}

}  // namespace mlib::app
