#pragma once
#include <string_view>

#include "store/store.hpp"
#include "targets/target.hpp"

/// Deployments as rows of Kube Watcher's list: Deployments and Services of a namespace, merged by name.
namespace mlib::api::kube_watcher {

/// Adds the rows of one deployment: `{"replicas", "available_replicas", "unavailable_replicas",
/// "ready_replicas", "paused", "cluster_ip", "ports": [[node port, target port]]}`; a Service of another name
/// has a row of its own. Counts of 0 are null.
void add_rows(const store::Deployment& record, const targets::Status& status, schema::Node& rows);
/// Whether one of its rows has that name.
bool has_row(const store::Deployment& record, std::string_view row);

}  // namespace mlib::api::kube_watcher
