#include "net/client.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "net/scripted_server.hpp"

using namespace mlib;
using namespace mlib::net;
using namespace mlib::net::test;
using namespace std::chrono_literals;

namespace {

struct Failure {
  Kind kind = Kind::internal;
  std::string text = "nothing was thrown";
};

template <class F>
Failure failure_of(F run) {
  try {
    run();
  } catch (const Problem& problem) {
    return {problem.kind(), problem.message()};
  }
  return {};
}

Failure failure(const Call& call) {
  return failure_of([&] { make_client()->call(call); });
}

Call get(const std::string& url) {
  Call call;
  call.url = url;
  call.timeout = 2s;
  return call;
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

void hang(int ended) { readable(ended, 10'000); }

}  // namespace

TEST_CASE("an answer has its status, headers and body") {
  const ScriptedServer server(
      answer_with("HTTP/1.1 418 Teapot\r\nX-One: 1\r\nContent-Length: 5\r\n\r\nhello"));
  const Answer answer = make_client()->call(get(server.url()));
  CHECK(answer.status == 418);
  CHECK(answer.header("x-one") == "1");
  CHECK(answer.header("x-two") == "");
  CHECK(answer.body == "hello");
}

TEST_CASE("what is sent is what was asked for") {
  std::string seen;
  {
    const ScriptedServer server([&](int connection, int) {
      seen = read_until(connection, "body!");
      send_all(connection, "HTTP/1.1 204 No Content\r\n\r\n");
    });
    Call call = get(server.url("/a?b=c#fragment"));
    call.method = "POST";
    call.body = "body!";
    call.headers = {{"Content-Type", "text/plain"}};
    call.bearer = Secret<std::string>("token");
    CHECK(make_client()->call(call).status == 204);
    CHECK(seen == "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                      "\r\nUser-Agent: mlib/" MLIB_VERSION
                      "\r\nAccept: */*\r\nContent-Type: text/plain\r\nAuthorization: Bearer token\r\n"
                      "Content-Length: 5\r\n\r\nbody!");
  }
}

TEST_CASE("bodies are read by length, by chunks and to the end") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n02;x=y\r\nbc\r\n0\r\nT: 1\r\n\r\n",
       "abc"},
      {"HTTP/1.1 200 OK\r\n\r\nabc", "abc"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc"},
      {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", ""},
  };
  for (const auto& [bytes, body] : cases) {
    const ScriptedServer server(answer_with(bytes));
    CAPTURE(bytes);
    CHECK(make_client()->call(get(server.url())).body == body);
  }
}

TEST_CASE("the answer to HEAD has no body, whatever its length says") {
  const ScriptedServer server(answer_with("HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"));
  Call call = get(server.url());
  call.method = "HEAD";
  CHECK(make_client()->call(call).body.empty());
}

TEST_CASE("a port that nobody listens on is connection refused") {
  const Failure failed = failure(get("http://127.0.0.1:9"));
  CHECK(failed.kind == Kind::unavailable);
  CHECK(failed.text == "cannot connect to http://127.0.0.1:9: connection refused");
}

TEST_CASE("a name that does not exist says so") {
  const Failure failed = failure(get("http://no-such-host.invalid/"));
  CHECK(failed.text.find("cannot connect to http://no-such-host.invalid: ") == 0);
}

TEST_CASE("rows 24 and 25: truncated, garbled and reset answers are errors, not answers") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "connection lost: closed before an answer"},
      {"HTTP/1.1 200 OK\r\nContent-Le", "connection lost: closed in the middle of the head"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
       "connection lost: closed in the middle of the body"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
       "connection lost: closed in the middle of the body"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nabc\r\n",
       ": the answer is not HTTP/1.1: a chunk is malformed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc", "two Content-Length headers"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nabc",
       "both Content-Length"},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", ": the answer is not HTTP/1.1: it has no status line"},
      {"HTTP/1.1 200 OK\nContent-Length: 0\n\n", "a line does not end with CR LF"},
  };
  for (const auto& [bytes, cause] : cases) {
    const ScriptedServer server(answer_with(bytes));
    CAPTURE(bytes);
    const Failure failed = failure(get(server.url("/path?token=hidden")));
    CHECK(failed.kind == Kind::unavailable);
    CHECK_MESSAGE(failed.text.find(cause) != std::string::npos, failed.text);
    CHECK(failed.text.find("GET " + server.url("/path") + ": ") == 0);
    CHECK(failed.text.find("hidden") == std::string::npos);
  }
  const ScriptedServer resetting([](int connection, int) {
    read_until(connection, "\r\n\r\n");
    send_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    reset_on_close(connection);
  });
  CHECK(failure(get(resetting.url())).kind == Kind::unavailable);
}

