#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "formats/report.hpp"

namespace mlib::formats {

/// What the names and sizes of all tensors of a model say of its layers and its vocabulary.
class TensorTable {
 public:
  /// `rows` are how many vectors a matrix has (of a token table: tokens), 0 for what is no matrix.
  void add(std::string_view name, std::uint64_t rows);
  /// Doubts where that is not what `shape` says. `more`: layers that the tensors may have beyond its own.
  void compare(const cards::Shape& shape, int more, Report& report) const;

 private:
  std::map<std::string, int, std::less<>> stacks_;  ///< `model.layers` and how many there are of it
  std::set<std::uint64_t> token_tables_;            ///< their rows
};

}  // namespace mlib::formats
