#include "app/kube_watcher.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "base/text.hpp"
#include "net/url.hpp"

namespace mlib::app {
namespace {

Secret<std::string> key_of(const Environment& environment) {
  if (environment.kube_watcher_key_file.empty()) return environment.kube_watcher_key;
  std::ifstream in(environment.kube_watcher_key_file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  if (trim(text).empty())
    throw Problem(
        Kind::usage,
        fmt::format("the key file {} cannot be read, or is empty", environment.kube_watcher_key_file),
        "KUBE_WATCHER_KEY_FILE names it");
  return Secret<std::string>(std::string(trim(text)));
}

}  // namespace

targets::KubeWatcherOptions kube_watcher_of(const verbs::TargetOptions& asked,
                                            const Environment& environment) {
  targets::KubeWatcherOptions options;
  const std::string& own = environment.kube_watcher_url;
  options.url = asked.kube_watcher_url.empty() ? own : asked.kube_watcher_url;
  options.node_address = environment.kube_watcher_node;
  if (own.empty() || net::parse_url(own).origin() == net::parse_url(options.url).origin())
    options.key = key_of(environment);
  return options;
}

}  // namespace mlib::app
