#include "runtime/training/report/plot.h"

#include <algorithm>
#include <cmath>

#include "ir/error.h"
#include "runtime/files.h"
#include "runtime/training/report/plot_axis.h"
#include "runtime/training/report/plot_curve.h"
#include "runtime/training/report/text.h"

namespace seqc::training {
namespace {

constexpr double kFont = 12, kLine = 20;
constexpr double kOver = 4;          // curves may leave their field that far: points at its edge are round
constexpr double kTitleFont = 18.5;  // 15, bold, and DejaVu Sans is broad
constexpr int kColours = 8;
constexpr size_t kMarkedPoints = 30;  // curves of at most so many points show them
constexpr const char* kLight[kColours] = {"#1f6fd6", "#d9480f", "#2b8a3e", "#9c36b5",
                                          "#c2255c", "#0b7285", "#8a6100", "#495057"};
constexpr const char* kDark[kColours] = {"#74b0ff", "#ff9f5a", "#69db7c", "#dda2f3",
                                         "#faa2c1", "#66d9e8", "#ffd43b", "#ced4da"};

/// Classes, not attributes: one rule for each colour and background. The names are the same in every plot of a page.
std::string style() {
  std::string text =
      "<style>.sq-plot text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu "
      "Sans',sans-serif;font-size:12px;"
      "fill:#495057}.sq-plot .sq-title{font-size:15px;font-weight:600;fill:#212529}.sq-plot "
      "path{fill:none;stroke-width:2;"
      "stroke-linejoin:round;stroke-linecap:round}.sq-plot .sq-faint{stroke-width:1;opacity:.3}"
      ".sq-plot .sq-grid{stroke:#dee2e6;stroke-width:1}.sq-plot .sq-minor{stroke:#eef0f2;stroke-width:1}"
      ".sq-plot .sq-axis{stroke:#868e96;stroke-width:1}.sq-plot "
      ".sq-mark{stroke:#868e96;stroke-width:1;stroke-dasharray:3 3}"
      ".sq-plot .sq-back{fill:#ffffff}";
  for (int i = 0; i < kColours; ++i)
    text += fmt::format(".sq-plot .sq-s{0}{{stroke:{1}}}.sq-plot .sq-d{0}{{fill:{1}}}", i, kLight[i]);
  text +=
      "@media(prefers-color-scheme:dark){.sq-plot text{fill:#b6bec6}.sq-plot .sq-title{fill:#f1f3f5}"
      ".sq-plot .sq-grid{stroke:#343a40}.sq-plot .sq-minor{stroke:#2a2f34}.sq-plot .sq-axis,.sq-plot "
      ".sq-mark{stroke:#868e96}"
      ".sq-plot .sq-back{fill:#1b1e21}";
  for (int i = 0; i < kColours; ++i)
    text += fmt::format(".sq-plot .sq-s{0}{{stroke:{1}}}.sq-plot .sq-d{0}{{fill:{1}}}", i, kDark[i]);
  return text + "}</style>";
}

/// "12.3", without a needless ".0" and without "-0".
std::string pixels(double value) {
  std::string text = fmt::format("{:.1f}", value);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

/// With its end cut off where the room ends.
std::string shortened(const std::string& text, double font, double room) {
  if (pixel_width(text, font) <= room) return text;
  std::string result;
  for (int columns = 1; columns <= terminal_width(text); ++columns) {
    const std::string longer = cut_to_width(text, columns) + "…";
    if (pixel_width(longer, font) > room) break;
    result = longer;
  }
  return result;
}

class Drawing {
 public:
  explicit Drawing(const Plot& plot) : plot_(plot) {
    check();
    lay_out();
  }

  std::string text() {
    out_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sq-plot\" role=\"img\" viewBox=\"0 0 {0} {1}\" "
        "width=\"{0}\" height=\"{1}\" style=\"max-width:100%;height:auto\">",
        plot_.width, plot_.height);
    out_ += fmt::format("<title>{}</title>", escaped(plot_.title.empty() ? plot_.y_label : plot_.title)) + style();
    out_ += fmt::format("\n<rect class=\"sq-back\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n", plot_.width, plot_.height);
    if (!plot_.title.empty())
      write(left_, 24, shortened(plot_.title, kTitleFont, right_ - left_ - 4), "class=\"sq-title\"");
    draw_legend();
    draw_axes();
    draw_marks();
    // A picture within the picture cuts off what leaves it.
    const std::string width = pixels(right_ - left_ + 2 * kOver), height = pixels(bottom_ - top_ + 2 * kOver);
    out_ += fmt::format("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">\n", pixels(left_ - kOver),
                        pixels(top_ - kOver), width, height);
    for (size_t i = 0; i < plot_.series.size(); ++i) draw_series(i);
    out_ += "</svg>\n";
    if (points_ == 0) write((left_ + right_) / 2, (top_ + bottom_) / 2, "no data", "text-anchor=\"middle\"");
    return out_ + "</svg>\n";
  }

 private:
  void check() const {
    if (plot_.width < 200 || plot_.height < 120)
      fail(ErrorKind::BadInput, "a plot of {} x {}, expected at least 200 x 120", plot_.width, plot_.height);
    for (const Series& series : plot_.series)
      if (series.x.size() != series.y.size() || series.smooth < 0)
        fail(ErrorKind::BadInput,
             "series \"{}\": {} x, {} y, smoothed over {}, expected as many of both, and 0 or more", series.name,
             series.x.size(), series.y.size(), series.smooth);
  }

  bool shown(double x, double y) const {
    return std::isfinite(x) && std::isfinite(y) && !(plot_.log_x && x <= 0) && !(plot_.log_y && y <= 0);
  }

  void lay_out() {
    std::vector<double> xs, ys;
    for (const Series& series : plot_.series)
      for (size_t i = 0; i < series.x.size(); ++i)
        if (shown(series.x[i], series.y[i])) {
          xs.push_back(series.x[i]);
          ys.push_back(series.y[i]);
        }
    points_ = xs.size();
    for (const Plot::Mark& mark : plot_.marks) xs.push_back(mark.x);
    right_ = plot_.width - 24;
    left_ = plot_.y_label.empty() ? 16 : 34;
    legend_top_ = plot_.title.empty() ? 24 : 48;
    const double legend_lines = place_legend();
    top_ = legend_top_ + legend_lines * kLine - 6;
    if (legend_lines == 0 && plot_.title.empty()) top_ = 16;
    bottom_ = plot_.height - (plot_.x_label.empty() ? 30 : 50);
    y_ = make_axis(ys, plot_.log_y, std::max(10.0, bottom_ - top_), 44, 0.05);
    double widest = 0;
    for (const Tick& tick : y_.ticks) widest = std::max(widest, pixel_width(tick.label, kFont));
    left_ += widest + 8;
    place_legend();
    x_ = make_axis(xs, plot_.log_x, right_ - left_, 80, 0);
  }

  /// Places names from left to right and in lines; returns how many lines.
  double place_legend() {
    legend_.clear();
    double x = left_, line = 0;
    for (const Series& series : plot_.series) {
      if (series.name.empty()) {
        legend_.push_back({-1, 0, ""});
        continue;
      }
      const std::string name = shortened(series.name, kFont, right_ - left_ - 30);
      const double width = 30 + pixel_width(name, kFont);
      if (x > left_ && x + width > right_) {
        x = left_;
        ++line;
      }
      legend_.push_back({x, legend_top_ + line * kLine, name});
      x += width + 16;
    }
    const bool any = std::any_of(legend_.begin(), legend_.end(), [](const Name& name) { return name.x >= 0; });
    return any ? line + 1 : 0;
  }

  void write(double x, double y, const std::string& text, const std::string& attributes = "") {
    out_ += fmt::format("<text x=\"{}\" y=\"{}\"{}{}>{}</text>\n", pixels(x), pixels(y), attributes.empty() ? "" : " ",
                        attributes, escaped(text));
  }

  void line(double x1, double y1, double x2, double y2, const char* name) {
    out_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\"/>\n", pixels(x1), pixels(y1),
                        pixels(x2), pixels(y2), name);
  }

