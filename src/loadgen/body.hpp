#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "schema/node.hpp"

namespace mlib::loadgen {

using schema::Node;
struct Ask;

/// The values of one request that a body's placeholders stand for.
struct BodyValues {
  const std::string& model;  ///< "": none
  const Ask& ask;
  double temperature = -1;  ///< below 0: the engine's own
  bool stream = false;
};

/// A protocol's body, made ready to be filled in once for each request: what has no placeholder is JSON
/// already. A key or an item whose placeholder has no value is left out, and so is a map or a list of which
/// nothing is left by that.
class Body {
 public:
  Body() = default;
  /// `body` is sound (cards::faults_of).
  explicit Body(const Node& body);
  std::string filled(const BodyValues& values) const;

 private:
  /// In the order of cards::body_placeholders.
  enum class Slot {
    model,
    prompt,
    messages,
    query,
    max_tokens,
    temperature,
    ignore_end,
    stream,
    stream_or_not
  };
  enum class What { json, slot, text, map, list };
  struct Part {
    What what = What::json;
    std::string key;   ///< in a map: `"key":`
    std::string json;  ///< of a text's literal part without quotes
    Slot slot = Slot::model;
    std::vector<Part> parts = {};
  };
  static Part part_of(const Node& node);
  static Part text_of(const std::string& text);
  static Part slot_of(std::string_view name);
  static bool put(const Part& part, const BodyValues& values, std::string& to);
  static bool put_parts(const Part& part, const BodyValues& values, std::string& to);
  static bool put_slot(Slot slot, const BodyValues& values, std::string& to);
  static void put_text(const Part& part, const BodyValues& values, std::string& to);

  Part whole_;
};

}  // namespace mlib::loadgen
