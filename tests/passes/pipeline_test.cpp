// The driver of passes: order, names, printing, dumps, and what is left behind when a pass fails.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "ir/error.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "passes/pass.h"

namespace seqc::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kText = R"(
func @main(%x: f32[N,4]) -> (y: f32[N,4]) {
  %a = mul %x, f32(1)
  %b = tanh %x
  %y = exp %a
  return %y
}
)";

struct Folder {
  fs::path path = fs::temp_directory_path() / "seqc-pipeline-test";
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
};

std::string message_of(const std::function<void()>& run, ErrorKind kind) {
  try {
    run();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL("expected an error");
  return "";
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("the table is in alphabetical order, and the pipeline names its passes") {
  const auto table = passes::all_passes();
  for (size_t i = 1; i < table.size(); ++i) CHECK(table[i - 1].name < table[i].name);
  for (const std::string& name : passes::standard_pipeline()) CHECK_MESSAGE(passes::find_pass(name), name);
  CHECK(passes::find_pass("simplif") == nullptr);
}

TEST_CASE("unknown names are refused, with the known ones") {
  const auto module = ir::parse_module(kText);
  passes::PassContext context;
  const auto run = [&](std::vector<std::string> names, passes::PipelineOptions options) {
    passes::run_passes(*module->functions[0], names, context, options);
  };
  CHECK(message_of([&] { run({"simplify", "fuse-gate"}, {}); }, ErrorKind::BadInput).find("fuse-gates") !=
        std::string::npos);
  passes::PipelineOptions options;
  options.disabled = {"fuse-gate"};
  CHECK(message_of([&] { run({"simplify"}, options); }, ErrorKind::BadInput).find("fuse-gate") != std::string::npos);
}

TEST_CASE("passes are timed, disabled ones are skipped, stages are printed and saved") {
  const Folder folder;
  const auto module = ir::parse_module(kText);
  passes::PassContext context;
  passes::PipelineOptions options;
  std::ostringstream printed;
  options.disabled = {"simplify"};
  options.print_after = {"import", "fold", "eliminate-dead-code"};
  options.print_to = &printed;
  options.dump_dir = folder.path / "dumps";
  const auto timings =
      passes::run_passes(*module->functions[0], {"fold", "simplify", "eliminate-dead-code"}, context, options);
  REQUIRE(timings.size() == 2);
  CHECK(timings[0].name == "fold");
  CHECK_FALSE(timings[0].changed);
  CHECK(timings[1].changed);
  const std::string text = printed.str();
  CHECK(text.find("// after import") < text.find("// after fold (no change)"));
  CHECK(text.find("// after fold (no change)") < text.find("// after eliminate-dead-code\n"));
  CHECK(fs::exists(folder.path / "dumps/00-import.seq"));
  const auto last = ir::load_module((folder.path / "dumps/02-eliminate-dead-code.seq").string());
  CHECK(ir::print(*last) == ir::print(*module));
}

TEST_CASE("a pass that breaks the IR leaves its input behind") {
  const Folder folder;
  const auto module = ir::parse_module(kText);
  ir::Function& function = *module->functions[0];
  // No pass breaks the IR on purpose: a wrong type that the first pass does not look at comes to light after it.
  function.body().ops().back()->operand(0)->set_type({ir::DType::f32, {ir::Dim(3)}});
  passes::PassContext context;
  passes::PipelineOptions options;
  options.dump_dir = folder.path;
  const std::string message = message_of(
      [&] { passes::run_passes(function, {"fold", "eliminate-dead-code"}, context, options); }, ErrorKind::Internal);
  CHECK(message.find("pass eliminate-dead-code") != std::string::npos);
  bool saved = false;
  for (const auto& entry : fs::directory_iterator(folder.path))
    saved = saved || entry.path().filename().string().starts_with("seqc-eliminate-dead-code-");
  CHECK(saved);
  INFO(message);
  CHECK(message.find("--passes=eliminate-dead-code") != std::string::npos);
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::test
