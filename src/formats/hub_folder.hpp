#pragma once
#include <set>

#include "formats/model.hpp"

/// Inside from_hugging_face: what is in a folder, and the card that is filled from it.
namespace mlib::formats::detail {

/// Names that configurations give one fact, the usual one first.
using Keys = std::initializer_list<std::string_view>;

class HubFolder {
 public:
  /// Reads config.json, tokenizer_config.json and README.md; Problem{invalid} as from_hugging_face says.
  HubFolder(const std::vector<FolderFile>& the_files, std::string_view folder, const Wanted& the_wanted);
  HubFolder(const HubFolder&) = delete;
  HubFolder& operator=(const HubFolder&) = delete;

  const std::vector<FolderFile>& files;
  const std::string path;
  const Wanted& wanted;
  ModelDraft draft;
  Node config = Node::map(), tokenizer = Node::map(), readme = Node::map();  ///< empty: there is none
  const Node* text = nullptr;               ///< the text model's part of a configuration of several models
  std::set<std::string, std::less<>> used;  ///< keys of config.json that were looked for and are there

  const FolderFile* file(std::string_view name) const;
  Node json_of(const FolderFile& file, std::size_t longest) const;
  /// The first of `keys` that the configuration of the text model or the whole has; `where` says which.
  const Node* find(Keys keys, std::string& where);
  template <class T>
  bool take(std::optional<T>& into, std::string field, Keys keys) {
    std::string where;
    const Node* value = find(keys, where);
    return draft.number(into, value, std::move(field), std::move(where));
  }

 private:
  std::string text_of(const FolderFile& file, std::size_t longest) const;
  void read_config();
  void read_readme();

  std::string prefix_;
};

/// The number where it is a whole one from 1 on.
std::optional<int> whole(const Node* value);

/// How many tokens the model takes, and how their positions are scaled.
void take_context(HubFolder& folder);
/// Sources, sizes and parameters, from the weights' headers and their index. Gives the bytes of all weights,
/// where they are known.
std::optional<std::int64_t> take_weights(HubFolder& folder);

}  // namespace mlib::formats::detail
