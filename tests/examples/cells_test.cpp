#include <doctest/doctest.h>

#include "runtime/training/data/array_files.h"
#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example cells") {
  test::Example example{.name = "cells",
                        .at_least = {{"adding-50-rnn test loss", 0.1}},
                        .at_most = {{"adding-50-gru test loss", 0.01},
                                    {"adding-50-lstm test loss", 0.01},
                                    {"adding-50-peephole test loss", 0.01},
                                    {"copy-20-orthogonal test loss", 0.2}},
                        .models = {},
                        .files = {"report.html", "adding-50-gradients.svg", "adding-50-gradients-after.svg",
                                  "adding-50-losses.svg", "adding-50-norms.svg", "copy-20-gradients.svg"},
                        .use = {"--predict", "2"},
                        .use_prints = ", should be "};
  for (const char* cell : {"rnn", "orthogonal", "gru", "lstm", "peephole"}) {
    example.models.push_back({.part = std::string("adding-50-") + cell});
    example.models.push_back({.part = std::string("copy-20-") + cell, .classes = {"says"}});
  }
  test::test_example(example);
}

TEST_CASE("example cells: one run alone, and no --data") {
  const test::ExampleRun run;
  const auto result = run.start("cells", {"--only", "copy-20-gru", "--epochs", "1"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const auto figures = run.figures();
  CHECK(figures.count("copy-20-gru test loss") == 1);
  CHECK(figures.count("copy-20-rnn test loss") == 0);
  CHECK(run.start("cells", {"--data", run.folder().string()}).exit_code == 2);
}

TEST_CASE("example cells: the batches of every epoch for other programs") {
  const test::ExampleRun run;
  const std::string data = (run.folder() / "data.npz").string();
  const auto result =
      run.start("cells", {"--only", "copy-20-rnn", "--epochs", "3", "--save-data", data, "--save-epochs"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const auto arrays = training::load_npz(data);
  CHECK(arrays.size() == 2 * (3 * 50 + 2 + 2));
  CHECK(run.start("cells", {"--save-epochs"}).exit_code == 2);  // where to?
  CHECK(arrays.at("train 3.49.x").type_str() == "f32[20,32,5]");
  CHECK_FALSE(arrays.at("train.0.y").identical(arrays.at("train 2.0.y")));
  CHECK_FALSE(arrays.at("train 2.0.y").identical(arrays.at("train 3.0.y")));
}
