#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <variant>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "cards/draft.hpp"

namespace mlib::cards {
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

/// The kinds whose cards nothing but a finding asks for again once they are decoded.
bool is_let_go(std::string_view kind) { return kind == "Model" || kind == "Hardware" || kind == "Template"; }

/// Names looked at for the nearest one, in a load: about two seconds.
constexpr std::size_t most_compared = 1'000'000;

class Loading {
 public:
  Loading(std::vector<File> files, std::string_view name) {
    prefix_ = name;
    if (!prefix_.empty() && prefix_.back() != '/') prefix_ += '/';
    std::stable_sort(files.begin(), files.end(),
                     [](const File& a, const File& b) { return a.path < b.path; });
    for (File& file : files) {
      if (!files_.empty() && files_.back().path == file.path) files_.pop_back();
      files_.push_back(std::move(file));
    }
    texts_ = std::vector<Text>(files_.size());
    early_.resize(files_.size());
  }

  std::shared_ptr<const Library> run() {
    in_batches(files_.size(), [&](std::size_t, std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) read(i);
    });
    find_manifests();
    for (std::size_t i = 0; i < texts_.size(); ++i) take(i);
    for (Extending& each : extending_)
      by_name_.try_emplace(fmt::format("{}/{}", each.document().text_at({"kind"}),
                                       each.document().text_at({"metadata", "name"})),
                           &each);
    for (Extending& each : extending_) settle(each);
    for (auto& [name, draft] : shelf_.frameworks) add_manifest(draft);
    resolve(shelf_, verdict_);
    name_nearest();
    return library();
  }

 private:
  /// A card that was decoded where its file was read, ready to be shelved.
  template <class C>
  using Node_of = typename Drafts<C>::node_type;
  struct Early {
    std::vector<Finding> read, decoded;
    std::variant<std::monostate, Node_of<Model>, Node_of<Hardware>, Node_of<Template>> card;
  };

  /// Reads a file; a card of its own in it is decoded at once. Other files are read meanwhile.
  void read(std::size_t i) {
    File& file = files_[i];
    Text& text = texts_[i];
    Early& early = early_[i];
    text.path = std::move(file.path);
    text.source = {file.place.empty() ? prefix_ + text.path : std::move(file.place), std::move(file.text)};
    if (!file.refused.empty()) {
      report(early.read, {&text, 0, 0, {}}, Fault::not_allowed, file.refused);
      text.broken = true;
      return text.let_go();
    }
    text.read(early.read);
    const std::vector<Node>& documents = text.documents();
    if (documents.size() != 1 || text.broken || is_causes(text.path)) return;
    const std::string kind = documents[0].text_at({"kind"});
    if (!is_let_go(kind) || documents[0].find("extends") != nullptr) return;
    if (kind == "Model") decode_early<Model>(early, text);
    if (kind == "Hardware") decode_early<Hardware>(early, text);
    if (kind == "Template") decode_early<Template>(early, text);
    if (early.decoded.empty()) text.let_go();
  }

  template <class C>
  static void decode_early(Early& early, const Text& text) {
    Draft<C> draft = decoded<C>({&text, 0, true}, text.documents()[0], early.decoded);
    Drafts<C> one;
    std::string name = draft.card.metadata.name;
    one.emplace(std::move(name), std::move(draft));
    early.card = one.extract(one.begin());
  }

  /// Takes what a file holds, in the order of their paths.
  void take(std::size_t i) {
    const Text& text = texts_[i];
    Early& early = early_[i];
    tell(std::move(early.read));
    if (early.card.index() != 0 && !is_manifest(text.path)) {
      tell(std::move(early.decoded));
      if (auto* card = std::get_if<Node_of<Model>>(&early.card)) shelve(shelf_.models, std::move(*card));
      if (auto* card = std::get_if<Node_of<Hardware>>(&early.card)) shelve(shelf_.hardware, std::move(*card));
      if (auto* card = std::get_if<Node_of<Template>>(&early.card))
        shelve(shelf_.templates, std::move(*card));
      return;
    }
    const std::vector<Node>& documents = text.documents();
    const std::string kind = documents.empty() ? "" : documents.front().text_at({"kind"});
    if (kind == "Flags")
      read_flags(text, beside_, verdict_.findings);
    else if (kind == "Rules")
      read_rules(text, *beside_.rules, verdict_.findings);
    else if (kind == "Protocol")
      read_protocols(text, beside_, verdict_.findings);
    else if (is_causes(text.path) || kind == "Causes")
      read_causes(text, causes_, verdict_.findings);
    else if (!is_manifest(text.path))
      decode_all(text);
  }

