#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "net/admit.hpp"

namespace mlib::net {

class Connection;
using Time = std::chrono::steady_clock;
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

/// One I/O thread and its connections; everything but `io` belongs to that thread.
struct Loop {
  std::unordered_set<std::shared_ptr<Connection>>
      connections;  ///< outlives `io`, whose handlers hold connections
  std::string date;
  boost::asio::io_context io{1};
  boost::asio::basic_waitable_timer<Time, boost::asio::wait_traits<Time>, Executor> sweep{io};
  std::thread thread;
};

/// What all connections of a server share.
struct Service {
  Service(ServerOptions chosen, Handler handle)
      : options(std::move(chosen)),
        handler(std::move(handle)),
        workers(static_cast<std::size_t>(options.workers)) {}
  /// Counts a stream; false when there are too many.
  bool begin_stream();
  void end_stream();

  const ServerOptions options;
  const Handler handler;
  boost::asio::thread_pool workers;
  std::atomic<std::size_t> waiting{0};
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::condition_variable changed;  ///< one of the two below became less
  std::size_t connections = 0;      ///< guarded by mutex
  std::size_t streams = 0;          ///< guarded by mutex
};

/// One connection: reads a request, has it answered, then the next. Lives on its loop's thread; only a
/// handler and a stream run elsewhere, and they touch nothing but the request, the reply and `Cancel`.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// Has been counted in `service.connections`.
  Connection(Service& service, Loop& loop, Socket socket);
  void start();
  /// Time has passed: ends what took too long.
  void look(Time::time_point now);
  /// The server stops: closes when idle, else after the current answer.
  void finish();
  /// Cancels what runs and cuts the connection.
  void cut();
  void close();

 private:
  enum class Phase { head, body, ready, handling, writing, draining, closed };

  void run();
  bool take_head();
  bool take_body();
  bool answer();
  bool send(Reply reply);
  bool refuse(const Refusal& refusal);
  bool overloaded(std::string detail) { return refuse({503, "overloaded", std::move(detail)}); }
  bool sent();
  void hand_over();
  void stream(Reply reply);
  void read();
  void on_read(boost::system::error_code error, std::size_t count);
  void write_rest(std::size_t written);
  void drain();
  std::string_view unread() const { return {in_.data() + begin_, end_ - begin_}; }

  Service& service_;
  Loop& loop_;
  Socket socket_;
  Phase phase_ = Phase::head;
  Time::time_point deadline_;
  std::string in_;  ///< bytes [begin_, end_) are unread; not moved while a read is under way
  std::size_t begin_ = 0, end_ = 0;
  bool reading_ = false;
  bool gone_ = false;  ///< the other side has closed
  bool last_ = false;  ///< close after the current answer
  HeadScan scan_;
  Framing framing_;
  BodyScan body_;
  Received request_;
  std::optional<Cancel> cancel_;
  std::string out_;  ///< head of the current answer
  Reply reply_;      ///< keeps the body that is being written
  std::string_view rest_;
};

}  // namespace mlib::net
