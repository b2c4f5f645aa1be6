#pragma once
#include "api/original_catalogue.hpp"
#include "net/server.hpp"
#include "render/render.hpp"

/// The original's three calls. Their answers are its own in every byte that a client may look at; what
/// differs on purpose is listed in docs/original-api.md.
namespace mlib::api::original {

/// Every card, whole.
net::Reply get_all(const View& view, const net::Received& received);
/// {"template", "user"} → the YAML of all objects as one JSON string. Throws Problem for a defect of ours
/// only.
net::Reply create(const View& view, const net::Received& received, const render::PolicyFile& policy);
/// `true` when the shape is right.
net::Reply validate_template(const net::Received& received);

}  // namespace mlib::api::original
