#include <doctest/doctest.h>

#include <atomic>

#include "net/scripted_server.hpp"
#include "net/server.hpp"

using namespace mlib;
using namespace mlib::net;
using namespace mlib::net::test;
using namespace std::chrono_literals;

namespace {

/// What the handler saw comes back as `METHOD path?query body`; counts the requests it got.
struct Echo {
  std::atomic<int> seen{0};
  Server server;

  explicit Echo(ServerOptions options = defaults())
      : server(std::move(options), [this](const Received& request) {
          ++seen;
          Reply reply;
          reply.body = request.method + ' ' + request.path + '?' + request.query + ' ' + request.body;
          return reply;
        }) {}
  static ServerOptions defaults() {
    ServerOptions options;
    options.workers = 2;
    options.hosts = {"localhost", "127.0.0.1"};
    options.limits.head_time = 3s;
    options.limits.body = 1000;
    options.fast = [](const Received& request) { return request.path != "/slow"; };
    return options;
  }
  /// All that comes back until the server closes; this side closes its sending half only when asked to.
  std::string talk(std::string_view bytes, bool half_close = false) const {
    const Descriptor connection = connect_to(server.port());
    send_all(connection.get(), bytes);
    if (half_close) ::shutdown(connection.get(), SHUT_WR);
    return read_all(connection.get());
  }
};

struct Row {
  std::string name, bytes;
  int status;
  std::string slug;
};

const std::string host = "Host: localhost\r\n";

std::string request(const std::string& line, const std::string& headers = "", const std::string& body = "") {
  return line + " HTTP/1.1\r\n" + host + headers + "\r\n" + body;
}
std::string post(const std::string& headers, const std::string& body) {
  return request("POST /x", headers, body);
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }
std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "X-" + std::to_string(i) + ": y\r\n";
  return text;
}

