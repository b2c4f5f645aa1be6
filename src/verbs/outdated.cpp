#include "verbs/outdated.hpp"

#include <fmt/format.h>

#include "cards/revision.hpp"
#include "schema/document.hpp"
#include "verbs/lines.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

/// A card of a deployment that is another one now.
struct Changed {
  std::string kind, name, was, now, diff;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.required = true});
    d.field("name", name, {.required = true});
    d.field("was", was, {.help = "Revision that it was made from", .required = true});
    d.field("now", now, {.help = "Revision in the catalogue; none: the card is gone"});
    d.field("diff", diff, {.help = "Lines of the card that differ"});
  }
};

bool remembers(const store::Deployment& record) {
  return record.cards.is_map() && !record.cards.entries().empty();
}

template <class C>
void set_if_there(Node& all, std::string_view kind, const C* card) {
  if (card != nullptr) all.set(kind, cards::canonical(*card));
}

/// The cards as they are now: those of its template; where that is gone, those of the same names.
Node cards_now(const cards::Library& library, const store::Deployment& record) {
  if (library.find_template(record.template_name) != nullptr)
    return cards::cards_of(library, record.template_name, record.hardware);
  Node now = Node::map();
  const auto name = [&](std::string_view kind) { return record.cards.text_at({kind, "metadata", "name"}); };
  set_if_there(now, "Model", library.model(name("Model")));
  set_if_there(now, "Hardware", library.find_hardware(name("Hardware")));
  set_if_there(now, "Framework", library.framework(name("Framework")));
  return now;
}

std::vector<Changed> changed(const cards::Library& library, const store::Deployment& record) {
  std::vector<Changed> found;
  if (!remembers(record)) return found;
  const Node now = cards_now(library, record);
  for (const schema::Entry& then : record.cards.entries()) {
    const Node* card = now.find(then.key);
    const std::string was = cards::revision(then.value);
    const std::string is = card == nullptr ? "" : cards::revision(*card);
    if (was == is) continue;
    const std::string after = card == nullptr ? "" : schema::to_yaml(*card);
    found.push_back({then.key, then.value.text_at({"metadata", "name"}), was, is,
                     line_diff(schema::to_yaml(then.value), after)});
  }
  return found;
}

/// For people: each card that changed, with its lines.
std::string page(const cards::Library& library, const store::Deployment& record,
                 const std::vector<Changed>& all) {
  if (!remembers(record)) return fmt::format("it is not known which cards {} was made from\n", record.name);
  if (all.empty()) return fmt::format("{} is made from the cards as they are now\n", record.name);
  std::string text;
  for (const Changed& each : all)
    text += fmt::format("{} {}: {} -> {}\n{}", each.kind, each.name, each.was,
                        each.now.empty() ? "gone" : each.now, each.diff);
  if (library.find_template(record.template_name) == nullptr)
    return text + "\nTo bring it up to date, choose another template: mlib get templates\n";
  return text + fmt::format("\nTo bring it up to date: mlib deploy {} --name {} -n {}\n",
                            record.template_name, record.name, record.namespace_name);
}

}  // namespace

Response outdated(const World& world, const Caller&, const OutdatedArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  std::vector<store::Deployment> records;
  if (arguments.name.empty())
    records = world.store.list(arguments.namespace_name);
  else
    records.push_back(record_of(world.store, arguments.namespace_name, arguments.name));
  Table table{.columns = {{"NAMESPACE"}, {"NAME"}, {"KIND"}, {"CARD"}, {"WAS"}, {"NOW"}}};
  Node list = Node::list();
  std::string text, notes;
  for (const store::Deployment& record : records) {
    const std::vector<Changed> all = changed(*library, record);
    text = page(*library, record, all);
    if (!remembers(record)) notes += text;
    if (all.empty()) continue;
    for (const Changed& each : all)
      table.rows.push_back({record.namespace_name, record.name, each.kind, each.name, each.was,
                            each.now.empty() ? "gone" : each.now});
    Node item = Node::map();
    item.set("namespace", record.namespace_name);
    item.set("name", record.name);
    item.set("cards", schema::encode(all));
    list.push(std::move(item));
  }
  if (!arguments.name.empty()) return {.value = std::move(list), .text = std::move(text)};
  return {.value = std::move(list), .table = std::move(table), .notes = std::move(notes)};
}

}  // namespace mlib::verbs
