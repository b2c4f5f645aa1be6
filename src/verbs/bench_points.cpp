#include "verbs/bench_points.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "render/merge.hpp"
#include "schema/document.hpp"
#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

constexpr std::size_t most_points = 200;

struct Swept {
  std::string name;
  std::vector<Node> values;
};

/// Refuses a value that its parameter never takes, whatever the point: nothing is to be deployed, or kept as
/// failed, for a slip of the pen.
void check_value(const cards::Framework& framework, std::string_view option, const std::string& name,
                 const Node& value) {
  std::vector<Finding> findings;
  const render::Layer layer{std::string(render::overrides_origin), {{name, value}}};
  render::merge_values(framework, {layer}, {}, render::Strictness::strict, findings);
  for (const Finding& each : findings)  // what else is missing comes from the cards
    if (each.place.file == render::overrides_origin)
      throw Problem(Kind::usage, fmt::format("{}: {}", option, each.message), each.hint);
}

/// `NAME=VALUE,VALUE` of a parameter that there is, each value once.
Swept swept_of(const std::string& text, const cards::Framework& framework) {
  const std::size_t equals = text.find('=');
  Swept made{std::string(trim(text.substr(0, equals))), {}};
  if (equals != std::string::npos)
    for (const std::string& each : split(text.substr(equals + 1), ',')) {
      Node value = schema::scalar_of(trim(each));
      if (!trim(each).empty() &&
          std::find(made.values.begin(), made.values.end(), value) == made.values.end())
        made.values.push_back(std::move(value));
    }
  if (made.name.empty() || made.values.empty())
    throw Problem(Kind::usage, fmt::format("--sweep: `{}` has no values", shortened(text, 80)),
                  "as in --sweep num_cpus=4,8,12,16");
  std::vector<std::string> known;
  for (const auto& [name, parameter] : framework.spec.parameters) {
    if (!parameter.secret) known.push_back(name);
    if (name == made.name && parameter.secret)
      throw Problem(Kind::usage, fmt::format("--sweep: `{}` is secret, and results are kept", name));
  }
  if (std::find(known.begin(), known.end(), made.name) == known.end())
    throw Problem(Kind::usage,
                  fmt::format("--sweep: the framework `{}` has no parameter `{}`", framework.metadata.name,
                              shortened(made.name, 60)),
                  suggestion(made.name, known));
  for (const Node& value : made.values) check_value(framework, "--sweep", made.name, value);
  return made;
}

std::vector<std::string> hardware_of(const cards::Library& library, const cards::Template& card,
                                     const std::vector<std::string>& asked) {
  std::vector<std::string> all;
  const auto add = [&](const std::string& name) {
    library.get_hardware(name);
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  };
  if (asked.empty()) add(card.spec.hardware);
  for (const std::string& each : asked) {
    if (each != "viable") {
      add(each);
      continue;
    }
    add(card.spec.hardware);
    for (const std::string& name : card.spec.viable_hardware) add(name);
  }
  return all;
}

void set_value(cards::Dict<Node>& values, const std::string& name, const Node& value) {
  for (auto& [key, there] : values)
    if (key == name) {
      there = value;
      return;
    }
  values.emplace_back(name, value);
}

/// What two runs have to share to be the same one. The model's name follows from the template, the schedule
/// from the load, and a tokenizer is the same wherever its file lies.
Node identity(loadgen::Result result) {
  result.workload.model.clear();
  if (result.workload.tokenizer) result.workload.tokenizer->file.clear();
  result.load.schedule_sha256.clear();
  Node made = Node::map();
  made.set("revisions", schema::encode(result.subject.revisions));
  made.set("values", schema::encode(result.subject.values));
  made.set("hardware", result.subject.hardware);
  made.set("target", result.subject.target);
  made.set("position", result.client.position);
  made.set("workload", schema::encode(result.workload));
  made.set("load", schema::encode(result.load));
  Node limits = Node::list();
  for (const loadgen::LimitText& each : result.objective) limits.push(each.limit);
  made.set("objective", std::move(limits));
  return made;
}

/// The template's benchmarks that are the same run as `planned` and ended so.
std::vector<const cards::Benchmark*> same_as(const cards::Template& card, const loadgen::Result& planned,
                                             std::string_view ended) {
  const Node wanted = identity(planned);
  std::vector<const cards::Benchmark*> found;
  for (const cards::Benchmark& each : card.spec.benchmarks) {
    if (!each.run.is_map()) continue;
    try {
      const loadgen::Result there = loadgen::result_from(each.run);
      if (there.ended == ended && identity(there) == wanted) found.push_back(&each);
    } catch (const Problem&) {
      continue;  // a run of another version: not this one
    }
  }
  return found;
}

}  // namespace

std::vector<Point> points_of(const cards::Library& library, const cards::Template& card,
                             const std::vector<std::string>& hardware, const std::vector<std::string>& sweep,
                             const cards::Dict<Node>& set) {
  const cards::Framework& framework = library.framework_of(card);
  for (const auto& [name, value] : set) check_value(framework, "--set", name, value);
  const std::vector<std::string> machines = hardware_of(library, card, hardware);
  std::vector<Point> points;
  for (const std::string& each : machines)
    points.push_back({each, set, machines.size() > 1 ? "hardware=" + each : ""});
  std::vector<std::string> names;
  for (const std::string& text : sweep) {
    const Swept swept = swept_of(text, framework);
    if (std::find(names.begin(), names.end(), swept.name) != names.end())
      throw Problem(Kind::usage, fmt::format("--sweep: `{}` is given twice", swept.name),
                    fmt::format("name all its values at once: --sweep {}=A,B", swept.name));
    names.push_back(swept.name);
    std::vector<Point> more;
    for (const Point& point : points)
      for (const Node& value : swept.values) {
        Point next = point;
        set_value(next.set, swept.name, value);
        next.title += fmt::format("{}{}={}", next.title.empty() ? "" : " ", swept.name, cell(value));
        more.push_back(std::move(next));
      }
    points = std::move(more);
    if (points.size() > most_points)
      throw Problem(Kind::usage, fmt::format("--sweep: more than {} points to measure", most_points),
                    "sweep fewer values at once");
  }
  return points;
}

const cards::Benchmark* done_already(const cards::Template& card, const loadgen::Result& planned) {
  const std::vector<const cards::Benchmark*> done = same_as(card, planned, "complete");
  return done.empty() ? nullptr : done.front();
}

std::vector<std::string> failed_before(const cards::Template& card, const loadgen::Result& planned) {
  std::vector<std::string> ids;
  for (const cards::Benchmark* each : same_as(card, planned, "failed")) ids.push_back(each->id);
  return ids;
}

}  // namespace mlib::verbs