TEST_CASE("a server that accepts and says nothing is a timeout") {
  const ScriptedServer server([](int, int ended) { hang(ended); });
  Call call = get(server.url());
  call.timeout = 200ms;
  const auto start = std::chrono::steady_clock::now();
  const Failure failed = failure(call);
  CHECK(failed.kind == Kind::timeout);
  CHECK(failed.text == "GET " + server.url() + ": no answer within 0.2 s");
  CHECK(since(start) < 1s);
}

TEST_CASE("row 26: the time-out is for the whole call, so that a drip does not prolong it") {
  const ScriptedServer server([](int connection, int ended) {
    read_until(connection, "\r\n\r\n");
    send_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (!readable(ended, 20) && send_all(connection, "x")) {
    }
  });
  Call call = get(server.url());
  call.timeout = 300ms;
  const auto start = std::chrono::steady_clock::now();
  CHECK(failure(call).kind == Kind::timeout);
  CHECK(since(start) < 1s);
}

TEST_CASE("an endless body ends at the limit, an announced one before it is read") {
  const auto flood = [](const std::string& head) {
    return [head](int connection, int) {
      read_until(connection, "\r\n\r\n");
      send_all(connection, head);
      const std::string block(8192, 'x');
      while (send_all(connection, block)) {
      }
    };
  };
  const ScriptedServer endless(flood("HTTP/1.1 200 OK\r\n\r\n"));
  Call call = get(endless.url());
  call.body_limit = 100'000;
  Failure failed = failure(call);
  CHECK(failed.kind == Kind::too_large);
  CHECK(failed.text == "GET " + endless.url() + ": the answer is larger than 100000 bytes");
  const ScriptedServer announced(answer_with("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"));
  call.url = announced.url();
  CHECK(failure(call).kind == Kind::too_large);
  const ScriptedServer heads(flood("HTTP/1.1 200 OK\r\nX: "));
  CHECK(failure(get(heads.url())).kind == Kind::unavailable);
}

TEST_CASE("cancel ends a call within 100 ms") {
  Cancel cancel;
  std::chrono::steady_clock::time_point asked;
  const ScriptedServer server([&](int connection, int ended) {
    read_until(connection, "\r\n\r\n");
    asked = std::chrono::steady_clock::now();
    cancel.ask();
    hang(ended);
  });
  Call call = get(server.url());
  call.timeout = 10s;
  const Failure failed = failure_of([&] { make_client()->call(call, &cancel); });
  CHECK(since(asked) < 100ms);
  CHECK(failed.kind == Kind::cancelled);
  CHECK(failed.text == "GET " + server.url() + ": cancelled");
}

