#pragma once
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace mlib {

/// Where something was written: 1-based line and column; 0 when there is none (a value from a command line,
/// say).
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

/// One step of a path into a document: a key, or an index when `index >= 0`.
struct Step {
  std::string key;
  int index = -1;
};
using Path = std::vector<Step>;

/// `spec.gpus[0].count`; the empty path is "".
std::string to_text(const Path& path);

/// What is wrong with an input, for programs; people read Finding::message.
enum class Fault {
  syntax,
  unknown_field,
  missing,
  wrong_type,
  out_of_range,
  not_allowed,
  duplicate,
  reference,
  limit
};
std::string_view to_text(Fault fault);

/// One thing that is wrong, where, and what would be right. `excerpt` is the line it was found in, or "".
struct Finding {
  Fault fault = Fault::syntax;
  Place place;
  Path path;
  std::string message;
  std::string hint;
  std::string excerpt;
  std::string expected;  ///< for wrong_type: the type's word (string, integer, number, boolean, list, map)
  bool warning = false;  ///< told with others; alone it refuses nothing
};

/// `cards/a.yaml:5:12: error: …` (`warning: …` for one), the line, a caret, and `hint: …`; no newline at the
/// end.
std::string to_text(const Finding& finding);

/// Kinds of failure; HTTP status and exit code of each are in one table (problem.cpp).
enum class Kind {
  invalid,       ///< the input is wrong                         422, exit 2
  usage,         ///< the command line or request is ill-formed  400, exit 2
  unauthorized,  ///< no or wrong credentials                    401, exit 4
  forbidden,     ///< not allowed, or refused by the policy      403, exit 4
  not_found,     ///< no such thing                              404, exit 3
  conflict,      ///< exists, or is somebody else's              409, exit 5
  too_large,     ///< over a limit                               413, exit 2
  unsupported,   ///< this program or target cannot do that      501, exit 6
  unavailable,   ///< a target, file or service does not answer  503, exit 7
  timeout,       ///< it took too long                           504, exit 8
  failed,        ///< the other side did it and it failed        502, exit 1
  cancelled,     ///< the caller ended it (Ctrl-C)               499, exit 130
  internal       ///< a defect of ours                           500, exit 70
};
int http_status(Kind kind);
int exit_code(Kind kind);
/// `not-found`: the slug of the problem's type, `/problems/not-found`.
std::string_view slug(Kind kind);

/// The one exception of this program: thrown deep, caught in dispatch, in the command line and in background
/// steps. Its text never holds a secret.
class Problem : public std::exception {
 public:
  Problem(Kind kind, std::string message, std::string hint = "", std::vector<Finding> findings = {})
      : kind_(kind), message_(std::move(message)), hint_(std::move(hint)), findings_(std::move(findings)) {}

  Kind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }
  const std::vector<Finding>& findings() const { return findings_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Kind kind_;
  std::string message_;
  std::string hint_;
  std::vector<Finding> findings_;
};

/// For people: all findings, or `error: message` when there is none, then `hint: …`; no newline at the end.
std::string to_text(const Problem& problem);

}  // namespace mlib
