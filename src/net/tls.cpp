#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/text.hpp"
#include "net/wire.hpp"

namespace mlib::net {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Bio reader(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free};
}

/// OpenSSL would ask on the terminal for the password of an encrypted key.
int no_password(char*, int, int, void*) { return 0; }

Certificate next_certificate(BIO* from) {
  return {PEM_read_bio_X509(from, nullptr, no_password, nullptr), &X509_free};
}

void trust(SSL_CTX* context, const std::string& pem) {
  const Bio from = reader(pem);
  int count = 0;
  while (const Certificate each = next_certificate(from.get())) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), each.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0) throw Problem(Kind::invalid, "the CA text holds no PEM certificate");
}

void identify(SSL_CTX* context, const Tls& tls) {
  const Bio from = reader(tls.certificate);
  const Certificate own = next_certificate(from.get());
  if (!own || SSL_CTX_use_certificate(context, own.get()) != 1)
    throw Problem(Kind::invalid, "the client certificate is no PEM certificate");
  while (const Certificate each = next_certificate(from.get())) SSL_CTX_add1_chain_cert(context, each.get());
  ERR_clear_error();
  const Bio secret = reader(tls.key.reveal());
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(secret.get(), nullptr, no_password, nullptr), &EVP_PKEY_free);
  if (!key) throw Problem(Kind::invalid, "the client key is no PEM private key, or it is encrypted");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    throw Problem(Kind::invalid, "the client key does not belong to the client certificate");
}

}  // namespace

std::string tls_error() {
  const unsigned long code = ERR_get_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  if (reason == nullptr) return "TLS failed";
  if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
    return "connection closed without TLS's goodbye";
  if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)  // what plain HTTP looks like
    return fmt::format("it speaks no TLS ({})", lower(reason));
  return lower(reason);
}

TlsContext make_tls(const Tls& tls) {
  TlsContext context(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
  if (!context) throw Problem(Kind::internal, "OpenSSL has no memory");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context.get(), tls.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (!tls.ca.empty())
    trust(context.get(), tls.ca);
  else if (!tls.insecure)
    SSL_CTX_set_default_verify_paths(context.get());
  if (!tls.certificate.empty() || !tls.key.empty()) identify(context.get(), tls);
  return context;
}

}  // namespace mlib::net
