#include <cstdio>
#include <cstdlib>

#include "fuzz.hpp"
#include "schema/yaml_plain.hpp"

namespace {

/// Whether places and kinds agree, too: operator== looks at values alone.
bool same(const mlib::schema::Node& a, const mlib::schema::Node& b) {
  if (a.line != b.line || a.column != b.column || a.plain != b.plain || a.kind() != b.kind()) return false;
  if (a.is_list()) {
    if (a.items().size() != b.items().size()) return false;
    for (std::size_t i = 0; i < a.items().size(); ++i)
      if (!same(a.items()[i], b.items()[i])) return false;
    return true;
  }
  if (!a.is_map()) return a == b;
  if (a.entries().size() != b.entries().size()) return false;
  for (std::size_t i = 0; i < a.entries().size(); ++i) {
    const mlib::schema::Entry &one = a.entries()[i], &other = b.entries()[i];
    if (one.key != other.key || one.line != other.line || one.column != other.column) return false;
    if (!same(one.value, other.value)) return false;
  }
  return true;
}

}  // namespace

/// A card's text: what the plain reader takes, libfyaml takes, and both read the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = mlib::fuzz::text(data, size);
  const auto plain = mlib::schema::read_plain_yaml(text, {});
  if (!plain) return 0;
  std::vector<mlib::Finding> findings;
  const auto documents = mlib::schema::read_any_yaml({"a", text}, findings, {});
  bool equal = findings.empty() && documents.size() == plain->size();
  for (std::size_t i = 0; equal && i < documents.size(); ++i) equal = same((*plain)[i], documents[i]);
  if (!equal) {
    std::fputs("the two readers differ\n", stderr);
    std::abort();
  }
  return 0;
}
