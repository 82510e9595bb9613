#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example sentiment") {
  test::test_example({.name = "sentiment",
                      .at_least = {{"test accuracy", 0.8}},
                      .models = {{.yes_or_no = {"probability"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg", "vocabulary.json"},
                      .use = {"--predict", "The plot was not bad"},
                      .use_prints = " % favourable: The plot was not bad"});
}