TEST_CASE("row 27: a stream goes to the sink as it arrives; its time-out is between two reads") {
  const ScriptedServer server([](int connection, int) {
    read_until(connection, "\r\n\r\n");
    send_all(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 4; ++i) {
      send_all(connection, "1\r\n" + std::to_string(i) + "\r\n");
      readable(connection, 100);
    }
    readable(connection, 10'000);  // until the client closes
  });
  Call call = get(server.url());
  call.timeout = 300ms;
  std::string seen;
  const auto sink = [&](std::string_view bytes) {
    seen += bytes;
    return true;
  };
  CHECK(failure_of([&] { make_client()->stream(call, sink); }).kind == Kind::timeout);
  CHECK(seen == "0123");
  seen.clear();
  const auto enough = [&](std::string_view bytes) {
    seen += bytes;
    return seen.size() < 2;
  };
  CHECK(make_client()->stream(call, enough).status == 200);
  CHECK(seen == "01");
  const auto broken = [](std::string_view) -> bool { throw Problem(Kind::conflict, "from the sink"); };
  const Failure failed = failure_of([&] { make_client()->stream(call, broken); });
  CHECK(failed.kind == Kind::conflict);
  CHECK(failed.text == "from the sink");
}

TEST_CASE("a stream's answer that is no success has its body as a call has") {
  const ScriptedServer server(answer_with("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"));
  const Answer answer = make_client()->stream(get(server.url()), [](std::string_view) -> bool {
    FAIL("the sink was called");
    return false;
  });
  CHECK(answer.status == 404);
  CHECK(answer.body == "none");
}

TEST_CASE("row 33: a redirect is an answer and nothing is sent to where it points") {
  const ScriptedServer other(answer_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const ScriptedServer server(
      answer_with("HTTP/1.1 302 Found\r\nLocation: " + other.url() + "\r\nContent-Length: 0\r\n\r\n"));
  Call call = get(server.url());
  call.bearer = Secret<std::string>("token");
  CHECK(make_client()->call(call).status == 302);
  CHECK(other.connections() == 0);
}

TEST_CASE("reads share a connection, and a connection that was closed in the meantime is opened again") {
  std::atomic<int> answered = 0;
  const ScriptedServer server([&](int connection, int) {
    for (int i = 0; i < 3; ++i) {
      if (read_until(connection, "\r\n\r\n").empty()) return;
      ++answered;
      send_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    read_until(connection, "\r\n\r\n");  // the fourth request gets no answer
  });
  const std::unique_ptr<Client> client = make_client();
  for (int i = 0; i < 4; ++i) CHECK(client->call(get(server.url())).status == 200);
  CHECK(server.connections() == 2);
  CHECK(answered == 4);
}

TEST_CASE("a call that may change something is never sent twice") {
  const ScriptedServer closing([](int connection, int) { read_until(connection, "\r\n\r\n"); });
  Call call = get(closing.url());
  call.method = "POST";
  CHECK(failure(call).kind == Kind::unavailable);
  CHECK(closing.connections() == 1);
}

TEST_CASE("row 22: an address that does not answer at all is a timeout of connecting") {
  // A queue of one that nobody empties: the kernel drops what comes after.
  const Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 0) == 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  const Descriptor first = connect_to(ntohs(address.sin_port));
  Call call = get("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/");
  call.connect_timeout = 200ms;
  const auto start = std::chrono::steady_clock::now();
  const Failure failed = failure(call);
  CHECK(failed.kind == Kind::timeout);
  CHECK(failed.text.find("cannot connect to http://127.0.0.1:") == 0);
  CHECK(failed.text.find("no answer within 0.2 s") != std::string::npos);
  CHECK(since(start) < 1s);
}

TEST_CASE("addresses that are not public are refused after resolution, before a connection") {
  const ScriptedServer server(answer_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  const std::string port = std::to_string(server.port());
  for (const std::string host :
       {"127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]",
        "[::ffff:127.0.0.1]", "[::]", "10.0.0.1", "169.254.169.254", "192.168.1.1"}) {
    Call call = get("http://" + host + ":" + port + "/");
    call.reach = Reach::public_only;
    CAPTURE(host);
    const Failure failed = failure(call);
    CHECK(failed.kind == Kind::forbidden);
    CHECK(failed.text.find("is not public") != std::string::npos);
  }
  CHECK(server.connections() == 0);
  Call call = get("http://socket/");
  call.socket = "/run/some.sock";
  call.reach = Reach::public_only;
  CHECK(failure(call).kind == Kind::forbidden);
}

TEST_CASE("a Unix socket carries a call") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("mlib-net-" + std::to_string(getpid()))).string();
  std::string seen;
  {
    const ScriptedServer server(
        [&](int connection, int) {
          seen = read_until(connection, "\r\n\r\n");
          send_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        },
        path);
    Call call = get("http://podman/v4/info");
    call.socket = path;
    CHECK(make_client()->call(call).body == "ok");
  }
  CHECK(seen.find("GET /v4/info HTTP/1.1\r\nHost: podman\r\n") == 0);
  std::filesystem::remove(path);
  Call call = get("http://podman/v4/info");
  call.socket = path;
  CHECK(failure(call).text == "cannot connect to unix:" + path + ": no such file or directory");
}

TEST_CASE("a header that would add another, or is the client's own, is refused before anything is sent") {
  Call call = get("http://127.0.0.1:9/");
  call.headers = {{"X", "a\r\nY: secret"}};
  Failure failed = failure(call);
  CHECK(failed.kind == Kind::usage);
  CHECK(failed.text == "the value of header X has a control character");
  call.headers = {{"X Y", "a"}};
  CHECK(failure(call).kind == Kind::usage);
  call.headers = {{"Content-Length", "5"}};
  CHECK(failure(call).kind == Kind::usage);
  call.headers = {};
  call.method = "GET /";
  CHECK(failure(call).kind == Kind::usage);
  call.method = "GET";
  call.bearer = Secret<std::string>("secret\r\n");
  failed = failure(call);
  CHECK(failed.kind == Kind::usage);
  CHECK(failed.text.find("secret") == std::string::npos);
}

TEST_CASE("a proxy is asked to connect; its login goes to it and to nobody else") {
  const ScriptedServer proxy([](int connection, int) {
    const std::string asked = read_until(connection, "\r\n\r\n");
    CHECK(asked ==
          "CONNECT cluster.invalid:6443 HTTP/1.1\r\nHost: cluster.invalid:6443\r\n"
          "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
    send_all(connection, "HTTP/1.1 200 Connection established\r\n\r\n");
    const std::string through = read_until(connection, "\r\n\r\n");
    CHECK(through.starts_with("GET /api HTTP/1.1\r\nHost: cluster.invalid:6443\r\n"));
    CHECK(through.find("Proxy-Authorization") == std::string::npos);
    send_all(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  });
  Call call = get("http://cluster.invalid:6443/api");
  call.proxy = proxy.url("");
  call.proxy_login = Secret<std::string>("user:pass");
  CHECK(make_client()->call(call).body == "hi");
}

TEST_CASE("a proxy that refuses, says nothing sensible or is not there is named") {
  Call call = get("http://cluster.invalid:6443/api");
  const auto text_with = [&](const std::string& answer) {
    const ScriptedServer proxy(answer_with(answer));
    call.proxy = proxy.url("");
    const std::string text = failure(call).text;
    CHECK(text.starts_with("cannot connect to http://cluster.invalid:6443: the proxy " + call.proxy));
    return text;
  };
  CHECK(text_with("HTTP/1.1 407 Who?\r\nContent-Length: 6\r\n\r\nsecret").ends_with(" answered 407"));
  CHECK(text_with("SSH-2.0\r\n\r\n").ends_with(" does not speak HTTP/1.1"));
  CHECK(text_with("").ends_with(" closed the connection"));
  call.proxy = "http://127.0.0.1:1";
  CHECK(failure(call).text.ends_with("the proxy http://127.0.0.1:1 does not answer: connection refused"));
  call.reach = Reach::public_only;
  CHECK(failure(call).kind == Kind::usage);
}
