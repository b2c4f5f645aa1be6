#include <doctest/doctest.h>

#include <set>

#include "cards/library.hpp"
#include "render/kubernetes.hpp"
#include "render/render.hpp"

namespace mlib::render {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

std::vector<std::string> hardware_of(const cards::Template& chosen) {
  std::set<std::string> all(chosen.spec.viable_hardware.begin(), chosen.spec.viable_hardware.end());
  all.erase(chosen.spec.hardware);
  return {all.begin(), all.end()};
}

Request request_for(const cards::Template& chosen, const std::string& hardware, const std::string& version) {
  return {.template_name = chosen.metadata.name,
          .hardware = hardware,
          .identity = {.name = "demo",
                       .namespace_name = "team-a",
                       .user = "ada",
                       .api_key = Secret<std::string>("sk-0123456789abcdef")},
          .kubernetes_version = version};
}

/// Renders, and so checks against the schemas and the policy; a refusal fails the test with its text.
Rendered sound(const cards::Library& library, const Request& request) {
  std::string refused;
  Rendered rendered;
  try {
    rendered = render(library, request);
  } catch (const Problem& problem) {
    refused = to_text(problem);
  }
  REQUIRE(refused == "");
  CHECK(rendered.endpoint.port > 0);
  CHECK(rendered.objects.size() >= 3);
  return rendered;
}

}  // namespace

TEST_CASE("every shipped template renders, the same each time, for every known Kubernetes") {
  const auto library = cards::load(cards::read_folder(MLIB_SOURCE_DIR "/catalog"), "catalog/");
  for (const Finding& finding : library->findings) MESSAGE(to_text(finding));
  REQUIRE(library->findings.empty());
  REQUIRE(library->templates.size() >= 200);
  REQUIRE(Schemas::versions().size() >= 2);
  for (const cards::Template& chosen : library->templates) {
    CAPTURE(chosen.metadata.name);
    std::string first;
    for (const std::string& version : Schemas::versions()) {
      CAPTURE(version);
      const Rendered rendered = sound(*library, request_for(chosen, chosen.spec.hardware, version));
      const std::string manifest = to_manifest(rendered, false);
      CHECK(manifest.find("sk-0123456789abcdef") == std::string::npos);
      std::vector<Finding> findings;
      CHECK(schema::read_yaml({"manifest", manifest}, findings).size() == rendered.objects.size());
      CHECK(findings.empty());
      if (first.empty()) first = to_manifest(rendered, true);
      CHECK(to_manifest(rendered, true) == first);
    }
  }
}

TEST_CASE("every shipped template renders on all its viable hardware") {
  const auto library = cards::load(cards::embedded(), "");
  std::set<std::pair<std::string, std::string>> seen;
  for (const cards::Template& chosen : library->templates) {
    for (const std::string& hardware : hardware_of(chosen)) {
      // Sanitizers slow this down: they look at each framework on each machine once, other builds at all.
      const bool fresh = seen.emplace(library->framework_of(chosen).metadata.name, hardware).second;
      if (sanitized && !fresh) continue;
      CAPTURE(chosen.metadata.name);
      CAPTURE(hardware);
      sound(*library, request_for(chosen, hardware, Schemas::versions().back()));
    }
  }
  CHECK(seen.size() >= 60);
}

}  // namespace mlib::render
