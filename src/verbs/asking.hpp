#pragma once
#include "verbs/deployments.hpp"

namespace mlib::verbs {

struct EndpointArguments : DeploymentArguments {
  bool snippet = false;
  std::string api_key;

  template <class D>
  void describe(D& d) {
    DeploymentArguments::describe(d);
    d.field("api_key", api_key, {.help = "Key with which it tells what models it serves", .secret = true});
    d.field("snippet", snippet, {.help = "Print a curl command and a Python program that use it"});
  }
};

struct ChatArguments : DeploymentArguments {
  std::string text, api_key;
  int max_tokens = 0;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Name of the deployment", .required = true});
    d.field("text", text, {.help = "The question", .required = true});
    d.field("namespace", namespace_name, {.help = "Namespace (model-library)"});
    d.field("max_tokens", max_tokens, {.help = "At most this many tokens (as the engine likes)", .min = 1});
    d.field("api_key", api_key, {.help = "Key that the endpoint asks for", .secret = true});
    reach.describe(d);
  }
};

/// The URL and what answers there (health check, models), with `snippet` how to use it; Problem{unavailable}
/// while there is none.
Response endpoint(const World&, const Caller&, const EndpointArguments&);
/// Asks a deployment by its framework's protocol and tells the answer as it comes, as {"piece": "…"}.
/// Problem{unsupported} where answers are no text, Problem{forbidden} when it asks for a key.
void chat(const World&, const Caller&, const ChatArguments&, const Sink&, const Cancel&);

}  // namespace mlib::verbs
