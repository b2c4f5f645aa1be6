#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <ctime>
#include <memory>

#include "net/client.hpp"
#include "net/scripted_server.hpp"

using namespace mlib;
using namespace mlib::net;
using namespace mlib::net::test;
using namespace std::chrono_literals;

namespace {

using Key = std::shared_ptr<EVP_PKEY>;
using Certificate = std::shared_ptr<X509>;

/// A certificate and its key, as objects and as PEM.
struct Identity {
  Certificate certificate;
  Key key;
  std::string certificate_pem, key_pem;
};

template <class Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  write(bio.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

struct Wanted {
  std::string name;
  std::string alternative;  ///< subjectAltName, or ""
  bool authority = false;
  long ends_in = 3600;
};

void extend(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Signed by `issuer`, or by itself.
Identity make_identity(const Wanted& wanted, const Identity* issuer = nullptr) {
  static long serial = 1;
  Identity made;
  made.key = Key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  made.certificate = Certificate(X509_new(), &X509_free);
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  std::time_t now = std::time(nullptr);
  X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -7200, &now);
  X509_time_adj_ex(X509_getm_notAfter(certificate), 0, wanted.ends_in, &now);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wanted.name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate,
                       X509_get_subject_name(issuer == nullptr ? certificate : issuer->certificate.get()));
  if (wanted.authority) extend(certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (!wanted.alternative.empty()) extend(certificate, NID_subject_alt_name, wanted.alternative);
  X509_sign(certificate, issuer == nullptr ? made.key.get() : issuer->key.get(), EVP_sha256());
  made.certificate_pem = pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate); });
  made.key_pem = pem([&](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return made;
}

/// Answers each request with the client certificate's common name ("nobody" without one) and the name asked
/// for.
ScriptedServer::Script tls_script(const Identity& own, const Identity* clients) {
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), own.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), own.key.get());
  if (clients != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), clients->certificate.get());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return [context](int connection, int) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), &SSL_free);
    SSL_set_fd(ssl.get(), connection);
    if (SSL_accept(ssl.get()) != 1) {
      read_all(connection);  // closing at once would reset the connection and lose the alert
      return;
    }
    char buffer[4096];
    while (SSL_read(ssl.get(), buffer, sizeof buffer) > 0) {
      char name[64] = "nobody";
      const std::unique_ptr<X509, decltype(&X509_free)> peer(SSL_get1_peer_certificate(ssl.get()),
                                                             &X509_free);
      if (peer)
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
      const char* asked = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
      const std::string body = std::string(name) + ' ' + (asked == nullptr ? "-" : asked);
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
    }
  };
}

struct Outcome {
  Kind kind = Kind::internal;
  std::string text;
};

Outcome outcome(const ScriptedServer& server, const std::string& host, const Tls& tls) {
  Call call;
  call.url = "https://" + host + ":" + std::to_string(server.port()) + "/";
  call.tls = tls;
  call.timeout = 3s;
  try {
    return {Kind::internal, make_client()->call(call).body};
  } catch (const Problem& problem) {
    return {problem.kind(), problem.message()};
  }
}

