#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "schema/document.hpp"
#include "targets/kube_watcher_parts.hpp"

namespace mlib::targets::kube_watcher {
namespace {

std::string list_of(const std::vector<Owned>& all) {
  std::vector<std::string> names;
  for (const Owned& each : all) names.push_back(called(each));
  return join(names, ", ");
}

const Owned* known_as(const std::vector<Owned>& all, const Owned& one) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const Owned& each) {
    return each.kind == one.kind && each.name == one.name;
  });
  return at == all.end() ? nullptr : &*at;
}

Owned owned_of(const Node& object, const Ref& ref) {
  return {object.text_at({"kind"}), object.text_at({"apiVersion"}), ref.namespace_name,
          object.text_at({"metadata", "name"}), ""};
}

/// An earlier rendering's Secrets have to be there with all their keys, as the record of the last apply says.
void require_secrets(const Desired& desired, const Found& before, bool early) {
  for (const Node& object : desired.rendered->objects) {
    if (object.text_at({"kind"}) != "Secret" || is_empty_secret(object)) continue;
    const std::string name = object.text_at({"metadata", "name"});
    if (early)
      throw Problem(
          Kind::unsupported,
          fmt::format("the Kube Watcher of January 2024 cannot {}", text_of(Ability::keep_secrets).cannot),
          instead_of(Ability::keep_secrets, desired.ref));
    const std::vector<Node> last =
        desired.last.empty() ? std::vector<Node>{} : schema::read_yaml({"the last manifest", desired.last});
    const auto at = std::find_if(last.begin(), last.end(), [&](const Node& each) {
      return each.text_at({"kind"}) == "Secret" && each.text_at({"metadata", "name"}) == name;
    });
    for (const std::string_view part : {"data", "stringData"}) {
      const Node* keys = object.find(part);
      if (keys == nullptr || !keys->is_map()) continue;
      for (const schema::Entry& key : keys->entries())
        if (at == last.end() || !before.has("Secret", name) || at->at({part, key.key}) == nullptr)
          throw no_running_secret(name, key.key);
    }
  }
}

}  // namespace

bool is_among(const std::vector<Owned>& all, const Owned& one) { return known_as(all, one) != nullptr; }

bool stays(const Desired& desired, const Node& object) {
  return desired.keeps_secrets && object.text_at({"kind"}) == "Secret" && !is_empty_secret(object);
}

bool is_settled(const Desired& desired, const Found& before) {
  std::size_t rendered = 0;
  for (const Node& object : desired.rendered->objects) {
    const Owned owned = owned_of(object, desired.ref);
    if (owned.kind == "Namespace") continue;
    ++rendered;
    const Owned* known = known_as(desired.known, owned);
    if (known == nullptr) return false;
    if (!stays(desired, object) && !has_content(object, known->content)) return false;
  }
  // Every kind that it shows is there.
  const auto shown = [&](const Owned& each) {
    return before.has(each.kind, each.name) || (before.blind && !before.shows(each, desired.ref));
  };
  return rendered == desired.known.size() && std::all_of(desired.known.begin(), desired.known.end(), shown);
}

void require_free(Watcher& watcher, const Desired& desired, const Found& before, const Cancel* cancel) {
  const bool early = watcher.generation(cancel) == Generation::early;
  const Owned workload{"Deployment", "", desired.ref.namespace_name, desired.ref.name, ""};
  const std::string name = called(workload);
  const bool there = before.has("Deployment", desired.ref.name);
  if (before.foreign || (early && there && !is_among(desired.known, workload)))
    throw Problem(Kind::conflict,
                  early ? name + " exists already, and is not recorded here as ours"
                        : name + " exists already and is not managed by the Model Library",
                  "choose another --name or namespace, or remove it yourself");
  if (desired.keeps_secrets) require_secrets(desired, before, early);
  if (before.objects.empty() || (early && !there)) return;
  if (!desired.replace)
    throw Problem(Kind::conflict,
                  fmt::format("exists already: {}. Kube Watcher creates objects and never changes them",
                              list_of(before.objects)),
                  std::string(text_of(Ability::change).instead));
}

void require_replaceable(const Desired& desired) {
  if (std::any_of(desired.known.begin(), desired.known.end(), is_owner)) return;
  std::vector<std::string> names, commands;
  for (const Node& object : desired.rendered->objects) {
    const std::string kind = object.text_at({"kind"});
    const bool holds = kind == "ConfigMap" || (kind == "Secret" && !is_empty_secret(object));
    const Owned owned = owned_of(object, desired.ref);
    const Owned* known = known_as(desired.known, owned);
    if (!holds || known == nullptr || has_content(object, known->content)) continue;
    names.push_back(called(owned));
    commands.push_back(
        fmt::format("kubectl -n {} delete {} {}", owned.namespace_name, lower(kind), owned.name));
  }
  if (!names.empty())
    throw Problem(
        Kind::conflict,
        fmt::format("this Kube Watcher can neither change nor delete {}, and its content is another",
                    join(names, ", ")),
        "remove it yourself first: " + join(commands, "; "));
}

}  // namespace mlib::targets::kube_watcher
