#include "net/server.hpp"

#include <fmt/format.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <ctime>
#include <latch>

#include "base/text.hpp"
#include "net/connection.hpp"

namespace mlib::net {
namespace asio = boost::asio;
using asio::ip::tcp;
namespace {

constexpr std::chrono::milliseconds sweep_time{100};
constexpr std::chrono::milliseconds accept_pause{50};

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days[parts.tm_wday], parts.tm_mday,
                     months[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// Looks at the connections of a loop ten times a second.
void sweep(Loop& loop) {
  loop.date = http_date();
  loop.sweep.expires_after(sweep_time);
  loop.sweep.async_wait([&loop](boost::system::error_code error) {
    if (error) return;
    const auto now = Time::now();
    const std::vector<std::shared_ptr<Connection>> all(loop.connections.begin(), loop.connections.end());
    for (const std::shared_ptr<Connection>& each : all) each->look(now);
    sweep(loop);
  });
}

[[noreturn]] void cannot_listen(const ServerOptions& options, const boost::system::error_code& error) {
  std::string cause = error.message();
  if (!cause.empty()) cause.front() = lower(cause.substr(0, 1)).front();
  throw Problem(Kind::unavailable,
                fmt::format("cannot listen on {}:{}: {}", options.address, options.port, cause));
}

}  // namespace

struct Server::State {
  State(ServerOptions options, Handler handler) : service(std::move(options), std::move(handler)) {
    for (int i = 0; i < std::max(1, service.options.io_threads); ++i)
      loops.push_back(std::make_unique<Loop>());
  }

  void listen();
  void accept();
  void on_accept(boost::system::error_code error, Socket socket, Loop& loop);
  bool admit_connection();
  /// Runs `what` for each connection, on its own thread; returns when that is done.
  void each_connection(void (Connection::*what)());
  void stop(std::chrono::milliseconds grace);

  Service service;
  std::vector<std::unique_ptr<Loop>> loops;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> pause;
  std::size_t next = 0;
  std::uint16_t port = 0;
  std::once_flag stopped;
};

void Server::State::listen() {
  const ServerOptions& options = service.options;
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(options.address, error);
  if (error)
    throw Problem(Kind::unavailable, fmt::format("cannot listen on {}: it is no IP address", options.address),
                  "write 127.0.0.1 for this machine only, 0.0.0.0 for all networks");
  const tcp::endpoint endpoint(address, options.port);
  acceptor.emplace(loops.front()->io);
  pause.emplace(loops.front()->io);
  acceptor->open(endpoint.protocol(), error);
  if (error) cannot_listen(options, error);
  acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  acceptor->bind(endpoint, error);
  if (error) cannot_listen(options, error);
  acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) cannot_listen(options, error);
  port = acceptor->local_endpoint().port();
  for (const std::unique_ptr<Loop>& loop : loops) sweep(*loop);
  accept();
  for (const std::unique_ptr<Loop>& loop : loops) loop->thread = std::thread([&io = loop->io] { io.run(); });
}

void Server::State::accept() {
  Loop& loop = *loops[next++ % loops.size()];
  acceptor->async_accept(loop.io, [this, &loop](boost::system::error_code error, Socket socket) {
    on_accept(error, std::move(socket), loop);
  });
}

bool Server::State::admit_connection() {
  const std::lock_guard lock(service.mutex);
  if (service.connections >= service.options.limits.connections) return false;
  ++service.connections;
  return true;
}

void Server::State::on_accept(boost::system::error_code error, Socket socket, Loop& loop) {
  if (service.stopping || error == asio::error::operation_aborted) return;
  if (error) {
    // Out of descriptors, say: the connection waits in the queue of the kernel.
    pause->expires_after(accept_pause);
    pause->async_wait([this](boost::system::error_code ended) {
      if (!ended && !service.stopping) accept();
    });
    return;
  }
  if (admit_connection()) {
    asio::post(loop.io, [connection = std::make_shared<Connection>(service, loop, std::move(socket))] {
      connection->start();
    });
  } else {
    const Reply reply = problem_reply({503, "overloaded", "too many connections are open"});
    std::string bytes;
    write_head({reply, loops.front()->date, false, false}, bytes);
    bytes += reply.body;
    socket.non_blocking(true, error);
    socket.send(asio::buffer(bytes), 0, error);
    socket.shutdown(Socket::shutdown_send, error);
  }
  accept();
}

void Server::State::each_connection(void (Connection::*what)()) {
  std::latch left(static_cast<std::ptrdiff_t>(loops.size()));
  for (const std::unique_ptr<Loop>& loop : loops)
    asio::post(loop->io, [&left, &loop = *loop, what] {
      const std::vector<std::shared_ptr<Connection>> all(loop.connections.begin(), loop.connections.end());
      for (const std::shared_ptr<Connection>& each : all) ((*each).*what)();
      left.count_down();
    });
  left.wait();
}

void Server::State::stop(std::chrono::milliseconds grace) {
  service.stopping = true;
  asio::post(loops.front()->io, [this] {
    boost::system::error_code error;
    acceptor->close(error);
    pause->cancel();
  });
  each_connection(&Connection::finish);
  {
    std::unique_lock lock(service.mutex);
    service.changed.wait_for(lock, grace, [&] { return service.connections == 0; });
  }
  // From here on nothing is handed to the workers: what is not with them is closed, what is comes back to be
  // closed.
  each_connection(&Connection::cut);
  service.workers.join();
  {
    std::unique_lock lock(service.mutex);
    service.changed.wait(lock, [&] { return service.streams == 0; });
  }
  each_connection(&Connection::close);
  for (const std::unique_ptr<Loop>& loop : loops) loop->io.stop();
  for (const std::unique_ptr<Loop>& loop : loops) loop->thread.join();
}

Server::Server(ServerOptions options, Handler handler)
    : state_(std::make_unique<State>(std::move(options), std::move(handler))) {
  state_->listen();
}

Server::~Server() { stop(std::chrono::milliseconds{0}); }

std::uint16_t Server::port() const { return state_->port; }

void Server::stop(std::chrono::milliseconds grace) {
  std::call_once(state_->stopped, [&] { state_->stop(grace); });
}

}  // namespace mlib::net
