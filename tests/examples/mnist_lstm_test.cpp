#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example mnist_lstm") {
  test::test_example({.name = "mnist_lstm",
                      .at_least = {{"test accuracy", 0.97}},
                      .models = {{.classes = {"probabilities"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg"},
                      .use = {"--predict", "3"},
                      .use_prints = " %)"});
}
