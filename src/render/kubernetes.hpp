#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "render/report.hpp"

namespace mlib::render {

/// The fields of Kubernetes objects in one minor version, as tools/kubernetes_schemas.py writes them (which
/// says what a type's word means).
class Schemas {
 public:
  /// "1.34", "v1.34.4" or "" for the newest known; Problem{invalid} lists the known ones.
  static const Schemas& of(std::string_view version);
  /// Newest first.
  static std::vector<std::string> versions();

  /// Gives scalars the type that their field asks for where nothing is lost: "8000" → 8000 for a port, 5 →
  /// "5" for an environment variable. Objects of unknown kinds stay as they are.
  void coerce(Node& object) const;

  /// Unknown fields, wrong types, missing fields and texts that are not allowed go to `report`.
  void validate(const Node& object, Report& report) const;

  const std::string& version() const { return version_; }

 private:
  struct Type {
    std::map<std::string, std::string, std::less<>> fields;
    std::vector<std::string> required;
  };
  explicit Schemas(std::string_view json);

  const std::string* type_of(const Node& object) const;
  void coerce(std::string_view type, Node& node) const;
  void check(std::string_view type, const Node& node, Path& path, Report& report) const;
  void check_fields(const Type& type, const Node& node, Path& path, Report& report) const;

  std::string version_;
  std::map<std::string, std::string, std::less<>> kinds_;  ///< "apps/v1 Deployment" → type
  std::map<std::string, Type, std::less<>> types_;
};

/// The texts of src/render/schemas, newest first; made by the build.
struct SchemaText {
  std::string_view version;
  std::string_view json;
};
std::vector<SchemaText> schema_texts();

}  // namespace mlib::render
