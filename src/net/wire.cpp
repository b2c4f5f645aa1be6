#include "net/wire.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/text.hpp"

namespace mlib::net {
namespace {

using Time = std::chrono::steady_clock;
constexpr std::chrono::milliseconds slice{50};

std::string error_text(int number) {
  std::string text = std::generic_category().message(number);
  if (!text.empty()) text.front() = lower(text.substr(0, 1)).front();
  return text;
}

[[noreturn]] void lost(int number) { throw Problem(Kind::unavailable, error_text(number)); }

void check_time(const Wait& wait) {
  if (wait.cancel != nullptr) wait.cancel->check();
  if (Time::now() >= wait.until) throw Problem(Kind::timeout, "no answer in time");
}

int next_slice(const Wait& wait) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wait.until - Time::now());
  return static_cast<int>(std::clamp<long long>(left.count(), 0, slice.count()));
}

/// What a resolving thread hands back; the waiting side may have gone.
struct Resolution {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  int error = 0;
  std::vector<std::string> addresses;  ///< each the bytes of a sockaddr
};

void resolve_into(const std::shared_ptr<Resolution>& into, const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  const std::lock_guard lock(into->mutex);
  into->error = error;
  for (addrinfo* each = found; each != nullptr; each = each->ai_next)
    into->addresses.emplace_back(reinterpret_cast<const char*>(each->ai_addr), each->ai_addrlen);
  if (found != nullptr) freeaddrinfo(found);
  into->ready = true;
  into->changed.notify_one();
}

std::vector<std::string> resolve(const Url& url, const Wait& wait) {
  const auto shared = std::make_shared<Resolution>();
  const bool digits = url.host.find(':') != std::string::npos ||
                      url.host.find_first_not_of("0123456789.") == std::string::npos;
  if (digits)
    resolve_into(shared, url.host, std::to_string(url.port));
  else
    std::thread(resolve_into, shared, url.host, std::to_string(url.port)).detach();
  std::unique_lock lock(shared->mutex);
  while (!shared->changed.wait_for(lock, slice, [&] { return shared->ready; })) check_time(wait);
  if (shared->error != 0) throw Problem(Kind::unavailable, lower(gai_strerror(shared->error)));
  return shared->addresses;
}

int open_socket(int family) {
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) lost(errno);
  return descriptor;
}

/// Ends in a connected socket or throws.
void finish_connect(int descriptor, const sockaddr* address, socklen_t size, const Wait& wait) {
  errno = 0;
  while (::connect(descriptor, address, size) != 0) {
    if (errno != EAGAIN) break;  // a Unix socket whose queue is full
    check_time(wait);
    ::poll(nullptr, 0, 10);
    errno = 0;
  }
  if (errno == 0) return;
  if (errno != EINPROGRESS && errno != EINTR) lost(errno);
  pollfd watched{descriptor, POLLOUT, 0};
  for (;;) {
    const int count = ::poll(&watched, 1, next_slice(wait));
    if (count > 0) break;
    if (count < 0 && errno != EINTR) lost(errno);
    check_time(wait);
  }
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) lost(error);
}

// OpenSSL's own socket BIO writes with write(2), whose SIGPIPE would end the program.
int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const int descriptor = static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
  const auto count = ::send(descriptor, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* to, int size) {
  BIO_clear_retry_flags(bio);
  const int descriptor = static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
  const auto count = ::recv(descriptor, to, static_cast<std::size_t>(size), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* bio_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)>(made, &BIO_meth_free);
  }();
  return method.get();
}

/// The peer's certificate must be for this name or address; a name is also sent, so that the peer can choose.
void expect_peer(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* check = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(check, name.c_str()) == 1) return;
  X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(check, name.c_str(), name.size());
  SSL_set_tlsext_host_name(ssl, name.c_str());
}

}  // namespace

Wire::Wire(Wire&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), ssl_(std::exchange(other.ssl_, nullptr)) {}

Wire& Wire::operator=(Wire&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(ssl_, other.ssl_);
  return *this;
}

Wire::~Wire() { close(); }

