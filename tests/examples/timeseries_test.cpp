#include <doctest/doctest.h>

#include <filesystem>

#include "runtime/training/data/array_files.h"
#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example timeseries") {
  const test::ExampleRun run;
  test::test_example(
      {.name = "timeseries",
       .at_least = {{"waves-rnn last value error", 0.15}},
       .at_most = {{"waves-rnn forecast error", 0.01}, {"waves-rnn generated error", 0.2}},
       .models = {{.part = "waves-rnn"}},
       .files = {"report.html", "waves-rnn/loss.svg", "waves-rnn/forecast.svg", "waves-rnn/generated.svg"},
       .use = {"--generate", "3"},
       .use_prints = "waves-rnn goes on: "},
      run);
}

TEST_CASE("example timeseries: measured series, from files") {
  const test::ExampleRun run;
  std::string sunspots = "\"Month\",\"Sunspots\"\n", temperatures = "\"Date\",\"Temp\"\n";
  for (int t = 0; t < 1600; ++t) {  // short, and easy: it is the way from file to figures that is looked at
    sunspots += "\"m\"," + std::to_string(50 + 50 * ((t % 7) % 3)) + "\n";
    temperatures += "\"d\"," + std::to_string((t % 5) * 0.5) + "\n";
  }
  test::Folder data;
  data.write("monthly-sunspots.csv", sunspots);
  const std::vector<std::string> arguments = {"--data", data.path(""), "--epochs", "2"};
  const auto without = run.start("timeseries", arguments);
  CHECK(test::is_one_error(without, "daily-min-temperatures.csv"));
  data.write("daily-min-temperatures.csv", temperatures);
  const auto result = run.start("timeseries", arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto figures = run.figures();
  for (const char* part : {"sunspots-lstm", "sunspots-gru", "temperatures-lstm", "temperatures-gru"}) {
    INFO(part);
    CHECK(figures.at(std::string(part) + " forecast error") < figures.at(std::string(part) + " last value error"));
  }
  const test::ExampleRun some;
  const std::string archive = (some.folder() / "data.npz").string();
  auto saving = arguments;
  saving.insert(saving.end(), {"--save-data", archive});
  const auto both = some.start("timeseries", saving);  // the second series, behind the progress of the first
  CHECK(both.exit_code == 1);
  CHECK(both.err.find("error: --save-data: got a model with other train data than the one before") !=
        std::string::npos);
  CHECK(!std::filesystem::exists(archive));
  saving.insert(saving.end(), {"--only", "temperatures"});
  REQUIRE(some.start("timeseries", saving).exit_code == 0);
  CHECK(some.figures().contains("temperatures-gru epochs"));
  CHECK(!some.figures().contains("sunspots-lstm epochs"));
  for (int64_t i = 0; i < 20; ++i) CHECK(training::load_npz(archive).at("test.0.x").real(i) <= 2);  // no sunspots
}
