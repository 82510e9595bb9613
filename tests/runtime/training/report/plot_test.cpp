#include "runtime/training/report/plot.h"

#include <doctest/doctest.h>

#include <cmath>

#include "runtime/files.h"
#include "runtime/training/report/plot_axis.h"
#include "runtime/training/report/plot_curve.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using test::contains;
using test::refusal;

namespace {

std::vector<std::string> labels(const Axis& axis) {
  std::vector<std::string> result;
  for (const Tick& tick : axis.ticks)
    if (!tick.label.empty()) result.push_back(tick.label);
  return result;
}

using Labels = std::vector<std::string>;

int count(const std::string& text, const std::string& part) {
  int result = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++result;
  return result;
}

/// Every tag that opens closes, in order: enough of XML for these files.
void check_nesting(const std::string& text) {
  std::vector<std::string> open;
  for (size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
    const size_t end = text.find('>', at);
    REQUIRE(end != std::string::npos);
    const std::string tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag.starts_with('!') || tag.starts_with('?') || tag.ends_with('/')) continue;
    const bool closes = tag.starts_with('/');
    const std::string name = tag.substr(closes, tag.find_first_of(" \n", closes) - closes);
    if (!closes) {
      open.push_back(name);
      continue;
    }
    REQUIRE(!open.empty());
    CHECK(open.back() == name);
    open.pop_back();
  }
  CHECK(open.empty());
}

}  // namespace

TEST_CASE("axes: round ticks") {
  CHECK(labels(make_axis({0, 1}, false, 300, 50, 0)) == Labels{"0", "0.2", "0.4", "0.6", "0.8", "1.0"});
  CHECK(labels(make_axis({0.013, 0.0417}, false, 300, 60, 0)) == Labels{"0.02", "0.03", "0.04"});
  CHECK(labels(make_axis({1, 5}, false, 600, 80, 0)) == Labels{"1", "2", "3", "4", "5"});
  CHECK(labels(make_axis({1, 2, 3}, false, 6000, 80, 0)) == Labels{"1", "2", "3"});
  CHECK(labels(make_axis({0, 60000}, false, 400, 80, 0)) == Labels{"0", "20k", "40k", "60k"});
  CHECK(labels(make_axis({-3e6, 3e6}, false, 400, 80, 0)) == Labels{"-2M", "0", "2M"});
  CHECK(labels(make_axis({0, 4e-6}, false, 400, 80, 0)) == Labels{"0", "1e-06", "2e-06", "3e-06", "4e-06"});
  CHECK(labels(make_axis({1749, 1983}, false, 400, 80, 0)) == Labels{"1750", "1800", "1850", "1900", "1950"});
  CHECK(labels(make_axis({12000, 12900}, false, 400, 80, 0)) == Labels{"12.0k", "12.2k", "12.4k", "12.6k", "12.8k"});
}

TEST_CASE("axes: logarithms") {
  CHECK(labels(make_axis({0.001, 10}, true, 300, 44, 0)) == Labels{"0.001", "0.01", "0.1", "1", "10"});
  CHECK(labels(make_axis({0.05, 2}, true, 300, 44, 0)) == Labels{"0.05", "0.1", "0.2", "0.5", "1", "2"});
  CHECK(labels(make_axis({1e-60, 1}, true, 250, 44, 0)).size() <= 6);
  CHECK(labels(make_axis({0.6, 0.9}, true, 300, 44, 0)).size() >= 2);
  const Axis axis = make_axis({0.01, 0, -3, 100, NAN}, true, 400, 44, 0);
  CHECK(axis.at(1) == doctest::Approx(200));
  CHECK(axis.at(100) == doctest::Approx(400));
}

TEST_CASE("axes: any numbers give an axis") {
  const double huge = std::numeric_limits<double>::max(), tiny = std::numeric_limits<double>::denorm_min();
  for (const bool log : {false, true})
    for (const std::vector<double>& values : {std::vector<double>{},
                                              {0},
                                              {5},
                                              {-5, -5},
                                              {NAN, HUGE_VAL},
                                              {-huge, huge},
                                              {tiny},
                                              {tiny, 3 * tiny},
                                              {1, 1 + 1e-15},
                                              {1e15, 1e15 + 1},
                                              {-1, 0},
                                              {1e-300, 1e300}}) {
      const Axis axis = make_axis(values, log, 500, 50, 0.05);
      CHECK(axis.low < axis.high);
      CHECK(axis.ticks.size() < 200);
      for (const double value : values)
        if (std::isfinite(value) && (!log || value > 0)) CHECK(std::isfinite(axis.at(value)));
    }
}

