#include <doctest/doctest.h>

#include <algorithm>

#include "runtime/files.h"
#include "runtime/training/data/array_files.h"
#include "tests/examples/example.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;

TEST_CASE("example spam") {
  test::test_example({.name = "spam",
                      .at_least = {{"test accuracy", 0.97}},
                      .models = {{.classes = {"probabilities"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg", "vocabulary.json"},
                      .use = {"--predict", "You won! Call 08123 45 now"},
                      .use_prints = " % spam: You won!"});
}

TEST_CASE("example spam: a run that goes on is the run that was not stopped") {
  const test::ExampleRun stopped, whole;
  REQUIRE(stopped.start("spam", {"--epochs", "2"}).exit_code == 0);
  CHECK(stopped.figures().at("epochs") == 2);
  const test::ToolResult second = stopped.start("spam", {"--epochs", "4"});
  CHECK(second.exit_code == 0);
  CHECK(test::contains(second.err, "epoch 3/4"));
  CHECK(!test::contains(second.err, "epoch 2/4"));
  REQUIRE(whole.start("spam", {"--epochs", "4"}).exit_code == 0);
  for (const char* figure : {"epochs", "test accuracy", "test loss"})
    CHECK(stopped.figures().at(figure) == whole.figures().at(figure));
  const auto text = [](const test::ExampleRun& run) { return runtime::read_file(run.file("history.jsonl").string()); };
  CHECK(text(stopped) == text(whole));

  const std::string data = (whole.folder() / "data.npz").string();
  REQUIRE(whole.start("spam", {"--epochs", "4", "--save-data", data}).exit_code == 0);
  const auto arrays = training::load_npz(data);
  CHECK(arrays.at("train.0.x").type_str() == "i64[25,250]");
  CHECK(arrays.at("train.4.label").type_str() == "i64[200]");  // 1,200 messages
  CHECK(arrays.at("validation.1.x").type_str() == "i64[25,50]");
  CHECK(arrays.at("test.1.label").type_str() == "i64[50]");
  CHECK(arrays.size() == 2 * (5 + 2 + 2));

  CHECK(test::is_one_error(stopped.start("spam", {"--data", stopped.folder().string()}), "neither sms.tsv nor"));
  CHECK(stopped.start("spam", {"--epochs", "-3"}).exit_code == 2);

  const test::ExampleRun some;
  REQUIRE(some.start("spam", {"--epochs", "1", "--batches", "2"}).exit_code == 0);
  const auto lines = text(some);
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);  // two batches, and what they came to
  CHECK(test::is_one_error(some.start("spam", {}), "holds a run with batches 2, this one has none"));
  CHECK(some.start("spam", {"--batches", "0"}).exit_code == 2);
  const test::ExampleRun empty;
  CHECK(test::is_one_error(empty.start("spam", {"--predict", "x"}), "no trained model there"));
}
