#pragma once
#include "verbs/verb.hpp"

namespace mlib::verbs {

struct UpgradeArguments {
  std::string name, engine_version, hardware;

  template <class D>
  void describe(D& d) {
    d.field("name", name, {.help = "Template", .required = true, .format = "template"});
    d.field("engine_version", engine_version,
            {.help = "Version of the engine to go to; none: the newest that is known"});
    d.field("hardware", hardware, {.help = "Hardware instead of the template's own", .format = "hardware"});
  }
};

/// What another version of its engine changes for a template: the image, what of its command line that
/// version refuses, and what becomes of the flags. Changes nothing. Problem{unsupported} when its engine's
/// flags are not known.
Response upgrade_template(const World&, const Caller&, const UpgradeArguments&);

}  // namespace mlib::verbs
