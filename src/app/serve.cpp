#include "app/serve.hpp"

namespace mlib::app {

int serve(const cli::Options&, const cli::ServeArguments&, const Environment&, const Cancel&) {
  throw Problem(Kind::unsupported, "this build has no server yet");
}

}  // namespace mlib::app
