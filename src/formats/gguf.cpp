#include "formats/gguf.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "base/problem.hpp"
#include "base/text.hpp"

namespace mlib::formats {
namespace {

using schema::Node;

constexpr std::uint64_t most_bytes = 256U << 20U;  ///< of the part that is read
constexpr std::uint64_t most_pairs = 65'536, most_tensors = 1'000'000, most_items = 16'777'216;
constexpr std::uint64_t longest_name = 65'535, longest_text = 64U << 20U, longest_kept = 1U << 20U;
constexpr std::uint64_t most_kept = 4'096, most_kept_in_all = 500'000;
constexpr std::uint32_t most_dimensions = 4;
constexpr int deepest = 4;

/// Types of tensors: elements and bytes of a block (ggml.h, ggml-common.h).
struct TensorType {
  std::uint32_t number;
  std::string_view name;
  std::uint32_t elements;
  std::uint32_t bytes;
};
constexpr std::array tensor_types{
    TensorType{0, "F32", 1, 4},         TensorType{1, "F16", 1, 2},
    TensorType{2, "Q4_0", 32, 18},      TensorType{3, "Q4_1", 32, 20},
    TensorType{6, "Q5_0", 32, 22},      TensorType{7, "Q5_1", 32, 24},
    TensorType{8, "Q8_0", 32, 34},      TensorType{9, "Q8_1", 32, 40},
    TensorType{10, "Q2_K", 256, 84},    TensorType{11, "Q3_K", 256, 110},
    TensorType{12, "Q4_K", 256, 144},   TensorType{13, "Q5_K", 256, 176},
    TensorType{14, "Q6_K", 256, 210},   TensorType{15, "Q8_K", 256, 292},
    TensorType{16, "IQ2_XXS", 256, 66}, TensorType{17, "IQ2_XS", 256, 74},
    TensorType{18, "IQ3_XXS", 256, 98}, TensorType{19, "IQ1_S", 256, 50},
    TensorType{20, "IQ4_NL", 32, 18},   TensorType{21, "IQ3_S", 256, 110},
    TensorType{22, "IQ2_S", 256, 82},   TensorType{23, "IQ4_XS", 256, 136},
    TensorType{24, "I8", 1, 1},         TensorType{25, "I16", 1, 2},
    TensorType{26, "I32", 1, 4},        TensorType{27, "I64", 1, 8},
    TensorType{28, "F64", 1, 8},        TensorType{29, "IQ1_M", 256, 56},
    TensorType{30, "BF16", 1, 2},       TensorType{34, "TQ1_0", 256, 54},
    TensorType{35, "TQ2_0", 256, 66},   TensorType{39, "MXFP4", 32, 17},
    TensorType{40, "NVFP4", 64, 36},    TensorType{41, "Q1_0", 128, 18},
};

struct FileType {
  std::int64_t number;
  std::string_view name;
};
constexpr std::array file_types{
    FileType{0, "F32"},      FileType{1, "F16"},     FileType{2, "Q4_0"},    FileType{3, "Q4_1"},
    FileType{7, "Q8_0"},     FileType{8, "Q5_0"},    FileType{9, "Q5_1"},    FileType{10, "Q2_K"},
    FileType{11, "Q3_K_S"},  FileType{12, "Q3_K_M"}, FileType{13, "Q3_K_L"}, FileType{14, "Q4_K_S"},
    FileType{15, "Q4_K_M"},  FileType{16, "Q5_K_S"}, FileType{17, "Q5_K_M"}, FileType{18, "Q6_K"},
    FileType{19, "IQ2_XXS"}, FileType{20, "IQ2_XS"}, FileType{21, "Q2_K_S"}, FileType{22, "IQ3_XS"},
    FileType{23, "IQ3_XXS"}, FileType{24, "IQ1_S"},  FileType{25, "IQ4_NL"}, FileType{26, "IQ3_S"},
    FileType{27, "IQ3_M"},   FileType{28, "IQ2_S"},  FileType{29, "IQ2_M"},  FileType{30, "IQ4_XS"},
    FileType{31, "IQ1_M"},   FileType{32, "BF16"},   FileType{36, "TQ1_0"},  FileType{37, "TQ2_0"},
    FileType{38, "MXFP4"},   FileType{39, "NVFP4"},  FileType{40, "Q1_0"},
};

/// Kinds of metadata values.
enum ValueKind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, list, u64, i64, f64, end };

constexpr std::array<std::uint8_t, end> sizes{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

/// Reads little-endian values one after another, through a window on the file.
class Cursor {
 public:
  Cursor(const Bytes& file, std::string_view name) : file_(file), name_(name) {}

  [[noreturn]] void refuse(std::string cause, std::string hint = "") const { refuse_at(at_, cause, hint); }
  [[noreturn]] void refuse_at(std::uint64_t at, const std::string& cause, std::string hint = "") const {
    throw Problem(Kind::invalid, fmt::format("{}: byte {}: {}", name_, at, cause), std::move(hint));
  }

  std::uint64_t at() const { return at_; }

  template <class T>
  T number() {
    T value{};
    const std::string_view bytes = take(sizeof(T));
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  std::string string(std::uint64_t longest, std::string_view what) {
    const std::uint64_t began = at_;
    const auto length = number<std::uint64_t>();
    if (length > longest)
      refuse_at(began, fmt::format("{} of {} bytes: at most {} are read", what, length, longest));
    if (length > longest_kept) {
      skip(length);
      return "";
    }
    return std::string(take(static_cast<std::size_t>(length)));
  }

  void skip(std::uint64_t count) {
    if (count > file_.size() - at_) ends();
    at_ += count;
    if (at_ > most_bytes) refuse(fmt::format("more than {} MiB before the tensors' data", most_bytes >> 20U));
  }

 private:
  [[noreturn]] void ends() const {
    refuse(fmt::format("the file ends here, in the middle of its header ({} bytes)", file_.size()),
           "it was not copied or downloaded whole");
  }

  std::string_view take(std::size_t count) {
    constexpr std::size_t window = 1U << 16U;
    if (count > file_.size() - at_) ends();
    if (at_ < start_ || at_ + count > start_ + held_.size()) {
      held_ = file_.read(at_, std::max(count, window));
      start_ = at_;
      if (held_.size() < count) ends();
    }
    const std::string_view found =
        std::string_view(held_).substr(static_cast<std::size_t>(at_ - start_), count);
    skip(count);
    return found;
  }

  const Bytes& file_;
  std::string name_;
  std::string held_;
  std::uint64_t start_ = 0;
  std::uint64_t at_ = 0;
};

/// A text that is not UTF-8 has its wrong bytes written out.
Node text_node(std::string text) { return is_utf8(text) ? Node(std::move(text)) : Node(visible(text)); }

Node unsigned_node(std::uint64_t value) {
  if (value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return static_cast<std::int64_t>(value);
  return static_cast<double>(value);
}

class Reading {
 public:
  Reading(const Bytes& file, std::string_view name, const GgufLists& lists)
      : file_(file), in_(file, name), lists_(lists) {}

  Gguf read() {
    Gguf made;
    header(made);
    pairs(made);
    tensors(made);
    place(made);
    return made;
  }

 private:
  void header(Gguf& made) {
    if (file_.read(0, 4) != "GGUF") in_.refuse("this is no GGUF file: it does not begin with `GGUF`");
    in_.skip(4);
    const auto version = in_.number<std::uint32_t>();
    if (version != 0 && (version & 0xffffU) == 0)
      in_.refuse_at(4, "a big-endian GGUF file",
                    "convert it: engines on x86 and ARM read little-endian ones");
    if (version < 2 || version > 3)
      in_.refuse_at(4, fmt::format("GGUF version {}: versions 2 and 3 are read", version),
                    version == 1 ? "llama.cpp's newer converters write version 3" : "");
    made.version = static_cast<int>(version);
    tensor_count_ = count("tensors", most_tensors);
    pair_count_ = count("metadata values", most_pairs);
  }

  std::uint64_t count(std::string_view what, std::uint64_t most) {
    const std::uint64_t began = in_.at();
    const auto number = in_.number<std::uint64_t>();
    if (number > most) in_.refuse_at(began, fmt::format("{} {}: at most {} are read", number, what, most));
    return number;
  }

  void pairs(Gguf& made) {
    std::unordered_set<std::string> seen;
    for (std::uint64_t i = 0; i < pair_count_; ++i) {
      const std::uint64_t began = in_.at();
      std::string key = in_.string(longest_name, "a metadata key");
      if (key.empty() || !is_utf8(key)) in_.refuse_at(began, "a metadata key that is no text");
      if (!seen.insert(key).second)
        in_.refuse_at(began, fmt::format("the metadata key `{}` is there twice", shortened(key, 80)));
      Node item = value(kind(key), key, 0);
      made.metadata.entries().push_back({std::move(key), std::move(item)});
    }
  }

  ValueKind kind(const std::string& key) {
    const std::uint64_t began = in_.at();
    const auto number = in_.number<std::uint32_t>();
    if (number >= end)
      in_.refuse_at(began, fmt::format("`{}`: {} is no type of value", shortened(key, 80), number));
    return static_cast<ValueKind>(number);
  }

  Node value(ValueKind kind, const std::string& key, int depth) {
    switch (kind) {
      case u8:
        return static_cast<int>(in_.number<std::uint8_t>());
      case i8:
        return static_cast<int>(in_.number<std::int8_t>());
      case u16:
        return static_cast<int>(in_.number<std::uint16_t>());
      case i16:
        return static_cast<int>(in_.number<std::int16_t>());
      case u32:
        return static_cast<std::int64_t>(in_.number<std::uint32_t>());
      case i32:
        return static_cast<std::int64_t>(in_.number<std::int32_t>());
      case i64:
        return in_.number<std::int64_t>();
      case u64:
        return unsigned_node(in_.number<std::uint64_t>());
      case f32:
        return real(in_.number<float>());
      case f64:
        return real(in_.number<double>());
      case boolean:
        return in_.number<std::uint8_t>() != 0;
      case text:
        return string_value();
      case list:
        return list_value(key, depth);
      case end:
        break;
    }
    return {};
  }

  /// What JSON cannot hold is a text.
  static Node real(double number) {
    return std::isfinite(number) ? Node(number) : Node(fmt::format("{}", number));
  }

  Node string_value() {
    const std::uint64_t began = in_.at();
    std::string text = in_.string(longest_text, "a text");
    const std::uint64_t length = in_.at() - began - 8;
    if (length <= longest_kept) return text_node(std::move(text));
    return Node(Node::Map{{"bytes", unsigned_node(length)}});
  }

  Node list_value(const std::string& key, int depth) {
    if (depth >= deepest)
      in_.refuse(fmt::format("`{}`: lists within lists, more than {} deep", shortened(key, 80), deepest));
    const ValueKind of = kind(key);
    const std::uint64_t items = count("items of a list", most_items);
    if (const GgufItem taker = depth == 0 && lists_ ? lists_(key) : nullptr) {
      for (std::uint64_t i = 0; i < items; ++i) taker(i, value(of, key, depth + 1));
      return Node(Node::Map{{"items", unsigned_node(items)}});
    }
    const bool kept = items <= most_kept && kept_ + items <= most_kept_in_all;
    if (kept) kept_ += items;
    Node made = Node::list();
    if (!kept && sizes[of] > 0) {
      in_.skip(items * sizes[of]);
    } else {
      for (std::uint64_t i = 0; i < items; ++i) {
        if (!kept && of == text) {
          in_.skip(text_length());
          continue;
        }
        Node item = value(of, key, depth + 1);
        if (kept) made.push(std::move(item));
      }
    }
    return kept ? made : Node(Node::Map{{"items", unsigned_node(items)}});
  }

  std::uint64_t text_length() {
    const std::uint64_t began = in_.at();
    const auto length = in_.number<std::uint64_t>();
    if (length > longest_text)
      in_.refuse_at(began, fmt::format("a text of {} bytes: at most {} are read", length, longest_text));
    return length;
  }

  void tensors(Gguf& made) {
    std::unordered_set<std::string> seen;
    for (std::uint64_t i = 0; i < tensor_count_; ++i) {
      const std::uint64_t began = in_.at();
      GgufTensor tensor;
      tensor.name = in_.string(longest_name, "a tensor's name");
      if (!is_utf8(tensor.name)) tensor.name = visible(tensor.name);
      if (!seen.insert(tensor.name).second)
        in_.refuse_at(began, fmt::format("the tensor `{}` is there twice", shortened(tensor.name, 80)));
      shape(tensor);
      size(tensor);
      tensor.offset = in_.number<std::uint64_t>();
      made.tensors.push_back(std::move(tensor));
    }
  }

  void shape(GgufTensor& tensor) {
    const std::uint64_t began = in_.at();
    const auto dimensions = in_.number<std::uint32_t>();
    const std::string name = shortened(tensor.name, 80);
    if (dimensions > most_dimensions)
      in_.refuse_at(began, fmt::format("the tensor `{}` has {} dimensions: at most {}", name, dimensions,
                                       most_dimensions));
    tensor.elements = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto extent = in_.number<std::uint64_t>();
      if (extent != 0 && tensor.elements > (std::uint64_t{1} << 50U) / extent)
        in_.refuse_at(began, fmt::format("the tensor `{}` has more than 2^50 elements", name));
      tensor.elements *= extent;
      tensor.shape.push_back(extent);
    }
  }

  void size(GgufTensor& tensor) {
    const std::uint64_t began = in_.at();
    const auto number = in_.number<std::uint32_t>();
    for (const TensorType& type : tensor_types) {
      if (type.number != number) continue;
      tensor.type = type.name;
      const std::uint64_t row = tensor.shape.empty() ? 1 : tensor.shape[0];
      if (row % type.elements != 0)
        in_.refuse_at(began,
                      fmt::format("the tensor `{}` is {}, whose rows are multiples of {}: they have {}",
                                  shortened(tensor.name, 80), type.name, type.elements, row));
      tensor.bytes = tensor.elements / type.elements * type.bytes;
    }
  }

  /// Where the data begins and how much of it there must be.
  void place(Gguf& made) {
    const Node* given = made.metadata.find("general.alignment");
    std::int64_t alignment = 32;
    if (given != nullptr) alignment = given->is_integer() ? given->integer() : 0;
    if (alignment < 1 || alignment > (1 << 20) || !std::has_single_bit(static_cast<std::uint64_t>(alignment)))
      in_.refuse("`general.alignment` is no power of two");
    const auto step = static_cast<std::uint64_t>(alignment);
    made.data = (in_.at() + step - 1) / step * step;
    made.needed = in_.at();
    for (const GgufTensor& tensor : made.tensors) {
      if (tensor.offset > std::uint64_t{1} << 56U || tensor.offset % step != 0)
        in_.refuse(fmt::format("the tensor `{}` begins at {}, which is no multiple of {}",
                               shortened(tensor.name, 80), tensor.offset, step));
      made.needed = std::max(made.needed, made.data + tensor.offset + tensor.bytes);
    }
  }

  const Bytes& file_;
  Cursor in_;
  const GgufLists& lists_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t pair_count_ = 0;
  std::uint64_t kept_ = 0;  ///< items of lists
};

}  // namespace

Gguf read_gguf(const Bytes& file, std::string_view name) { return read_gguf(file, name, nullptr); }

Gguf read_gguf(const Bytes& file, std::string_view name, const GgufLists& lists) {
  return Reading(file, name, lists).read();
}

std::string_view gguf_file_type(std::int64_t number) {
  for (const FileType& each : file_types)
    if (each.number == number) return each.name;
  return "";
}

}  // namespace mlib::formats
