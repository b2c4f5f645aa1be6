#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "base/secret.hpp"
#include "kube/config.hpp"

namespace mlib::kube {

/// What a credential program gave.
struct ExecCredential {
  Secret<std::string> token;
  std::string certificate;
  Secret<std::string> key;
  std::optional<std::chrono::system_clock::time_point> expires;
};

/// Runs the program of `config.exec` (at most a minute) and reads its ExecCredential. Problem{unavailable}
/// when it is not there (with its install hint), Problem{unauthorized} when it fails (with its last words).
ExecCredential run_exec(const Config& config);

/// The time that `2026-11-28T16:05:09Z` (fraction and offset allowed) stands for.
std::optional<std::chrono::system_clock::time_point> from_utc(std::string_view text);

}  // namespace mlib::kube
