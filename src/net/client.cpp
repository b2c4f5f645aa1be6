#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <utility>

#include "base/text.hpp"
#include "net/http.hpp"
#include "net/wire.hpp"

namespace mlib::net {
namespace {

using Time = std::chrono::steady_clock;

constexpr std::size_t most_idle = 16;
constexpr std::size_t most_contexts = 32;
constexpr std::chrono::seconds idle_time{15};

/// One exchange: the call, where it goes, and the names that errors use.
struct Exchange {
  const Call& call;
  const BodySink* sink;
  const Cancel* cancel;
  Url url;
  std::string to;        ///< `http://host:port`, or `unix:PATH`
  std::string key;       ///< of connections that may be shared
  Time::time_point end;  ///< of the whole call; moves on with each read of a stream

  Wait wait() const { return {sink == nullptr ? end : Time::now() + call.timeout, cancel}; }
  /// `GET http://host:port/path`, without the query.
  std::string name() const {
    return fmt::format("{} {}{}{}", call.method, to, call.socket.empty() ? "" : " ",
                       shortened(url.target.substr(0, url.target.find('?')), 200));
  }
};

std::string seconds(std::chrono::milliseconds span) {
  return fmt::format("{:g} s", static_cast<double>(span.count()) / 1e3);
}

[[noreturn]] void rethrow(const Exchange& exchange, const Problem& problem) {
  if (problem.kind() == Kind::timeout)
    throw Problem(Kind::timeout,
                  fmt::format("{}: no answer within {}", exchange.name(), seconds(exchange.call.timeout)));
  if (problem.kind() == Kind::cancelled) throw Problem(Kind::cancelled, exchange.name() + ": cancelled");
  throw Problem(problem.kind(), fmt::format("{}: connection lost: {}", exchange.name(), problem.message()));
}

[[noreturn]] void rethrow_connect(const Exchange& exchange, const Problem& problem) {
  if (problem.kind() == Kind::timeout) {
    const auto span = std::min(exchange.call.connect_timeout, exchange.call.timeout);
    throw Problem(Kind::timeout,
                  fmt::format("cannot connect to {}: no answer within {}", exchange.to, seconds(span)));
  }
  if (problem.kind() == Kind::cancelled) throw Problem(Kind::cancelled, exchange.name() + ": cancelled");
  throw Problem(problem.kind(), fmt::format("cannot connect to {}: {}", exchange.to, problem.message()),
                problem.hint());
}

void check_headers(const Call& call) {
  if (!is_token(call.method))
    throw Problem(Kind::usage, fmt::format("`{}` is no HTTP method", visible(shortened(call.method, 40))));
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name))
      throw Problem(Kind::usage, fmt::format("`{}` is no name of a header", visible(shortened(name, 64))));
    if (same_name(name, "content-length") || same_name(name, "transfer-encoding") ||
        same_name(name, "connection"))
      throw Problem(Kind::usage, fmt::format("the client sets the header {} itself", name));
    if (!is_field_value(value))
      throw Problem(Kind::usage, fmt::format("the value of header {} has a control character", name));
  }
  if (!is_field_value(call.bearer.reveal()))
    throw Problem(Kind::usage, "the bearer token has a control character");
}

std::string request_head(const Exchange& exchange) {
  const Call& call = exchange.call;
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", call.method, exchange.url.target);
  const auto missing = [&](std::string_view name) { return find_header(call.headers, name) == nullptr; };
  if (missing("host")) head += fmt::format("Host: {}\r\n", exchange.url.authority());
  if (missing("user-agent")) head += "User-Agent: mlib/" MLIB_VERSION "\r\n";
  if (missing("accept")) head += "Accept: */*\r\n";
  for (const auto& [name, value] : call.headers) head += fmt::format("{}: {}\r\n", name, value);
  if (!call.bearer.empty()) head += fmt::format("Authorization: Bearer {}\r\n", call.bearer.reveal());
  const bool has_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (has_body || !call.body.empty()) head += fmt::format("Content-Length: {}\r\n", call.body.size());
  return head += "\r\n";
}