  void draw_legend() {
    for (size_t i = 0; i < legend_.size(); ++i) {
      const auto& [x, y, name] = legend_[i];
      if (x < 0) continue;
      out_ += fmt::format("<path class=\"sq-s{}\" d=\"M{} {}h18\"{}/>\n", i % kColours, pixels(x), pixels(y - 4),
                          dashes(i));
      write(x + 25, y, name);
    }
  }

  void draw_axes() {
    for (const Tick& tick : y_.ticks) {
      const double y = bottom_ - y_.at(tick.value);
      line(left_, y, right_, y, tick.label.empty() ? "sq-minor" : "sq-grid");
      if (!tick.label.empty()) write(left_ - 8, y + 4, tick.label, "text-anchor=\"end\"");
    }
    double free = 0;  // where the last label ended
    for (const Tick& tick : x_.ticks) {
      const double x = left_ + x_.at(tick.value), half = pixel_width(tick.label, kFont) / 2;
      line(x, top_, x, bottom_, tick.label.empty() ? "sq-minor" : "sq-grid");
      if (tick.label.empty() || x - half < free) continue;
      const bool over = x + half > plot_.width - 4;
      write(over ? plot_.width - 4 : x, bottom_ + 18, tick.label,
            over ? "text-anchor=\"end\"" : "text-anchor=\"middle\"");
      free = x + half + 6;
    }
    line(left_, bottom_, right_, bottom_, "sq-axis");
    if (!plot_.x_label.empty())
      write((left_ + right_) / 2, bottom_ + 40, shortened(plot_.x_label, kFont, right_ - left_),
            "text-anchor=\"middle\"");
    if (!plot_.y_label.empty()) {
      const double middle = (top_ + bottom_) / 2;
      write(20, middle, shortened(plot_.y_label, kFont, bottom_ - top_),
            fmt::format("text-anchor=\"middle\" transform=\"rotate(-90 20 {})\"", pixels(middle)));
    }
  }