std::vector<Row> rows() {
  const std::string evil = "GET / HTTP/1.1\r\nHost: ";
  return {
      {"1 no Host", "GET / HTTP/1.1\r\n\r\n", 400, "bad-request"},
      {"1 two Host", request("GET /", host), 400, "bad-request"},
      {"1 empty Host", evil + "\r\n\r\n", 400, "bad-request"},
      {"1 Host with a path", evil + "localhost/x\r\n\r\n", 400, "bad-request"},
      {"1 two names in Host", evil + "localhost, localhost\r\n\r\n", 400, "bad-request"},
      {"1 HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 400, "bad-request"},
      {"2 another Host", evil + "evil.test\r\n\r\n", 421, "host-not-allowed"},
      {"2 a Host that begins like ours", evil + "127.0.0.1.evil.test\r\n\r\n", 421, "host-not-allowed"},
      {"2 a Host that ends like ours", evil + "evil.localhost:80\r\n\r\n", 421, "host-not-allowed"},
      {"3 both lengths", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400,
       "bad-request"},
      {"4 two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400, "bad-request"},
      {"4 two lengths in one", post("Content-Length: 3, 4\r\n", "abcd"), 400, "bad-request"},
      {"5 -1", post("Content-Length: -1\r\n", ""), 400, "bad-request"},
      {"5 +5", post("Content-Length: +5\r\n", "abcde"), 400, "bad-request"},
      {"5 0x10", post("Content-Length: 0x10\r\n", ""), 400, "bad-request"},
      {"5 5 5", post("Content-Length: 5 5\r\n", "abcde"), 400, "bad-request"},
      {"5 empty", post("Content-Length:\r\n", ""), 400, "bad-request"},
      {"5 20 digits", post("Content-Length: 18446744073709551617\r\n", ""), 400, "bad-request"},
      {"6 chunk -2", chunked("-2\r\nab\r\n0\r\n\r\n"), 400, "bad-request"},
      {"6 chunk of all bits", chunked("FFFFFFFFFFFFFFFF\r\nab\r\n"), 400, "bad-request"},
      {"6 chunk size empty", chunked("\r\nab\r\n0\r\n\r\n"), 400, "bad-request"},
      {"6 chunk 0x5", chunked("0x5\r\nabcde\r\n0\r\n\r\n"), 400, "bad-request"},
      {"6 chunk with a blank", chunked("5 \r\nabcde\r\n0\r\n\r\n"), 400, "bad-request"},
      {"6 chunk longer than said", chunked("2\r\nabcde\r\n0\r\n\r\n"), 400, "bad-request"},
      {"6 endless chunk line", chunked("5;" + std::string(5000, 'x')), 400, "bad-request"},
      {"6 endless trailers", chunked("0\r\n" + lines(1000)), 400, "bad-request"},
      {"6 trailer that is none", chunked("0\r\n: x\r\n\r\n"), 400, "bad-request"},
      {"7 bare LF in an extension", chunked("2;\nxx\r\nab\r\n0\r\n\r\n"), 400, "bad-request"},
      {"7 bare CR in an extension", chunked("2;\rxx\r\nab\r\n0\r\n\r\n"), 400, "bad-request"},
      {"7 bare LF after a size", chunked("2\nab\r\n0\r\n\r\n"), 400, "bad-request"},
      {"8 bare LF", "GET / HTTP/1.1\nHost: localhost\n\n", 400, "bad-request"},
      {"8 bare LF after a header", "GET / HTTP/1.1\r\nHost: localhost\n\r\n", 400, "bad-request"},
      {"8 CR alone", request("GET /", "A: b\rC: d\r\n"), 400, "bad-request"},
      {"8 CR CR LF", request("GET /", "A: b\r\r\n"), 400, "bad-request"},
      {"9 NUL in a value", request("GET /", std::string("A: b\0c\r\n", 8)), 400, "bad-request"},
      {"9 NUL in a name", request("GET /", std::string("A\0B: c\r\n", 8)), 400, "bad-request"},
      {"9 DEL in a value", request("GET /", "A: \x7f\r\n"), 400, "bad-request"},
      {"10 obs-fold", request("GET /", "A: b\r\n c\r\n"), 400, "bad-request"},
      {"10 blank before the colon", request("GET /", "A : b\r\n"), 400, "bad-request"},
      {"10 no name", request("GET /", ": b\r\n"), 400, "bad-request"},
      {"10 no colon", request("GET /", "A\r\n"), 400, "bad-request"},
      {"10 name that is no token", request("GET /", "A(: b\r\n"), 400, "bad-request"},
      {"10 folded before the first header", "GET / HTTP/1.1\r\n X: y\r\nHost: localhost\r\n\r\n", 400,
       "bad-request"},
      {"11 101 headers", request("GET /", lines(100)), 431, "headers-too-large"},
      {"11 headers without end", request("GET /", "").substr(0, 16) + lines(5000), 431, "headers-too-large"},
      {"12 a header of 64 KiB", request("GET /", "A: " + std::string(64U << 10U, 'b') + "\r\n"), 431,
       "headers-too-large"},
      {"12 three headers of 7 KiB",
       request("GET /", "A: " + std::string(7000, 'b') + "\r\nB: " + std::string(7000, 'b') +
                            "\r\nC: " + std::string(7000, 'b') + "\r\n"),
       431, "headers-too-large"},
      {"13 a request line of 9 KiB", request("GET /" + std::string(9U << 10U, 'a')), 414, "uri-too-long"},
      {"14 TRACE", request("TRACE /"), 405, "method-not-allowed"},
      {"14 CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 405,
       "method-not-allowed"},
      {"14 a method that is no token", request("G@T /"), 400, "bad-request"},
      {"15 HTTP/9.9", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505, "version-not-supported"},
      {"15 HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version-not-supported"},
      {"15 no version", "GET /\r\n\r\n", 400, "bad-request"},
      {"15 another protocol", std::string("\x16\x03\x01\x02\x00\x01\n", 7), 400, "bad-request"},
      {"15 blanks", "GET  / HTTP/1.1\r\n\r\n", 400, "bad-request"},
      {"15 blank at the end", "GET / HTTP/1.1 \r\n\r\n", 400, "bad-request"},
      {"15 an empty line first", "\r\nGET / HTTP/1.1\r\n\r\n", 400, "bad-request"},
      {"16 POST without length", post("", ""), 411, "length-required"},
      {"16 PUT without length", request("PUT /x"), 411, "length-required"},
      {"19 2 GiB expected", post("Expect: 100-continue\r\nContent-Length: 2147483648\r\n", ""), 413,
       "payload-too-large"},
      {"19 another expectation", post("Expect: tea\r\nContent-Length: 1\r\n", "a"), 417,
       "expectation-failed"},
      {"19 one byte too many", post("Content-Length: 1001\r\n", std::string(1001, 'a')), 413,
       "payload-too-large"},
      {"19 chunks too many", chunked("3e8\r\n" + std::string(1000, 'a') + "\r\n1\r\na\r\n0\r\n\r\n"), 413,
       "payload-too-large"},
      {"20 gzip", post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "\x1f\x8b"), 415,
       "unsupported-encoding"},
      {"20 transfer gzip", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501,
       "unsupported-transfer-encoding"},
      {"20 transfer twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       400, "bad-request"},
      {"20 transfer in HTTP/1.0",
       "POST /x HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad-request"},
      {"21 dots", request("GET /v1/cards/../keys"), 400, "bad-path"},
      {"21 one dot", request("GET /v1/./keys"), 400, "bad-path"},
      {"21 dots at the end", request("GET /v1/.."), 400, "bad-path"},
      {"21 encoded dots", request("GET /v1/%2e%2E%2fkeys"), 400, "bad-path"},
      {"21 half encoded dots", request("GET /v1/.%2e/keys"), 400, "bad-path"},
      {"21 doubly encoded", request("GET /v1/%252e%252e/keys"), 400, "bad-path"},
      {"21 backslash", request("GET /v1/..\\keys"), 400, "bad-path"},
      {"21 encoded backslash", request("GET /v1/..%5ckeys"), 400, "bad-path"},
      {"21 parameters", request("GET /v1/;x=/.."), 400, "bad-path"},
      {"21 dots with parameters", request("GET /v1/..;x/keys"), 400, "bad-path"},
      {"22 %00", request("GET /v1/%00"), 400, "bad-path"},
      {"22 %zz", request("GET /v1/%zz"), 400, "bad-path"},
      {"22 % at the end", request("GET /v1/%2"), 400, "bad-path"},
      {"22 %c0%af", request("GET /v1/%c0%af"), 400, "bad-path"},
      {"22 a raw byte 0x80", request("GET /v1/\x80"), 400, "bad-path"},
      {"22 a raw byte 0x80 in the query", request("GET /v1?\x80"), 400, "bad-path"},
      {"22 a newline", request("GET /v1/%0a"), 400, "bad-path"},
      {"22 a fragment", request("GET /v1#x"), 400, "bad-path"},
      {"22 no slash", request("GET v1"), 400, "bad-path"},
      {"22 a star", request("GET *"), 400, "bad-path"},
      {"25 absolute form elsewhere", request("GET http://169.254.169.254/latest"), 421, "host-not-allowed"},
      {"25 absolute form with a user", request("GET http://localhost@evil.test/"), 421, "host-not-allowed"},
  };
}

int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("ill-formed HTTP gets its status, its problem and the end of the connection; no handler sees it") {
  Echo echo;
  for (const Row& row : rows()) {
    CAPTURE(row.name);
    const std::string answer = echo.talk(row.bytes);
    CHECK_MESSAGE(answer.find("HTTP/1.1 " + std::to_string(row.status) + ' ') == 0, answer);
    CHECK(answer.find("\"type\":\"/problems/" + row.slug + "\"") != std::string::npos);
    CHECK(answer.find("\"status\":" + std::to_string(row.status) + ",") != std::string::npos);
    CHECK(answer.find("Content-Type: application/problem+json\r\n") != std::string::npos);
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(count_of(answer, "Content-Length: ") == 1);
    CHECK(answer.size() < 1000);
  }
  CHECK(echo.seen == 0);
  CHECK(echo.talk(request("GET /well", "Connection: close\r\n")).find("GET /well? ") != std::string::npos);
}

TEST_CASE("405 says what is allowed") {
  Echo echo;
  CHECK(echo.talk(request("TRACE /")).find("\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n") !=
        std::string::npos);
}

TEST_CASE("well-formed requests are seen as they were meant") {
  Echo echo;
  const std::string end = "Connection: close\r\n";
  const std::vector<std::pair<std::string, std::string>> cases{
      {request("GET /a%20b/%C3%A9?x=%2e%2e", end), "GET /a b/\xC3\xA9?x=%2e%2e "},
      {request("GET /100%25", end), "GET /100%? "},
      {request("GET //v1//cards", end), "GET //v1//cards? "},
      {request("GET /..a/b..", end), "GET /..a/b..? "},
      {request("OPTIONS *", end), "OPTIONS *? "},
      {request("get /", end), "get /? "},
      {request("GET http://localhost/x?y", end), "GET /x?y "},
      {request("GET http://localhost?y", end), "GET /?y "},
      {request("POST /x", "Content-Length: 3\r\n" + end, "abc"), "POST /x? abc"},
      {request("POST /x", "Content-Length: 0\r\n" + end), "POST /x? "},
      {request("POST /x", "Transfer-Encoding: Chunked\r\n" + end,
               "2;a=\"b\"\r\nab\r\n01\r\nc\r\n0\r\nT: v\r\n\r\n"),
       "POST /x? abc"},
      {request("DELETE /x", end), "DELETE /x? "},
      {request("GET /x", "X-Forwarded-For: ,\r\n" + end), "GET /x? "},
      {request("GET /x", "A:\tb \t\r\nEmpty:\r\n" + end), "GET /x? "},
      {request("GET /x", lines(98) + end), "GET /x? "},
      {"GET /x HTTP/1.0\r\n" + host + "\r\n", "GET /x? "},
      {"GET /x HTTP/1.1\r\nHOST: LOCALHOST:8001\r\n" + end + "\r\n", "GET /x? "},
      {request("GET /slow", end), "GET /slow? "},
  };
  for (const auto& [bytes, seen] : cases) {
    CAPTURE(bytes);
    const std::string answer = echo.talk(bytes);
    CHECK_MESSAGE(answer.find("HTTP/1.1 200 OK\r\n") == 0, answer);
    CHECK(answer.substr(std::min(answer.find("\r\n\r\n") + 4, answer.size())) == seen);
  }
}

TEST_CASE("a NUL, CR or LF at any byte of a request's head is refused") {
  Echo echo;
  const std::string good = "GET /x HTTP/1.1\r\nHost: localhost\r\nA: b\r\n";
  for (const char evil : {'\0', '\r', '\n'}) {
    for (std::size_t i = 0; i < good.size(); ++i) {
      if (good[i] == evil) continue;
      std::string bad = good;
      bad[i] = evil;
      CAPTURE(i);
      CAPTURE(static_cast<int>(evil));
      const std::string answer = echo.talk(bad + "\r\n\r\n", true);
      CHECK_MESSAGE(answer.find("HTTP/1.1 400 ") == 0, answer);
    }
  }
  CHECK(echo.seen == 0);
}

TEST_CASE("requests in one go are answered in order, up to the one that is ill-formed") {
  Echo echo;
  std::string all;
  for (int i = 0; i < 1000; ++i) all += request((i % 10 == 0 ? "GET /slow?" : "GET /x?") + std::to_string(i));
  const std::string bad = "GET / HTTP/1.1\r\nHost : localhost\r\n\r\n";
  const std::string answer = echo.talk(all + bad + request("GET /never"));
  CHECK(count_of(answer, "HTTP/1.1 200 OK") == 1000);
  std::size_t at = 0;
  for (int i = 0; i < 1000; ++i) {
    at = answer.find("?" + std::to_string(i) + " ", at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(answer.find("HTTP/1.1 400 ") > at);
  CHECK(count_of(answer, "HTTP/1.1 400 ") == 1);
  CHECK(echo.seen == 1000);
  const std::string two = echo.talk(request("GET /first") + bad + request("GET /never"));
  CHECK(two.find("GET /first? ") != std::string::npos);
  CHECK(count_of(two, "HTTP/1.1 400 ") == 1);
}

TEST_CASE("a body that is cut off has no effect") {
  Echo echo;
  CHECK(echo.talk(post("Content-Length: 10\r\n", "abc"), true).empty());
  CHECK(echo.talk(chunked("5\r\nab"), true).empty());
  CHECK(echo.talk("GET / HTTP/1.1\r\nHo", true).empty());
  CHECK(echo.seen == 0);
}

TEST_CASE("a slow head and a slow body are 408; silence is closed without a word") {
  ServerOptions options = Echo::defaults();
  options.limits.head_time = 200ms;
  options.limits.body_time = 200ms;
  options.limits.idle_time = 200ms;
  Echo echo(options);
  const auto drip = [&](const std::string& bytes) {
    const Descriptor connection = connect_to(echo.server.port());
    for (const char byte : bytes) {
      if (readable(connection.get(), 20)) break;
      send_all(connection.get(), {&byte, 1});
    }
    return read_all(connection.get());
  };
  CHECK(drip(request("GET /", lines(20))).find("HTTP/1.1 408 Request Timeout\r\n") == 0);
  const Descriptor body = connect_to(echo.server.port());
  send_all(body.get(), post("Content-Length: 100\r\n", "abc"));
  CHECK(read_all(body.get()).find("\"type\":\"/problems/request-timeout\"") != std::string::npos);
  const Descriptor silent = connect_to(echo.server.port());
  CHECK(read_all(silent.get()).empty());
  const Descriptor idle = connect_to(echo.server.port());
  send_all(idle.get(), request("GET /kept"));
  const std::string kept = read_all(idle.get());
  CHECK(kept.find("GET /kept? ") != std::string::npos);
  CHECK(count_of(kept, "HTTP/1.1 ") == 1);
  CHECK(echo.seen == 1);
}

TEST_CASE("100 Continue is said when the body is welcome") {
  Echo echo;
  const Descriptor connection = connect_to(echo.server.port());
  send_all(connection.get(), post("Expect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n", ""));
  CHECK(read_until(connection.get(), "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  send_all(connection.get(), "abc");
  CHECK(read_all(connection.get()).find("POST /x? abc") != std::string::npos);
}
