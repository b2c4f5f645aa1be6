#pragma once
#include <string>

#include "api/kubeflow_items.hpp"
#include "verbs/verb.hpp"

/// What a `filterQuery` may name, and what a user interface offers for it.
namespace mlib::api::kubeflow {

/// Leaves those of the models for which the condition holds. A field is one of the OpenAPI's, a property, or
/// `artifacts.NAME`: a property that any of the model's artifacts has. What has a type's suffix
/// (`ttft_p90.double_value`) may be something that nobody has. Problem{usage} with the place and the nearest.
/// Literals are read by the fields of our cards that the names stand for.
void filter_models(Items& models, const std::string& query, const Artifacts& artifacts,
                   const cards::Library& library);
/// The same of a model's artifacts; figures of benchmarks may be named also where this model has none.
void filter_artifacts(Items& all, const std::string& query, const cards::Library& library);

/// The values that a model's artifacts have of a property, as a list; a null when none has it.
Node artifacts_value(const Artifacts& artifacts, const Node& model, const std::string& name);

/// A FilterOptionsList: of each property the values or the range; saved filters (verbs/finding.hpp) as named
/// queries, as far as those can say them: one comparison for each of several fields that models have.
Node filter_options(const verbs::World& world, const cards::Library& library);

}  // namespace mlib::api::kubeflow
