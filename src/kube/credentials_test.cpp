#include "kube/credentials.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "base/text.hpp"
#include "kube/scripted_http.hpp"
#include "schema/document.hpp"

namespace mlib::kube {
namespace {

Config with_program(const std::string& script) {
  Config config;
  config.server = "https://one";
  config.exec =
      Exec{"client.authentication.k8s.io/v1", "/bin/sh", {"-c", script}, {{"WORD", "magic"}}, "", true};
  return config;
}

std::string token_of(Credentials& credentials) {
  net::Call call;
  credentials.sign(call);
  return call.bearer.reveal();
}

TEST_CASE("a token file is read again for every call") {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("mlib-token-" + random_hex(6))).string();
  Config config;
  config.token_file = path;
  const HeldClock clock;
  Credentials credentials(config, clock);
  std::ofstream(path) << "first\n";
  CHECK(token_of(credentials) == "first");
  std::ofstream(path) << "second\n";
  CHECK(token_of(credentials) == "second");
  std::filesystem::remove(path);
  CHECK_THROWS_AS(token_of(credentials), Problem);
}

TEST_CASE("a credential program is told of the cluster and asked again when its token ends") {
  HeldClock clock;
  const std::string path =
      (std::filesystem::temp_directory_path() / ("mlib-count-" + random_hex(6))).string();
  const std::string expires = utc(clock.wall() + std::chrono::minutes{10});
  Config config = with_program("echo x >> " + path +
                               "; case $KUBERNETES_EXEC_INFO in *https://one*audience*) ;; *) exit 1;; esac; "
                               "printf "
                               "'{\"apiVersion\":\"client.authentication.k8s.io/"
                               "v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":"
                               "\"%s%s\",\"expirationTimestamp\":\"" +
                               expires + "\"}}' $WORD $(grep -c x " + path + ")");
  config.for_exec = schema::read_json(R"({"audience":"here"})");
  Credentials credentials(config, clock);
  CHECK(token_of(credentials) == "magic1");
  CHECK(token_of(credentials) == "magic1");
  clock.sleep(std::chrono::minutes{9} + std::chrono::seconds{1});
  CHECK(token_of(credentials) == "magic2");
  CHECK(credentials.renew());
  CHECK(token_of(credentials) == "magic3");
  std::filesystem::remove(path);
}

TEST_CASE("a credential program that fails is quoted, one that is not there is named") {
  const HeldClock clock;
  const Config failing = with_program("echo noise >&2; echo please log in >&2; exit 3");
  Credentials failed(failing, clock);
  CHECK_THROWS_WITH_AS(token_of(failed), "the credential program `/bin/sh` failed: please log in", Problem);
  Config absent = with_program("");
  absent.exec->command = "/nowhere/plugin";
  Credentials missing(absent, clock);
  CHECK_THROWS_WITH_AS(token_of(missing),
                       "the credential program `/nowhere/plugin` cannot be run: No such file or directory",
                       Problem);
}

TEST_CASE("times with fractions and offsets are read") {
  const auto plain = from_utc("2026-11-28T16:00:00Z");
  REQUIRE(plain);
  CHECK(from_utc("2026-11-28T18:00:00.123456+02:00") == plain);
  CHECK_FALSE(from_utc("yesterday"));
}

}  // namespace
}  // namespace mlib::kube
