#include "render/merge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"
#include "cards/placeholder.hpp"
#include "render/report.hpp"
#include "render/substitute.hpp"
#include "render/weights.hpp"
#include "schema/document.hpp"

namespace mlib::render {
namespace {

constexpr std::string_view api_key = "API_key";
constexpr std::string_view weights_value = "weights";

/// The parameter that stands behind a flag in a list of arguments; "" when none does.
std::string given_to(const Node& node, std::string_view flag) {
  std::string found;
  if (node.is_map())
    for (const schema::Entry& entry : node.entries())
      if (found.empty()) found = given_to(entry.value, flag);
  if (!node.is_list()) return found;
  const std::vector<Node>& items = node.items();
  for (std::size_t i = 0; i < items.size() && found.empty(); ++i) {
    const bool here = items[i].is_string() && items[i].string() == flag && i + 1 < items.size();
    if (here && items[i + 1].is_string())
      found = cards::whole_placeholder(items[i + 1].string());
    else
      found = given_to(items[i], flag);
  }
  return found;
}

Finding finding(Fault fault, const Value& value, std::string message, std::string hint) {
  Finding found;
  found.fault = fault;
  found.place = {value.origin, value.value.line, value.value.column};
  found.message = std::move(message);
  found.hint = std::move(hint);
  return found;
}

bool is_identity(std::string_view name) {
  return name == api_key || (cards::is_given(name) && !cards::is_weights_value(name));
}

void put(Value& value, Node node, std::string origin) {
  if (!value.origin.empty() && !value.value.is_null()) value.overrode.push_back(value.origin);
  value.value = std::move(node);
  value.origin = std::move(origin);
}

void put(Values& values, const std::string& name, Node node, std::string origin) {
  put(values[name], std::move(node), std::move(origin));
}

/// True when the manifest takes weights the way that add_weights() gives them.
bool uses_weights(const cards::Framework& framework) {
  const std::string& text = framework.manifest_text;
  constexpr std::string_view prefix = "weights_";
  for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1))
    if (std::string_view(text).substr(0, at).ends_with('$') ||
        std::string_view(text).substr(0, at).ends_with("${"))
      return true;
  return false;
}

bool has_text(const Node& node) { return !node.is_string() || is_utf8(node.string()); }

/// The value in the declared type where nothing is lost: 8 for "8" (lenient), "8" for 8.
Node fitted(const cards::Parameter& parameter, Node value, Strictness strictness) {
  const bool lenient = strictness == Strictness::lenient;
  const bool wants_text = parameter.type == "string" || parameter.type == "name";
  Node made;
  if (wants_text && (value.is_integer() || (lenient && value.is_number())))
    made = as_text(value);
  else if (wants_text && lenient && value.is_boolean())
    // As Python prints it, and so as the original's clients know it.
    made = value.boolean() ? "True" : "False";
  else if (!wants_text && lenient && value.is_string() && parameter.type != "quantity")
    made = schema::scalar_of(trim(value.string()));
  else
    return value;
  made.line = value.line;
  made.column = value.column;
  return made;
}

/// A list or map that `--set` gave as text (`["--x", 4]`, `{a: 1}`); any other text stays one.
Node unfolded(const cards::Parameter& parameter, Node value) {
  if (!value.is_string() || (parameter.type != "list" && parameter.type != "map")) return value;
  std::vector<Finding> findings;
  std::vector<Node> documents = schema::read_yaml({"--set", value.string()}, findings);
  const bool fits = findings.empty() && documents.size() == 1 &&
                    (parameter.type == "list" ? documents[0].is_list() : documents[0].is_map());
  return fits ? std::move(documents[0]) : value;
}

/// What a value has to look like, for people.
std::string how_to_write(const std::string& name, const cards::Parameter& parameter) {
  std::string hint = parameter.help;
  if (parameter.type == "list" || parameter.type == "map")
    hint += fmt::format("{}as in --set '{}={}'", hint.empty() ? "" : "; ", name,
                        parameter.type == "list" ? "[one, \"two words\"]" : "{key: value}");
  return hint;
}

class Merge {
 public:
  Merge(const cards::Framework& framework, Strictness strictness, std::vector<Finding>& findings)
      : framework_(framework), strictness_(strictness), findings_(findings) {
    const std::string origin = called_framework();
    for (const auto& [name, parameter] : framework.spec.parameters) put(values_, name, Node(), origin);
    if (uses_weights(framework)) put(values_, std::string(weights_value), Node(), origin);
  }