  void draw_marks() {
    for (const Plot::Mark& mark : plot_.marks) {
      if (!std::isfinite(mark.x) || (plot_.log_x && mark.x <= 0)) continue;
      const double x = left_ + x_.at(mark.x), width = pixel_width(mark.label, kFont);
      line(x, top_, x, bottom_, "sq-mark");
      const bool before = x + 6 + width > right_;
      if (!mark.label.empty())
        write(before ? x - 6 : x + 6, top_ + 14, mark.label, before ? "text-anchor=\"end\"" : "");
    }
  }

  /// Beyond the colours there are, curves are told apart by dashes.
  const char* dashes(size_t series) const {
    return plot_.series[series].dashed || series >= kColours ? " stroke-dasharray=\"5 4\"" : "";
  }

  void draw_series(size_t i) {
    const Series& series = plot_.series[i];
    if (series.smooth > 0) draw_curve(i, series.y, " sq-faint", false);
    draw_curve(i, series.smooth > 0 ? moving_mean(series.y, series.smooth) : series.y, "", true);
  }

  void draw_curve(size_t index, const std::vector<double>& values, const char* faint, bool dots) {
    const Series& series = plot_.series[index];
    const size_t colour = index % kColours;
    std::string path;
    std::vector<Point> points;
    std::vector<Point> run;
    const auto end_run = [&] {
      const std::vector<Point> drawn = thinned(run, right_ - left_);
      for (size_t i = 0; i < drawn.size(); ++i)
        path += fmt::format("{}{} {}", i == 0 ? "M" : "L", pixels(drawn[i].x), pixels(drawn[i].y));
      if (run.size() == 1 || (dots && series.x.size() <= kMarkedPoints))
        points.insert(points.end(), run.begin(), run.end());
      run.clear();
    };
    for (size_t i = 0; i < values.size(); ++i)
      if (shown(series.x[i], values[i]))
        run.push_back({kOver + x_.at(series.x[i]), kOver + y_.pixels - y_.at(values[i])});
      else
        end_run();
    end_run();
    if (!path.empty())
      out_ += fmt::format("<path class=\"sq-s{}{}\"{} d=\"{}\"/>\n", colour, faint, dashes(index), path);
    for (const Point& point : points)
      out_ += fmt::format("<circle class=\"sq-d{}\" cx=\"{}\" cy=\"{}\" r=\"2.5\"/>\n", colour, pixels(point.x),
                          pixels(point.y));
  }

  struct Name {
    double x, y;
    std::string text;
  };

  const Plot& plot_;
  std::string out_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0, legend_top_ = 0;
  size_t points_ = 0;
  std::vector<Name> legend_;
  Axis x_, y_;
};

}  // namespace

std::string svg(const Plot& plot) { return Drawing(plot).text(); }

void save_svg(const std::string& path, const Plot& plot) { runtime::write_file(path, svg(plot)); }

namespace {

/// How many lines of a part the epoch has that comes first.
size_t first_epoch_size(const History& history, const std::string& part) {
  const auto& records = history.records();
  const auto first = std::find_if(records.begin(), records.end(), [&](const Record& r) { return r.part == part; });
  return static_cast<size_t>(
      std::count_if(first, records.end(), [&](const Record& r) { return r.part == part && r.epoch == first->epoch; }));
}

}  // namespace

Plot history_plot(const History& history, const std::string& value, bool log_y) {
  Plot plot{.title = value, .x_label = "step", .y_label = log_y ? "log scale" : "", .log_y = log_y};
  for (const std::string& part : history.parts()) {
    auto [steps, values] = history.curve(part, value);
    if (steps.empty()) continue;
    size_t smooth = steps.size() > 200 ? std::min<size_t>(steps.size() / 80, 500) : 0;
    // What comes again in each of many short epochs, such as states that begin anew, hides what was learnt.
    const size_t in_epoch = first_epoch_size(history, part);
    if (steps.size() >= 20 * in_epoch) smooth = std::max(smooth, in_epoch / 2);
    plot.series.push_back(
        {.name = part, .x = std::move(steps), .y = std::move(values), .smooth = static_cast<int>(smooth)});
  }
  return plot;
}

}  // namespace seqc::training
