#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cards/card.hpp"

namespace mlib::cards {

/// What a Framework's parameter may take from the cards (`from: hardware.cpus`), in reading order. Besides
/// these, `hardware.gpu_count(RESOURCE)` is the number of GPUs when their Kubernetes resource is RESOURCE.
std::vector<std::string> fact_names();
bool is_fact(std::string_view name);

/// The fact, typed; nothing when no fact is called so or the cards do not say.
std::optional<Node> fact(std::string_view name, const Framework& framework, const Model& model,
                         const Hardware& hardware);

/// Values that the renderer gives each manifest and no card declares: who and what (name, namespace, user,
/// and the original's id and deployment_name), then how the weights come in.
std::vector<std::string> given_names();
bool is_given(std::string_view name);
/// The parts that say how weights come in (weights_volumes, weights_mounts, weights_init: lists to splice;
/// weights_path: the file in the container).
bool is_weights_value(std::string_view name);

}  // namespace mlib::cards
