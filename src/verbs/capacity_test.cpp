#include "verbs/capacity.hpp"

#include <doctest/doctest.h>

#include "verbs/scripted_world.hpp"

namespace mlib::verbs {
namespace {

using targets::Capacity;

Response top_of(std::vector<Capacity> machines) {
  ScriptedWorld t;
  t.podman.machines = std::move(machines);
  return top(t.world, t.ann, {});
}

}  // namespace

TEST_CASE("top sums machines, GPUs by product, and says what is free at most on one") {
  Capacity a{"a", "", {16, 4, 2.5}, {0x1p36, 0x1p34, 0x1p33}, {{"H100", "nvidia.com/gpu", {8, 6}}}};
  Capacity b{"b",
             "",
             {8, 1, 0.5},
             {0x1p35, 0, 0x1p30},
             {{"T4", "nvidia.com/gpu", {2, 0}}, {"H100", "nvidia.com/gpu", {4, 1}}}};
  Capacity c{"c", "cordoned", {8, 0, 0.1}, {0x1p35, 0, 0x1p30}, {{"T4", "nvidia.com/gpu", {2, 0}}}};
  const Response answer = top_of({a, b, c});
  using Row = std::vector<std::string>;
  CHECK(answer.table->rows ==
        std::vector<Row>{Row{"all", "cpu", "32", "5", "3.1", "19", "12", ""},
                         Row{"all", "memory", "128.0Gi", "16.0Gi", "10.0Gi", "80.0Gi", "48.0Gi", ""},
                         Row{"all", "H100 (nvidia.com/gpu)", "12", "7", "-", "5", "3", ""},
                         Row{"all", "T4 (nvidia.com/gpu)", "4", "0", "-", "2", "2", ""}});
  CHECK(answer.table->wide_rows.size() == 4 + 3 + 4 + 3);
  CHECK(answer.table->wide_rows.back() ==
        Row{"c", "T4 (nvidia.com/gpu)", "2", "0", "-", "0", "", "cordoned"});
  CHECK(answer.value.text_at({"machines", "2", "closed"}) == "cordoned");
}

TEST_CASE("what is used is told only when all machines tell it") {
  Capacity a{"a", "", {16, 4, 2.5}, {1, 0, {}}};
  Capacity b{"b", "", {16, 20, {}}, {1, 0, {}}};
  const Response answer = top_of({a, b});
  CHECK(answer.table->rows[0][4] == "-");
  CHECK(answer.table->rows[0][5] == "12");
}

}  // namespace mlib::verbs
