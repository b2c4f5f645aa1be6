#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

/// Which endpoint to ask, and how: through its target, which may have to add its own credentials.
struct Asking {
  const World& world;
  targets::Target& target;
  const store::Deployment& record;
  std::string url;
  std::string key = {};  ///< that the endpoint asks for, or ""
  const Cancel* cancel = nullptr;
};

/// What its health check gave.
struct Answered {
  int status = 0;    ///< 0: nobody answered
  std::string said;  ///< "/health answers 200", or why nobody did
  bool well() const { return status >= 200 && status < 400; }
};

/// Asks the framework's health check (or `/` where there is none) once, for at most two seconds.
Answered ask_health(const Asking& asking);
/// The models that an engine serves, as it calls them on /v1/models; empty when it does not tell.
std::vector<std::string> served_models(const Asking& asking);

}  // namespace mlib::verbs
