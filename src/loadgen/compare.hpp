#pragma once
#include "loadgen/result.hpp"

namespace mlib::loadgen {

/// How one metric of two results differs.
struct Difference {
  std::string metric, unit, method;
  double a = 0, b = 0;
  std::optional<double> change, low, high, p;
  bool differs = false;

  template <class D>
  void describe(D& d) {
    d.field("metric", metric,
            {.help = "Of which the medians (or the values) are compared", .required = true});
    d.field("unit", unit, {.help = "Of a and b"});
    d.field("a", a, {.help = "Of the first", .required = true});
    d.field("b", b, {.help = "Of the second", .required = true});
    d.field("change", change, {.help = "b/a - 1"});
    d.field("low", low, {.help = "Lower end of the change's 99 % interval"});
    d.field("high", high, {.help = "Upper end"});
    d.field("p", p, {.help = "Mann-Whitney: of samples that far apart, were they the same"});
    d.field("differs", differs, {.help = "Beyond noise", .required = true});
    d.field("method", method, {.help = "How that was decided"});
  }
};

struct Comparison {
  std::string kind = "BenchmarkComparison", a, b, conclusion;
  std::vector<std::string> unlike, doubts;
  std::vector<Difference> differences;

  template <class D>
  void describe(D& d) {
    d.field("kind", kind, {.help = "What this is", .required = true, .one_of = {"BenchmarkComparison"}});
    d.field("a", a, {.help = "Id of the first", .required = true});
    d.field("b", b, {.help = "Id of the second", .required = true});
    d.field("conclusion", conclusion, {.help = "In words", .required = true});
    d.field("unlike", unlike, {.help = "What was not the same when they were measured"});
    d.field("doubts", doubts, {.help = "Verdicts that are not valid, and what else speaks against it"});
    d.field("differences", differences, {.help = "Metric by metric; none when one of them is invalid"});
  }
};

/// Times to first and last token and between tokens differ when the Mann-Whitney test (with ties, normal
/// approximation) says p < 0.01 and the 99 % interval of the medians' ratio, by 1,000 block bootstraps of the
/// requests in their order (blocks of the cube root of their number, since requests of one run hang
/// together), does not hold 1; throughputs when their 95 % intervals do not overlap. Results that are invalid
/// are not compared.
Comparison compare(const Result& a, const Result& b);

/// At most 80 columns.
std::string people_text(const Comparison& comparison);

}  // namespace mlib::loadgen
