#include <fmt/format.h>

#include <algorithm>
#include <array>
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
  std::string_view kind;  ///< Framework, Model, Hardware
  const std::string& name;
  Spot spot;
};

/// The draft that is meant; otherwise a finding and a null pointer.
template <class C>
const Draft<C>* follow(Shelf& shelf, const Drafts<C>& drafts, const Reference& reference) {
  const auto found = drafts.find(reference.name);
  if (found != drafts.end() && found->second.sound) return &found->second;
  const std::string kind = lower(reference.kind);
  const bool left_out = found != drafts.end() || shelf.is_lost(reference.kind, reference.name);
  if (left_out) {
    report(shelf.findings, reference.spot, Fault::reference,
           fmt::format("the {} `{}` was left out, and so is this card", kind, reference.name),
           fmt::format("mend the {} first: it has errors of its own", kind));
    return nullptr;
  }
  std::vector<std::string> known;
  for (const auto& [name, draft] : drafts) known.push_back(name);
  report(shelf.findings, reference.spot, Fault::reference,
         fmt::format("no {} called `{}`", kind, shortened(reference.name, 80)),
         suggestion(reference.name, known));
  return nullptr;
}

/// Why a card may not give `name` at all, or "".
std::string refusal(std::string_view name, bool is_template) {
  if (!is_given(name) || (is_template && name == "deployment_name")) return "";
  if (is_weights_value(name)) return fmt::format("`{}` follows from the model's sources", name);
  return fmt::format("`{}` is the deployment's or the user's: no card gives it", name);
}

/// Checks `spec.values` of a card against the framework that will use them; false when something is wrong.
template <class C>
bool check_values(Shelf& shelf, const Draft<C>& draft, const Framework& framework) {
  const std::size_t before = shelf.findings.size();
  const bool is_template = std::is_same_v<C, Template>;
  const Dict<Parameter>& parameters = framework.spec.parameters;
  for (const auto& [name, value] : draft.card.spec.values) {
    const Path path = path_of({"spec", "values", name});
    const Parameter* parameter = find(parameters, name);
    if (const std::string refused = refusal(name, is_template); !refused.empty()) {
      report(shelf.findings, key_spot(draft, path), Fault::not_allowed, refused);
    } else if (is_given(name)) {
      if (!value.is_string() || !is_dns_label(value.string()))
        report(shelf.findings, value_spot(draft, path), Fault::not_allowed,
               fmt::format("`{}` must be a name", name),
               "1 to 63 characters a-z, 0-9 and -, beginning and ending with a letter or digit");
    } else if (parameter == nullptr) {
      report(shelf.findings, key_spot(draft, path), Fault::reference,
             fmt::format("the framework `{}` has no parameter `{}`", framework.metadata.name,
                         shortened(name, 60)),
             suggestion(name, names(parameters)));
    } else if (parameter->secret) {
      report(shelf.findings, key_spot(draft, path), Fault::not_allowed,
             fmt::format("`{}` is secret: the user gives it, no card does", name));
    } else if (const auto wrong = check(*parameter, value)) {
      report(shelf.findings, value_spot(draft, path), Fault::not_allowed,
             fmt::format("`{}`: {}", name, *wrong));
    }
  }
  return shelf.findings.size() == before;
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

void check_sources(Shelf& shelf, Draft<Model>& draft) {
  for (std::size_t i = 0; i < draft.card.spec.sources.size(); ++i) {
    const Source& source = draft.card.spec.sources[i];
    Path path = path_of({"spec", "sources"});
    path.push_back({"", static_cast<int>(i)});
    path.push_back({"uri"});
    if (const std::string fault = source_fault(source); !fault.empty()) {
      draft.sound = false;
      report(shelf.findings, value_spot(draft, path), Fault::not_allowed, fault,
             "hf://ORG/REPOSITORY/FILE, https://HOST/PATH, file:///PATH, pvc://CLAIM/PATH or image:///PATH");
    }
    path.back() = {"sha256"};
    if (!source.sha256.empty() && !is_sha256(source.sha256)) {
      draft.sound = false;
      report(shelf.findings, value_spot(draft, path), Fault::not_allowed, "this is no SHA-256",
             "64 digits 0-9 and a-f, as sha256sum prints them");
    }
  }
}

void resolve_models(Shelf& shelf) {
  for (auto& [name, draft] : shelf.models) {
    if (!draft.sound) continue;
    check_sources(shelf, draft);
    const Draft<Framework>* framework =
        follow(shelf, shelf.frameworks,
               {"Framework", draft.card.spec.framework, value_spot(draft, path_of({"spec", "framework"}))});
    if (framework == nullptr || !check_values(shelf, draft, framework->card)) draft.sound = false;
    if (draft.sound) hold_model(shelf, draft, framework->card);
  }
}

std::string called(const Hardware& card) { return "hardware `" + card.metadata.name + "`"; }
std::string called(const Model& card) { return "model `" + card.metadata.name + "`"; }

/// A hardware card serves any framework, and a model another one than its own: their values are checked where
/// a template brings them together.
template <class C>
bool check_pair(Shelf& shelf, const C& card, const Framework& framework, const Spot& spot) {
  const std::size_t before = shelf.findings.size();
  for (const auto& [name, value] : card.spec.values) {
    const Parameter* parameter = find(framework.spec.parameters, name);
    if (parameter == nullptr) {
      report(shelf.findings, spot, Fault::reference,
             fmt::format("the {} gives `{}`, which the framework `{}` has no parameter for", called(card),
                         shortened(name, 60), framework.metadata.name),
             suggestion(name, names(framework.spec.parameters)));
    } else if (const auto wrong = check(*parameter, value)) {
      report(shelf.findings, spot, Fault::not_allowed,
             fmt::format("the {} gives `{}`: {}", called(card), name, *wrong));
    }
  }
  return shelf.findings.size() == before;
}

void check_hardware(Shelf& shelf) {
  for (auto& [name, draft] : shelf.hardware) {
    if (!draft.sound) continue;
    for (const auto& [key, value] : draft.card.spec.values) {
      const std::string refused = refusal(key, false);
      if (refused.empty()) continue;
      draft.sound = false;
      report(shelf.findings, key_spot(draft, path_of({"spec", "values", key})), Fault::not_allowed, refused);
    }
  }
}

/// The template's own hardware and the others: each there, each once, each fit for the framework.
void check_viable(Shelf& shelf, Draft<Template>& draft, const Framework* framework) {
  const TemplateSpec& spec = draft.card.spec;
  const auto look = [&](const std::string& name, const Path& path) {
    const Spot spot = value_spot(draft, path);
    const Draft<Hardware>* hardware = follow(shelf, shelf.hardware, {"Hardware", name, spot});
    const bool fits =
        hardware != nullptr && (framework == nullptr || check_pair(shelf, hardware->card, *framework, spot));
    if (!fits) draft.sound = false;
  };
  look(spec.hardware, path_of({"spec", "hardware"}));
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < spec.viable_hardware.size(); ++i) {
    const std::string& name = spec.viable_hardware[i];
    Path path = path_of({"spec", "viable_hardware"});
    path.push_back({"", static_cast<int>(i)});
    if (!seen.insert(name).second) {
      draft.sound = false;
      report(shelf.findings, value_spot(draft, path), Fault::duplicate,
             fmt::format("`{}` is listed twice", name));
    } else if (name != spec.hardware) {
      look(name, path);
    }
  }
  if (seen.empty() || seen.contains(spec.hardware)) return;
  draft.sound = false;
  report(shelf.findings, key_spot(draft, path_of({"spec", "viable_hardware"})), Fault::missing,
         fmt::format("`viable_hardware` lacks the template's own hardware `{}`", spec.hardware),
         "list it too, or leave `viable_hardware` out");
}

