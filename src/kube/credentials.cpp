#include "kube/credentials.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/text.hpp"

namespace mlib::kube {

void Credentials::sign(net::Call& call) {
  call.tls = config_.tls;
  call.proxy = config_.proxy;
  call.proxy_login = config_.proxy_login;
  call.bearer = config_.token;
  for (const auto& header : config_.impersonate) call.headers.push_back(header);
  if (!config_.token_file.empty()) {
    std::ifstream file(config_.token_file, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (!file.is_open() || trim(text).empty())
      throw Problem(Kind::unauthorized,
                    fmt::format("the token file {} cannot be read or is empty", config_.token_file),
                    fmt::format("it is named by {}", config_.source));
    call.bearer = Secret<std::string>(std::string(trim(text)));
  }
  if (!config_.exec) return;
  const std::lock_guard lock(mutex_);
  const bool stale = given_ && given_->expires && *given_->expires - std::chrono::minutes{1} <= clock_.wall();
  if (!given_ || stale) given_ = run_exec(config_);
  if (!given_->token.empty()) call.bearer = given_->token;
  if (!given_->certificate.empty()) {
    call.tls->certificate = given_->certificate;
    call.tls->key = given_->key;
  }
}

bool Credentials::renew() {
  const std::lock_guard lock(mutex_);
  given_.reset();
  return config_.exec.has_value() || !config_.token_file.empty();
}

}  // namespace mlib::kube
