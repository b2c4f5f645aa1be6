#include "verbs/rendering.hpp"

#include "base/text.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {

render::Request request_of(const Instance& instance, const Caller& caller) {
  render::Request request;
  request.template_name = instance.template_name;
  request.hardware = instance.hardware;
  request.identity.name = checked_label(instance.name, "name");
  request.identity.namespace_name = namespace_or_default(instance.namespace_name);
  request.identity.user = instance.user.empty() ? caller.user : instance.user;
  request.identity.api_key = Secret<std::string>(instance.api_key);
  request.overrides = instance.set;
  request.kubernetes_version = instance.kubernetes_version;
  return request;
}

Response render_template(const World& world, const Caller& caller, const RenderArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  const render::Rendered rendered = render::render(*library, request_of(arguments, caller), world.policy);
  Node list = list_of(arguments.show_secrets ? rendered.objects : masked(rendered.objects));
  std::string notes;
  for (const std::string& each : render::warning_lines(rendered)) notes += "warning: " + each + "\n";
  std::string text = render::to_manifest(rendered, arguments.show_secrets);
  return {.value = std::move(list), .text = std::move(text), .notes = std::move(notes)};
}

Response explain_template(const World& world, const Caller&, const ExplainArguments& arguments) {
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  render::Request request;
  request.template_name = arguments.name;
  request.hardware = arguments.hardware;
  request.overrides = arguments.set;
  request.identity.name = "name";
  request.identity.namespace_name = "namespace";
  request.identity.user = "user";
  const cards::Template& card = library->get_template(arguments.name);
  const cards::Framework& framework = library->framework_of(card);
  const render::Values values = render::merge(framework, render::layers(*library, request), request.identity);
  Table table{.columns = {{"NAME"}, {"VALUE"}, {"FROM"}, {"OVERRODE", true}}};
  Node list = Node::list();
  for (const auto& [name, value] : values) {
    const Node shown = value.secret && !value.value.is_null() ? Node("***") : value.value;
    table.rows.push_back({name, cell(shown), value.origin, join(value.overrode, ", ")});
    Node item = Node::map();
    item.set("name", name);
    item.set("value", shown);
    item.set("origin", value.origin);
    item.set("overrode", schema::encode(value.overrode));
    list.push(std::move(item));
  }
  return {.value = std::move(list), .table = std::move(table)};
}

}  // namespace mlib::verbs
