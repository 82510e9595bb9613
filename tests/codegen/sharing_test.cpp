#include <doctest/doctest.h>

#include <fmt/format.h>

#include <string>
#include <thread>
#include <vector>

#include "codegen/codegen.h"
#include "ir/memory.h"
#include "ir/parser.h"
#include "runtime/program.h"

namespace {

using namespace seqc;

/// Steps that multiply `rows` rows of 128 by [128,128], and then take their sums off them `times` times.
std::string steps(int rows, int times) {
  std::string text = fmt::format(
      "func @steps(%h: f32[{0},128]) -> (y: f32[{0},128]) {{\n"
      "  const @w: f32[128,128] = splat(0.5)\n"
      "  %y = scan {{length=7}} carry(%ht = %h) {{\n"
      "    %v0 = contract %ht, @w {{spec=\"ni,ij->nj\"}}\n",
      rows);
  for (int i = 0; i < times; ++i)
    text += fmt::format(
        "    %sum{0} = reduce %v{0} {{kind=sum, axes=[1]}}\n"
        "    %column{0} = reshape %sum{0} {{shape=[{2},1]}}\n"
        "    %all{0} = broadcast %column{0} {{shape=[{2},128]}}\n"
        "    %v{1} = sub %v{0}, %all{0}\n",
        i, i + 1, rows);
  return text + fmt::format("    yield %v{}\n  }}\n  return %y\n}}\n", times);
}

/// A product of a row of 128 by [128,columns].
std::string product(int64_t columns) {
  return fmt::format(
      "func @product(%x: f32[1,128]) -> (y: f32[1,{0}]) {{\n"
      "  const @w: f32[128,{0}] = splat(0.5)\n"
      "  %y = contract %x, @w {{spec=\"ni,ij->nj\"}}\n"
      "  return %y\n}}\n",
      columns);
}

/// A product of 64 rows of 128 by [128,128], a million operations; then `length` steps on one of its rows for one thread.
std::string product_and_steps(int length) {
  return fmt::format(
      "func @both(%x: f32[64,128]) -> (y: f32[64,128], h: f32[1,128]) {{\n"
      "  const @w: f32[128,128] = splat(0.5)\n"
      "  %y = contract %x, @w {{spec=\"ni,ij->nj\"}}\n"
      "  %first = slice %y {{starts=[0,0], sizes=[1,128], steps=[1,1]}}\n"
      "  %h = scan {{length={}}} carry(%ht = %first) {{\n"
      "    %sum = reduce %ht {{kind=sum, axes=[1]}}\n"
      "    %column = reshape %sum {{shape=[1,1]}}\n"
      "    %next = sub %ht, %column\n"
      "    yield %next\n  }}\n"
      "  return %y, %h\n}}\n",
      length);
}

/// Whether a run asks for other threads: of a function of so many rows of 128, with results of `columns`.
bool asks_for_threads(const std::string& text, int64_t rows, int64_t columns = 128) {
  auto module = ir::parse_module(text, "text");
  const auto program = runtime::Program::compile(std::move(module->functions[0]));
  const seqc_model& model = program->model();
  const ir::Tensor x(ir::DType::f32, {rows, 128});
  ir::Tensor y(ir::DType::f32, {rows, columns}), h(ir::DType::f32, {1, columns});
  const std::vector<seqc_tensor> inputs = {runtime::view(x)};
  std::vector<seqc_tensor> outputs = {runtime::mutable_view(y), runtime::mutable_view(h)};
  size_t bytes = 0;
  REQUIRE(model.prepare(inputs.data(), outputs.data(), &bytes) == SEQC_OK);
  std::byte* workspace = ir::allocate_memory(bytes);
  bool asked = false;
  const seqc_threads threads = {2, &asked, [](void* pool, void (*task)(void*, int32_t), void* argument, int32_t) {
                                  *static_cast<bool*>(pool) = true;
                                  std::thread other(task, argument, 1);
                                  task(argument, 0);
                                  other.join();
                                }};
  model.run(inputs.data(), outputs.data(), workspace, &threads);
  ir::free_memory(workspace);
  return asked;
}

}  // namespace

TEST_SUITE("codegen") {
  TEST_CASE("sharing: steps that meet more often than their work is worth run on one thread") {
    CHECK(asks_for_threads(steps(1, 0), 1));
    CHECK_FALSE(asks_for_threads(steps(1, 3), 1));
    CHECK(asks_for_threads(steps(40, 3), 40));
  }

  TEST_CASE("sharing: a run must be worth bringing other threads in, beside the meetings behind its kernels") {
    const codegen::Target target;
    const int64_t meeting = target.worth_sharing * codegen::describe(target).vector_lanes / 128;  // columns
    CHECK_FALSE(asks_for_threads(product(meeting - 8), 1, meeting - 8));
    CHECK_FALSE(asks_for_threads(product(meeting + 8), 1, meeting + 8));
    CHECK(asks_for_threads(product(2 * meeting + 8), 1, 2 * meeting + 8));
  }

  TEST_CASE("sharing: a run that lets the other threads fall asleep must be worth waking them") {
    CHECK(asks_for_threads(product_and_steps(100), 64));
    CHECK_FALSE(asks_for_threads(product_and_steps(20000), 64));
  }
}
