#pragma once
#include <string_view>

#include "net/server.hpp"
#include "verbs/verb.hpp"

/// The read-only calls of the Kubeflow model catalogue (kubeflow/model-registry, api/openapi/catalog.yaml),
/// over our models and the benchmarks of their templates, so that user interfaces made for it can read us.
namespace mlib::api::kubeflow {

inline constexpr std::string_view prefix = "/api/model_catalog/v1alpha1/";

/// Answers a path below `prefix`; errors are its `Error` (code, message). There is one source,
/// `model-library`, without labels.
net::Reply answer(const verbs::World& world, const net::Received& received);

}  // namespace mlib::api::kubeflow
