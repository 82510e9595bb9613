#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example deep_rnn: dropout is there in training, and not in use") {
  const test::ExampleRun run;
  test::test_example({.name = "deep_rnn",
                      .at_least = {{"test accuracy", 0.95}, {"difference in training", 1e-4}},
                      .at_most = {{"difference in use", 0}, {"difference from no dropout", 0}},
                      .models = {{.classes = {"probabilities"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg"},
                      .use = {"--predict", "3"},
                      .use_prints = " %), is "},
                     run);
}

TEST_CASE("example deep_rnn: without dropout, training and use are one") {
  const test::ExampleRun run;
  const auto result = run.start("deep_rnn", {"--dropout", "0", "--epochs", "1"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(run.figures().at("difference in training") == 0);
}
