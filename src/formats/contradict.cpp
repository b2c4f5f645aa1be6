#include "formats/contradict.hpp"

#include <fmt/format.h>

namespace mlib::formats {

std::vector<Remark> contradictions(const cards::ModelSpec& spec, const Beside&) {
  std::vector<Remark> found;
  const cards::Shape& shape = spec.shape;
  if (shape.heads && shape.kv_heads && *shape.heads % *shape.kv_heads != 0)
    found.push_back({"spec.shape.kv_heads", "",
                     fmt::format("{} heads cannot share {} key-value heads", *shape.heads, *shape.kv_heads)});
  return found;
}

}  // namespace mlib::formats
