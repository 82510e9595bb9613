#include <doctest/doctest.h>

#include "runtime/files.h"
#include "tests/examples/example.h"

using namespace seqc;

TEST_CASE("example custom_cell: streamed as at once") {
  const test::ExampleRun run;
  test::test_example({.name = "custom_cell",
                      .at_least = {{"last value loss", 0.05}},
                      .at_most = {{"test loss", 0.01}, {"difference when streamed", 0}},
                      .use = {"--predict", "3"},
                      .use_prints = "foretold was "},
                     run);
  // A cell that is no operator of ONNX becomes a Scan.
  const std::string model = runtime::read_file((run.file("model.onnx")).string());
  CHECK(model.find("Scan") != std::string::npos);
}

TEST_CASE("example custom_cell: as IR, before and after the pipeline") {
  const test::ExampleRun run;
  const auto result = run.start("custom_cell", {"--ir"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.starts_with("// as written\n"));
  CHECK(result.out.find("// after the pipeline\n") != std::string::npos);
  CHECK(result.out.find("kernel {kind=contract}") != std::string::npos);
}
