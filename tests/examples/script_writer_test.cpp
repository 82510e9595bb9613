#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example script_writer") {
  test::test_example({.name = "script_writer",
                      .at_most = {{"test perplexity", 3}},
                      .models = {{.classes = {"logits"}}},
                      .files = {"report.html", "loss.svg", "perplexity.svg"},
                      .use = {"--generate", "20", "--prime", "viola"},
                      .use_prints = "viola"});
}
