#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "targets/podman_api.hpp"

namespace mlib::targets {
namespace {

bool has_any(const std::string& text, std::initializer_list<std::string_view> signs) {
  return std::any_of(signs.begin(), signs.end(),
                     [&](std::string_view sign) { return text.find(sign) != std::string::npos; });
}

std::string registry_of(const std::string& image) { return image.substr(0, image.find('/')); }

}  // namespace

std::string qualified_image(const std::string& image) {
  const std::size_t slash = image.find('/');
  if (slash == std::string::npos) return "docker.io/library/" + image;
  const std::string first = image.substr(0, slash);
  const bool registry = first == "localhost" || first.find_first_of(".:") != std::string::npos;
  return registry ? image : "docker.io/" + image;
}

Problem pull_problem(const std::string& image, const std::string& error) {
  const std::string text = lower(error);
  const std::string registry = registry_of(image);
  if (has_any(text, {"no such host", "connection refused", "i/o timeout", "network is unreachable",
                     "no route to host", "timeout awaiting", "temporary failure in name resolution",
                     "server misbehaving"}))
    return {Kind::unavailable,
            fmt::format("image {} is not on this machine, and {} cannot be reached", image, registry),
            fmt::format("load it from a file: podman load -i FILE; podman said: {}", shortened(error, 300))};
  if (has_any(text, {"unauthorized", "authentication required", "access denied",
                     "access to the resource is denied", "forbidden"}))
    return {Kind::failed,
            fmt::format("{} refuses image {}: it does not exist, or needs a login", registry, image),
            fmt::format("check its name, or log in: podman login {}", registry)};
  if (has_any(text, {"manifest unknown", "name unknown", "not found", "repository name not known"}))
    return {Kind::failed, fmt::format("{} has no image {}", registry, image), "check its name and tag"};
  return {Kind::failed, fmt::format("image {} could not be pulled: {}", image, shortened(error, 500))};
}

bool Libpod::has_image(const std::string& image) {
  return send("GET", fmt::format("images/{}/exists", percent_encoded(image))).status == 204;
}

void Libpod::pull(const std::string& image, const LineSink& progress, const Cancel& cancel) {
  net::Call call =
      request("POST", fmt::format("images/pull?policy=always&reference={}", percent_encoded(image)));
  call.timeout = std::chrono::hours(6);  // podman is silent while it fetches a layer
  std::string buffer;
  std::string error;
  const auto take = [&](std::string_view bytes) {
    buffer += bytes;
    for (std::size_t end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n')) {
      Node line;
      schema::JsonError broken;
      const bool sound = schema::read_json(std::string_view(buffer).substr(0, end), line, broken);
      buffer.erase(0, end + 1);
      if (!sound) continue;
      if (std::string said = line.text_at({"error"}); !said.empty()) error = std::move(said);
      if (const std::string said(trim(line.text_at({"stream"}))); !said.empty()) progress(visible(said));
    }
    return true;
  };
  const net::Answer answer = client_.stream(call, take, &cancel);
  take("\n");
  if (answer.status / 100 != 2) {
    Node body;
    schema::JsonError broken;
    error = schema::read_json(answer.body, body, broken) ? body.text_at({"message"}) : "";
    if (error.empty()) error = fmt::format("HTTP status {}", answer.status);
  }
  if (!error.empty()) throw pull_problem(image, error);
}

}  // namespace mlib::targets
