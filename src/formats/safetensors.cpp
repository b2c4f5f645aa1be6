#include "formats/safetensors.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>

#include "base/text.hpp"
#include "schema/document.hpp"

namespace mlib::formats {
namespace {

using schema::Node;

constexpr std::uint64_t longest_header = 32U << 20U;

struct Type {
  std::string_view name;
  unsigned bits;
};
constexpr std::array types{
    Type{"F64", 64},        Type{"F32", 32},    Type{"F16", 16},    Type{"BF16", 16},
    Type{"F8_E4M3", 8},     Type{"F8_E5M2", 8}, Type{"F8_E8M0", 8}, Type{"F8_E4M3FNUZ", 8},
    Type{"F8_E5M2FNUZ", 8}, Type{"F6_E2M3", 6}, Type{"F6_E3M2", 6}, Type{"F4", 4},
    Type{"I64", 64},        Type{"U64", 64},    Type{"I32", 32},    Type{"U32", 32},
    Type{"I16", 16},        Type{"U16", 16},    Type{"I8", 8},      Type{"U8", 8},
    Type{"BOOL", 8},        Type{"C64", 64}};

class Reading {
 public:
  Reading(const Bytes& file, std::string_view name, const TensorTaker& taker)
      : file_(file), name_(name), taker_(taker) {}

  Safetensors read() {
    const Node header = json();
    for (const schema::Entry& entry : header.entries()) {
      if (entry.key == "__metadata__")
        made_.metadata = entry.value;
      else
        tensor(entry.key, entry.value);
    }
    made_.needed = data_ + made_.needed;
    return std::move(made_);
  }

 private:
  [[noreturn]] void refuse(const std::string& cause, std::string hint = "") const {
    throw Problem(Kind::invalid, fmt::format("{}: {}", name_, cause), std::move(hint));
  }
  [[noreturn]] void refuse_tensor(const std::string& tensor, const std::string& cause) const {
    refuse(fmt::format("the tensor `{}` {}", shortened(visible(tensor), 80), cause));
  }

  Node json() {
    const std::string front = file_.read(0, 8);
    if (front.size() < 8) refuse(fmt::format("{} bytes are no safetensors file", file_.size()));
    std::uint64_t length = 0;
    std::memcpy(&length, front.data(), 8);
    if (length > longest_header)
      refuse(fmt::format("byte 0: a header of {} bytes: at most {} are read", length, longest_header),
             "a safetensors file begins with the length of its header");
    if (length > file_.size() - 8)
      refuse(fmt::format("byte 0: a header of {} bytes in a file of {}", length, file_.size()),
             "it was not copied or downloaded whole, or is no safetensors file");
    data_ = 8 + length;
    const std::string text = file_.read(8, static_cast<std::size_t>(length));
    Node header;
    schema::JsonError error;
    if (!schema::read_json(text, header, error, {16, longest_header, 8'000'000}))
      refuse(fmt::format("byte {}: the header is no sound JSON: {}", 8 + error.offset, error.message));
    if (!header.is_map()) refuse("byte 8: the header is no JSON object");
    return header;
  }

  void tensor(const std::string& name, const Node& entry) {
    const std::string dtype = entry.text_at({"dtype"});
    const Type* type = nullptr;
    for (const Type& each : types)
      if (each.name == dtype) type = &each;
    const Node* shape = entry.find("shape");
    const Node* place = entry.find("data_offsets");
    if (dtype.empty() || shape == nullptr || !shape->is_list() || place == nullptr || !place->is_list() ||
        place->items().size() != 2)
      refuse_tensor(name, "lacks its dtype, shape or data_offsets");
    std::uint64_t elements = 1;
    std::vector<std::uint64_t> extents;
    for (const Node& each : shape->items()) {
      const std::int64_t extent = each.is_integer() ? each.integer() : -1;
      if (extent < 0 ||
          (extent > 0 && elements > (std::uint64_t{1} << 50U) / static_cast<std::uint64_t>(extent)))
        refuse_tensor(name, "has a shape that no tensor has");
      elements *= static_cast<std::uint64_t>(extent);
      extents.push_back(static_cast<std::uint64_t>(extent));
    }
    const std::int64_t from = place->items()[0].is_integer() ? place->items()[0].integer() : -1;
    const std::int64_t to = place->items()[1].is_integer() ? place->items()[1].integer() : -1;
    if (from < 0 || to < from) refuse_tensor(name, "has data_offsets that are no range");
    const auto bytes = static_cast<std::uint64_t>(to - from);
    if (type != nullptr && bytes != (elements * type->bits + 7) / 8)
      refuse_tensor(name, fmt::format("has {} elements of {} in {} bytes", elements, dtype, bytes));
    Safetensors::Sum& sum = made_.types[dtype];
    sum.elements += elements;
    sum.bytes += bytes;
    made_.elements += elements;
    made_.bytes += bytes;
    made_.needed = std::max(made_.needed, static_cast<std::uint64_t>(to));
    if (taker_) taker_(name, dtype, extents);
  }

  const Bytes& file_;
  std::string name_;
  const TensorTaker& taker_;
  std::uint64_t data_ = 0;
  Safetensors made_;
};

}  // namespace

Safetensors read_safetensors(const Bytes& file, std::string_view name, const TensorTaker& taker) {
  return Reading(file, name, taker).read();
}

}  // namespace mlib::formats
