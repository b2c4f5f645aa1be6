#include "net/http.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace mlib::net;

namespace {

/// The body that comes out when the bytes arrive `size` at a time; "!" in front when refused, "?" when
/// incomplete.
std::string body_of(const Framing& framing, std::string_view bytes, std::size_t size) {
  BodyScan scan(framing);
  std::string body;
  while (!bytes.empty()) {
    std::string_view in = bytes.substr(0, size);
    bytes.remove_prefix(in.size());
    std::string_view piece;
    for (;;) {
      const Step step = scan.step(in, piece);
      if (step == Step::refused) return "!" + body;
      if (step == Step::done) return body + (in.empty() && bytes.empty() ? "" : "+");
      if (step == Step::more) break;
      body += piece;
    }
  }
  return "?" + body;
}

Step scan_all(HeadScan& scan, std::string_view bytes) {
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const Step step = scan.scan(bytes.substr(0, size));
    if (step != Step::more) return step;
  }
  return Step::more;
}

}  // namespace

TEST_CASE("a chunked body comes out the same however it is cut") {
  const Framing chunked{.body = Framing::Body::chunked};
  const std::string bytes = "5;a=b\r\nhello\r\n00a\r\n, world...\r\n0\r\nT: v\r\n\r\n";
  for (std::size_t size = 1; size <= bytes.size(); ++size)
    CHECK(body_of(chunked, bytes, size) == "hello, world...");
  CHECK(body_of(chunked, bytes + "GET", 7) == "hello, world...+");
  CHECK(body_of(chunked, "5\r\nhel", 3) == "?hel");
  for (const char* bad :
       {"\r\n", "g\r\n", "-1\r\n", "+1\r\n", "0x1\r\n", " 1\r\n", "1 \r\n", "1\n", "1;\n", "1\r\nab",
        "1\r\na\n", "1000000000000000\r\n", "0\r\n\n", "0\r\n x: y\r\n", "0\r\nx: \x01\r\n"}) {
    CAPTURE(bad);
    for (std::size_t size = 1; size <= 4; ++size) CHECK(body_of(chunked, bad, size).front() == '!');
  }
}

TEST_CASE("a body of a length ends with its last byte, one to the end does not end") {
  CHECK(body_of({.body = Framing::Body::length, .length = 5}, "hello", 2) == "hello");
  CHECK(body_of({.body = Framing::Body::length, .length = 5}, "hello!", 6) == "hello+");
  CHECK(body_of({.body = Framing::Body::to_end}, "hello", 2) == "?hello");
  CHECK(BodyScan(Framing{}).done());
}

TEST_CASE("the end of a head is found byte by byte") {
  const std::string head = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
  HeadScan scan;
  CHECK(scan_all(scan, head) == Step::done);
  CHECK(scan.size() == head.size());
  HeadScan whole;
  CHECK(whole.scan(head + "body") == Step::done);
  CHECK(whole.size() == head.size());
}

TEST_CASE("a head is refused as soon as it breaks a limit") {
  const auto status = [](std::string_view bytes) {
    HeadScan scan(60, 30, 2);
    return scan_all(scan, bytes) == Step::refused ? scan.refusal().status : 0;
  };
  CHECK(status("GET /aaaaaaaaaaaaaaa HTTP/1.1\r\n\r\n") == 0);
  CHECK(status("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaa") == 414);
  CHECK(status("GET /\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") == 431);
  CHECK(status("GET /\r\nA: b\r\nC: d\r\n\r\n") == 0);
  CHECK(status("GET /\r\nA: b\r\nC: d\r\nE: f\r\n\r\n") == 431);
  CHECK(status("GET /aaaaaaaaaaaaaaa HTTP/1.1\r\nA: aaaaaaaaaaaaaaaa\r\nB: aaaaaaaaaaaaa") == 431);
  CHECK(status("GET /\n") == 400);
  CHECK(status("\r\n") == 400);
}

TEST_CASE("an answer's head says how its body ends") {
  const auto framing = [](std::string_view head, bool to_head = false) {
    Answer answer;
    Framing made;
    CHECK_FALSE(parse_answer(head, to_head, answer, made).has_value());
    return made;
  };
  CHECK(framing("HTTP/1.1 200 OK\r\n\r\n").body == Framing::Body::to_end);
  CHECK_FALSE(framing("HTTP/1.1 200 OK\r\n\r\n").keep_alive);
  CHECK(framing("HTTP/1.1 200\r\nContent-Length: 7\r\n\r\n").length == 7);
  CHECK(framing("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", true).body == Framing::Body::none);
  CHECK_FALSE(framing("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: x, Close\r\n\r\n").keep_alive);
  CHECK_FALSE(framing("HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\n").keep_alive);
  Answer answer;
  Framing made;
  for (const char* bad : {"HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
                          "HTTP/1.1  200\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n", "ICY 200 OK\r\n\r\n"}) {
    CAPTURE(bad);
    CHECK(parse_answer(bad, false, answer, made).has_value());
  }
}

TEST_CASE("a list of a header has its items whole") {
  CHECK(has_item("keep-alive, Close", "close"));
  CHECK_FALSE(has_item("closed", "close"));
  CHECK_FALSE(has_item("", "close"));
}