void Wire::close() noexcept {
  if (ssl_ != nullptr) SSL_free(ssl_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Wire::wait_for(short events, const Wait& wait) const {
  pollfd watched{descriptor_, events, 0};
  for (;;) {
    check_time(wait);
    const int count = ::poll(&watched, 1, next_slice(wait));
    if (count > 0) return;
    if (count < 0 && errno != EINTR) lost(errno);
  }
}

bool Wire::after_tls(int result, const Wait& wait) {
  const int number = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      wait_for(POLLIN, wait);
      return true;
    case SSL_ERROR_WANT_WRITE:
      wait_for(POLLOUT, wait);
      return true;
    case SSL_ERROR_ZERO_RETURN:
      return false;
    case SSL_ERROR_SYSCALL:
      throw Problem(Kind::unavailable, number == 0 ? "connection closed" : error_text(number));
    default:
      throw Problem(Kind::unavailable, tls_error());
  }
}

void Wire::start_tls(SSL_CTX* context, const std::string& name, const Wait& wait) {
  ssl_ = SSL_new(context);
  BIO* bio = BIO_new(bio_method());
  if (ssl_ == nullptr || bio == nullptr) throw Problem(Kind::internal, "OpenSSL has no memory");
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor_)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  expect_peer(ssl_, name);
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_connect(ssl_);
    if (result == 1) return;
    const long verified = SSL_get_verify_result(ssl_);
    if (verified != X509_V_OK && SSL_get_verify_mode(ssl_) != SSL_VERIFY_NONE)
      throw Problem(Kind::unavailable, fmt::format("the certificate is refused: {}",
                                                   lower(X509_verify_cert_error_string(verified))));
    if (!after_tls(result, wait)) throw Problem(Kind::unavailable, "connection closed");
  }
}

std::size_t Wire::read(char* to, std::size_t size, const Wait& wait) {
  for (;;) {
    check_time(wait);
    errno = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int count = SSL_read(ssl_, to, static_cast<int>(std::min<std::size_t>(size, 1U << 20U)));
      if (count > 0) return static_cast<std::size_t>(count);
      if (!after_tls(count, wait)) return 0;
      continue;
    }
    const auto count = ::recv(descriptor_, to, size, 0);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EAGAIN && errno != EINTR) lost(errno);
    wait_for(POLLIN, wait);
  }
}

void Wire::write(std::string_view bytes, const Wait& wait) {
  while (!bytes.empty()) {
    check_time(wait);
    errno = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int count =
          SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)));
      if (count > 0)
        bytes.remove_prefix(static_cast<std::size_t>(count));
      else if (!after_tls(count, wait))
        throw Problem(Kind::unavailable, "connection closed");
      continue;
    }
    const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) lost(errno);
    wait_for(POLLOUT, wait);
  }
}

bool Wire::quiet() const {
  pollfd watched{descriptor_, POLLIN, 0};
  return descriptor_ >= 0 && ::poll(&watched, 1, 0) == 0;
}

Wire connect_host(const Url& url, Reach reach, const Wait& wait) {
  const std::vector<std::string> addresses = resolve(url, wait);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    sockaddr_storage storage{};
    std::memcpy(&storage, addresses[i].data(), std::min(addresses[i].size(), sizeof storage));
    const auto& address = reinterpret_cast<const sockaddr&>(storage);
    if (reach == Reach::public_only) {
      if (const std::optional<std::string> why = not_public(address))
        throw Problem(Kind::forbidden,
                      fmt::format("its address {} is not public ({})", address_text(address), *why));
    }
    // A silent address leaves the others their share of the time.
    Wait share = wait;
    const auto parts = static_cast<long>(addresses.size() - i);
    share.until = Time::now() + (wait.until - Time::now()) / parts;
    try {
      const int descriptor = open_socket(address.sa_family);
      Wire wire(descriptor);
      finish_connect(descriptor, &address, static_cast<socklen_t>(addresses[i].size()), share);
      const int on = 1;
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      // A stream whose peer vanished is noticed after a minute, not after the kernel's two hours.
      const int seconds_idle = 30;
      const int seconds_between = 10;
      const int probes = 3;
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &seconds_idle, sizeof seconds_idle);
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &seconds_between, sizeof seconds_between);
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
      return wire;
    } catch (const Problem& problem) {
      if (problem.kind() == Kind::cancelled || parts == 1) throw;
    }
  }
  throw Problem(Kind::unavailable, "its name has no address");
}

Wire connect_socket(const std::string& path, const Wait& wait) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw Problem(Kind::usage,
                  fmt::format("the path of a Unix socket has at most {} bytes", sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.data(), path.size());
  const int descriptor = open_socket(AF_UNIX);
  Wire wire(descriptor);
  finish_connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address, wait);
  return wire;
}

}  // namespace mlib::net
