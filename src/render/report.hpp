#pragma once
#include <string>
#include <vector>

#include "cards/card.hpp"

namespace mlib::render {

using schema::Node;

/// Collects what is wrong with a framework's manifest, or with the objects made from it: nodes that come from
/// the manifest have their place there.
class Report {
 public:
  explicit Report(const cards::Framework& framework)
      : source_{framework.manifest_file, framework.manifest_text} {}

  void add(Fault fault, const Node& at, const Path& path, std::string message, std::string hint = "") {
    add(fault, Place{source_.file, at.line, at.column}, path, std::move(message), std::move(hint));
  }
  void add(Fault fault, const Place& place, const Path& path, std::string message, std::string hint = "") {
    Finding finding;
    finding.fault = fault;
    if (place.line > 0) {
      finding.place = place;
      finding.excerpt = source_.line(place.line);
    }
    finding.path = path;
    finding.message = object.empty() ? std::move(message) : object + ": " + to_text(path) + ": " + message;
    finding.hint = std::move(hint);
    findings.push_back(std::move(finding));
  }
  const std::string& file() const { return source_.file; }

  std::string object;  ///< put before each message with the path, as in `Deployment demo`; "" for none
  std::vector<Finding> findings;

 private:
  schema::Source source_;
};

/// `Deployment demo`, for people.
std::string called(const Node& object);

}  // namespace mlib::render
