#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example spam") {
  test::test_example({.name = "spam",
                      .at_least = {{"test accuracy", 0.97}},
                      .models = {{.classes = {"probabilities"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg", "vocabulary.json"},
                      .use = {"--predict", "You won! Call 08123 45 now"},
                      .use_prints = " % spam: You won!"});
}
