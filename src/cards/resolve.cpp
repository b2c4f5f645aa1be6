#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <set>

#include "base/text.hpp"
#include "cards/draft.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"

namespace mlib::cards::detail {
namespace {

constexpr std::array<std::string_view, 5> schemes{"hf://", "https://", "file://", "pvc://", "image://"};

/// A reference from one card to another: the kind it must have, its name, where it stands.
struct Reference {
  std::string_view kind;  ///< Framework, Model, Hardware, Template
  const std::string& name;
  Path path;
};

/// The draft that `from` refers to, sound or not; a null pointer when there is none. `from` is left out where
/// it refers to none that is sound.
template <class C, class From>
const Draft<C>* follow(const Shelf& shelf, Verdict& verdict, const Drafts<C>& drafts, Draft<From>& from,
                       const Reference& reference) {
  if (from.doubts.touch(reference.path)) return nullptr;
  const auto found = drafts.find(reference.name);
  if (found != drafts.end() && found->second.sound) return &found->second;
  from.sound = false;
  const std::string kind = lower(reference.kind);
  const bool left_out = found != drafts.end() || shelf.is_lost(reference.kind, reference.name);
  if (left_out) {
    report(verdict.findings, value_spot(from, reference.path), Fault::reference,
           fmt::format("the {} `{}` was left out, and so is this card", kind, reference.name),
           fmt::format("mend the {} first: it has errors of its own", kind));
    return found == drafts.end() ? nullptr : &found->second;
  }
  report_nowhere(verdict, value_spot(from, reference.path), reference.kind, reference.name);
  return nullptr;
}

/// Why a card may not give `name` at all, or "".
std::string refusal(std::string_view name, bool is_template) {
  if (!is_given(name) || (is_template && name == "deployment_name")) return "";
  if (is_weights_value(name)) return fmt::format("`{}` follows from the model's sources", name);
  return fmt::format("`{}` is the deployment's or the user's: no card gives it", name);
}

/// Checks `spec.values` of a card against the framework that will use them.
template <class C>
void check_values(Verdict& verdict, Draft<C>& draft, const Draft<Framework>& framework) {
  const bool is_template = std::is_same_v<C, Template>;
  const Dict<Parameter>& parameters = framework.card.spec.parameters;
  const auto refuse = [&](const Spot& spot, Fault fault, std::string message, std::string hint = "") {
    report(verdict.findings, spot, fault, std::move(message), std::move(hint));
    draft.sound = false;
    if (fault == Fault::reference)
      draft.doubts.add_unknown(spot.path);
    else
      draft.doubts.add(spot.path);
  };
  for (const auto& [name, value] : draft.card.spec.values) {
    const Path path = path_of({"spec", "values", name});
    const Parameter* parameter = find(parameters, name);
    if (const std::string refused = refusal(name, is_template); !refused.empty()) {
      refuse(key_spot(draft, path), Fault::not_allowed, refused);
    } else if (is_given(name)) {
      if (!value.is_string() || !is_dns_label(value.string()))
        refuse(value_spot(draft, path), Fault::not_allowed, fmt::format("`{}` must be a name", name),
               "1 to 63 characters a-z, 0-9 and -, beginning and ending with a letter or digit");
    } else if (!can_check_values(framework, name)) {
      continue;
    } else if (parameter == nullptr) {
      refuse(key_spot(draft, path), Fault::reference,
             fmt::format("the framework `{}` has no parameter `{}`", framework.card.metadata.name,
                         shortened(name, 60)),
             suggestion(name, names(parameters)));
    } else if (parameter->secret) {
      refuse(key_spot(draft, path), Fault::not_allowed,
             fmt::format("`{}` is secret: the user gives it, no card does", name));
    } else if (const auto wrong = check(*parameter, value)) {
      refuse(value_spot(draft, path), Fault::not_allowed, fmt::format("`{}`: {}", name, *wrong));
    }
  }
}

std::string source_fault(const Source& source) {
  const auto begins = [&](std::string_view scheme) { return source.uri.starts_with(scheme); };
  if (std::none_of(schemes.begin(), schemes.end(), begins))
    return fmt::format("`{}` is no place that weights can come from", shortened(source.uri, 80));
  const std::string_view rest = std::string_view(source.uri).substr(source.uri.find("://") + 3);
  const auto steps = std::count(rest.begin(), rest.end(), '/');
  if (begins("hf://") && (steps < 2 || rest.ends_with('/'))) return "hf:// needs ORG/REPOSITORY/FILE";
  if (begins("https://") && steps < 1) return "https:// needs a host and a path";
  if (begins("pvc://") && steps < 1) return "pvc:// needs CLAIM/PATH";
  if ((begins("file://") || begins("image://")) && !rest.starts_with('/'))
    return "the path must begin with /";
  if (source.uri.find("/../") != std::string::npos || source.uri.ends_with("/.."))
    return "the path must not go up by `..`";
  return "";
}

bool is_sha256(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 64 && std::all_of(text.begin(), text.end(), hex);
}

void check_sources(Verdict& verdict, Draft<Model>& draft) {
  for (std::size_t i = 0; i < draft.card.spec.sources.size(); ++i) {
    const Source& source = draft.card.spec.sources[i];
    Path path = path_of({"spec", "sources"});
    path.push_back({"", static_cast<int>(i)});
    if (draft.doubts.touch(path)) continue;
    path.push_back({"uri"});
    if (const std::string fault = source_fault(source); !fault.empty()) {
      draft.sound = false;
      draft.doubts.add(path);
      report(verdict.findings, value_spot(draft, path), Fault::not_allowed, fault,
             "hf://ORG/REPOSITORY/FILE, https://HOST/PATH, file:///PATH, pvc://CLAIM/PATH or image:///PATH");
    }
    path.back() = {"sha256"};
    if (!source.sha256.empty() && !is_sha256(source.sha256)) {
      draft.sound = false;
      report(verdict.findings, value_spot(draft, path), Fault::not_allowed, "this is no SHA-256",
             "64 digits 0-9 and a-f, as sha256sum prints them");
    }
  }
}

/// Resolves each card of a kind, in a few threads: none of them looks at another of its kind.
template <class C, class Resolve>
void resolve_each(Drafts<C>& drafts, Verdict& verdict, const Resolve& resolve_one) {
  std::vector<Draft<C>*> all;
  for (auto& [name, draft] : drafts) all.push_back(&draft);
  std::array<Verdict, most_threads> of_threads;
  std::map<std::size_t, Verdict> parts;
  std::mutex mutex;
  in_batches(all.size(), [&](std::size_t thread, std::size_t from, std::size_t to) {
    Verdict& mine = of_threads[thread];
    for (std::size_t i = from; i < to; ++i) resolve_one(mine, *all[i]);
    if (mine.findings.empty() && mine.warnings.empty() && mine.nowhere.empty()) return;
    const std::lock_guard lock(mutex);
    parts[from].findings = std::exchange(mine.findings, {});
    parts[from].warnings = std::exchange(mine.warnings, {});
    parts[from].nowhere = std::exchange(mine.nowhere, {});
  });
  for (auto& [from, part] : parts) {
    std::move(part.findings.begin(), part.findings.end(), std::back_inserter(verdict.findings));
    std::move(part.warnings.begin(), part.warnings.end(), std::back_inserter(verdict.warnings));
    std::move(part.nowhere.begin(), part.nowhere.end(), std::back_inserter(verdict.nowhere));
  }
}

void resolve_model(const Shelf& shelf, Verdict& verdict, Draft<Model>& draft) {
  check_sources(verdict, draft);
  const Draft<Framework>* framework =
      follow(shelf, verdict, shelf.frameworks, draft,
             {"Framework", draft.card.spec.framework, path_of({"spec", "framework"})});
  if (framework == nullptr) return;
  check_values(verdict, draft, *framework);
  hold_model(verdict, draft, *framework);
}

std::string called(const Hardware& card) { return "hardware `" + card.metadata.name + "`"; }
std::string called(const Model& card) { return "model `" + card.metadata.name + "`"; }

/// A hardware card serves any framework, and a model another one than its own: their values are checked where
/// a template brings them together, and told at `path` of that.
template <class C>
bool check_pair(Verdict& verdict, Draft<Template>& draft, const Path& path, const C& card,
                const Draft<Framework>& framework) {
  const std::size_t before = verdict.findings.size();
  const Dict<Parameter>& parameters = framework.card.spec.parameters;
  for (const auto& [name, value] : card.spec.values) {
    const Parameter* parameter = find(parameters, name);
    if (!can_check_values(framework, name)) continue;
    if (parameter == nullptr) {
      report(verdict.findings, value_spot(draft, path), Fault::reference,
             fmt::format("the {} gives `{}`, which the framework `{}` has no parameter for", called(card),
                         shortened(name, 60), framework.card.metadata.name),
             suggestion(name, names(parameters)));
    } else if (const auto wrong = check(*parameter, value)) {
      report(verdict.findings, value_spot(draft, path), Fault::not_allowed,
             fmt::format("the {} gives `{}`: {}", called(card), name, *wrong));
    }
  }
  if (verdict.findings.size() != before) draft.sound = false;
  return verdict.findings.size() == before;
}

void check_hardware(Shelf& shelf, Verdict& verdict) {
  for (auto& [name, draft] : shelf.hardware) {
    for (const auto& [key, value] : draft.card.spec.values) {
      const std::string refused = refusal(key, false);
      if (refused.empty()) continue;
      draft.sound = false;
      report(verdict.findings, key_spot(draft, path_of({"spec", "values", key})), Fault::not_allowed,
             refused);
    }
  }
}

/// The template's own hardware and the others: each there, each once, each fit for the framework.
std::vector<Named> check_viable(const Shelf& shelf, Verdict& verdict, Draft<Template>& draft,
                                const Draft<Framework>* framework) {
  const TemplateSpec& spec = draft.card.spec;
  std::vector<Named> machines;
  const auto look = [&](const std::string& name, Path path) {
    const Draft<Hardware>* hardware = follow(shelf, verdict, shelf.hardware, draft, {"Hardware", name, path});
    const bool fits = hardware != nullptr && hardware->sound &&
                      (framework == nullptr || check_pair(verdict, draft, path, hardware->card, *framework));
    machines.push_back({fits ? hardware : nullptr, std::move(path)});
  };
  look(spec.hardware, path_of({"spec", "hardware"}));
  const Path list = path_of({"spec", "viable_hardware"});
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < spec.viable_hardware.size(); ++i) {
    const std::string& name = spec.viable_hardware[i];
    Path path = list;
    path.push_back({"", static_cast<int>(i)});
    if (draft.doubts.touch(path)) continue;
    if (!seen.insert(name).second) {
      draft.sound = false;
      report(verdict.findings, value_spot(draft, path), Fault::duplicate,
             fmt::format("`{}` is listed twice", name));
    } else if (name != spec.hardware) {
      look(name, std::move(path));
    }
  }
  const bool doubted = draft.doubts.touch(list) || draft.doubts.touch({"spec", "hardware"});
  if (seen.empty() || seen.contains(spec.hardware) || doubted) return machines;
  draft.sound = false;
  report(verdict.findings, key_spot(draft, list), Fault::missing,
         fmt::format("`viable_hardware` lacks the template's own hardware `{}`", spec.hardware),
         "list it too, or leave `viable_hardware` out");
  return machines;
}

/// The framework that serves a template: its own, or its model's. A null pointer when nobody knows.
const Draft<Framework>* framework_of(const Shelf& shelf, Verdict& verdict, Draft<Template>& draft,
                                     const Draft<Model>* model) {
  const std::string& own = draft.card.spec.framework;
  const Path path = path_of({"spec", "framework"});
  if (!own.empty() || draft.doubts.touch(path))
    return follow(shelf, verdict, shelf.frameworks, draft, {"Framework", own, path});
  if (model == nullptr || model->doubts.touch(path)) return nullptr;
  const auto found = shelf.frameworks.find(model->card.spec.framework);
  return found == shelf.frameworks.end() ? nullptr : &found->second;
}

void resolve_template(const Shelf& shelf, Verdict& verdict, Draft<Template>& draft) {
  const Draft<Model>* model = follow(shelf, verdict, shelf.models, draft,
                                     {"Model", draft.card.spec.model, path_of({"spec", "model"})});
  const Draft<Framework>* framework = framework_of(shelf, verdict, draft, model);
  if (model != nullptr && !model->sound) model = nullptr;
  if (model != nullptr && framework != nullptr && !draft.card.spec.framework.empty() &&
      !check_pair(verdict, draft, path_of({"spec", "framework"}), model->card, *framework))
    model = nullptr;
  if (framework != nullptr) check_values(verdict, draft, *framework);
  const std::vector<Named> machines = check_viable(shelf, verdict, draft, framework);
  if (framework != nullptr) hold_template(verdict, draft, *framework, model, machines);
}

/// Results are never inherited: they stay with the template that was measured.
void attach_benchmarks(Shelf& shelf, Verdict& verdict) {
  for (auto& [id, draft] : shelf.benchmarks) {
    const std::string& name = draft.card.spec.template_name;
    follow(shelf, verdict, shelf.templates, draft, {"Template", name, path_of({"spec", "template"})});
    if (!draft.sound) continue;
    std::vector<Benchmark>& all = shelf.templates.find(name)->second.card.spec.benchmarks;
    const auto same = [&, &id = id](const Benchmark& each) { return each.id == id; };
    if (std::any_of(all.begin(), all.end(), same)) {
      report(verdict.findings, value_spot(draft, path_of({"metadata", "name"})), Fault::duplicate,
             fmt::format("the template `{}` has a benchmark `{}` itself", name, id));
    } else {
      all.push_back({id, draft.card.metadata.description, draft.card.spec.results, draft.card.spec.run});
    }
  }
}

/// The original's clients tell cards of a kind by their id.
template <class C>
void check_originals(Verdict& verdict, Drafts<C>& drafts) {
  std::map<std::string, std::string> owner;
  for (auto& [name, draft] : drafts) {
    if (!draft.card.spec.original || draft.doubts.touch({"spec", "original"})) continue;
    const auto [first, fresh] = owner.emplace(draft.card.spec.original->id, name);
    if (fresh) continue;
    draft.sound = false;
    report(verdict.findings, value_spot(draft, path_of({"spec", "original", "id"})), Fault::duplicate,
           fmt::format("the original's id `{}` is `{}`'s already", first->first, first->second));
  }
}

}  // namespace

void resolve(Shelf& shelf, Verdict& verdict) {
  check_originals(verdict, shelf.frameworks);
  check_originals(verdict, shelf.models);
  check_originals(verdict, shelf.hardware);
  check_originals(verdict, shelf.templates);
  check_hardware(shelf, verdict);
  resolve_each(shelf.models, verdict,
               [&](Verdict& mine, Draft<Model>& draft) { resolve_model(shelf, mine, draft); });
  resolve_each(shelf.templates, verdict,
               [&](Verdict& mine, Draft<Template>& draft) { resolve_template(shelf, mine, draft); });
  attach_benchmarks(shelf, verdict);
}

}  // namespace mlib::cards::detail
