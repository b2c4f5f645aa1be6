#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
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
  if (!spot.heir.empty()) finding.message += fmt::format(" (inherited by `{}`)", spot.heir);
  finding.hint = std::move(hint);
  if (spot.line > 0) finding.excerpt = spot.text->source.line(spot.line);
  findings.push_back(std::move(finding));
}

bool Shelf::is_lost(std::string_view kind, std::string_view name) const {
  for (const std::string& wanted : {fmt::format("{}/{}", kind, name), fmt::format("/{}", name)})
    if (std::find(lost.begin(), lost.end(), wanted) != lost.end()) return true;
  return false;
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
    read_all();
    find_manifests();
    for (const auto& [path, text] : texts_) {
      const std::string kind = text.documents.empty() ? "" : text.documents.front().text_at({"kind"});
      if (kind == "Flags")
        read_flags(text, beside_.flags, shelf_.findings);
      else if (kind == "Rules")
        read_rules(text, *beside_.rules, shelf_.findings);
      else if (is_causes(path) || kind == "Causes")
        read_causes(text, causes_, shelf_.findings);
      else if (!is_manifest(path))
        decode_all(text);
    }
    for (Extending& each : extending_)
      by_name_.try_emplace(fmt::format("{}/{}", each.document->text_at({"kind"}),
                                       each.document->text_at({"metadata", "name"})),
                           &each);
    for (Extending& each : extending_) settle(each);
    for (auto& [name, draft] : shelf_.frameworks) add_manifest(draft);
    resolve(shelf_);
    return library();
  }

 private:
  /// A file's text and what was found in it.
  struct Read {
    const File* file;
    Text* text;
    std::vector<Finding> findings = {};
  };

  /// Parses in a few threads; what was found comes in the order of the files.
  void read_all() {
    std::vector<Read> all;
    for (const auto& [path, file] : files_) {
      Text& text = texts_[path];
      text.path = path;
      all.push_back({file, &text});
    }
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
      constexpr std::size_t batch = 64;
      for (std::size_t from = next.fetch_add(batch); from < all.size(); from = next.fetch_add(batch))
        for (std::size_t i = from; i < std::min(from + batch, all.size()); ++i) read(all[i]);
    };
    constexpr std::size_t few = 256;
    const std::size_t threads =
        all.size() < few ? 1 : std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
    {
      std::vector<std::jthread> others;
      for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
      work();
    }
    for (Read& each : all)
      std::move(each.findings.begin(), each.findings.end(), std::back_inserter(shelf_.findings));
  }

  void read(Read& one) const {
    Text& text = *one.text;
    const std::string& place = one.file->place;
    text.source = {place.empty() ? prefix_ + one.file->path : place, one.file->text};
    if (one.file->refused.empty()) {
      text.documents = schema::read_yaml(text.source, one.findings);
    } else {
      report(one.findings, {&text, 0, 0, {}}, Fault::not_allowed, one.file->refused);
    }
    text.broken = !one.findings.empty();
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
             "kind: Framework, Model, Hardware, Template or Benchmark");
      return lose(text, document);
    }
    if (const Node* base = document.find("extends");
        base != nullptr && base->is_string() && with_drafts(kind->string(), [](auto&) {}))
      return extending_.push_back({&text, &document, alone});
    if (with_drafts(kind->string(), [&](auto& drafts) {
          decode_as(drafts, {&text, &document, alone}, nullptr);
        }))
      return;
    report(shelf_.findings, value_spot(text, document, path_of({"kind"})), Fault::not_allowed,
           fmt::format("`{}` is not a kind of card", shortened(kind->string(), 60)),
           suggestion(kind->string(), {"Framework", "Model", "Hardware", "Template", "Benchmark"}));
    lose(text, document);
  }

  /// Calls `use` with the drafts of a kind; false when there is no such kind.
  template <class Use>
  bool with_drafts(std::string_view kind, const Use& use) {
    if (kind == "Framework") return use(shelf_.frameworks), true;
    if (kind == "Model") return use(shelf_.models), true;
    if (kind == "Hardware") return use(shelf_.hardware), true;
    if (kind == "Template") return use(shelf_.templates), true;
    if (kind == "Benchmark") return use(shelf_.benchmarks), true;
    return false;
  }

  /// Decodes a document, over `base` when there is one.
  template <class C>
  void decode_as(Drafts<C>& drafts, const Extending& item, std::type_identity_t<const Draft<C>*> base) {
    const Text& text = *item.text;
    const Node& document = *item.document;
    schema::Reader reader(&text.source);
    Draft<C> draft{C{}, &text, &document, true, base};
    using Base = Card<decltype(C::spec)>;
    schema::decode(reader, base == nullptr ? document : whole(base, document), static_cast<Base&>(draft.card),
                   {});
    if (base != nullptr)
      for (Finding& each : reader.findings) put_right(each, draft);
    draft.card.file = text.source.file;
    const std::string& name = draft.card.metadata.name;
    const Spot spot = value_spot(text, document, path_of({"metadata", "name"}));
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(shelf_.findings));
    draft.sound = reader.findings.empty() && !text.broken;
    const std::string_view wanted = name_of(text.path);
    if (draft.sound && item.alone && name != wanted) {
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

  /// The document with what it inherits, kept for those that extend it.
  template <class C>
  const Node& whole(const Draft<C>* base, const Node& document) {
    const auto found = whole_.find(base->document);
    return whole_[&document] = extended(found == whole_.end() ? *base->document : found->second, document);
  }

  /// A finding about an inherited value stands in the file that wrote it.
  template <class C>
  static void put_right(Finding& finding, const Draft<C>& draft) {
    const Draft<C>& from = giver(draft, finding.path);
    if (&from == &draft || finding.fault == Fault::missing) return;
    finding.place.file = from.text->source.file;
    if (finding.place.line > 0) finding.excerpt = from.text->source.line(finding.place.line);
    finding.message += fmt::format(" (inherited by `{}`)", draft.card.metadata.name);
  }

  /// The card that `item` extends, when it extends one itself and is not decoded yet.
  Extending* below(const Extending& item) {
    const auto found = by_name_.find(
        fmt::format("{}/{}", item.document->text_at({"kind"}), item.document->text_at({"extends"})));
    return found == by_name_.end() || found->second->done ? nullptr : found->second;
  }

  /// Decodes what `first` extends, the lowest first, and then `first`.
  void settle(Extending& first) {
    std::vector<Extending*> line;
    for (Extending* now = first.done ? nullptr : &first; now != nullptr; now = below(*now)) {
      const auto ring = std::find(line.begin(), line.end(), now);
      if (ring != line.end()) {
        refuse_ring({ring, line.end()});
        break;
      }
      line.push_back(now);
      if (line.size() <= most_extended) continue;
      return refuse_depth(first);
    }
    for (auto each = line.rbegin(); each != line.rend(); ++each)
      if (!(*each)->done)
        with_drafts((*each)->document->text_at({"kind"}), [&](auto& drafts) { extend(drafts, **each); });
  }

  template <class C>
  void extend(Drafts<C>& drafts, Extending& item) {
    const std::string name = item.document->text_at({"extends"});
    const auto base = drafts.find(name);
    if (base != drafts.end() && base->second.sound) {
      std::size_t depth = 1;
      for (const Draft<C>* each = &base->second; each != nullptr; each = each->base) ++depth;
      if (depth > most_extended) return refuse_depth(item);
      item.done = true;
      return decode_as(drafts, item, &base->second);
    }
    const std::string kind = item.document->text_at({"kind"});
    if (base != drafts.end() || shelf_.is_lost(kind, name))
      return refuse(item, Fault::reference,
                    fmt::format("the {} `{}` was left out, and so is this card", lower(kind), name),
                    "mend that one first: it has errors of its own");
    std::vector<std::string> known;
    for (const auto& [each, draft] : drafts) known.push_back(each);
    refuse(item, Fault::reference, fmt::format("no {} called `{}`", lower(kind), shortened(name, 80)),
           suggestion(name, known));
  }

  void refuse_depth(Extending& item) {
    refuse(item, Fault::limit, fmt::format("more than {} cards stand one upon another here", most_extended),
           "extend a card that is nearer to the first");
  }

  void refuse_ring(const std::vector<Extending*>& ring) {
    std::vector<std::string> names;
    for (const Extending* each : ring) names.push_back(each->document->text_at({"metadata", "name"}));
    for (Extending* each : ring) {
      std::vector<std::string> shown = names;
      shown.push_back(names.front());
      refuse(*each, Fault::reference, "the cards extend one another in a ring: " + join(shown, " -> "),
             "one of them must extend none of the others");
      std::rotate(names.begin(), names.begin() + 1, names.end());
    }
  }

  void refuse(Extending& item, Fault fault, std::string message, std::string hint = "") {
    report(shelf_.findings, value_spot(*item.text, *item.document, path_of({"extends"})), fault,
           std::move(message), std::move(hint));
    item.done = true;
    lose(*item.text, *item.document);
  }

  /// Remembers what was left out, so that a reference to it is not called unknown.
  void lose(const Text& text, const Node& document) {
    static constexpr std::array<std::string_view, 5> kinds{"Framework", "Model", "Hardware", "Template",
                                                           "Benchmark"};
    std::string kind = document.text_at({"kind"});
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kind.clear();
    const std::string by_file(name_of(text.path));
    for (const std::string& name : {by_file, document.text_at({"metadata", "name"}, by_file)})
      shelf_.lost.push_back(fmt::format("{}/{}", kind, name));
  }

  /// Whose folder the manifest is in: the card that names one or has the usual one beside it.
  const Draft<Framework>& manifest_giver(const Draft<Framework>& draft) const {
    for (const Draft<Framework>* each = &draft; each != nullptr; each = each->base)
      if (says(*each->document, path_of({"spec", "manifest"})) ||
          texts_.contains(beside(each->text->path, usual_manifest)))
        return *each;
    return draft;
  }

  void add_manifest(Draft<Framework>& draft) {
    const Draft<Framework>& from = manifest_giver(draft);
    const auto found = texts_.find(beside(from.text->path, draft.card.spec.manifest));
    const bool there = found != texts_.end() && found->second.path != from.text->path;
    const Text* manifest = there ? &found->second : nullptr;
    if (manifest == nullptr && draft.sound) report_no_manifest(draft);
    check_framework(draft, manifest, shelf_.findings);
    if (manifest == nullptr) return;
    draft.card.manifest = manifest->documents;
    std::erase_if(draft.card.manifest, [](const Node& document) { return document.is_null(); });
    draft.card.manifest_text = manifest->source.text;
    draft.card.manifest_file = manifest->source.file;
    if (draft.sound) add_contract(draft, beside_, shelf_.findings);
    if (draft.sound) hold_framework(shelf_, draft, manifest);
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
    put_in_order(causes_);
    made->causes = std::move(causes_);
    made->findings = std::move(shelf_.findings);
    made->warnings = std::move(shelf_.warnings);
    made->flags = std::move(beside_.flags);
    made->rules = std::move(beside_.rules);
    for (std::vector<Finding>* all : {&made->findings, &made->warnings})
      std::stable_sort(all->begin(), all->end(), [](const Finding& a, const Finding& b) {
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
  std::vector<Extending> extending_;
  std::map<std::string, Extending*> by_name_;  ///< those, by KIND/NAME
  std::map<const Node*, Node> whole_;          ///< documents that extend one, with what they inherit
  Causes causes_;
  Beside beside_;
  Shelf shelf_;
};

}  // namespace

std::shared_ptr<const Library> load(const std::vector<File>& files, std::string_view name) {
  return Loading(files, name).run();
}

}  // namespace mlib::cards