/// Calls that share a key may share a connection.
std::string connection_key(const Exchange& exchange) {
  const Call& call = exchange.call;
  std::string key = fmt::format("{} {} {}", exchange.url.origin(), call.socket, static_cast<int>(call.reach));
  if (!call.proxy.empty()) key += fmt::format(" by {} {}", call.proxy, sha256_hex(call.proxy_login.reveal()));
  if (exchange.url.tls && call.tls) {
    const Tls& tls = *call.tls;
    std::string all;
    for (const std::string* each : {&tls.ca, &tls.certificate, &tls.key.reveal(), &tls.server_name})
      all += fmt::format("{}:{}", each->size(), *each);
    key += fmt::format(" {} {}", sha256_hex(all), tls.insecure);
  }
  return key;
}

/// Reads one answer from a wire.
class Reading {
 public:
  Reading(Wire& wire, const Exchange& exchange)
      : wire_(wire), exchange_(exchange), buffer_(16U << 10U, '\0') {}

  Answer answer() {
    Answer answer;
    do {
      read_head(answer);
    } while (answer.status < 200 && answer.status != 101);
    const bool to_sink = exchange_.sink != nullptr && answer.status >= 200 && answer.status < 300;
    if (!to_sink) check_size(framing_.length);
    BodyScan body(framing_);
    for (;;) {
      std::string_view bytes(buffer_.data(), filled_);
      if (!take(body, bytes, to_sink, answer)) return answer;
      filled_ = 0;
      if (body.done()) break;
      if (!fill()) {
        if (!body.to_end()) lost("closed in the middle of the body");
        break;
      }
    }
    reusable_ = framing_.keep_alive && answer.status != 101;
    return answer;
  }
  /// Whether the connection can carry another call.
  bool reusable() const { return reusable_; }
  bool began() const { return began_; }
  /// What is thrown has its whole text already, or comes from the caller's sink.
  bool whole() const { return whole_; }

 private:
  [[noreturn]] void lost(std::string_view cause) const {
    throw Problem(Kind::unavailable, std::string(cause));
  }
  [[noreturn]] void end(Kind kind, std::string_view text) {
    whole_ = true;
    throw Problem(kind, fmt::format("{}: {}", exchange_.name(), text));
  }
  [[noreturn]] void ill_formed(std::string_view detail) {
    end(Kind::unavailable, fmt::format("the answer is not HTTP/1.1: {}", detail));
  }
  void check_size(std::size_t size) {
    const std::size_t limit = exchange_.call.body_limit;
    if (size > limit) end(Kind::too_large, fmt::format("the answer is larger than {} bytes", limit));
  }

  bool fill() {
    if (filled_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
    const std::size_t count =
        wire_.read(buffer_.data() + filled_, buffer_.size() - filled_, exchange_.wait());
    filled_ += count;
    began_ = began_ || count > 0;
    return count > 0;
  }

  /// Leaves what follows the head at the front of the buffer.
  void read_head(Answer& answer) {
    HeadScan scan;
    for (;;) {
      const Step step = filled_ == 0 ? Step::more : scan.scan({buffer_.data(), filled_});
      if (step == Step::refused) ill_formed(scan.refusal().detail);
      if (step == Step::done) break;
      if (!fill()) lost(began_ ? "closed in the middle of the head" : "closed before an answer");
    }
    const std::string_view head(buffer_.data(), scan.size());
    if (const auto refused = parse_answer(head, exchange_.call.method == "HEAD", answer, framing_))
      ill_formed(refused->detail);
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(scan.size()),
              buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
    filled_ -= scan.size();
  }

  /// False when the sink has enough.
  bool take(BodyScan& body, std::string_view bytes, bool to_sink, Answer& answer) {
    std::string_view piece;
    for (;;) {
      const Step step = body.step(bytes, piece);
      if (step == Step::refused) ill_formed("a chunk is malformed");
      if (step != Step::piece) {
        if (step == Step::done && !bytes.empty()) framing_.keep_alive = false;
        return true;
      }
      if (to_sink) {
        whole_ = true;
        const bool more = (*exchange_.sink)(piece);
        whole_ = false;
        if (!more) return false;
      } else {
        check_size(answer.body.size() + piece.size());
        answer.body += piece;
      }
    }
  }

  Wire& wire_;
  const Exchange& exchange_;
  std::string buffer_;
  std::size_t filled_ = 0;
  Framing framing_;
  bool began_ = false;
  bool reusable_ = false;
  bool whole_ = false;
};

/// Open connections that nobody uses, newest last, and the TLS contexts of the calls so far.
class Pool {
 public:
  std::optional<Wire> take(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto now = Time::now();
    std::erase_if(idle_, [&](const Idle& each) { return now - each.since > idle_time; });
    for (std::size_t i = idle_.size(); i-- > 0;) {
      if (idle_[i].key != key) continue;
      Wire wire = std::move(idle_[i].wire);
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
      if (wire.quiet()) return wire;
    }
    return {};
  }
  void put(const std::string& key, Wire wire) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() == most_idle) idle_.erase(idle_.begin());
    idle_.push_back({key, std::move(wire), Time::now()});
  }
  TlsContext context(const std::string& key, const std::optional<Tls>& tls) {
    const std::lock_guard lock(mutex_);
    const auto found = contexts_.find(key);
    if (found != contexts_.end()) return found->second;
    if (contexts_.size() == most_contexts) contexts_.clear();
    return contexts_[key] = make_tls(tls ? *tls : Tls{});
  }

 private:
  struct Idle {
    std::string key;
    Wire wire;
    Time::time_point since;
  };
  std::mutex mutex_;
  std::vector<Idle> idle_;
  std::map<std::string, TlsContext> contexts_;
};

