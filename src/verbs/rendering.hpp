#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

/// What is to be instantiated: shared by render, explain, deploy and diff.
struct Instance {
  std::string template_name, name, namespace_name, user, hardware, kubernetes_version, api_key;
  cards::Dict<Node> set;

  template <class D>
  void describe(D& d) {
    d.field("template", template_name, {.help = "Template card", .required = true, .format = "template"});
    d.field("name", name, {.help = "Name of the deployment", .required = true});
    d.field("namespace", namespace_name, {.help = "Namespace (model-library)"});
    d.field("user", user, {.help = "Who it is for (who asks)"});
    d.field("hardware", hardware, {.help = "Hardware card instead of the template's", .format = "hardware"});
    d.field("set", set, {.help = "Override a parameter; lists and maps as JSON; repeat it"});
    d.field("api_key", api_key, {.help = "Key that the endpoint asks its clients for", .secret = true});
    d.field("kubernetes_version", kubernetes_version,
            {.help = "Check against this minor version, e.g. 1.34 (the newest known)"});
  }
};

struct RenderArguments : Instance {
  bool show_secrets = false;

  template <class D>
  void describe(D& d) {
    Instance::describe(d);
    d.field("show_secrets", show_secrets, {.help = "Print Secrets in clear", .format = "local"});
  }
};

struct ExplainArguments {
  std::string name, hardware;
  cards::Dict<Node> set;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Template card", .required = true, .format = "template"});
    d.field("hardware", hardware, {.help = "Hardware card instead of the template's", .format = "hardware"});
    d.field("set", set, {.help = "Override a parameter; lists and maps as JSON; repeat it"});
  }
};

/// What render/ takes for `instance`; names checked, namespace and user filled in.
render::Request request_of(const Instance& instance, const Caller& caller);

/// The checked Kubernetes objects as one manifest; the value is a `List`.
Response render_template(const World&, const Caller&, const RenderArguments&);
/// Every value in force, which card gave it and what it overrode.
Response explain_template(const World&, const Caller&, const ExplainArguments&);

}  // namespace mlib::verbs
