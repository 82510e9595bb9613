#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example mnist_rnn") {
  test::test_example({.name = "mnist_rnn",
                      .at_least = {{"test accuracy", 0.9}},
                      .models = {{.classes = {"probabilities"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg"},
                      .use = {"--predict", "3"},
                      .use_prints = " %)"});
}
