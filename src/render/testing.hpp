#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "render/render.hpp"

/// What the tests of this room share: a framework from a manifest's text, and what rendering says about it.
namespace mlib::render::testing {

inline constexpr std::string_view key = "sk-canary-0123456789abcdef";

inline Identity somebody() {
  return {.name = "demo",
          .namespace_name = "team-a",
          .user = "ada",
          .api_key = Secret<std::string>(std::string(key))};
}

/// Parameters without a type are texts.
inline cards::Framework framework(std::string_view manifest,
                                  std::vector<std::pair<std::string, cards::Parameter>> parameters = {}) {
  cards::Framework made;
  made.metadata.name = "test-engine";
  made.spec.engine = "test";
  made.spec.parameters = std::move(parameters);
  made.manifest_file = "manifest.yaml";
  made.manifest_text = std::string(manifest);
  made.manifest = schema::read_yaml(schema::Source{made.manifest_file, made.manifest_text});
  return made;
}

inline cards::Parameter text() { return {}; }
inline cards::Parameter typed(std::string_view type) { return {.type = std::string(type)}; }

/// The text of the Problem that `body` throws, "" when it throws none.
template <class Body>
std::string said_by(const Body& body) {
  try {
    body();
  } catch (const Problem& problem) {
    return to_text(problem);
  }
  return "";
}

template <class Body>
Kind kind_of(const Body& body) {
  try {
    body();
  } catch (const Problem& problem) {
    return problem.kind();
  }
  return Kind::cancelled;
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// The first object of that kind, or a null node.
inline Node object(const Rendered& rendered, std::string_view kind) {
  for (const Node& each : rendered.objects)
    if (each.text_at({"kind"}) == kind) return each;
  return {};
}

/// A Deployment with one container, whose pod spec ends with `more` (indented by 6) and container with
/// `container` (by 8).
inline std::string deployment(std::string_view more = "", std::string_view container = "") {
  return "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: $name\nspec:\n  template:\n    spec:\n" +
         std::string(more) +
         "      containers:\n      - name: engine\n        image: example.org/engine:1\n" +
         std::string(container);
}

}  // namespace mlib::render::testing
