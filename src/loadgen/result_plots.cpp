#include "loadgen/result_plots.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loadgen/result_forms.hpp"

namespace mlib::loadgen {
namespace {

constexpr double left = 46, right = 348, top = 22, bottom = 172;

/// A step of 1, 2 or 5 times a power of ten that gives four to eight of them.
double step_of(double most) {
  const double rough = most / 5;
  const double power = std::pow(10, std::floor(std::log10(std::max(rough, 1e-9))));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough) return factor * power;
  return 10 * power;
}

struct Axis {
  double most = 1, step = 1;
  explicit Axis(double largest) {
    step = step_of(std::max(largest, 1e-6));
    most = std::ceil(largest / step - 1e-9) * step;
    if (!(most > 0)) most = step;
  }
};

double x_of(double value, const Axis& axis) { return left + (right - left) * value / axis.most; }
double y_of(double value, const Axis& axis) { return bottom - (bottom - top) * value / axis.most; }

std::string frame(const Axis& x, const std::string& x_title, const Axis& y, const std::string& y_title) {
  std::string svg;
  for (int i = 0; i * y.step <= y.most * 1.0001; ++i) {
    const double at = y_of(i * y.step, y);
    svg += fmt::format("<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{1:.1f}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>",
                       left, right, at);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.6g}</text>", left - 5,
                       at + 3.5, i * y.step);
  }
  for (int i = 0; i * x.step <= x.most * 1.0001; ++i)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.6g}</text>",
                       x_of(i * x.step, x), bottom + 14, i * x.step);
  svg += fmt::format("<text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", right,
                     bottom + 28, x_title);
  svg += fmt::format("<text class=\"axis\" x=\"2\" y=\"9\">{}</text>", y_title);
  return svg;
}

std::string figure(const std::string& title, const std::string& svg) {
  return fmt::format(
      "<figure><figcaption>{0}</figcaption><svg viewBox=\"0 0 360 204\" role=\"img\" "
      "aria-label=\"{0}\">{1}</svg></figure>\n",
      html_escaped(title), svg);
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string share_plot(const std::string& title, std::vector<double> values, const std::vector<Mark>& marks) {
  if (values.empty()) return "";
  std::sort(values.begin(), values.end());
  double largest = values.back();
  for (const Mark& mark : marks) largest = std::max(largest, mark.at <= 3 * values.back() ? mark.at : 0);
  const Axis x(largest), y(100);
  std::string svg = frame(x, "ms", y, "% of good answers within");
  std::string path = fmt::format("M{:.1f} {:.1f}", x_of(values.front(), x), bottom);
  constexpr std::size_t points = 200;
  const std::size_t count = std::min(points, values.size());
  for (std::size_t i = 1; i <= count; ++i) {
    const std::size_t rank = (values.size() * i + count - 1) / count;
    path += fmt::format("H{:.1f}V{:.1f}", x_of(values[rank - 1], x),
                        y_of(100.0 * static_cast<double>(rank) / static_cast<double>(values.size()), y));
  }
  svg += fmt::format("<path class=\"curve\" d=\"{}\"/>", path);
  for (const Mark& mark : marks) {
    if (mark.at > x.most) continue;
    const double at = x_of(mark.at, x);
    svg += fmt::format("<line class=\"limit\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>",
                       at, top, bottom);
    const bool near_end = at > (left + right) / 2;
    svg += fmt::format("<text class=\"limit\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>",
                       near_end ? at - 4 : at + 4, bottom - 6, near_end ? "end" : "start",
                       html_escaped(mark.label));
  }
  return figure(title, svg);
}

std::string time_plot(const std::string& title, const std::vector<double>& at,
                      const std::vector<double>& values) {
  const std::size_t count = std::min(at.size(), values.size());
  if (count == 0) return "";
  const Axis x(*std::max_element(at.begin(), at.end())), y(*std::max_element(values.begin(), values.end()));
  std::string svg = frame(x, "s since the run began", y, "ms");
  const std::size_t every = (count + 599) / 600;
  for (std::size_t i = 0; i < count; i += every)
    svg += fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"1.6\"/>", x_of(at[i], x),
                       y_of(values[i], y));
  return figure(title, svg);
}

}  // namespace mlib::loadgen