  void tell(std::vector<Finding> findings) {
    std::move(findings.begin(), findings.end(), std::back_inserter(verdict_.findings));
  }

  const Text* text_at(std::string_view path) const {
    const auto found =
        std::lower_bound(texts_.begin(), texts_.end(), path,
                         [](const Text& text, std::string_view wanted) { return text.path < wanted; });
    return found != texts_.end() && found->path == path ? &*found : nullptr;
  }

  /// A manifest is what a framework card beside it names; manifest.yaml beside one is never a card.
  void find_manifests() {
    for (std::size_t i = 0; i < texts_.size(); ++i) {
      if (early_[i].card.index() != 0) continue;
      const Text& text = texts_[i];
      bool framework = text.broken && file_of(text.path) == "framework.yaml";
      for (const Node& document : text.documents()) {
        if (!is_framework(document)) continue;
        framework = true;
        manifests_.push_back(beside(text.path, document.text_at({"spec", "manifest"}, usual_manifest)));
      }
      if (framework) manifests_.push_back(beside(text.path, usual_manifest));
    }
    std::sort(manifests_.begin(), manifests_.end());
  }

  bool is_manifest(const std::string& path) const {
    return std::binary_search(manifests_.begin(), manifests_.end(), path);
  }

  void decode_all(const Text& text) {
    const std::vector<Node>& documents = text.documents();
    const auto cards = std::count_if(documents.begin(), documents.end(),
                                     [](const Node& document) { return !document.is_null(); });
    if (cards == 0) {
      if (!text.broken)
        report(verdict_.findings, {&text, 1, 1, {}}, Fault::missing, "the file holds no card");
      lose(text, Node());
    }
    for (std::size_t at = 0; at < documents.size(); ++at)
      if (!documents[at].is_null()) decode_one({&text, at, cards == 1});
  }

