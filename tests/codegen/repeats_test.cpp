// Kernels of a scan's steps that each thread runs for itself.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>

#include "codegen/codegen.h"
#include "codegen/memory_plan.h"
#include "codegen/repeats.h"
#include "codegen/schedule.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/difference.h"
#include "runtime/program.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

using namespace seqc;

namespace {

/// What is different from one test to the next.
struct Steps {
  std::string yielded = "%f";  ///< what is carried as %c, beside the state, which is emitted, too
  std::string emitted = "%g";
  std::string attributes = "";
};

/// Steps with one product, whose row of `hidden` is normalised, then added to an input: a few small kernels.
std::unique_ptr<ir::Function> normalised_steps(int64_t hidden, const Steps& steps = {}) {
  return std::move(
      ir::parse_module(
          fmt::format(
              R"(func @steps(%x: f32[T,1,{0}], %r: f32[{0},{0}], %h0: f32[1,{0}], %c0: f32[1,{0}]) -> (y: f32[T,1,{0}], h: f32[1,{0}], c: f32[1,{0}]) {{
  %last, %cell, %y = scan {{length=T{1}}} carry(%h = %h0, %c = %c0) in(%xt = %x) {{
    %p = contract %h, %r {{spec="ni,ij->nj"}}
    %q = mul %p, %p
    %sum = reduce %q {{kind=sum, axes=[1]}}
    %above = add %sum, f32(1)
    %root = sqrt %above
    %column = reshape %root {{shape=[1,1]}}
    %n = div %p, %column
    %d = add %n, %xt
    %half = mul %c, f32(0.5)
    %f = add %half, %d
    %most = reduce %f {{kind=max, axes=[1]}}
    %m = reshape %most {{shape=[1,1]}}
    %e = sub %f, %m
    %g = tanh %e
    yield %g, {2} emit {3}
  }}
  return %y, %last, %cell
}}
)",
              hidden, steps.attributes, steps.yielded, steps.emitted),
          "steps")
          ->functions[0]);
}

const ir::Op* scan_of(const ir::Function& function) {
  const ir::Op* scan = nullptr;
  ir::walk(function.body(), [&](const ir::Op* op) {
    if (op->code() == ir::Opcode::Scan) scan = op;
  });
  REQUIRE(scan);
  return scan;
}

/// Number of kernels that are repeated where `worth` operations are worth a meeting; -1: that is not possible.
int64_t repeated(std::unique_ptr<ir::Function> function, int64_t worth) {
  const auto lowered = runtime::lower(std::move(function), {});
  const ir::Op& scan = *scan_of(*lowered.function);
  if (!codegen::may_repeat(scan)) return -1;
  return static_cast<int64_t>(codegen::repeated_kernels(scan, worth).size());
}

/// The same bits on any number of threads, with or without kernels that are repeated; up to rounding the interpreter's.
void check_runs(const std::function<std::unique_ptr<ir::Function>()>& make, int64_t worth_sharing) {
  const auto function = make();
  runtime::CompileOptions options, shared;
  options.target.worth_sharing = worth_sharing;
  shared.target.worth_sharing = 0;
  const auto program = runtime::Program::compile(make(), options), all = runtime::Program::compile(make(), shared);
  for (const int64_t count : {0, 1, 2, 3, 30}) {
    CAPTURE(count);
    const auto inputs = test::random_inputs(*function, {{"T", count}}, 3);
    const auto want = ir::interpret(*function, inputs);
    const auto once = test::run_model(program->model(), inputs, 1);
    for (size_t i = 0; i < want.size(); ++i) CHECK_FALSE(runtime::difference(once[i], want[i], {.relative = 1e-4}));
    for (const int threads : {1, 2, 3, 5})
      for (int run = 0; run < 10; ++run) {
        CAPTURE(threads);
        const auto got = test::run_model((run == 0 ? all : program)->model(), inputs, threads);
        for (size_t i = 0; i < got.size(); ++i) REQUIRE(got[i].identical(once[i]));
      }
  }
}

}  // namespace

