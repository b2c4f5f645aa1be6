#pragma once
#include <map>
#include <optional>
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
  /// "5" for an environment variable. Unknown kinds and fields, wrong types, missing fields and texts that
  /// are not allowed go to `report`.
  void fit(Node& object, Report& report) const;

  const std::string& version() const { return version_; }

 private:
  struct Shape;
  struct Field {
    std::string name;
    const Shape* shape;
  };
  struct Type {
    std::vector<Field> fields;  ///< sorted by length, then text
    std::vector<std::string> required;
    const Shape* field(std::string_view name) const;
  };
  enum class What {
    any,
    text,
    choice,
    quantity,
    bytes,
    integer,
    number,
    boolean,
    int_or_string,
    type,
    list,
    map
  };
  /// What a field holds: one node of it, once for each word of the tables.
  struct Shape {
    What what = What::any;
    const Type* type = nullptr;        ///< of What::type; null: unknown, anything goes
    const Shape* items = nullptr;      ///< of What::list and What::map
    std::vector<std::string> choices;  ///< of What::choice
  };
  explicit Schemas(std::string_view json);

  const Shape* shape_called(std::string_view word);
  static bool is_text(What what);
  static std::optional<Node> converted(What what, const Node& node);
  static std::string wrong_scalar(What what, const Node& node);
  const Shape* shape_of(const Node& object) const;
  static void fit(const Shape& shape, Node& node, const Trail* at, Report& report);
  static void fit_fields(const Type& type, Node& node, const Trail* at, Report& report);

  std::string version_;
  std::map<std::string, const Shape*, std::less<>> kinds_;  ///< "apps/v1 Deployment" → type
  std::map<std::string, Type, std::less<>> types_;
  std::map<std::string, Shape, std::less<>> shapes_;  ///< by their word
};

/// The texts of src/render/schemas, newest first; made by the build.
struct SchemaText {
  std::string_view version;
  std::string_view json;
};
std::vector<SchemaText> schema_texts();

}  // namespace mlib::render
