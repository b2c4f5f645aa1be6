#include "net/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace mlib::net {
namespace {

[[noreturn]] void lost(int number) {
  throw Problem(Kind::unavailable,
                number == 0 ? "connection closed" : std::generic_category().message(number));
}

}  // namespace

Stream::Stream(const std::string& address, TlsContext tls, std::string name)
    : tls_(std::move(tls)), name_(std::move(name)) {
  sockaddr_storage storage{};
  std::memcpy(&storage, address.data(), std::min(address.size(), sizeof storage));
  descriptor_ = ::socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor_ < 0) lost(errno);
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&storage),
                static_cast<socklen_t>(address.size())) != 0 &&
      errno != EINPROGRESS) {
    const int number = errno;
    ::close(descriptor_);
    lost(number);
  }
}

Stream::~Stream() {
  if (ssl_ != nullptr) SSL_free(ssl_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

Stream::Ready Stream::after_tls(int result) {
  const int number = errno;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Ready::when_readable;
    case SSL_ERROR_WANT_WRITE:
      return Ready::when_writable;
    case SSL_ERROR_ZERO_RETURN:
      ended_ = true;
      return Ready::now;
    case SSL_ERROR_SYSCALL:
      lost(number);
    default:
      throw Problem(Kind::unavailable, tls_error());
  }
}

Stream::Ready Stream::connect() {
  if (!connected_) {
    pollfd watched{descriptor_, POLLOUT, 0};
    if (::poll(&watched, 1, 0) == 0) return Ready::when_writable;
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    if (error != 0) lost(error);
    connected_ = true;
    if (tls_ != nullptr) ssl_ = tls_over(descriptor_, tls_.get(), name_);
  }
  if (ssl_ == nullptr) return Ready::now;
  ERR_clear_error();
  errno = 0;
  const int result = SSL_connect(ssl_);
  if (result == 1) return Ready::now;
  const std::string refusal = tls_refusal(ssl_);
  if (!refusal.empty()) throw Problem(Kind::unavailable, refusal);
  const Ready ready = after_tls(result);
  if (ended_) lost(0);
  return ready;
}

Stream::Ready Stream::read(char* to, std::size_t size, std::size_t& got) {
  got = 0;
  errno = 0;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    const int count = SSL_read(ssl_, to, static_cast<int>(std::min<std::size_t>(size, 1U << 20U)));
    if (count <= 0) return after_tls(count);
    got = static_cast<std::size_t>(count);
    return Ready::now;
  }
  const auto count = ::recv(descriptor_, to, size, 0);
  if (count < 0 && errno != EAGAIN && errno != EINTR) lost(errno);
  if (count < 0) return Ready::when_readable;
  got = static_cast<std::size_t>(count);
  return Ready::now;
}

Stream::Ready Stream::write(std::string_view& bytes) {
  while (!bytes.empty()) {
    errno = 0;
    if (ssl_ != nullptr) {
      ERR_clear_error();
      const int count =
          SSL_write(ssl_, bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), 1U << 20U)));
      if (count <= 0) {
        const Ready ready = after_tls(count);
        if (ended_) lost(0);
        return ready;
      }
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    const auto count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) lost(errno);
    if (count < 0) return Ready::when_writable;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return Ready::now;
}

}  // namespace mlib::net
