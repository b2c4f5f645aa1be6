#include "cards/library.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace mlib::cards {
namespace {

template <class C>
const C* find_in(const std::vector<C>& cards, std::string_view name) {
  const auto before = [](const C& card, std::string_view wanted) { return card.metadata.name < wanted; };
  const auto found = std::lower_bound(cards.begin(), cards.end(), name, before);
  return found != cards.end() && found->metadata.name == name ? &*found : nullptr;
}

template <class C>
std::vector<std::string> names_of(const std::vector<C>& cards) {
  std::vector<std::string> names;
  for (const C& card : cards) names.push_back(card.metadata.name);
  return names;
}

template <class C>
const C& get_from(const Library& library, const std::vector<C>& cards, std::string_view kind,
                  std::string_view name) {
  if (const C* found = find_in(cards, name)) return *found;
  throw library.missing(kind, name);
}

}  // namespace

const Framework* Library::framework(std::string_view name) const { return find_in(frameworks, name); }
const Model* Library::model(std::string_view name) const { return find_in(models, name); }
const Hardware* Library::find_hardware(std::string_view name) const { return find_in(hardware, name); }
const Template* Library::find_template(std::string_view name) const { return find_in(templates, name); }

Problem Library::missing(std::string_view kind, std::string_view name) const {
  const std::string shown = shortened(name, 80);
  std::string key = fmt::format("{}/{}", kind, name);
  key[0] = static_cast<char>(key[0] - 'a' + 'A');
  if (left_out.contains(key) || left_out.contains(fmt::format("/{}", name)))
    return Problem(Kind::not_found,
                   fmt::format("the {} `{}` was left out: there are errors in it", kind, shown),
                   "`mlib validate` with its folder or file says which");
  return Problem(Kind::not_found, fmt::format("no {} called `{}`", kind, shown),
                 suggestion(name, kind == "framework"  ? names_of(frameworks)
                                  : kind == "model"    ? names_of(models)
                                  : kind == "hardware" ? names_of(hardware)
                                                       : names_of(templates)));
}

const Framework& Library::get_framework(std::string_view name) const {
  return get_from(*this, frameworks, "framework", name);
}
const Model& Library::get_model(std::string_view name) const {
  return get_from(*this, models, "model", name);
}
const Hardware& Library::get_hardware(std::string_view name) const {
  return get_from(*this, hardware, "hardware", name);
}
const Template& Library::get_template(std::string_view name) const {
  return get_from(*this, templates, "template", name);
}

const Framework& Library::framework_of(const Template& chosen) const {
  if (!chosen.spec.framework.empty()) return get_framework(chosen.spec.framework);
  return get_framework(get_model(chosen.spec.model).spec.framework);
}

void require_sound(const Library& library) {
  if (library.findings.empty()) return;
  const std::size_t count = library.findings.size();
  throw Problem(Kind::invalid,
                count == 1 ? "1 error in the cards" : fmt::format("{} errors in the cards", count), "",
                library.findings);
}

}  // namespace mlib::cards