  void add(const Layer& layer) {
    const bool ours = layer.origin == overrides_origin;
    const auto given = [&](const Node& node) { return Value{.value = node, .origin = layer.origin}; };
    for (const auto& [name, node] : layer.values) {
      if (is_identity(name)) {
        if (ours) refuse_identity(name, given(node));
        before_identity_[name].push_back(layer.origin);
      } else if (cards::is_weights_value(name)) {
        findings_.push_back(
            finding(Fault::not_allowed, given(node), fmt::format("`{}` follows from the model", name),
                    "set `weights` to another source: file:///…, hf://…, https://…, pvc://…"));
      } else if (const auto there = values_.find(name); there != values_.end()) {
        put(there->second, node, layer.origin);
      } else if (strictness_ == Strictness::strict) {
        refuse_unknown(name, given(node));
      }
    }
  }

  void check() {
    for (const auto& [name, parameter] : framework_.spec.parameters) {
      Value& value = values_[name];
      value.secret = parameter.secret;
      if (value.origin == overrides_origin) value.value = unfolded(parameter, std::move(value.value));
      value.value = fitted(parameter, std::move(value.value), strictness_);
      if (!has_text(value.value)) {
        refuse(value, Fault::not_allowed, fmt::format("`{}` is not UTF-8", name), "");
      } else if (const auto wrong = cards::check(parameter, value.value)) {
        refuse(value, Fault::wrong_type, fmt::format("`{}`: {}", name, *wrong),
               value.origin == overrides_origin ? how_to_write(name, parameter) : parameter.help);
      } else if (parameter.required && value.value.is_null() && !is_identity(name) && !value.refused) {
        refuse(value, Fault::missing, fmt::format("`{}` needs a value", name),
               parameter.help.empty() ? fmt::format("--set {}=…", name)
                                      : fmt::format("--set {}=…: {}", name, parameter.help));
      }
    }
  }

  Values identified(const Identity& identity) {
    set_identity("name", identity.name);
    set_identity("deployment_name", identity.name);
    set_identity("namespace", identity.namespace_name);
    set_identity("user", identity.user);
    set_identity("id", identity.user);
    set_identity(std::string(api_key), identity.api_key.reveal());
    if (const auto weights = values_.find(weights_value);
        weights != values_.end() && !weights->second.value.is_null())
      check_weights(weights->second);
    if (identity.api_key.empty()) values_[std::string(api_key)].value = Node();
    values_[std::string(api_key)].secret = true;
    check_name("name", identity.name);
    check_name("namespace", identity.namespace_name);
    for (const std::string& text : {identity.user, identity.api_key.reveal()})
      if (!is_utf8(text)) wrong_identity("the user's id or key is not UTF-8", "");
    return std::move(values_);
  }

 private:
  std::vector<std::string> known() const {
    std::vector<std::string> names = cards::names(framework_.spec.parameters);
    if (uses_weights(framework_)) names.emplace_back(weights_value);
    return names;
  }

  void refuse(Value& value, Fault fault, std::string message, std::string hint) {
    findings_.push_back(finding(fault, value, std::move(message), std::move(hint)));
    value.refused = true;
  }

  std::string called_framework() const { return "framework " + framework_.metadata.name; }

  void refuse_unknown(const std::string& name, const Value& value) {
    std::string flag = "--" + name;
    std::replace(flag.begin(), flag.end(), '_', '-');
    std::string meant = given_to(Node(framework_.manifest), flag);
    if (values_.find(meant) == values_.end()) meant.clear();  // the deployment's identity is nobody's to set
    const std::string hint =
        meant.empty() ? suggestion(name, known()) : fmt::format("`{}` is what is given to {}", meant, flag);
    findings_.push_back(finding(
        Fault::unknown_field, value,
        fmt::format("nothing in framework {} uses `{}`", framework_.metadata.name, shortened(name, 60)),
        hint));
    if (meant.empty()) meant = nearest(name, known());
    if (!meant.empty()) values_[meant].refused = true;
  }

  void refuse_identity(const std::string& name, const Value& value) {
    findings_.push_back(
        finding(Fault::not_allowed, value,
                fmt::format("`{}` is the deployment's identity: no value overrides it", name),
                name == api_key ? "give the key as the user's" : "give it as --name, -n or --user"));
  }

  void check_weights(const Value& value) {
    if (!value.value.is_string() || !has_text(value.value))
      findings_.push_back(finding(Fault::wrong_type, value, "`weights` must be the address of a file",
                                  "as in file:///srv/models/a.gguf"));
  }

  void set_identity(const std::string& name, const std::string& text) {
    Value& value = values_[name];
    value = Value{.value = text, .origin = "identity", .overrode = std::move(before_identity_[name])};
  }

  void check_name(std::string_view name, const std::string& text) {
    // Services are called after the deployment, and their names begin with a letter.
    const bool letter_first = name != "name" || (!text.empty() && (text.front() < '0' || text.front() > '9'));
    if (is_dns_label(text) && letter_first) return;
    wrong_identity(fmt::format("{} `{}` is not a valid name", name, shortened(text, 80)),
                   name == "name"
                       ? "1 to 63 characters a-z, 0-9 and -, beginning with a letter, not ending with -"
                       : "1 to 63 characters a-z, 0-9 and -, beginning and ending with a letter or digit");
  }

