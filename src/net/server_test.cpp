#include "net/server.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>

#include "net/scripted_server.hpp"

using namespace mlib;
using namespace mlib::net;
using namespace mlib::net::test;
using namespace std::chrono_literals;

namespace {

/// A thing that happens once and can be waited for, 5 s at most.
class Event {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    happened_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 5s, [&] { return happened_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool happened_ = false;
};

/// Until the flag is set, 5 s at most.
bool asked(const Cancel& cancel) {
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (!cancel.asked() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return cancel.asked();
}

Call get(const Server& server, const std::string& path = "/") {
  Call call;
  call.url = "http://127.0.0.1:" + std::to_string(server.port()) + path;
  call.timeout = 5s;
  return call;
}

std::string request(const std::string& line, const std::string& headers = "") {
  return line + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n";
}

std::string talk(const Server& server, const std::string& bytes) {
  const Descriptor connection = connect_to(server.port());
  send_all(connection.get(), bytes);
  return read_all(connection.get());
}

}  // namespace

TEST_CASE("our client and our server understand each other") {
  ServerOptions options;
  options.io_threads = 2;
  Server server(options, [](const Received& received) {
    Reply reply;
    reply.status = 201;
    reply.headers = {{"X-Peer", received.peer}, {"X-Type", received.header("content-type")}};
    reply.body = received.body;
    return reply;
  });
  Call call = get(server);
  call.method = "POST";
  call.headers = {{"Content-Type", "text/plain"}};
  call.body = std::string(300'000, 'x');
  const std::unique_ptr<Client> client = make_client();
  for (int i = 0; i < 3; ++i) {
    const Answer answer = client->call(call);
    CHECK(answer.status == 201);
    CHECK(answer.header("X-Peer") == "127.0.0.1");
    CHECK(answer.header("X-Type") == "text/plain");
    CHECK(answer.header("Date").size() == 29);
    CHECK(answer.body == call.body);
  }
}

TEST_CASE("a shared body of many megabytes is sent to a reader that takes its time") {
  const auto shared = std::make_shared<const std::string>(16U << 20U, 'z');
  ServerOptions options;
  options.fast = [](const Received&) { return true; };
  Server server(options, [&](const Received&) { return Reply{.shared_body = shared}; });
  const std::string answer = talk(server, request("GET /") + request("GET /", "Connection: close\r\n"));
  CHECK(answer.size() > 2 * shared->size());
  CHECK(answer.find("Content-Length: 16777216\r\n") != std::string::npos);
}

TEST_CASE("HEAD reaches the handler as HEAD and gets the length without the body") {
  Server server({}, [](const Received& received) {
    Reply reply;
    reply.body = received.method;
    return reply;
  });
  const std::string answer = talk(server, request("HEAD /") + request("GET /", "Connection: close\r\n"));
  CHECK(answer.find("Content-Length: 4\r\n\r\nHTTP/1.1 200 OK\r\n") != std::string::npos);
  CHECK(answer.substr(answer.size() - 3) == "GET");
}

TEST_CASE("204 and 304 have neither a length nor a body") {
  Server server({}, [](const Received& received) {
    Reply reply;
    reply.status = received.path == "/304" ? 304 : 204;
    reply.body = "must not be sent";
    return reply;
  });
  for (const std::string path : {"/204", "/304"}) {
    const std::string answer = talk(server, request("GET " + path, "Connection: close\r\n"));
    CHECK(answer.find("Content-Length") == std::string::npos);
    CHECK(answer.find("must not") == std::string::npos);
  }
}

TEST_CASE("HTTP/1.0 closes unless it asks otherwise") {
  Server server({}, [](const Received&) { return Reply{.body = "x"}; });
  CHECK(talk(server, "GET / HTTP/1.0\r\n\r\n").find("Connection: close\r\n") != std::string::npos);
  const std::string two =
      talk(server, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n");
  CHECK(two.find("Connection: keep-alive\r\n") != std::string::npos);
  CHECK(two.find("HTTP/1.1 200 OK", 10) != std::string::npos);
}

TEST_CASE("a header that would break the answer becomes 500, not a second answer") {
  Server server({}, [](const Received&) {
    Reply reply;
    reply.headers = {{"X", "a\r\n\r\nHTTP/1.1 200 OK"}};
    return reply;
  });
  const std::string answer = talk(server, request("GET /", "Connection: close\r\n"));
  CHECK(answer.find("HTTP/1.1 500 Internal Server Error\r\n") == 0);
  CHECK(answer.find("200 OK") == std::string::npos);
}

TEST_CASE("pieces of a stream arrive as they are written") {
  Event first_seen;
  Server server({}, [&](const Received&) {
    Reply reply;
    reply.headers = {{"Content-Type", "text/event-stream"}};
    reply.stream = [&](const Write& write) {
      CHECK(write("data: 1\n\n"));
      CHECK(first_seen.wait());
      CHECK(write(""));
      CHECK(write("data: 2\n\n"));
    };
    return reply;
  });
  std::string seen;
  const Answer answer = make_client()->stream(get(server), [&](std::string_view bytes) {
    seen += bytes;
    first_seen.set();
    return true;
  });
  CHECK(answer.header("content-type") == "text/event-stream");
  CHECK(answer.header("transfer-encoding") == "chunked");
  CHECK(seen == "data: 1\n\ndata: 2\n\n");
  const std::string raw = talk(server, request("GET /") + request("GET /", "Connection: close\r\n"));
  CHECK(raw.find("\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\nHTTP/1.1 200 OK") !=
        std::string::npos);
  CHECK(talk(server, "GET / HTTP/1.0\r\n\r\n").find("\r\n\r\ndata: 1\n\ndata: 2\n\n") != std::string::npos);
  CHECK(talk(server, request("HEAD /", "Connection: close\r\n")).find("data") == std::string::npos);
}

TEST_CASE("a client that goes away is told to the stream and to the handler") {
  Event streaming, stream_ended, handling, handler_ended;
  std::atomic<bool> write_failed = false, stream_cancelled = false, handler_cancelled = false;
  Server server({}, [&](const Received& received) {
    Reply reply;
    if (received.path == "/handler") {
      handling.set();
      handler_cancelled = asked(*received.cancel);
      handler_ended.set();
      return reply;
    }
    reply.stream = [&, cancel = received.cancel](const Write& write) {
      write("x");
      streaming.set();
      stream_cancelled = asked(*cancel);
      write_failed = !write("x");
      stream_ended.set();
    };
    return reply;
  });
  {
    const Descriptor connection = connect_to(server.port());
    send_all(connection.get(), request("GET /stream"));
    REQUIRE(streaming.wait());
  }
  REQUIRE(stream_ended.wait());
  CHECK(stream_cancelled);
  CHECK(write_failed);
  {
    const Descriptor connection = connect_to(server.port());
    send_all(connection.get(), request("GET /handler"));
    REQUIRE(handling.wait());
    reset_on_close(connection.get());
  }
  REQUIRE(handler_ended.wait());
  CHECK(handler_cancelled);
}

TEST_CASE("a stream's reader that stops reading loses its stream") {
  ServerOptions options;
  options.limits.body_time = 200ms;
  Event ended;
  Server server(options, [&](const Received&) {
    Reply reply;
    reply.stream = [&](const Write& write) {
      const std::string block(64U << 10U, 'x');
      while (write(block)) {
      }
      ended.set();
    };
    return reply;
  });
  const Descriptor connection = connect_to(server.port());
  send_all(connection.get(), request("GET /"));
  CHECK(ended.wait());
}

TEST_CASE("over its limits the server says 503 and when to come back") {
  Event started, free;
  ServerOptions options;
  options.workers = 1;
  options.limits.waiting = 1;
  options.limits.streams = 1;
  options.limits.connections = 4;
  options.fast = [](const Received& received) { return received.path == "/stream"; };
  Server server(options, [&](const Received& received) {
    Reply reply;
    if (received.path == "/stream") {
      reply.stream = [&](const Write& write) {
        write("x");
        free.wait();
      };
    } else {
      started.set();
      free.wait();
    }
    return reply;
  });
  const Descriptor working = connect_to(server.port());
  send_all(working.get(), request("GET /"));
  REQUIRE(started.wait());
  std::string answer = talk(server, request("GET /"));
  CHECK(answer.find("HTTP/1.1 503 Service Unavailable\r\n") == 0);
  CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
  CHECK(answer.find("too many requests are waiting") != std::string::npos);
  const Descriptor streaming = connect_to(server.port());
  send_all(streaming.get(), request("GET /stream"));
  CHECK(read_until(streaming.get(), "x\r\n").find("200 OK") != std::string::npos);
  CHECK(talk(server, request("GET /stream")).find("too many streams are open") != std::string::npos);
  const Descriptor third = connect_to(server.port());
  const Descriptor fourth = connect_to(server.port());
  const Descriptor fifth = connect_to(server.port());
  CHECK(read_all(fifth.get()).find("too many connections are open") != std::string::npos);
  free.set();
}

TEST_CASE("stop lets the running request end, closes the idle and refuses the new") {
  Event handling, stopping;
  ServerOptions options;
  Server server(options, [&](const Received& received) {
    if (received.path == "/idle") return Reply{};
    handling.set();
    stopping.wait();
    return Reply{.body = "done"};
  });
  const std::uint16_t port = server.port();
  const Descriptor idle = connect_to(port);
  send_all(idle.get(), request("GET /idle"));
  read_until(idle.get(), "\r\n\r\n");
  const Descriptor busy = connect_to(port);
  send_all(busy.get(), request("GET /"));
  REQUIRE(handling.wait());
  std::thread stopper([&] { server.stop(5s); });
  CHECK(read_all(idle.get()).empty());
  stopping.set();
  const std::string answer = read_all(busy.get());
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(answer.find("done") != std::string::npos);
  stopper.join();
  CHECK(connect_to(port).get() < 0);
  server.stop();
}

TEST_CASE("after its grace stop cancels what still runs") {
  Event handling, streaming;
  std::atomic<bool> handler_cancelled = false, write_failed = false;
  Server server({}, [&](const Received& received) {
    Reply reply;
    if (received.path == "/stream") {
      reply.stream = [&](const Write& write) {
        streaming.set();
        const auto end = std::chrono::steady_clock::now() + 5s;
        while (write("x") && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        write_failed = !write("x");
      };
      return reply;
    }
    handling.set();
    handler_cancelled = asked(*received.cancel);
    return reply;
  });
  const Descriptor one = connect_to(server.port());
  const Descriptor two = connect_to(server.port());
  send_all(one.get(), request("GET /"));
  send_all(two.get(), request("GET /stream"));
  std::thread reader([&] { read_all(two.get()); });
  REQUIRE(handling.wait());
  REQUIRE(streaming.wait());
  server.stop(50ms);
  CHECK(handler_cancelled);
  CHECK(write_failed);
  reader.join();
}

TEST_CASE("an address that is taken, or is none, says so") {
  Server server({}, [](const Received&) { return Reply{}; });
  const auto refusal = [](const std::string& address, std::uint16_t port) -> std::string {
    ServerOptions options;
    options.address = address;
    options.port = port;
    try {
      Server second(options, [](const Received&) { return Reply{}; });
    } catch (const Problem& problem) {
      CHECK(problem.kind() == Kind::unavailable);
      return problem.message();
    }
    return "";
  };
  CHECK(refusal("127.0.0.1", server.port()) ==
        "cannot listen on 127.0.0.1:" + std::to_string(server.port()) + ": address already in use");
  CHECK(refusal("nowhere", 0) == "cannot listen on nowhere: it is no IP address");
}

TEST_CASE("without descriptors the server waits and then serves on") {
  ServerOptions options;
  options.fast = [](const Received&) { return true; };
  Server server(options, [](const Received&) { return Reply{.body = "here"}; });
  const Descriptor early(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(early.get()) + 1;
  ::setrlimit(RLIMIT_NOFILE, &none);
  const sockaddr_in address = loopback(server.port());
  const int connected = ::connect(early.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  send_all(early.get(), request("GET /", "Connection: close\r\n"));
  const bool answered = readable(early.get(), 200);
  ::setrlimit(RLIMIT_NOFILE, &before);
  REQUIRE(connected == 0);
  CHECK_FALSE(answered);
  CHECK(read_all(early.get()).find("here") != std::string::npos);
}
