#pragma once
#include <functional>
#include <string>

namespace mlib::golden {

/// A folder of tests/golden whose NAME.test files hold an input, a line `----------`, and what `run` makes of
/// it.
struct Suite {
  std::string folder;
  std::function<std::string(const std::string& input)> run;
};

/// Cards that are broken → findings, and which cards are left.
std::string broken(const std::string& input);
/// A request to the API → its answer.
std::string api(const std::string& input);
/// What others write (GGUF, Hugging Face folders, the original's JSON) → cards and what was done, or why not.
std::string imported(const std::string& input);
/// A made benchmark result → one of its forms, or what a search or a comparison says.
std::string bench(const std::string& input);
/// What a real cluster said of a deployment that is not up (JSON, with its logs) → the status and its cause.
std::string causes(const std::string& input);

}  // namespace mlib::golden
