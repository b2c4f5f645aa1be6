#pragma once
#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "kube/config.hpp"
#include "kube/exec.hpp"

namespace mlib::kube {

/// Who we are to one cluster, put on each call: token files are read again for every call, what a credential
/// program gave is kept until a minute before it expires. May be used by several threads at once.
class Credentials {
 public:
  Credentials(const Config& config, const Clock& clock) : config_(config), clock_(clock) {}
  /// Sets trust, certificate, token and impersonation.
  void sign(net::Call& call);
  /// Forgets what a program gave; true when asking again may give something else.
  bool renew();

 private:
  const Config& config_;
  const Clock& clock_;
  std::mutex mutex_;
  std::optional<ExecCredential> given_;
};

}  // namespace mlib::kube
