#pragma once
#include <string>
#include <vector>

#include "cards/card.hpp"

namespace mlib::render {

using schema::Node;

/// Where a walk through a document is; becomes a Path only when there is something to report.
struct Trail {
  const Trail* up = nullptr;
  std::string_view key = {};
  int index = -1;

  Path path() const {
    Path made = up == nullptr ? Path{} : up->path();
    made.push_back({std::string(key), index});
    return made;
  }
};
inline Path path_of(const Trail* trail) { return trail == nullptr ? Path{} : trail->path(); }

/// Collects what is wrong with a framework's manifest, or with the objects made from it: nodes that come from
/// the manifest have their place there. The framework outlives it.
class Report {
 public:
  explicit Report(const cards::Framework& framework) : framework_(framework) {}

  void add(Fault fault, const Node& at, const Path& path, std::string message, std::string hint = "") {
    add(fault, Place{file(), at.line, at.column}, path, std::move(message), std::move(hint));
  }
  void add(Fault fault, const Place& place, const Path& path, std::string message, std::string hint = "") {
    Finding finding;
    finding.fault = fault;
    if (place.line > 0) {
      finding.place = place;
      finding.excerpt = schema::Source{file(), framework_.manifest_text}.line(place.line);
    }
    finding.path = path;
    finding.message = object.empty() ? std::move(message) : object + ": " + to_text(path) + ": " + message;
    finding.hint = std::move(hint);
    findings.push_back(std::move(finding));
  }
  const std::string& file() const { return framework_.manifest_file; }

  std::string object;  ///< put before each message with the path, as in `Deployment demo`; "" for none
  std::vector<Finding> findings;

 private:
  const cards::Framework& framework_;
};

/// The text at `steps` without a copy; "" when there is none.
inline std::string_view word_at(const Node& node, std::initializer_list<std::string_view> steps) {
  const Node* found = node.at(steps);
  return found != nullptr && found->is_string() ? std::string_view(found->string()) : std::string_view();
}

/// `Deployment demo`, for people.
std::string called(const Node& object);

}  // namespace mlib::render
