#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example text_classify") {
  test::test_example({.name = "text_classify",
                      .at_least = {{"stacked test accuracy", 0.75}, {"bidirectional test accuracy", 0.75}},
                      .models = {{.part = "stacked", .yes_or_no = {"probability"}},
                                 {.part = "bidirectional", .yes_or_no = {"probability"}}},
                      .files = {"report.html", "stacked/loss.svg", "bidirectional/accuracy.svg", "vocabulary.json"},
                      .use = {"--predict", "The plot was not bad"},
                      .use_prints = "  bidirectional: "});
}
