#include "targets/podman_machine.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "targets/podman_labels.hpp"

namespace mlib::targets {
namespace {

/// Bytes that a new program could take (MemAvailable of Linux); -1 when it is not told.
std::int64_t available_memory() {
  std::ifstream in("/proc/meminfo");
  std::string name, unit;
  for (std::int64_t kilobytes = 0; in >> name >> kilobytes; std::getline(in, unit))
    if (name == "MemAvailable:") return kilobytes * 1024;
  return -1;
}

std::optional<double> worked() {
  std::ifstream in("/proc/stat");
  std::string first;
  std::getline(in, first);
  return worked_by(first);
}

}  // namespace

std::optional<double> worked_by(const std::string& stat) {
  std::istringstream in(stat);
  std::string name;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, interrupts = 0, soft = 0;
  if (!(in >> name >> user >> nice >> system >> idle >> waiting >> interrupts >> soft) || name != "cpu")
    return {};
  return (user + nice + system + interrupts + soft) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::string size_text(std::int64_t bytes) {
  if (bytes < 1'000'000) return fmt::format("{} kB", (bytes + 999) / 1'000);
  return bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6)
                               : fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

Capacity capacity_of(Libpod& podman) {
  const auto began = std::chrono::steady_clock::now();
  const std::optional<double> before = worked();
  const Node info = podman.info();
  Capacity machine;
  machine.name = info.text_at({"host", "hostname"}, "this machine");
  machine.cpus.has = static_cast<double>(info.integer_at({"host", "cpus"}));
  machine.memory.has = static_cast<double>(info.integer_at({"host", "memTotal"}));
  if (const std::int64_t available = available_memory(); available >= 0)
    machine.memory.used = machine.memory.has - static_cast<double>(available);
  for (const SeenContainer& each : podman.running()) {
    machine.cpus.requested += each.cpus;
    machine.memory.requested += static_cast<double>(each.memory);
  }
  std::this_thread::sleep_until(began + std::chrono::milliseconds(200));
  machine.worked = worked();
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
  if (before && machine.worked)
    machine.cpus.used = std::min((*machine.worked - *before) / passed.count(), machine.cpus.has);
  return machine;
}

std::vector<Running> running_of(Libpod& podman, const Ref& ref) {
  std::vector<Running> all;
  for (const SeenContainer& each : podman.containers(ref))
    if (each.running() && each.role != label::init)
      all.push_back({each.title,
                     each.image,
                     each.digest,
                     each.command,
                     "",
                     each.cpus,
                     static_cast<double>(each.memory),
                     each.started,
                     each.restarts,
                     {},
                     podman.worked(each.id)});
  return all;
}

std::vector<std::string> storage_of(Libpod& podman, const Ref& ref) {
  std::vector<std::string> lines;
  for (const SeenVolume& each : podman.volumes(ref)) {
    if (each.claim.empty()) continue;
    const std::int64_t bytes = podman.volume_bytes(each.name);
    lines.push_back(fmt::format("PersistentVolumeClaim {}/{} ({})", ref.namespace_name, each.claim,
                                bytes < 0 ? "volume " + each.name : size_text(bytes)));
  }
  return lines;
}

}  // namespace mlib::targets