bool has(const Outcome& outcome, std::string_view text) {
  return outcome.text.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("row 23: TLS checks the authority, the time and the name of its peer") {
  const Identity ca = make_identity({.name = "CA", .authority = true});
  const Identity stranger = make_identity({.name = "other CA", .authority = true});
  const Identity named = make_identity({.name = "x", .alternative = "DNS:localhost,DNS:kube.test"}, &ca);
  const Identity addressed = make_identity({.name = "x", .alternative = "IP:127.0.0.1"}, &ca);
  const Identity old = make_identity({.name = "x", .alternative = "DNS:localhost", .ends_in = -3600}, &ca);
  const Tls trusting{.ca = ca.certificate_pem};
  const ScriptedServer by_name(tls_script(named, nullptr));
  const ScriptedServer by_address(tls_script(addressed, nullptr));
  const ScriptedServer expired(tls_script(old, nullptr));

  CHECK(outcome(by_name, "localhost", trusting).text == "nobody localhost");
  CHECK(outcome(by_address, "127.0.0.1", trusting).text == "nobody -");

  Outcome refused = outcome(by_name, "127.0.0.1", trusting);
  CHECK(refused.kind == Kind::unavailable);
  CHECK_MESSAGE(has(refused, ": the certificate is refused: ip address mismatch"), refused.text);
  CHECK(has(refused, "cannot connect to https://127.0.0.1:"));
  CHECK(has(outcome(by_address, "localhost", trusting), "hostname mismatch"));
  CHECK(has(outcome(expired, "localhost", trusting), "certificate has expired"));
  refused = outcome(by_name, "localhost", {.ca = stranger.certificate_pem});
  CHECK_MESSAGE(has(refused, "unable to get local issuer certificate"), refused.text);
  CHECK(has(outcome(by_name, "localhost", {}), "unable to get local issuer certificate"));

  CHECK(outcome(by_name, "127.0.0.1", {.ca = ca.certificate_pem, .server_name = "kube.test"}).text ==
        "nobody kube.test");
  CHECK(
      has(outcome(by_name, "localhost", {.ca = ca.certificate_pem, .server_name = "else.test"}), "mismatch"));
  CHECK(outcome(expired, "127.0.0.1", {.insecure = true}).text == "nobody -");
}

TEST_CASE("a client certificate says who calls; without it the peer's refusal is told") {
  const Identity ca = make_identity({.name = "CA", .authority = true});
  const Identity server_identity = make_identity({.name = "x", .alternative = "DNS:localhost"}, &ca);
  const Identity admin = make_identity({.name = "admin"}, &ca);
  const ScriptedServer server(tls_script(server_identity, &ca));
  Tls tls{.ca = ca.certificate_pem, .certificate = admin.certificate_pem};
  tls.key = Secret<std::string>(admin.key_pem);
  CHECK(outcome(server, "localhost", tls).text == "admin localhost");
  const Outcome refused = outcome(server, "localhost", {.ca = ca.certificate_pem});
  CHECK(refused.kind == Kind::unavailable);
  CHECK_MESSAGE(has(refused, "certificate required"), refused.text);

  tls.key = Secret<std::string>(server_identity.key_pem);
  Outcome wrong = outcome(server, "localhost", tls);
  CHECK(wrong.kind == Kind::invalid);
  CHECK_MESSAGE(has(wrong, "does not belong to the client certificate"), wrong.text);
  tls.key = Secret<std::string>("garbage of a key");
  wrong = outcome(server, "localhost", tls);
  CHECK(wrong.kind == Kind::invalid);
  CHECK_FALSE(has(wrong, "garbage"));
  CHECK(outcome(server, "localhost", {.ca = "no PEM"}).kind == Kind::invalid);
}

TEST_CASE("a peer that speaks no TLS, or says nothing, is told from one that refuses") {
  const ScriptedServer plain(
      [](int connection, int) { send_all(connection, "HTTP/1.1 400 Bad Request\r\n\r\n"); });
  const ScriptedServer closing([](int, int) {});
  const ScriptedServer silent([](int connection, int) {
    while (!read_until(connection, "\n\n").empty()) {
    }
  });
  CHECK_MESSAGE(has(outcome(plain, "localhost", {}), ": it speaks no TLS (wrong version number)"),
                outcome(plain, "localhost", {}).text);
  CHECK(outcome(closing, "localhost", {}).kind == Kind::unavailable);
  Call call;
  call.url = "https://127.0.0.1:" + std::to_string(silent.port());
  call.connect_timeout = 200ms;
  try {
    make_client()->call(call);
    FAIL("the call came back");
  } catch (const Problem& problem) {
    CHECK(problem.kind() == Kind::timeout);
    CHECK(problem.message() == "cannot connect to " + call.url + ": no answer within 0.2 s");
  }
}

TEST_CASE("calls with different certificates never share a connection") {
  const Identity ca = make_identity({.name = "CA", .authority = true});
  const Identity server_identity = make_identity({.name = "x", .alternative = "DNS:localhost"}, &ca);
  const Identity one = make_identity({.name = "one"}, &ca);
  const Identity two = make_identity({.name = "two"}, &ca);
  const ScriptedServer first(tls_script(server_identity, &ca));
  const std::unique_ptr<Client> client = make_client();
  const auto who = [&](const Identity& identity, const ScriptedServer& server) {
    Call call;
    call.url = "https://localhost:" + std::to_string(server.port());
    call.tls = Tls{.ca = ca.certificate_pem, .certificate = identity.certificate_pem};
    call.tls->key = Secret<std::string>(identity.key_pem);
    call.timeout = 300ms;
    try {
      return client->call(call).body;
    } catch (const Problem& problem) {
      return problem.message();
    }
  };
  CHECK(who(one, first) == "one localhost");
  CHECK(who(one, first) == "one localhost");
  CHECK(first.connections() == 1);
  // The scripted server serves one connection at a time: a second identity waits for one of its own.
  CHECK(who(two, first).find("no answer within") != std::string::npos);
}
