#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "base/text.hpp"
#include "cards/draft.hpp"

namespace mlib::cards {
namespace detail {

Path path_of(std::initializer_list<std::string_view> keys) {
  Path path;
  for (const std::string_view key : keys) path.push_back({std::string(key)});
  return path;
}

Spot value_spot(const Text& text, const Node& document, const Path& path) {
  const Node* now = &document;
  for (const Step& step : path) {
    const Node* next = nullptr;
    if (step.index < 0) {
      next = now->find(step.key);
    } else if (now->is_list() && static_cast<std::size_t>(step.index) < now->items().size()) {
      next = &now->items()[static_cast<std::size_t>(step.index)];
    }
    if (next == nullptr) break;
    now = next;
  }
  return {&text, now->line, now->column, path};
}

Spot key_spot(const Text& text, const Node& document, const Path& path) {
  Path parent = path;
  parent.pop_back();
  const Node* now = &document;
  for (const Step& step : parent) {
    const Node* next = now->find(step.key);
    if (next == nullptr) return value_spot(text, document, path);
    now = next;
  }
  if (now->is_map())
    for (const schema::Entry& entry : now->entries())
      if (entry.key == path.back().key) return {&text, entry.line, entry.column, path};
  return value_spot(text, document, path);
}

void report(std::vector<Finding>& findings, const Spot& spot, Fault fault, std::string message,
            std::string hint) {
  Finding finding;
  finding.fault = fault;
  finding.place = {spot.text->source.file, spot.line, spot.column};
  finding.path = spot.path;
  finding.message = std::move(message);
  finding.hint = std::move(hint);
  if (spot.line > 0) finding.excerpt = spot.text->source.line(spot.line);
  findings.push_back(std::move(finding));
}

}  // namespace detail

namespace {

using namespace detail;

std::string_view folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view file_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string beside(std::string_view path, std::string_view file) {
  const std::string_view folder = folder_of(path);
  return folder.empty() ? std::string(file) : fmt::format("{}/{}", folder, file);
}

/// The name that a card must have: its folder's for framework.yaml, its file's otherwise.
std::string_view name_of(std::string_view path) {
  const std::string_view file = file_of(path);
  const std::string_view stem = file.substr(0, file.rfind('.'));
  return stem == "framework" ? file_of(folder_of(path)) : stem;
}

constexpr std::string_view usual_manifest = "manifest.yaml";

bool is_framework(const Node& document) { return document.text_at({"kind"}) == "Framework"; }

class Loading {
 public:
  Loading(const std::vector<File>& files, std::string_view name) {
    prefix_ = name;
    if (!prefix_.empty() && prefix_.back() != '/') prefix_ += '/';
    for (const File& file : files) files_.insert_or_assign(file.path, &file);
  }

  std::shared_ptr<const Library> run() {
    for (const auto& [path, file] : files_) read(*file);
    find_manifests();
    Causes causes;
    for (const auto& [path, text] : texts_) {
      if (is_causes(path))
        read_causes(text, causes, shelf_.findings);
      else if (!is_manifest(path))
        decode_all(text);
    }
    for (auto& [name, draft] : shelf_.frameworks) add_manifest(draft);
    resolve(shelf_);
    return library();
  }

 private:
  void read(const File& file) {
    Text& text = texts_[file.path];
    text.path = file.path;
    text.source = {prefix_ + file.path, file.text};
    const std::size_t before = shelf_.findings.size();
    if (file.refused.empty()) {
      text.documents = schema::read_yaml(text.source, shelf_.findings);
    } else {
      report(shelf_.findings, {&text, 0, 0, {}}, Fault::not_allowed, file.refused);
    }
    text.broken = shelf_.findings.size() > before;
  }

  /// A manifest is what a framework card beside it names; manifest.yaml beside one is never a card.
  void find_manifests() {
    for (const auto& [path, text] : texts_) {
      bool framework = text.broken && file_of(path) == "framework.yaml";
      for (const Node& document : text.documents) {
        if (!is_framework(document)) continue;
        framework = true;
        manifests_.push_back(beside(path, document.text_at({"spec", "manifest"}, usual_manifest)));
      }
      if (framework) manifests_.push_back(beside(path, usual_manifest));
    }
  }

  bool is_manifest(const std::string& path) const {
    return std::find(manifests_.begin(), manifests_.end(), path) != manifests_.end();
  }

  void decode_all(const Text& text) {
    const auto cards = std::count_if(text.documents.begin(), text.documents.end(),
                                     [](const Node& document) { return !document.is_null(); });
    if (cards == 0) {
      if (!text.broken) report(shelf_.findings, {&text, 1, 1, {}}, Fault::missing, "the file holds no card");
      lose(text, Node());
    }
    for (const Node& document : text.documents)
      if (!document.is_null()) decode_one(text, document, cards == 1);
  }

