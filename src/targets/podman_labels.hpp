#pragma once
#include <string_view>

/// Labels of our containers and volumes on podman: what is ours, whose it is, and what observe has to know.
namespace mlib::targets::label {

inline constexpr std::string_view managed_by = "app.kubernetes.io/managed-by";
inline constexpr std::string_view us = "model-library";
inline constexpr std::string_view namespace_name = "model-library/namespace";
inline constexpr std::string_view name = "model-library/name";
inline constexpr std::string_view role = "model-library/role";  ///< main, sidecar or init
inline constexpr std::string_view container = "model-library/container";
inline constexpr std::string_view generation = "model-library/generation";  ///< of the apply that made it
inline constexpr std::string_view port = "model-library/port";              ///< of the container
inline constexpr std::string_view host_port = "model-library/host-port";
inline constexpr std::string_view health = "model-library/health";  ///< path; absent: any HTTP answer will do
inline constexpr std::string_view claim = "model-library/claim";    ///< of a volume
inline constexpr std::string_view record = "model-library/record";  ///< podman_record.hpp

inline constexpr std::string_view main = "main";
inline constexpr std::string_view sidecar = "sidecar";
inline constexpr std::string_view init = "init";

}  // namespace mlib::targets::label