TEST_SUITE("codegen") {
  TEST_CASE("repeats: kernels that are not worth a meeting, beside some that are worth two") {
    const int64_t product = 64 * 64;
    CHECK(repeated(normalised_steps(64), product / 2) >= 2);
    CHECK(repeated(normalised_steps(64), product / 2 + 1) == 0);
    CHECK(repeated(normalised_steps(64), 0) == 0);
  }

  TEST_CASE("repeats: only where a step's results are small") {
    CHECK(repeated(normalised_steps(1024), 1 << 16) >= 2);
    CHECK(repeated(normalised_steps(8192), 1 << 16) == -1);  // more than 64 KB in all
    CHECK(repeated(normalised_steps(64, {.yielded = "%c"}), 2048) >= 2);
    auto module = ir::parse_module(R"(func @one(%r: f32[64,64], %h0: f32[N,64]) -> (h: f32[N,64]) {
  %last = scan {length=9} carry(%h = %h0) {
    %p = contract %h, %r {spec="ni,ij->nj"}
    %sum = reduce %p {kind=sum, axes=[1]}
    %column = reshape %sum {shape=[N,1]}
    %d = sub %p, %column
    yield %d
  }
  return %last
}
)",
                                   "one");
    CHECK(repeated(std::move(module->functions[0]), 2048) == -1);  // sizes that only a run knows
  }

  TEST_CASE("repeats: not where a thread that is a step ahead would write what another still reads") {
    CHECK(repeated(normalised_steps(64, {.yielded = "%p"}), 2048) == 0);
    CHECK(repeated(normalised_steps(64, {.yielded = "%p", .emitted = "%p"}), 2048) >= 2);
  }

  TEST_CASE("repeats: what stays in a step that may be repeated has two places") {
    const auto lowered = runtime::lower(normalised_steps(64), {});
    const ir::Op& scan = *scan_of(*lowered.function);
    const codegen::MemoryPlan plan = codegen::plan_memory(*lowered.function);
    int inside = 0;
    for (const ir::Op* op : scan.region().op_list()) {
      if (op->code() != ir::Opcode::Kernel) continue;
      for (size_t i = 0; i < op->result_count(); ++i) {
        CHECK(plan.storage.at(op->result(i)).place != codegen::Place::Arena);
        inside += !codegen::leaves_step(op->result(i));
      }
    }
    CHECK(inside >= 2);
    for (const auto& lifetime : plan.lifetimes)
      if (lifetime.value->op() && lifetime.value->op()->parent() == &scan.region())
        CHECK(lifetime.bytes == codegen::padded_bytes(lifetime.value->type()) * ir::Dim(2));
  }

  TEST_CASE("repeats: results do not depend on the number of threads") {
    for (const int64_t hidden : {33, 64, 130})
      for (const char* attributes : {"", ", reverse=true"}) {
        CAPTURE(hidden);
        CAPTURE(attributes);
        check_runs([&] { return normalised_steps(hidden, {.attributes = attributes}); }, 24);
        check_runs([&] { return normalised_steps(hidden, {.emitted = "%f", .attributes = attributes}); }, 24);
        check_runs([&] { return normalised_steps(hidden, {.yielded = "%c", .attributes = attributes}); }, 24);
        check_runs([&] { return normalised_steps(hidden, {.yielded = "%h", .attributes = attributes}); }, 24);
        check_runs([&] { return normalised_steps(hidden, {.yielded = "%p", .attributes = attributes}); }, 24);
        check_runs(
            [&] { return normalised_steps(hidden, {.yielded = "%p", .emitted = "%p", .attributes = attributes}); }, 24);
      }
  }

  TEST_CASE("repeats: the schedule tells of them") {
    runtime::CompileOptions options;
    options.target.worth_sharing = 256;
    const auto lowered = runtime::lower(normalised_steps(128), options);
    int each = 0, all = 0;
    for (const auto& note : codegen::schedule(*lowered.function, options.target).ops) {
      each += note.sharing == codegen::Sharing::Each;
      all += note.sharing == codegen::Sharing::All && note.op->parent()->parent_op();
    }
    CHECK(each >= 2);
    CHECK(all == 1);
  }
}