  void decode_one(const Text& text, const Node& document, bool alone) {
    const Node* kind = document.find("kind");
    if (!document.is_map() || kind == nullptr || !kind->is_string()) {
      report(shelf_.findings, value_spot(text, document, path_of({"kind"})), Fault::missing,
             document.is_map() ? "a card says what it is: `kind` is missing" : "a card is a map",
             "kind: Framework, Model, Hardware or Template");
      return lose(text, document);
    }
    if (kind->string() == "Framework") return decode_as(shelf_.frameworks, text, document, alone);
    if (kind->string() == "Model") return decode_as(shelf_.models, text, document, alone);
    if (kind->string() == "Hardware") return decode_as(shelf_.hardware, text, document, alone);
    if (kind->string() == "Template") return decode_as(shelf_.templates, text, document, alone);
    report(shelf_.findings, value_spot(text, document, path_of({"kind"})), Fault::not_allowed,
           fmt::format("`{}` is not a kind of card", shortened(kind->string(), 60)),
           suggestion(kind->string(), {"Framework", "Model", "Hardware", "Template"}));
    lose(text, document);
  }

  template <class C>
  void decode_as(Drafts<C>& drafts, const Text& text, const Node& document, bool alone) {
    schema::Reader reader(&text.source);
    Draft<C> draft{C{}, &text, &document};
    using Base = Card<decltype(C::spec)>;
    schema::decode(reader, document, static_cast<Base&>(draft.card), {});
    draft.card.file = text.source.file;
    const std::string& name = draft.card.metadata.name;
    const Spot spot = value_spot(text, document, path_of({"metadata", "name"}));
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(shelf_.findings));
    draft.sound = reader.findings.empty() && !text.broken;
    const std::string_view wanted = name_of(text.path);
    if (draft.sound && alone && name != wanted) {
      report(shelf_.findings, spot, Fault::not_allowed,
             fmt::format("the card is called `{}`, its {} `{}`", name,
                         file_of(text.path).starts_with("framework.") ? "folder" : "file", wanted),
             "give both the same name");
      draft.sound = false;
    }
    if (!draft.sound) lose(text, document);
    if (name.empty()) return;
    const auto [there, fresh] = drafts.try_emplace(name, draft);
    if (fresh) return;
    const Spot first = value_spot(there->second, path_of({"metadata", "name"}));
    report(shelf_.findings, spot, Fault::duplicate,
           fmt::format("there is another {} called `{}`", lower(document.text_at({"kind"})), name),
           fmt::format("the first is {}:{}:{}", first.text->source.file, first.line, first.column));
  }

  /// Remembers what was left out, so that a reference to it is not called unknown.
  void lose(const Text& text, const Node& document) {
    static constexpr std::array<std::string_view, 4> kinds{"Framework", "Model", "Hardware", "Template"};
    std::string kind = document.text_at({"kind"});
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kind.clear();
    const std::string by_file(name_of(text.path));
    for (const std::string& name : {by_file, document.text_at({"metadata", "name"}, by_file)})
      shelf_.lost.push_back(fmt::format("{}/{}", kind, name));
  }

  void add_manifest(Draft<Framework>& draft) {
    const auto found = texts_.find(beside(draft.text->path, draft.card.spec.manifest));
    const bool there = found != texts_.end() && found->second.path != draft.text->path;
    const Text* manifest = there ? &found->second : nullptr;
    if (manifest == nullptr && draft.sound) report_no_manifest(draft);
    check_framework(draft, manifest, shelf_.findings);
    if (manifest == nullptr) return;
    draft.card.manifest = manifest->documents;
    std::erase_if(draft.card.manifest, [](const Node& document) { return document.is_null(); });
    draft.card.manifest_text = manifest->source.text;
    draft.card.manifest_file = manifest->source.file;
  }

  void report_no_manifest(Draft<Framework>& draft) {
    const std::string& named = draft.card.spec.manifest;
    std::vector<std::string> known;
    for (const auto& [path, text] : texts_)
      if (folder_of(path) == folder_of(draft.text->path) && path != draft.text->path)
        known.emplace_back(file_of(path));
    report(shelf_.findings, value_spot(draft, path_of({"spec", "manifest"})), Fault::reference,
           fmt::format("there is no file `{}` beside this card for its Kubernetes objects",
                       shortened(named, 80)),
           suggestion(named, known));
    draft.sound = false;
  }

  template <class C>
  static std::vector<C> sound(Drafts<C>& drafts) {
    std::vector<C> cards;
    for (auto& [name, draft] : drafts)
      if (draft.sound) cards.push_back(std::move(draft.card));
    return cards;
  }

  std::shared_ptr<const Library> library() {
    auto made = std::make_shared<Library>();
    made->frameworks = sound(shelf_.frameworks);
    made->models = sound(shelf_.models);
    made->hardware = sound(shelf_.hardware);
    made->templates = sound(shelf_.templates);
    made->findings = std::move(shelf_.findings);
    std::stable_sort(made->findings.begin(), made->findings.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.place.file, a.place.line) < std::tie(b.place.file, b.place.line);
    });
    std::string all;
    for (const auto& [path, file] : files_)
      all += fmt::format("{}:{}{}:{}", path.size(), path, file->text.size(), file->text);
    made->version = sha256_hex(all);
    return made;
  }

  std::string prefix_;
  std::map<std::string, const File*> files_;
  std::map<std::string, Text> texts_;
  std::vector<std::string> manifests_;
  Shelf shelf_;
};

}  // namespace

std::shared_ptr<const Library> load(const std::vector<File>& files, std::string_view name) {
  return Loading(files, name).run();
}

}  // namespace mlib::cards
