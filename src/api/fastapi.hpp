#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/shape.hpp"
#include "net/server.hpp"

/// Answers in the words of FastAPI 0.101 and pydantic 2, which the original's clients know.
namespace mlib::api::fastapi {

/// One entry of a 422's "detail" that is not of the shape but of what it says.
struct Detail {
  std::string type;  ///< value_error, …
  Path loc;
  std::string msg;
  Node input = {};
};

net::Reply json_reply(int status, std::string body);
/// {"detail": TEXT}
net::Reply text_detail(int status, std::string_view text);
/// 422, one entry for every wrong place; values of `API_key` are masked; at most 256 KiB of inputs are
/// echoed.
net::Reply wrong_shape(const std::vector<Wrong>& wrongs);
/// 422 with entries of our own.
net::Reply refused(const std::vector<Detail>& details);

/// A body as FastAPI takes it: a value when Content-Type is absent, application/json or application/*+json;
/// none when it is empty; `is_text` when it is not JSON by its Content-Type; `refusal` when it is broken.
struct Body {
  std::optional<Node> value = {};
  bool is_text = false;
  std::optional<net::Reply> refusal = {};
};
Body read_body(const net::Received& received);

}  // namespace mlib::api::fastapi
