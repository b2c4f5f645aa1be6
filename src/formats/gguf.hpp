#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/bytes.hpp"
#include "schema/node.hpp"

namespace mlib::formats {

/// A row of a GGUF file's tensor table.
struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t> shape;  ///< the fastest dimension first, as in the file
  std::string_view type;             ///< F32, Q4_K, …; "" for one that this program does not know
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;   ///< 0 for an unknown type
  std::uint64_t offset = 0;  ///< from the start of the data
};

/// What a GGUF file says before its tensors' data. Metadata values are numbers, booleans, texts and lists of
/// these; a list of more than 4,096 items is the map {items: N} instead, a text of more than 1 MiB {bytes:
/// N}.
struct Gguf {
  int version = 0;
  schema::Node metadata = schema::Node::map();
  std::vector<GgufTensor> tensors;
  std::uint64_t data = 0;    ///< offset of the tensors' data in the file
  std::uint64_t needed = 0;  ///< size that the file must have to hold all tensors
};

/// Reads header, metadata and tensor table, never the tensors' data; at most 256 MiB of file and little more
/// memory than is kept. Versions 2 and 3, little-endian. Problem{invalid} names `name`, the byte and the
/// cause. Layout: github.com/ggml-org/ggml, docs/gguf.md.
Gguf read_gguf(const Bytes& file, std::string_view name);

/// Takes an item of a metadata list, in order.
using GgufItem = std::function<void(std::uint64_t index, const schema::Node& item)>;
/// What takes the items of that list; an empty function: nothing does.
using GgufLists = std::function<GgufItem(const std::string& key)>;
/// The same; lists that something takes are not kept, however short or long.
Gguf read_gguf(const Bytes& file, std::string_view name, const GgufLists& lists);

/// What `general.file_type` stands for (Q4_K_M), or "".
std::string_view gguf_file_type(std::int64_t number);

}  // namespace mlib::formats
