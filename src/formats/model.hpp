#pragma once
#include "formats/bytes.hpp"
#include "formats/gguf.hpp"
#include "formats/report.hpp"

namespace mlib::formats {

/// A Model card while it is filled from a source, with the report of it.
class ModelDraft {
 public:
  explicit ModelDraft(const Wanted& wanted);

  cards::Model card;
  Report report;

  /// Sets a number of the card when `value` is a whole one from 1 on; else says why it was left out.
  template <class T>
  bool number(std::optional<T>& into, const Node* value, std::string field, std::string from);
  /// Gives the card its name: the wanted one, or the first of `from` that has one.
  void name(std::initializer_list<std::pair<std::string_view, std::string_view>> from);
  /// The card and its report, contradictions looked for.
  Imported done(std::optional<std::int64_t> tensor_bytes);

 private:
  Wanted wanted_;
};

/// A Model card from a GGUF file's header; `file` is its name. Problem{invalid} when it cannot be read.
Imported from_gguf(const Bytes& bytes, std::string_view file, const Wanted& wanted);
/// The same of a model in parts, in any order; what only all of them say is left out where one is missing.
/// `wanted.location` is that of one of them. Problem{too_large} with more than 1,000,000 tensors in all.
Imported from_gguf(const std::vector<FolderFile>& parts, const Wanted& wanted);

/// A Model card from a Hugging Face folder: config.json, README.md's front matter,
/// model.safetensors.index.json and the headers of *.safetensors. Problem{invalid} when there is no
/// config.json or one that cannot be read.
Imported from_hugging_face(const std::vector<FolderFile>& files, std::string_view folder,
                           const Wanted& wanted);

template <class T>
bool ModelDraft::number(std::optional<T>& into, const Node* value, std::string field, std::string from) {
  if (value == nullptr || value->is_null()) return false;
  std::int64_t given = 0;
  if (value->is_integer()) given = value->integer();
  if (given < 1 || given > std::numeric_limits<T>::max()) {
    report.leave(std::move(from), "no whole number that " + field + " can be");
    return false;
  }
  into = static_cast<T>(given);
  report.take(std::move(field), std::move(from));
  return true;
}

}  // namespace mlib::formats