TEST_CASE("plots: the same text for the same numbers, well nested, with every part") {
  Plot plot{.title = "a < b & \"c\"", .x_label = "step", .y_label = "loss", .marks = {{2.5, "here"}}};
  plot.series = {{.name = "train", .x = {1, 2, 3, 4}, .y = {4, 3, NAN, 1}},
                 {.name = "test", .x = {1, 4}, .y = {5, 2}, .dashed = true}};
  const std::string text = svg(plot);
  CHECK(text == svg(plot));
  check_nesting(text);
  for (const char* part : {"a &lt; b &amp; &quot;c&quot;", ">train<", ">test<", ">here<", ">loss<", ">step<",
                           "prefers-color-scheme:dark", "stroke-dasharray=\"5 4\""})
    CHECK_MESSAGE(contains(text, part), part);
  CHECK(count(text, "<circle") == 5);  // the gap has none
  CHECK(!contains(text, "nan"));
  CHECK(!contains(text, "<script"));
  const test::Folder folder;
  save_svg(folder.path("p.svg"), plot);
  CHECK(runtime::read_file(folder.path("p.svg")) == text);
}

TEST_CASE("plots: nothing, one point, all gaps, bad names") {
  CHECK(contains(svg({}), "no data"));
  CHECK(contains(svg({.series = {{.name = "a", .x = {1}, .y = {NAN}}}}), "no data"));
  CHECK(contains(svg({.series = {{.name = "a", .x = {1}, .y = {-1}}}, .log_y = true}), "no data"));
  CHECK(count(svg({.series = {{.name = "a", .x = {1}, .y = {2}}}}), "<circle") == 1);
  const std::string odd =
      svg({.title = std::string("\xff\x01") + std::string(500, 'W'), .series = {{.name = std::string(300, 'x')}}});
  check_nesting(odd);
  CHECK(contains(odd, "\xef\xbf\xbd"));
  CHECK(contains(odd, "…"));
  CHECK(contains(refusal([] { svg({.series = {{.name = "a", .x = {1}, .y = {}}}}); }), "series \"a\": 1 x, 0 y"));
  CHECK(contains(refusal([] { svg({.width = 10}); }), "a plot of 10 x 380"));
}

TEST_CASE("plots: many points become few, spikes stay") {
  Series series{.name = "a", .x = {}, .y = {}, .smooth = 50};
  for (int i = 0; i < 100000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 77777 ? 10 : i % 2);
  }
  const std::string text = svg({.series = {series}});
  CHECK(text.size() < 150000);
  CHECK(contains(text, "sq-faint"));
  series.smooth = 0;
  series.y[77777] = 0;
  CHECK(svg({.series = {series}}) != text);
}

TEST_CASE("plots: means of neighbours") {
  CHECK(moving_mean({6, 0, 3, 9, 0, 0}, 2) == std::vector<double>{6, 3, 18 / 5.0, 12 / 5.0, 12 / 4.0, 9 / 3.0});
  const std::vector<double> mean = moving_mean({1, NAN, 3, 1e300, 2, 4, 6}, 1);
  CHECK(std::isnan(mean[1]));
  CHECK(mean[5] == 4);
  CHECK(moving_mean({}, 3).empty());
  CHECK(thinned({{0, 1}, {0.1, 5}, {0.2, -1}, {0.9, 2}, {0.95, 3}}, 1).size() == 4);
}

TEST_CASE("plots: of a history") {
  History history;
  for (int step = 1; step <= 300; ++step) history.add({"train", 0, step, {{"loss", 1.0 / step}}});
  history.add({"validation", 0, 300, {{"loss", 0.1}, {"accuracy", 0.5}}});
  const Plot loss = history_plot(history, "loss", true);
  CHECK(loss.series.size() == 2);
  CHECK(loss.series[0].smooth > 0);
  CHECK(loss.log_y);
  CHECK(history_plot(history, "accuracy").series.size() == 1);
  check_nesting(svg(loss));

  History epochs;  // of four batches, the first of which is always worse
  for (int step = 0; step < 100; ++step)
    epochs.add({"train", step / 4, step + 1, {{"loss", step % 4 == 0 ? 2.0 : 1.0}}});
  epochs.add({"validation", 24, 100, {{"loss", 1.0}}});
  CHECK(history_plot(epochs, "loss").series[0].smooth == 2);
  CHECK(history_plot(epochs, "loss").series[1].smooth == 0);
}
