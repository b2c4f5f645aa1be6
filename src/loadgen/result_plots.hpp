#pragma once
#include <optional>
#include <string>
#include <vector>

/// Plots as SVG that stands in a page: colours come from the page's CSS (`--line`, `--grid`, `--limit`).
namespace mlib::loadgen {

struct Mark {
  double at = 0;
  std::string label;
};

/// The share of `values` (milliseconds) that lies below, as a curve; `marks` are upright lines.
std::string share_plot(const std::string& title, std::vector<double> values, const std::vector<Mark>& marks);
/// `values` (milliseconds) over `at` (seconds), one point each; at most 600 are drawn.
std::string time_plot(const std::string& title, const std::vector<double>& at,
                      const std::vector<double>& values);

/// For a text or an attribute of HTML.
std::string html_escaped(std::string_view text);

}  // namespace mlib::loadgen
