#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "kube/client.hpp"

/// What client.cpp and client_write.cpp share.
namespace mlib::kube {

inline constexpr int tries = 5;        // of a cluster that answered before
inline constexpr int first_tries = 2;  // of one that may as well be down: people wait for this
inline constexpr std::string_view manager = "model-library";

/// The server (or what stands before it) may answer the same call later.
bool is_busy(int status);
/// What to wait before try `number` (0-based) is repeated; `answer` is null when there was none.
std::chrono::milliseconds pause_of(const net::Answer* answer, int number);
/// Something between nothing and `most`.
std::chrono::milliseconds jitter(std::chrono::milliseconds most);
/// The object that an answer holds.
Node parsed(const net::Answer& answer, const Asked& asked);
void add_query(std::string& url, std::string_view key, std::string_view value);
/// The cluster did not answer at all.
Problem no_answer(const Config& config, const Problem& cause);

}  // namespace mlib::kube