/// The framework that serves a template: its own, which must take the model's values, or its model's.
const Framework* framework_of(Shelf& shelf, const Draft<Template>& draft, const Draft<Model>* model) {
  const std::string& own = draft.card.spec.framework;
  if (own.empty())
    return model == nullptr ? nullptr : &shelf.frameworks.find(model->card.spec.framework)->second.card;
  const Spot spot = value_spot(draft, path_of({"spec", "framework"}));
  const Draft<Framework>* framework = follow(shelf, shelf.frameworks, {"Framework", own, spot});
  if (framework == nullptr || model == nullptr) return nullptr;
  return check_pair(shelf, model->card, framework->card, spot) ? &framework->card : nullptr;
}

void resolve_templates(Shelf& shelf) {
  for (auto& [name, draft] : shelf.templates) {
    if (!draft.sound) continue;
    const Draft<Model>* model = follow(
        shelf, shelf.models, {"Model", draft.card.spec.model, value_spot(draft, path_of({"spec", "model"}))});
    const Framework* framework = framework_of(shelf, draft, model);
    if (framework == nullptr || !check_values(shelf, draft, *framework)) draft.sound = false;
    check_viable(shelf, draft, framework);
    if (draft.sound) hold_template(shelf, draft, *framework, model->card);
  }
}

/// Results are never inherited: they stay with the template that was measured.
void attach_benchmarks(Shelf& shelf) {
  for (auto& [id, draft] : shelf.benchmarks) {
    if (!draft.sound) continue;
    const std::string& name = draft.card.spec.template_name;
    const Spot spot = value_spot(draft, path_of({"spec", "template"}));
    if (follow(shelf, shelf.templates, {"Template", name, spot}) == nullptr) continue;
    std::vector<Benchmark>& all = shelf.templates.find(name)->second.card.spec.benchmarks;
    const auto same = [&](const Benchmark& each) { return each.id == id; };
    if (std::any_of(all.begin(), all.end(), same)) {
      report(shelf.findings, value_spot(draft, path_of({"metadata", "name"})), Fault::duplicate,
             fmt::format("the template `{}` has a benchmark `{}` itself", name, id));
    } else {
      all.push_back({id, draft.card.metadata.description, draft.card.spec.results, draft.card.spec.run});
    }
  }
}

/// The original's clients tell cards of a kind by their id.
template <class C>
void check_originals(Shelf& shelf, Drafts<C>& drafts) {
  std::map<std::string, std::string> owner;
  for (auto& [name, draft] : drafts) {
    if (!draft.sound || !draft.card.spec.original) continue;
    const auto [first, fresh] = owner.emplace(draft.card.spec.original->id, name);
    if (fresh) continue;
    draft.sound = false;
    report(shelf.findings, value_spot(draft, path_of({"spec", "original", "id"})), Fault::duplicate,
           fmt::format("the original's id `{}` is `{}`'s already", first->first, first->second));
  }
}

}  // namespace

void resolve(Shelf& shelf) {
  check_originals(shelf, shelf.frameworks);
  check_originals(shelf, shelf.models);
  check_originals(shelf, shelf.hardware);
  check_originals(shelf, shelf.templates);
  check_hardware(shelf);
  resolve_models(shelf);
  resolve_templates(shelf);
  attach_benchmarks(shelf);
}

}  // namespace mlib::cards::detail