class HttpClient final : public Client {
 public:
  Answer call(const Call& call, const Cancel* cancel) override { return run(call, nullptr, cancel); }
  Answer stream(const Call& call, const BodySink& sink, const Cancel* cancel) override {
    return run(call, &sink, cancel);
  }

 private:
  Answer run(const Call& call, const BodySink* sink, const Cancel* cancel) {
    check_headers(call);
    Exchange exchange{call, sink, cancel, parse_url(call.url), "", "", Time::now() + call.timeout};
    exchange.to = call.socket.empty() ? exchange.url.origin() : "unix:" + call.socket;
    exchange.key = connection_key(exchange);
    if (call.method == "GET" || call.method == "HEAD") {
      if (std::optional<Wire> wire = pool_.take(exchange.key))
        if (std::optional<Answer> answer = over(*wire, exchange, true)) return std::move(*answer);
    }
    Wire wire = connect(exchange);
    return std::move(*over(wire, exchange, false));
  }

  /// Nothing when a connection that was used before gave no byte of an answer.
  std::optional<Answer> over(Wire& wire, const Exchange& exchange, bool used) {
    Reading reading(wire, exchange);
    try {
      wire.write(request_head(exchange) + exchange.call.body, exchange.wait());
      Answer answer = reading.answer();
      if (reading.reusable()) pool_.put(exchange.key, std::move(wire));
      return answer;
    } catch (const Problem& problem) {
      if (used && !reading.began() && problem.kind() == Kind::unavailable) return {};
      if (reading.whole()) throw;
      rethrow(exchange, problem);
    }
  }

  Wire connect(const Exchange& exchange) {
    const Call& call = exchange.call;
    if (!call.socket.empty() && call.reach == Reach::public_only)
      throw Problem(Kind::forbidden,
                    fmt::format("cannot connect to {}: a Unix socket is not public", exchange.to));
    if (!call.proxy.empty() && (!call.socket.empty() || call.reach == Reach::public_only))
      throw Problem(Kind::usage, fmt::format("{} cannot be asked for by a proxy", exchange.to));
    const Wait wait{std::min(exchange.end, Time::now() + call.connect_timeout), exchange.cancel};
    try {
      Wire wire = !call.proxy.empty()   ? connect_by_proxy(call, exchange.url, wait)
                  : call.socket.empty() ? connect_host(exchange.url, call.reach, wait)
                                        : connect_socket(call.socket, wait);
      if (exchange.url.tls) {
        const bool named = call.tls && !call.tls->server_name.empty();
        const TlsContext context = pool_.context(exchange.key, call.tls);
        wire.start_tls(context.get(), named ? call.tls->server_name : exchange.url.host, wait);
      }
      return wire;
    } catch (const Problem& problem) {
      rethrow_connect(exchange, problem);
    }
  }

  Pool pool_;
};

}  // namespace

std::unique_ptr<Client> make_client() { return std::make_unique<HttpClient>(); }

}  // namespace mlib::net
