#include <doctest/doctest.h>

#include "cards/library.hpp"
#include "render/kubernetes.hpp"
#include "render/render.hpp"

namespace mlib::render {
namespace {

std::vector<std::string> hardware_of(const cards::Template& chosen) {
  std::vector<std::string> all = chosen.spec.viable_hardware;
  all.insert(all.begin(), chosen.spec.hardware);
  return all;
}

Identity somebody() {
  return {.name = "demo",
          .namespace_name = "team-a",
          .user = "ada",
          .api_key = Secret<std::string>("sk-0123456789abcdef")};
}

}  // namespace

TEST_CASE("every shipped template renders on every viable hardware for every known Kubernetes") {
  const auto library = cards::load(cards::read_folder(MLIB_SOURCE_DIR "/catalog"), "catalog/");
  for (const Finding& finding : library->findings) MESSAGE(to_text(finding));
  REQUIRE(library->findings.empty());
  REQUIRE(library->templates.size() >= 6);
  REQUIRE(Schemas::versions().size() >= 2);
  for (const cards::Template& chosen : library->templates) {
    for (const std::string& hardware : hardware_of(chosen)) {
      for (const std::string& version : Schemas::versions()) {
        CAPTURE(chosen.metadata.name);
        CAPTURE(hardware);
        CAPTURE(version);
        const Request request{.template_name = chosen.metadata.name,
                              .hardware = hardware,
                              .identity = somebody(),
                              .kubernetes_version = version};
        std::string refused;
        Rendered rendered;
        try {
          rendered = render(*library, request);
        } catch (const Problem& problem) {
          refused = to_text(problem);
        }
        REQUIRE(refused == "");
        CHECK(rendered.endpoint.port > 0);
        CHECK(rendered.objects.size() >= 4);
        const std::string manifest = to_manifest(rendered, false);
        CHECK(manifest.find("sk-0123456789abcdef") == std::string::npos);
        std::vector<Finding> findings;
        CHECK(schema::read_yaml({"manifest", manifest}, findings).size() == rendered.objects.size());
        CHECK(findings.empty());
        CHECK(to_manifest(render(*library, request), true) == to_manifest(rendered, true));
      }
    }
  }
}

}  // namespace mlib::render
