#include "verbs/capacity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "verbs/names.hpp"

namespace mlib::verbs {
namespace {

using targets::Amount;
using targets::Capacity;

/// One resource of one machine, or of all of them.
struct Line {
  std::string resource;  ///< cpu, memory, "nvidia.com/gpu"
  std::string product;
  Amount amount;
  double free = 0;
  double largest = 0;  ///< free on the machine that has most of it
};

std::vector<Line> lines_of(const Capacity& machine) {
  std::vector<Line> lines{{"cpu", "", machine.cpus}, {"memory", "", machine.memory}};
  for (const targets::Gpus& gpus : machine.gpus) lines.push_back({gpus.resource, gpus.product, gpus.amount});
  for (Line& line : lines)
    if (machine.closed.empty()) line.free = line.largest = line.amount.free();
  return lines;
}

/// What is used is known of all machines, or not told.
void add(std::vector<Line>& sum, const Line& more) {
  const auto same = std::find_if(sum.begin(), sum.end(), [&](const Line& each) {
    return each.resource == more.resource && each.product == more.product;
  });
  if (same == sum.end()) return sum.push_back(more);
  same->amount.has += more.amount.has;
  same->amount.requested += more.amount.requested;
  if (same->amount.used && more.amount.used)
    *same->amount.used += *more.amount.used;
  else
    same->amount.used.reset();
  same->free += more.free;
  same->largest = std::max(same->largest, more.largest);
}

/// Memory in GiB, others as they are; to one decimal.
std::string shown(const Line& line, double number) {
  if (line.resource == "memory") return fmt::format("{:.1f}Gi", number / 0x1p30);
  const double rounded = std::round(number * 10) / 10;
  return rounded == std::floor(rounded) ? fmt::format("{:.0f}", rounded) : fmt::format("{:.1f}", rounded);
}

std::vector<std::string> row_of(const std::string& machine, const Line& line, const std::string& note) {
  const std::string name =
      line.product.empty() ? line.resource : fmt::format("{} ({})", line.product, line.resource);
  return {machine,
          name,
          shown(line, line.amount.has),
          shown(line, line.amount.requested),
          line.amount.used ? shown(line, *line.amount.used) : "-",
          shown(line, line.free),
          machine == "all" ? shown(line, line.largest) : "",
          note};
}

Node node_of(const Line& line, bool total) {
  Node made = Node::map();
  made.set("resource", line.resource);
  if (!line.product.empty()) made.set("product", line.product);
  made.set("has", line.amount.has);
  made.set("requested", line.amount.requested);
  if (line.amount.used) made.set("used", *line.amount.used);
  made.set("free", line.free);
  if (total) made.set("largest_free", line.largest);
  return made;
}

Node nodes_of(const std::vector<Line>& lines, bool total) {
  Node list = Node::list();
  for (const Line& line : lines) list.push(node_of(line, total));
  return list;
}

}  // namespace

Response top(const World& world, const Caller&, const TopArguments& arguments) {
  const auto& [name, make] = target_of(world, arguments.where.target);
  const std::vector<Capacity> machines = make(arguments.where.reach)->capacity();
  Table table{.columns = {{"MACHINE", true},
                          {"RESOURCE"},
                          {"HAS"},
                          {"REQUESTED"},
                          {"USED"},
                          {"FREE"},
                          {"FREE ON ONE"},
                          {"NOTE", true}}};
  std::vector<Line> sum;
  std::vector<std::vector<std::string>> each_machine;
  Node list = Node::list();
  for (const Capacity& machine : machines) {
    const std::vector<Line> lines = lines_of(machine);
    for (const Line& line : lines) {
      add(sum, line);
      each_machine.push_back(row_of(machine.name, line, machine.closed));
    }
    Node item = Node::map();
    item.set("name", machine.name);
    if (!machine.closed.empty()) item.set("closed", machine.closed);
    item.set("resources", nodes_of(lines, false));
    list.push(std::move(item));
  }
  for (const Line& line : sum) table.rows.push_back(row_of("all", line, ""));
  table.wide_rows = table.rows;
  table.wide_rows.insert(table.wide_rows.end(), each_machine.begin(), each_machine.end());
  Node value = Node::map();
  value.set("target", name);
  value.set("total", nodes_of(sum, true));
  value.set("machines", std::move(list));
  return {.value = std::move(value), .table = std::move(table)};
}

}  // namespace mlib::verbs
