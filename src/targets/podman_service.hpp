#pragma once
#include <sys/types.h>

#include <string>

#include "net/client.hpp"
#include "targets/podman.hpp"

namespace mlib::targets {

/// A podman REST service that answers: one that was running, or one of our own that ends with this object
/// (and by itself five idle minutes after, should we be killed). Problem{unavailable} says what is missing.
class PodmanService {
 public:
  PodmanService(net::Client& client, const PodmanOptions& options) : client_(client), options_(options) {
    find();
  }
  ~PodmanService();
  PodmanService(const PodmanService&) = delete;
  PodmanService& operator=(const PodmanService&) = delete;

  const std::string& socket() const { return socket_; }
  /// Ends our own service and starts it anew; false when it is not ours.
  bool restart();

 private:
  bool answers(const std::string& socket) const;
  void find();
  void start();
  void end();
  std::string last_words() const;

  net::Client& client_;
  const PodmanOptions& options_;
  std::string socket_;
  std::string folder_;
  pid_t pid_ = -1;
};

}  // namespace mlib::targets
