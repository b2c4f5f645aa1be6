#pragma once
#include <string>
#include <vector>

namespace mlib::targets {

/// The line of a log that says best why a program ended: the last one that names an error (a traceback's last
/// line, `error: …`, `fatal`, `out of memory`, …), else the last that is not empty; at most 300 bytes,
/// control characters made visible. "" for an empty log.
std::string telling_line(const std::vector<std::string>& lines);

}  // namespace mlib::targets
