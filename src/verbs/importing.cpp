#include "verbs/importing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include "base/text.hpp"
#include "cards/facts.hpp"
#include "cards/parameter.hpp"
#include "formats/model.hpp"
#include "formats/original.hpp"
#include "net/client.hpp"
#include "schema/document.hpp"

namespace mlib::verbs {
namespace {

using formats::Imported;
using formats::Wanted;

constexpr std::size_t longest_json = 16U << 20U;

bool is_url(std::string_view source) {
  return source.starts_with("http://") || source.starts_with("https://");
}

/// What a running original answers; its list of cards when the URL has no path.
std::string fetched(const World& world, const std::string& source) {
  if (world.http == nullptr) throw Problem(Kind::unsupported, "there is no way to the network here");
  net::Call call;
  call.url = source;
  if (source.find('/', source.find("://") + 3) == std::string::npos) call.url += "/get_all";
  call.body_limit = longest_json;
  const net::Answer answer = world.http->call(call);
  if (answer.status == 200) return answer.body;
  throw Problem(Kind::failed, fmt::format("{} answers {}", call.url, answer.status),
                "the original's cards are at /get_all, on port 8001 as a rule");
}

std::string read_text(const std::string& path) {
  const auto file = formats::open_file(path);
  if (file->size() > longest_json)
    throw Problem(Kind::too_large,
                  fmt::format("{}: {} bytes: at most {} are read", path, file->size(), longest_json));
  return file->read(0, longest_json);
}

/// Cards from a JSON text: the original's, or a config.json alone.
Imported from_json(const World& world, const std::string& text, const std::string& name,
                   const Wanted& wanted) {
  Node json;
  schema::JsonError error;
  if (!schema::read_json(text, json, error, {64, longest_json, 500'000}))
    throw Problem(Kind::invalid,
                  fmt::format("{}: byte {}: no sound JSON: {}", name, error.offset, error.message),
                  "a Hugging Face folder, a GGUF file or the original's JSON can be imported");
  if (!formats::is_original(json) &&
      (json.find("model_type") != nullptr || json.find("architectures") != nullptr)) {
    const auto bytes = std::make_shared<formats::TextBytes>(text);
    return formats::from_hugging_face({{"config.json", bytes}}, name, wanted);
  }
  return formats::from_original(json, name, *world.shelf.library(), wanted);
}

Imported from_source(const World& world, const std::string& source, Wanted wanted) {
  if (is_url(source)) return from_json(world, fetched(world, source), source, wanted);
  wanted.location = formats::absolute(source);
  if (formats::is_folder(source)) {
    std::string folder = source;
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    if (folder == ".") folder = wanted.location;
    return formats::from_hugging_face(formats::open_folder(source), folder, wanted);
  }
  const auto file = formats::open_file(source);
  const std::string_view name = std::string_view(source).substr(source.rfind('/') + 1);
  if (name.ends_with(".gguf") || file->read(0, 4) == "GGUF")
    return formats::from_gguf(formats::open_parts(source), wanted);
  if (name.ends_with(".safetensors"))
    throw Problem(Kind::usage, fmt::format("{}: a safetensors file alone says too little", source),
                  "import the folder that it and its config.json are in");
  return from_json(world, read_text(source), source, wanted);
}

bool holds(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A framework that may serve a model; the less the better, from the first member on.
struct Candidate {
  bool not_loaded;                   ///< the model's quantization is none that it says it loads
  std::vector<std::string> missing;  ///< required parameters that the model's card cannot give
  std::ptrdiff_t models;             ///< of the catalogue that it serves and that are alike
  std::string name;

  bool before(const Candidate& other) const {
    return std::tuple(not_loaded, missing.size(), -models, name) <
           std::tuple(other.not_loaded, other.missing.size(), -other.models, other.name);
  }
};

/// The required parameters of `framework` that neither it nor `model` gives; hardware and callers are not
/// known here.
std::vector<std::string> missing_for(const cards::Framework& framework, const cards::Model& model) {
  std::vector<std::string> missing;
  for (const auto& [name, parameter] : framework.spec.parameters) {
    if (!parameter.required || !parameter.default_value.is_null()) continue;
    if (parameter.from.starts_with("hardware.")) continue;
    if (cards::find(model.spec.values, name) == nullptr &&
        !cards::fact(parameter.from, framework, model, cards::Hardware{}))
      missing.push_back(name);
  }
  return missing;
}

/// True for a framework that loads files of the model's format, as it says or, where it does not say, as
/// other models of the catalogue have it.
bool loads_format(const cards::Library& library, const cards::Framework& framework,
                  const std::string& format) {
  const std::vector<std::string>& formats = framework.spec.serves.formats;
  if (!formats.empty()) return holds(formats, format);
  return std::any_of(library.models.begin(), library.models.end(), [&](const cards::Model& other) {
    return other.spec.framework == framework.metadata.name && other.spec.format == format;
  });
}

/// True for a type of weights that some framework says it loads; what none knows tells none from another.
bool is_known(const cards::Library& library, const std::string& type) {
  return std::any_of(library.frameworks.begin(), library.frameworks.end(), [&](const cards::Framework& each) {
    return holds(each.spec.serves.quantizations, type);
  });
}

/// True where `serves` says that it loads weights of that type; where it says nothing, it loads plain ones.
bool loads_type(const cards::Serves& serves, const std::string& type) {
  if (!serves.quantizations.empty()) return holds(serves.quantizations, type);
  return type == "BF16" || type == "FP16" || type == "FP32";
}

/// The framework that fits best of those that load the model's format and serve its task.
std::optional<Candidate> framework_for(const cards::Library& library, const cards::Model& model) {
  std::optional<Candidate> best;
  const std::string &task = model.spec.task, &type = model.spec.quantization;
  const bool known = is_known(library, type);
  for (const cards::Framework& each : library.frameworks) {
    const cards::Serves& serves = each.spec.serves;
    const auto alike = [&](const cards::Model& other) {
      return other.spec.framework == each.metadata.name && other.spec.format == model.spec.format &&
             (task.empty() || other.spec.task == task);
    };
    const auto models = std::count_if(library.models.begin(), library.models.end(), alike);
    if (!loads_format(library, each, model.spec.format)) continue;
    if (serves.formats.empty() && models == 0) continue;
    if (!serves.tasks.empty() && !task.empty() && !holds(serves.tasks, task)) continue;
    Candidate candidate{known && !loads_type(serves, type), missing_for(each, model), models,
                        each.metadata.name};
    if (!best || candidate.before(*best)) best = std::move(candidate);
  }
  return best;
}

/// Says so where no framework is known to load weights of the model's type, though some say which they load.
void doubt_type(const cards::Library& library, const cards::Model& model, const std::string& chosen,
                formats::Report& report) {
  const std::string& type = model.spec.quantization;
  if (type.empty() || is_known(library, type)) return;
  if (library.get_framework(chosen).spec.serves.quantizations.empty()) return;
  report.doubt("spec.quantization", fmt::format("no framework of this catalogue says that it loads `{}`",
                                                shortened(visible(type), 40)));
}

/// Gives a Model card without a framework one.
void choose_framework(const cards::Library& library, Imported& imported) {
  for (Node& card : imported.cards) {
    if (card.text_at({"kind"}) != "Model" || !card.text_at({"spec", "framework"}).empty()) continue;
    schema::Reader reader;
    const cards::Model model = schema::decode<cards::Model>(reader, card);
    const std::string& task = model.spec.task;
    const std::string what =
        task.empty() ? model.spec.format : fmt::format("{} for {}", model.spec.format, task);
    const std::optional<Candidate> chosen = framework_for(library, model);
    std::vector<std::string> known;
    for (const cards::Framework& each : library.frameworks)
      if (loads_format(library, each, model.spec.format)) known.push_back(each.metadata.name);
    if (!chosen)
      throw Problem(Kind::usage, fmt::format("no framework of this catalogue is known to serve {}", what),
                    fmt::format("name one: --framework {}", known.empty() ? "NAME" : join(known, " | ")));
    card.find("spec")->set("framework", chosen->name);
    imported.report.guess("spec.framework", what,
                          fmt::format("{} serves it; --framework names another", chosen->name));
    doubt_type(library, model, chosen->name, imported.report);
    if (!chosen->missing.empty())
      imported.report.leave(
          "values", fmt::format("{} needs {}, which nothing here says: write it into the card", chosen->name,
                                join(chosen->missing, ", ")));
  }
}

/// True for a file of models, hardware, templates or benchmarks alone. They say nothing of imported cards,
/// and one of the same name would stand in their way.
bool stands_aside(const cards::File& file) {
  bool framework = false, card = false;
  for (const std::string& line : split(file.text, '\n')) {
    if (!line.starts_with("kind:")) continue;
    const std::string_view kind = trim(std::string_view(line).substr(5, line.find('#') - 5));
    framework = framework || kind == "Framework";
    card = card || kind == "Model" || kind == "Hardware" || kind == "Template" || kind == "Benchmark";
  }
  return card && !framework;
}

/// What the frameworks and rules of the catalogue in force refuse the cards for. That and what they warn of
/// goes to the report.
std::vector<Finding> check(const World& world, const std::vector<Node>& cards, formats::Report& report) {
  std::vector<cards::File> files = world.files();
  std::erase_if(files, stands_aside);
  std::set<std::string> own;
  for (const Node& card : cards) {
    std::string path =
        fmt::format("imported/{}/{}.yaml", card.text_at({"kind"}), card.text_at({"metadata", "name"}));
    files.push_back({path, schema::to_yaml(card)});
    own.insert(std::move(path));
  }
  const std::shared_ptr<const cards::Library> library = cards::load(std::move(files), "");
  std::vector<Finding> refused;
  for (const Finding& each : library->findings) {
    if (!own.contains(each.place.file)) continue;
    report.refuse(to_text(each.path), each.message);
    refused.push_back(each);
  }
  for (const Finding& each : library->warnings)
    if (own.contains(each.place.file)) report.doubt(to_text(each.path), each.message);
  return refused;
}

void write_new(const std::string& path, const std::string& text) {
  std::error_code error;
  if (std::filesystem::exists(path, error))
    throw Problem(Kind::conflict, fmt::format("{}: there is such a file already", path),
                  "nothing was written");
  std::ofstream out(path, std::ios::binary);
  out << text << std::flush;
  if (!out) throw Problem(Kind::unavailable, fmt::format("{}: cannot be written", path));
}

/// The name that a card in the file `to` must have, or "".
std::string name_of_file(const std::string& to) {
  const std::string file = to.substr(to.rfind('/') + 1);
  const std::string stem = file.substr(0, file.rfind('.'));
  return is_dns_label(stem) ? stem : "";
}

}  // namespace

Response import_cards(const World& world, const Caller&, const ImportArguments& arguments) {
  if (arguments.source.empty() == arguments.text.empty())
    throw Problem(Kind::usage, "import needs a source", "mlib import FOLDER | FILE.gguf | FILE.json | URL");
  const std::shared_ptr<const cards::Library> library = world.shelf.library();
  if (!arguments.framework.empty()) library->get_framework(arguments.framework);
  const Wanted wanted{arguments.as.empty() ? name_of_file(arguments.to) : arguments.as, arguments.framework,
                      ""};
  Imported imported = arguments.source.empty() ? from_json(world, arguments.text, "text", wanted)
                                               : from_source(world, arguments.source, wanted);
  choose_framework(*library, imported);
  std::vector<Finding> refused = check(world, imported.cards, imported.report);
  const std::string count =
      fmt::format("{} card{}", imported.cards.size(), imported.cards.size() == 1 ? "" : "s");
  if (!arguments.to.empty() && !refused.empty()) {
    const std::string said = fmt::format("{} finding{} in {}: nothing was written", refused.size(),
                                         refused.size() == 1 ? "" : "s", count);
    throw Problem(Kind::invalid, said, "without --to they go to standard output, to be mended by hand",
                  std::move(refused));
  }
  Node value = Node::map();
  value.set("cards", Node(Node::List(imported.cards)));
  value.set("report", schema::encode(imported.report));
  std::string text = imported.cards.empty() ? "" : schema::to_yaml(imported.cards);
  std::string notes = formats::to_text(imported.report);
  if (!arguments.to.empty() && !imported.cards.empty()) {
    write_new(arguments.to, text);
    text = fmt::format("{} written to {}\n", count, arguments.to);
  }
  return {.value = std::move(value),
          .text = std::move(text),
          .notes = std::move(notes),
          .exit_code = refused.empty() ? 0 : exit_code(Kind::invalid)};
}

}  // namespace mlib::verbs
