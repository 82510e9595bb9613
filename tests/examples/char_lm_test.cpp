#include <doctest/doctest.h>

#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example char_lm") {
  test::test_example({.name = "char_lm",
                      .at_most = {{"test loss", 0.35}},
                      .models = {{.classes = {"logits"}}},
                      .use = {"--generate", "40", "--prime", "SCENE. ", "--temperature", "0"},
                      .use_prints = "SCENE. "});
}
