#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cards/original.hpp"

namespace mlib::cards {

/// Dense arithmetic of one GPU per type of number (a sparse figure is twice as much); absent: not
/// established.
struct Tflops {
  std::optional<double> fp32, bf16, fp8, fp4, int8;

  template <class D>
  void describe(D& d) {
    d.field("fp32", fp32, {.help = "Ordinary FP32", .min = 0, .unit = "TFLOP/s"});
    d.field("bf16", bf16, {.help = "BF16, matrix units", .min = 0, .unit = "TFLOP/s"});
    d.field("fp8", fp8, {.help = "FP8, matrix units", .min = 0, .unit = "TFLOP/s"});
    d.field("fp4", fp4, {.help = "FP4, matrix units", .min = 0, .unit = "TFLOP/s"});
    d.field("int8", int8, {.help = "INT8, matrix units", .min = 0, .unit = "TOP/s"});
  }
};

/// How GPUs of a machine reach each other.
struct Interconnect {
  std::string kind;
  std::optional<double> bandwidth;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "e.g. NVLink4, PCIe4 x16, xGMI", .required = true});
    d.field("bandwidth", bandwidth, {.help = "Of one GPU, one direction", .min = 0, .unit = "GB/s"});
  }
};

struct Gpu {
  std::string vendor, product;
  int count = 1;
  std::string memory;  ///< quantity, of one GPU
  std::string resource = "nvidia.com/gpu";
  std::optional<double> bandwidth;  ///< GB/s
  std::optional<double> tflops;     ///< dense 16-bit TFLOP/s
  Tflops tflops_by_type;
  std::string compute_capability;  ///< NVIDIA only, e.g. 9.0
  std::optional<bool> fp8, fp4;
  std::optional<Interconnect> interconnect;
  std::optional<double> tdp;

  template <class D>
  void describe(D& d) {
    d.field("vendor", vendor, {.help = "nvidia, amd, intel, …"});
    d.field("product", product, {.help = "e.g. H100-SXM5-80GB"});
    d.field("count", count, {.help = "GPUs per replica", .min = 1, .max = 64});
    d.field("memory", memory, {.help = "Memory of one GPU", .format = "quantity"});
    d.field("resource", resource, {.help = "Kubernetes resource name"});
    d.field("bandwidth", bandwidth, {.help = "Memory bandwidth of one GPU", .min = 0, .unit = "GB/s"});
    d.field("tflops", tflops, {.help = "Dense 16-bit arithmetic of one GPU", .min = 0, .unit = "TFLOP/s"});
    d.field("tflops_by_type", tflops_by_type, {.help = "Dense arithmetic of one GPU per type"});
    d.field("compute_capability", compute_capability, {.help = "NVIDIA's, e.g. 9.0", .format = "version"});
    d.field("fp8", fp8, {.help = "It computes with FP8; absent when not established"});
    d.field("fp4", fp4, {.help = "It computes with FP4; absent when not established"});
    d.field("interconnect", interconnect, {.help = "How GPUs of a machine reach each other"});
    d.field("tdp", tdp, {.help = "Power of one GPU", .min = 0, .unit = "W"});
  }
};

struct Price {
  double per_hour = 0;
  std::string currency = "USD";
  std::string as_of;
  std::string source;

  template <class D>
  void describe(D& d) {
    d.field("per_hour", per_hour, {.help = "List price of one hour", .required = true, .min = 0});
    d.field("currency", currency, {.help = "ISO 4217"});
    d.field("as_of", as_of, {.help = "Day of the price, YYYY-MM-DD", .required = true, .format = "date"});
    d.field("source", source, {.help = "Where it was read, repository:path@commit"});
  }
};

struct HardwareSpec {
  std::string kind;
  std::optional<double> cpus;
  std::string memory;   ///< quantity
  std::string storage;  ///< quantity
  std::optional<int> replicas;
  std::optional<Gpu> gpu;
  Dict<std::string> node_selector;
  std::vector<Node> tolerations;
  std::optional<Price> price;
  std::vector<std::string> evidence;
  Dict<Node> values;
  std::optional<Original> original;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "What computes", .one_of = {"", "cpu", "gpu", "tpu", "apple"}});
    d.field("cpus", cpus, {.help = "CPU cores of a replica", .min = 0.01, .max = 4096, .unit = "cores"});
    d.field("memory", memory, {.help = "Memory of a replica", .format = "quantity"});
    d.field("storage", storage, {.help = "Size of the claim for weights", .format = "quantity"});
    d.field("replicas", replicas, {.help = "Replicas", .min = 0, .max = 1000});
    d.field("gpu", gpu, {.help = "GPUs of a replica"});
    d.field("node_selector", node_selector, {.help = "Labels that a node must have"});
    d.field("tolerations", tolerations, {.help = "Taints it may run with"});
    d.field("price", price, {.help = "List price of a replica"});
    d.field("evidence", evidence, {.help = "Where the facts come from, as repository:path@commit"});
    d.field("values", values, {.help = "Values for the framework's parameters"});
    d.field("original", original, {.help = "How the original's clients see it"});
  }
};

}  // namespace mlib::cards