  void wrong_identity(std::string message, std::string hint) {
    Finding found;
    found.fault = Fault::not_allowed;
    found.message = std::move(message);
    found.hint = std::move(hint);
    findings_.push_back(std::move(found));
  }

  const cards::Framework& framework_;
  Strictness strictness_;
  std::vector<Finding>& findings_;
  std::map<std::string, std::vector<std::string>, std::less<>> before_identity_;
  Values values_;
};

/// The claim that the framework's manifest makes, or that we make for it: fetched weights are kept in it.
std::string claim_name(const cards::Framework& framework, const Values& values) {
  const cards::Framework& from = framework;
  for (const Node& document : from.manifest) {
    if (document.text_at({"kind"}) != "PersistentVolumeClaim") continue;
    Report ignored(framework);
    const std::vector<Node> made = substitute({document}, values, ignored, ignored);
    if (!made.empty()) return made[0].text_at({"metadata", "name"});
  }
  return "";
}

}  // namespace

Layer defaults(const cards::Framework& framework) {
  Layer layer{"framework " + framework.metadata.name, {}};
  for (const auto& [name, parameter] : framework.spec.parameters)
    if (!parameter.default_value.is_null()) layer.values.emplace_back(name, parameter.default_value);
  return layer;
}

std::vector<Layer> layers(const cards::Library& library, const Request& request) {
  const cards::Template& chosen = library.get_template(request.template_name);
  const cards::Model& model = library.get_model(chosen.spec.model);
  const cards::Framework& framework = library.framework_of(chosen);
  const cards::Hardware& hardware =
      library.get_hardware(request.hardware.empty() ? chosen.spec.hardware : request.hardware);
  std::vector<Layer> all{defaults(framework)};
  Layer facts_of_hardware{"hardware " + hardware.metadata.name, {}};
  Layer facts_of_model{"model " + model.metadata.name, {}};
  for (const auto& [name, parameter] : framework.spec.parameters) {
    if (parameter.from.empty()) continue;
    std::optional<Node> fact = cards::fact(parameter.from, framework, model, hardware);
    if (!fact) continue;
    const bool of_framework = parameter.from.starts_with("framework.");
    Layer& layer = of_framework                           ? all[0]
                   : parameter.from.starts_with("model.") ? facts_of_model
                                                          : facts_of_hardware;
    layer.values.emplace_back(name, std::move(*fact));
  }
  all.push_back(std::move(facts_of_hardware));
  all.push_back(std::move(facts_of_model));
  all.push_back({"hardware " + hardware.metadata.name, hardware.spec.values});
  all.push_back({"model " + model.metadata.name, model.spec.values});
  all.push_back({"template " + chosen.metadata.name, chosen.spec.values});
  all.push_back({std::string(overrides_origin), request.overrides});
  return all;
}

Values merge_values(const cards::Framework& framework, const std::vector<Layer>& layers,
                    const Identity& identity, Strictness strictness, std::vector<Finding>& findings) {
  Merge merge(framework, strictness, findings);
  for (const Layer& layer : layers) merge.add(layer);
  merge.check();
  return merge.identified(identity);
}

Values merge(const cards::Framework& framework, const std::vector<Layer>& layers, const Identity& identity) {
  std::vector<Finding> findings;
  Values values = merge_values(framework, layers, identity, Strictness::strict, findings);
  if (!findings.empty()) throw Problem(Kind::invalid, "the values do not fit", "", std::move(findings));
  return values;
}

std::vector<cards::Source> sources_in_force(const Values& values,
                                            const std::vector<cards::Source>& of_model) {
  const auto set = values.find(weights_value);
  if (set == values.end() || !set->second.value.is_string()) return of_model;
  const std::string& uri = set->second.value.string();
  // A copy of the model's own file elsewhere keeps its checksum.
  for (const cards::Source& source : of_model)
    if (source.uri == uri) return {source};
  return {cards::Source{.uri = uri}};
}

std::optional<cards::Source> add_weights(Values& values, const cards::Framework& framework,
                                         const std::vector<cards::Source>& sources) {
  const bool uses = uses_weights(framework);
  const std::optional<cards::Source> source = uses ? usable(sources) : std::nullopt;
  Weights weights;
  if (uses && !sources.empty()) {
    Fetching fetching;
    fetching.claim = claim_name(framework, values);
    if (const auto image = values.find("fetch_image");
        image != values.end() && image->second.value.is_string())
      fetching.image = image->second.value.string();
    weights = weights_of(source.value_or(sources.front()), fetching);
  }
  const std::string origin = source ? "weights " + source->uri : "no weights";
  put(values, "weights_volumes", std::move(weights.volumes), origin);
  put(values, "weights_mounts", std::move(weights.mounts), origin);
  put(values, "weights_init", std::move(weights.init), origin);
  put(values, "weights_path", std::move(weights.path), origin);
  return source;
}

}  // namespace mlib::render
