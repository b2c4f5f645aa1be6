#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "cards/library.hpp"

namespace mlib::render {

using schema::Node;

/// Who a deployment is for, and what it is called. No card can override any of it.
struct Identity {
  std::string name;            ///< of the deployment: DNS label
  std::string namespace_name;  ///< DNS label
  std::string user;
  Secret<std::string> api_key = {};
};

/// Values of one origin ("framework llama-cpp-server", "hardware cpu-small", "--set", …); later layers win.
struct Layer {
  std::string origin;
  cards::Dict<Node> values;
};

/// A value in force, which card gave it, and what it overrode (origins, oldest first).
struct Value {
  Node value;
  std::string origin;
  std::vector<std::string> overrode;
  bool secret = false;
  bool refused = false;  ///< a finding says why, and nothing follows from it
};
using Values = std::map<std::string, Value, std::less<>>;

/// What to render. `hardware` empty: the template's own.
struct Request {
  std::string template_name;
  std::string hardware = {};
  Identity identity;
  cards::Dict<Node> overrides = {};
  std::string kubernetes_version = {};  ///< "1.34", …; empty: the newest known
};

/// What the policy allows beyond its default, as an administrator's file says (framework name → what).
struct PolicyFile {
  cards::Dict<std::vector<std::string>> frameworks;
};

/// How to know that it runs, for targets.
struct Endpoint {
  int port = 0;
  std::optional<std::string> health_path;
};

struct Rendered {
  std::vector<Node> objects;  ///< checked Kubernetes objects in the order to apply; Secrets hold `data`
  Values values;
  Endpoint endpoint;
  std::vector<cards::Source> weights;
  std::string weights_folder;  ///< mount path of the weights in the container
  std::string framework, model, hardware, template_name;
  std::vector<Finding> warnings;  ///< what is likely wrong with the cards and values together
};

/// The layers of a template in the one merge order: framework defaults, hardware, model, template, overrides.
std::vector<Layer> layers(const cards::Library& library, const Request& request);

/// Merged values with their origins; a parameter with a value of the wrong type, range or choice, one that
/// nothing declares, and one that is required and has none are findings: Problem{invalid}. Identity is set
/// last.
Values merge(const cards::Framework& framework, const std::vector<Layer>& layers, const Identity& identity);

/// Template + identity + overrides → objects, validated against the Kubernetes schemas and the policy.
/// Deterministic. Problem{not_found} for an unknown card, Problem{invalid} with all findings,
/// Problem{forbidden} by the policy.
Rendered render(const cards::Library& library, const Request& request, const PolicyFile& policy = {});

/// The same for cards that a client sent whole (the original's /create): `layers` in the original's order.
Rendered render_layers(const cards::Framework& framework, std::vector<Layer> layers, const Identity& identity,
                       const PolicyFile& policy = {});

/// The warnings, a line each: what, and what to do.
std::vector<std::string> warning_lines(const Rendered& rendered);

/// The objects as multi-document YAML. Values of Secrets are masked (`***`) unless `show_secrets`.
std::string to_manifest(const Rendered& rendered, bool show_secrets);

}  // namespace mlib::render
