#include "net/connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <system_error>

#include "net/wire.hpp"

namespace mlib::net {
namespace asio = boost::asio;
namespace {

constexpr std::size_t first_buffer = 2048;
constexpr std::size_t body_buffer = 16U << 10U;
constexpr std::size_t kept_body = 64U << 10U;
constexpr std::size_t line_limit = 8U << 10U;
constexpr std::size_t field_limit = 100;
constexpr std::chrono::seconds drain_time{1};

using Buffers = std::array<asio::const_buffer, 2>;

/// What of `head` and `body` follows its first `done` bytes.
Buffers rest_of(std::string_view head, std::string_view body, std::size_t done) {
  const std::size_t of_head = std::min(done, head.size());
  const std::size_t of_body = done - of_head;
  return {asio::buffer(head.data() + of_head, head.size() - of_head),
          asio::buffer(body.data() + of_body, body.size() - of_body)};
}

std::string peer_of(const Socket& socket) {
  boost::system::error_code error;
  const asio::ip::address address = socket.remote_endpoint(error).address();
  if (error) return "";
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

/// Writes a streamed answer from a thread of its own; false when the other side did not take all of it.
bool write_stream(Wire& wire, const Reply& reply, std::string_view head, const Wait& each) {
  const bool chunked = head.find("\r\nTransfer-Encoding: chunked\r\n") != std::string_view::npos;
  const auto span = each.until - Time::time_point{};
  bool alive = true;
  const auto put = [&](std::string_view bytes) {
    if (!alive) return false;
    try {
      wire.write(bytes, {Time::now() + span, each.cancel});
    } catch (const Problem&) {
      alive = false;
    }
    return alive;
  };
  if (!put(head)) return false;
  std::string chunk;
  reply.stream([&](std::string_view piece) {
    if (piece.empty()) return alive && !each.cancel->asked();
    if (!chunked) return put(piece);
    chunk = fmt::format("{:x}\r\n", piece.size());
    chunk.append(piece).append("\r\n");
    return put(chunk);
  });
  return (!chunked || put("0\r\n\r\n")) && alive;
}

}  // namespace

Connection::Connection(Service& service, Loop& loop, Socket socket)
    : service_(service), loop_(loop), socket_(std::move(socket)) {}

void Connection::start() {
  boost::system::error_code error;
  socket_.non_blocking(true, error);
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  request_.peer = peer_of(socket_);
  in_.resize(first_buffer);
  scan_ = HeadScan(service_.options.limits.head, line_limit, field_limit);
  deadline_ = Time::now() + service_.options.limits.head_time;
  loop_.connections.insert(shared_from_this());
  if (service_.stopping) return close();
  read();
}

void Connection::run() {
  for (;;) {
    bool more = false;
    if (phase_ == Phase::head)
      more = take_head();
    else if (phase_ == Phase::body)
      more = take_body();
    else if (phase_ == Phase::ready)
      more = answer();
    if (!more) return;
  }
}

bool Connection::take_head() {
  const Step step = end_ == begin_ ? Step::more : scan_.scan(unread());
  if (step == Step::refused) return refuse(scan_.refusal());
  if (step == Step::more) {
    read();
    return false;
  }
  const std::string_view head = unread().substr(0, scan_.size());
  auto refused = parse_request(head, request_, framing_);
  if (!refused) refused = admit(request_, framing_, service_.options);
  begin_ += scan_.size();
  if (refused) return refuse(*refused);
  request_.body.clear();
  body_ = BodyScan(framing_);
  phase_ = Phase::body;
  if (body_.done()) return true;
  deadline_ = Time::now() + service_.options.limits.body_time;
  if (framing_.expect_continue && begin_ == end_) {
    boost::system::error_code error;
    socket_.send(asio::buffer("HTTP/1.1 100 Continue\r\n\r\n", 25), 0, error);
  }
  return true;
}

bool Connection::take_body() {
  for (;;) {
    std::string_view in = unread();
    std::string_view piece;
    const Step step = body_.step(in, piece);
    begin_ = end_ - in.size();
    if (step == Step::refused) return refuse({400, "bad-request", "a chunk of the body is malformed"});
    if (step == Step::done) {
      phase_ = Phase::ready;
      return true;
    }
    if (step == Step::more) {
      read();
      return false;
    }
    if (request_.body.size() + piece.size() > service_.options.limits.body)
      return refuse({413, "payload-too-large",
                     fmt::format("a body has at most {} bytes", service_.options.limits.body)});
    request_.body += piece;
  }
}

bool Connection::answer() {
  if (!service_.options.fast || !service_.options.fast(request_)) {
    hand_over();
    return false;
  }
  request_.cancel = nullptr;
  cancel_.reset();
  return send(service_.handler(request_));
}

void Connection::hand_over() {
  if (service_.waiting.fetch_add(1) >= service_.options.limits.waiting) {
    --service_.waiting;
    overloaded("too many requests are waiting");
    return;
  }
  cancel_.emplace();
  request_.cancel = &*cancel_;
  phase_ = Phase::handling;
  deadline_ = Time::time_point::max();
  read();  // sees the other side close
  asio::post(service_.workers, [self = shared_from_this()]() mutable {
    Reply reply = self->service_.handler(self->request_);
    --self->service_.waiting;
    asio::io_context& io = self->loop_.io;
    asio::post(io, [self = std::move(self), reply = std::move(reply)]() mutable {
      if (self->phase_ == Phase::handling && self->send(std::move(reply))) self->run();
    });
  });
}

bool Connection::refuse(const Refusal& refusal) {
  last_ = true;
  return send(problem_reply(refusal));
}

bool Connection::send(Reply reply) {
  reply_ = std::move(reply);
  last_ = last_ || !framing_.keep_alive || service_.stopping || (reply_.stream && framing_.http10);
  out_.clear();
  if (!write_head({reply_, loop_.date, framing_.http10, !last_}, out_)) {
    reply_ = problem_reply({500, "internal", "the answer had a header that cannot be sent"});
    write_head({reply_, loop_.date, framing_.http10, !last_}, out_);
  }
  rest_ = {};
  const bool silent = request_.method == "HEAD" || bodiless(reply_.status);
  if (reply_.stream && !silent) {
    stream(std::move(reply_));
    return false;
  }
  if (!silent)
    rest_ = reply_.shared_body ? std::string_view(*reply_.shared_body) : std::string_view(reply_.body);
  boost::system::error_code error;
  const std::size_t count = socket_.send(rest_of(out_, rest_, 0), 0, error);
  if (error && error != asio::error::would_block && error != asio::error::try_again) {
    close();
    return false;
  }
  if (count == out_.size() + rest_.size()) return sent();
  write_rest(count);
  return false;
}

void Connection::write_rest(std::size_t written) {
  phase_ = Phase::writing;
  deadline_ = Time::now() + service_.options.limits.body_time;
  asio::async_write(socket_, rest_of(out_, rest_, written),
                    [self = shared_from_this()](boost::system::error_code error, std::size_t) {
                      if (self->phase_ == Phase::closed) return;
                      if (error)
                        self->close();
                      else if (self->sent())
                        self->run();
                    });
}

/// True when the connection goes on with its next request.
bool Connection::sent() {
  reply_ = {};
  framing_ = {};
  request_.method.clear();  // what is refused next may not have one
  if (request_.body.capacity() > kept_body) std::string().swap(request_.body);
  if (last_) {
    drain();
    return false;
  }
  if (gone_ && begin_ == end_) {
    close();
    return false;
  }
  phase_ = Phase::head;
  const Limits& limits = service_.options.limits;
  scan_ = HeadScan(limits.head, line_limit, field_limit);
  deadline_ = Time::now() + (begin_ == end_ ? limits.idle_time : limits.head_time);
  return true;
}

bool Service::begin_stream() {
  const std::lock_guard lock(mutex);
  if (streams >= options.limits.streams) return false;
  ++streams;
  return true;
}

void Service::end_stream() {
  const std::lock_guard lock(mutex);
  --streams;
  changed.notify_all();
}

void Connection::stream(Reply reply) {
  if (!service_.begin_stream()) {
    overloaded("too many streams are open");
    return;
  }
  if (!cancel_) cancel_.emplace();
  phase_ = Phase::handling;
  deadline_ = Time::time_point::max();
  read();
  // The stream writes through a descriptor of its own, so that this side may close at any time.
  const int descriptor = ::fcntl(socket_.native_handle(), F_DUPFD_CLOEXEC, 0);
  auto work = [self = shared_from_this(), reply = std::move(reply), head = out_,
               wire = Wire(descriptor)]() mutable {
    Service& service = self->service_;
    const Wait each{Time::time_point{} + service.options.limits.body_time, &*self->cancel_};
    const bool whole = write_stream(wire, reply, head, each);
    reply = {};
    asio::io_context& io = self->loop_.io;
    asio::post(io, [self = std::move(self), whole] {
      if (self->phase_ != Phase::handling) return;
      if (!whole)
        self->close();
      else if (self->sent())
        self->run();
    });
    service.end_stream();
  };
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error&) {
    service_.end_stream();
    overloaded("the system has no thread for a stream");
  }
}

void Connection::read() {
  if (reading_ || phase_ == Phase::closed) return;
  if (begin_ == end_) begin_ = end_ = 0;
  if (phase_ == Phase::body && end_ == 0 && in_.size() < body_buffer) in_.resize(body_buffer);
  if (end_ == in_.size()) {
    if (begin_ > 0) {
      in_.erase(0, begin_);
      end_ -= begin_;
      begin_ = 0;
      in_.resize(in_.capacity());
    } else if (in_.size() < service_.options.limits.head + body_buffer) {
      in_.resize(in_.size() * 2);
    } else {
      return;
    }
  }
  reading_ = true;
  socket_.async_read_some(asio::buffer(in_.data() + end_, in_.size() - end_),
                          [self = shared_from_this()](boost::system::error_code error, std::size_t count) {
                            self->on_read(error, count);
                          });
}

void Connection::on_read(boost::system::error_code error, std::size_t count) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  const bool busy = phase_ == Phase::handling || phase_ == Phase::writing;
  if (error) {
    gone_ = true;
    if (cancel_) cancel_->ask();
    if (!busy) close();
    return;
  }
  if (phase_ == Phase::draining) {
    begin_ = end_ = 0;
    return read();
  }
  if (phase_ == Phase::head && begin_ == end_) deadline_ = Time::now() + service_.options.limits.head_time;
  end_ += count;
  if (busy)
    read();
  else
    run();
}

/// Closing at once would reset the connection while the other side still sends, and lose our answer.
void Connection::drain() {
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || gone_) return close();
  phase_ = Phase::draining;
  deadline_ = Time::now() + drain_time;
  begin_ = end_ = 0;
  read();
}

void Connection::look(Time::time_point now) {
  if (now < deadline_) return;
  const bool slow = phase_ == Phase::body || (phase_ == Phase::head && begin_ != end_);
  if (slow)
    refuse({408, "request-timeout", "the request did not come in time"});
  else if (phase_ != Phase::handling)
    close();
}

void Connection::finish() {
  if (phase_ == Phase::head && begin_ == end_) return close();
  last_ = true;
}

void Connection::cut() {
  if (cancel_) cancel_->ask();
  if (phase_ != Phase::handling) return close();
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_both, error);
}

void Connection::close() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  boost::system::error_code error;
  socket_.close(error);
  const std::shared_ptr<Connection> self = shared_from_this();
  loop_.connections.erase(self);
  const std::lock_guard lock(service_.mutex);
  --service_.connections;
  service_.changed.notify_all();
}

}  // namespace mlib::net