  void decode_one(const Extending& item) {
    const Text& text = *item.text;
    const Node& document = item.document();
    const Node* kind = document.find("kind");
    if (!document.is_map() || kind == nullptr || !kind->is_string()) {
      report(verdict_.findings, value_spot(text, document, path_of({"kind"})), Fault::missing,
             document.is_map() ? "a card says what it is: `kind` is missing" : "a card is a map",
             "kind: Framework, Model, Hardware, Template or Benchmark");
      return lose(text, document);
    }
    if (const Node* base = document.find("extends");
        base != nullptr && base->is_string() && with_drafts(kind->string(), [](auto&) {}))
      return extending_.push_back(item);
    if (with_drafts(kind->string(), [&](auto& drafts) { decode_as(drafts, item, nullptr); })) return;
    report(verdict_.findings, value_spot(text, document, path_of({"kind"})), Fault::not_allowed,
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

  /// Decodes a document, over `base` when there is one, and shelves the card.
  template <class C>
  void decode_as(Drafts<C>& drafts, const Extending& item, std::type_identity_t<const Draft<C>*> base) {
    std::vector<Finding> findings;
    Draft<C> draft =
        decoded<C>(item, base == nullptr ? item.document() : whole(base, item.document()), findings, base);
    tell(std::move(findings));
    std::string name = draft.card.metadata.name;
    Drafts<C> one;
    one.emplace(std::move(name), std::move(draft));
    shelve(drafts, one.extract(one.begin()));
  }

  /// The card of `item`, whose document with what it inherits is `document`.
  template <class C>
  static Draft<C> decoded(const Extending& item, const Node& document, std::vector<Finding>& findings,
                          std::type_identity_t<const Draft<C>*> base = nullptr) {
    const Text& text = *item.text;
    schema::Reader reader(&text.source);
    Draft<C> draft{C{}, &text, item.at, true, base};
    schema::decode(reader, document, static_cast<Card<decltype(C::spec)>&>(draft.card), {});
    if (base != nullptr)
      for (Finding& each : reader.findings) put_right(each, draft);
    draft.card.file = text.source.file;
    draft.sound = reader.findings.empty() && !text.broken;
    for (const Finding& each : reader.findings) draft.doubts.add(each);
    // Where a text can be read in two ways nobody knows what its card says.
    if (text.broken) draft.doubts.add(Path{});
    std::move(reader.findings.begin(), reader.findings.end(), std::back_inserter(findings));
    const std::string_view wanted = name_of(text.path);
    if (draft.sound && item.alone && draft.card.metadata.name != wanted) {
      report(findings, value_spot(text, item.document(), path_of({"metadata", "name"})), Fault::not_allowed,
             fmt::format("the card is called `{}`, its {} `{}`", draft.card.metadata.name,
                         file_of(text.path).starts_with("framework.") ? "folder" : "file", wanted),
             "give both the same name");
      draft.sound = false;
    }
    return draft;
  }

  template <class C>
  void shelve(Drafts<C>& drafts, typename Drafts<C>::node_type made) {
    const Text& text = *made.mapped().text;
    if (!made.mapped().sound) lose(text, made.mapped().document());
    if (made.key().empty()) return;
    const auto shelved = drafts.insert(std::move(made));
    if (shelved.inserted) return;
    const Draft<C>& second = shelved.node.mapped();
    const Spot first = value_spot(shelved.position->second, path_of({"metadata", "name"}));
    report(verdict_.findings, value_spot(text, second.document(), path_of({"metadata", "name"})),
           Fault::duplicate,
           fmt::format("there is another {} called `{}`", lower(second.document().text_at({"kind"})),
                       shelved.node.key()),
           fmt::format("the first is {}:{}:{}", first.text->source.file, first.line, first.column));
  }

  /// The document with what it inherits, kept for those that extend it.
  template <class C>
  const Node& whole(const Draft<C>* base, const Node& document) {
    const Node& below = base->document();
    const auto found = whole_.find(&below);
    return whole_[&document] = extended(found == whole_.end() ? below : found->second, document);
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
        fmt::format("{}/{}", item.document().text_at({"kind"}), item.document().text_at({"extends"})));
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
        with_drafts((*each)->document().text_at({"kind"}), [&](auto& drafts) { extend(drafts, **each); });
  }

  template <class C>
  void extend(Drafts<C>& drafts, Extending& item) {
    const std::string name = item.document().text_at({"extends"});
    const auto base = drafts.find(name);
    if (base != drafts.end() && base->second.sound) {
      std::size_t depth = 1;
      for (const Draft<C>* each = &base->second; each != nullptr; each = each->base) ++depth;
      if (depth > most_extended) return refuse_depth(item);
      item.done = true;
      return decode_as(drafts, item, &base->second);
    }
    const std::string kind = item.document().text_at({"kind"});
    if (base != drafts.end() || shelf_.is_lost(kind, name))
      return refuse(item, Fault::reference,
                    fmt::format("the {} `{}` was left out, and so is this card", lower(kind), name),
                    "mend that one first: it has errors of its own");
    report_nowhere(verdict_, value_spot(*item.text, item.document(), path_of({"extends"})), kind, name);
    refused(item);
  }

  void refuse_depth(Extending& item) {
    refuse(item, Fault::limit, fmt::format("more than {} cards stand one upon another here", most_extended),
           "extend a card that is nearer to the first");
  }

  void refuse_ring(const std::vector<Extending*>& ring) {
    std::vector<std::string> names;
    for (const Extending* each : ring) names.push_back(each->document().text_at({"metadata", "name"}));
    for (Extending* each : ring) {
      std::vector<std::string> shown = names;
      shown.push_back(names.front());
      refuse(*each, Fault::reference, "the cards extend one another in a ring: " + join(shown, " -> "),
             "one of them must extend none of the others");
      std::rotate(names.begin(), names.begin() + 1, names.end());
    }
  }

  void refuse(Extending& item, Fault fault, std::string message, std::string hint = "") {
    report(verdict_.findings, value_spot(*item.text, item.document(), path_of({"extends"})), fault,
           std::move(message), std::move(hint));
    refused(item);
  }

  void refused(Extending& item) {
    item.done = true;
    lose(*item.text, item.document());
  }

  /// Remembers what was left out, so that a reference to it is not called unknown.
  void lose(const Text& text, const Node& document) {
    static constexpr std::array<std::string_view, 5> kinds{"Framework", "Model", "Hardware", "Template",
                                                           "Benchmark"};
    std::string kind = document.text_at({"kind"});
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kind.clear();
    const std::string by_file(name_of(text.path));
    for (const std::string& name : {by_file, document.text_at({"metadata", "name"}, by_file)})
      shelf_.lost.insert(fmt::format("{}/{}", kind, name));
  }

  /// Whose folder the manifest is in: the card that names one or has the usual one beside it.
  const Draft<Framework>& manifest_giver(const Draft<Framework>& draft) const {
    for (const Draft<Framework>* each = &draft; each != nullptr; each = each->base)
      if (says(each->document(), path_of({"spec", "manifest"})) ||
          text_at(beside(each->text->path, usual_manifest)) != nullptr)
        return *each;
    return draft;
  }

  void add_manifest(Draft<Framework>& draft) {
    const Draft<Framework>& from = manifest_giver(draft);
    const Text* manifest = text_at(beside(from.text->path, draft.card.spec.manifest));
    if (manifest == from.text) manifest = nullptr;
    if (manifest == nullptr && !draft.doubts.touch({"spec", "manifest"})) report_no_manifest(draft);
    check_framework(draft, manifest, verdict_.findings);
    if (manifest != nullptr) {
      draft.card.manifest = manifest->documents();
      std::erase_if(draft.card.manifest, [](const Node& document) { return document.is_null(); });
      draft.card.manifest_text = manifest->source.text;
      draft.card.manifest_file = manifest->source.file;
    }
    check_protocol(draft, beside_, verdict_.findings);
    add_contract(draft, beside_, verdict_.findings);
    hold_framework(verdict_, draft, manifest);
  }

  void report_no_manifest(Draft<Framework>& draft) {
    const std::string& named = draft.card.spec.manifest;
    std::vector<std::string> known;
    for (const Text& text : texts_)
      if (folder_of(text.path) == folder_of(draft.text->path) && &text != draft.text)
        known.emplace_back(file_of(text.path));
    report(verdict_.findings, value_spot(draft, path_of({"spec", "manifest"})), Fault::reference,
           fmt::format("there is no file `{}` beside this card for its Kubernetes objects",
                       shortened(named, 80)),
           suggestion(named, known));
    draft.sound = false;
  }

  template <class C>
  std::vector<C> sound(Drafts<C>& drafts, std::string_view kind) {
    std::vector<C> cards;
    const auto count =
        std::count_if(drafts.begin(), drafts.end(), [](const auto& each) { return each.second.sound; });
    cards.reserve(static_cast<std::size_t>(count));
    for (; !drafts.empty(); drafts.erase(drafts.begin()))
      if (Draft<C>& draft = drafts.begin()->second; draft.sound)
        cards.push_back(std::move(draft.card));
      else
        shelf_.lost.insert(fmt::format("{}/{}", kind, drafts.begin()->first));
    return cards;
  }

  /// Findings of cards that there are not get the nearest name; where there are too many to look at in a few
  /// seconds, the first ones do.
  void name_nearest() {
    std::stable_sort(verdict_.nowhere.begin(), verdict_.nowhere.end(),
                     [](const Nowhere& a, const Nowhere& b) { return is_before(a.finding, b.finding); });
    std::map<std::string, std::vector<std::string>> known;
    std::size_t compared = 0;
    for (Nowhere& each : verdict_.nowhere) {
      const auto [names, fresh] = known.try_emplace(each.kind);
      if (fresh)
        with_drafts(each.kind, [&, &all = names->second](const auto& drafts) {
          for (const auto& [name, draft] : drafts) all.push_back(name);
        });
      compared += names->second.size();
      if (compared <= most_compared) each.finding.hint = suggestion(each.name, names->second);
      verdict_.findings.push_back(std::move(each.finding));
    }
  }

  std::shared_ptr<const Library> library() {
    auto made = std::make_shared<Library>();
    made->frameworks = sound(shelf_.frameworks, "Framework");
    made->models = sound(shelf_.models, "Model");
    made->hardware = sound(shelf_.hardware, "Hardware");
    made->templates = sound(shelf_.templates, "Template");
    made->left_out = std::move(shelf_.lost);
    put_in_order(causes_);
    made->causes = std::move(causes_);
    made->findings = std::move(verdict_.findings);
    made->warnings = std::move(verdict_.warnings);
    made->flags = std::move(beside_.flags);
    made->rules = std::move(beside_.rules);
    made->protocols = std::move(beside_.protocols);
    for (std::vector<Finding>* all : {&made->findings, &made->warnings})
      std::stable_sort(all->begin(), all->end(), is_before);
    Sha256 all;
    for (const Text& text : texts_) {
      all.add(fmt::format("{}:{}{}:", text.path.size(), text.path, text.source.text.size()));
      all.add(text.source.text);
    }
    made->version = all.hex();
    return made;
  }

  std::string prefix_;
  std::vector<File> files_;  ///< by path; emptied while they are read
  std::vector<Text> texts_;  ///< of the same number, as all that follows
  std::vector<Early> early_;
  std::vector<std::string> manifests_;
  std::vector<Extending> extending_;
  std::map<std::string, Extending*> by_name_;  ///< those, by KIND/NAME
  std::map<const Node*, Node> whole_;          ///< documents that extend one, with what they inherit
  Causes causes_;
  Beside beside_;
  Shelf shelf_;
  Verdict verdict_;
};

}  // namespace

std::shared_ptr<const Library> load(std::vector<File> files, std::string_view name) {
  return Loading(std::move(files), name).run();
}

}  // namespace mlib::cards
