#include "runtime/session.h"
#include "ir/interpreter.h"
#include "runtime/compile.h"
#include "runtime/compile_info.h"

#include <doctest/doctest.h>

#include <cmath>
#include <thread>

#include "ir/error.h"
#include "ir/parser.h"
#include "tests/runtime/allocation_counter.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"

using namespace seqc;
using ir::DType;
using ir::Tensor;
using runtime::Program;
using runtime::Session;
using Tensors = std::vector<Tensor>;

namespace {

const std::shared_ptr<const Program>& lstm() {
  static const auto program = [] {
    const test::TempDir folder;
    runtime::CompileOptions options;
    options.target.worth_sharing = 0;  // small as it is
    return Program::compile_file(test::save_lstm(folder / "lstm.onnx"), options);
  }();
  return program;
}

Tensors lstm_inputs(int64_t steps, int64_t batch) { return {test::lstm_x(steps, batch), test::lstm_h0(batch)}; }

bool identical(const Tensors& a, const Tensors& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!a[i].identical(b[i])) return false;
  return true;
}

struct Views {
  explicit Views(Tensors& tensors) {
    for (Tensor& tensor : tensors) views.push_back(runtime::mutable_view(tensor));
  }
  std::vector<seqc_tensor> views;
};

}  // namespace

TEST_CASE("session: compiled code agrees with the interpreter at every shape") {
  const test::TempDir folder;
  const auto function = runtime::load_function(test::save_lstm(folder / "lstm.onnx"));
  Session session(lstm());
  for (const auto& [steps, batch] : {std::pair<int64_t, int64_t>{4, 2}, {0, 3}, {1, 1}, {4, 2}, {33, 17}, {2, 0}}) {
    CAPTURE(steps);
    CAPTURE(batch);
    const Tensors inputs = lstm_inputs(steps, batch);
    const Tensors got = session.run(inputs), want = ir::interpret(*function, inputs);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < got.size(); ++i) {
      REQUIRE(got[i].type_str() == want[i].type_str());
      for (int64_t k = 0; k < got[i].count(); ++k)
        CHECK(got[i].real(k) == doctest::Approx(want[i].real(k)).epsilon(1e-4));
    }
  }
}

TEST_CASE("session: results do not depend on the number of threads") {
  for (const auto& [steps, batch] : {std::pair<int64_t, int64_t>{7, 1}, {5, 33}, {1, 8}}) {
    const Tensors inputs = lstm_inputs(steps, batch);
    const Tensors one = Session(lstm()).run(inputs);
    for (const int threads : {2, 3}) {
      CAPTURE(threads);
      Session session(lstm(), threads);
      CHECK(identical(session.run(inputs), one));
      CHECK(identical(session.run(inputs), one));
    }
  }
}

TEST_CASE("session: many threads share one program") {
  const Tensors inputs = lstm_inputs(6, 3);
  const Tensors expected = Session(lstm()).run(inputs);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong)
    threads.emplace_back([&] {
      Session session(lstm());
      for (int round = 0; round < 50; ++round) count += !identical(session.run(inputs), expected);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

TEST_CASE("session: running again with the same shapes allocates nothing") {
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    Session session(lstm(), threads);
    Tensors inputs = lstm_inputs(10, 2), outputs = session.run(inputs);
    const Tensors expected = outputs;
    const Views in(inputs);
    Views out(outputs);
    for (Tensor& output : outputs) output.set_real(0, NAN);
    int32_t status = SEQC_OK;
    {
      const test::AllocationCounter counter;
      for (int round = 0; round < 20; ++round) status |= session.run(in.views, out.views);
      session.prepare(in.views);
      CHECK(counter.count() == 0);
    }
    CHECK(status == SEQC_OK);
    CHECK(identical(outputs, expected));
  }
  if (test::AllocationCounter::works()) {
    const test::AllocationCounter counter;
    Session(lstm()).run(lstm_inputs(1, 1));
    CHECK(counter.count() > 0);
  }
}

TEST_CASE("session: a run with other shapes than prepared writes nothing") {
  Session session(lstm());
  Tensors inputs = lstm_inputs(3, 2), outputs = session.run(inputs), longer = lstm_inputs(4, 2);
  Tensors other_type = {Tensor(DType::f64, {3, 2, 3}), inputs[1]}, other_rank = {inputs[0], Tensor(DType::f32, {2, 5})};
  const Tensors before = outputs;
  Views out(outputs);
  CHECK(session.run(Views(longer).views, out.views) == SEQC_BAD_SHAPE);
  CHECK(session.run(Views(other_type).views, out.views) == SEQC_BAD_DTYPE);
  CHECK(session.run(Views(other_rank).views, out.views) == (SEQC_BAD_RANK | 1 << 8));
  CHECK(session.run(Views(inputs).views, {}) == SEQC_BAD_SHAPE);
  CHECK(identical(outputs, before));
  Session fresh(lstm());
  CHECK(fresh.run(Views(inputs).views, out.views) == SEQC_BAD_SHAPE);
}

TEST_CASE("session: what does not fit is one clear error, and the session stays usable") {
  Session session(lstm());
  CHECK_THROWS_WITH_AS(session.run({test::lstm_x(3, 2)}), "got 1 inputs, expected 2: X: f32[T,N,3], h0: f32[1,N,5]",
                       Error);
  CHECK_THROWS_WITH_AS(session.run({test::lstm_x(3, 2), test::lstm_h0(4)}),
                       "input \"h0\": got f32[1,4,5], expected f32[1,N,5]: N is 4 here and 2 in input \"X\"", Error);
  CHECK(session.run(lstm_inputs(3, 2)).size() == 2);
  seqc_tensor huge[] = {{nullptr, SEQC_F32, 3, {1'000'000'000'000, 1, 3}}, {nullptr, SEQC_F32, 3, {1, 1, 5}}};
  CHECK_THROWS_AS(session.prepare(huge), Error);
  CHECK(session.run(lstm_inputs(3, 2)).size() == 2);
}

TEST_CASE("program: dims that become numbers are checked like any other") {
  const test::TempDir folder;
  runtime::CompileOptions options;
  options.dims = {{"N", 2}};
  const auto program = Program::compile_file(test::save_lstm(folder / "lstm.onnx"), options);
  CHECK(runtime::str(program->inputs()) == "X: f32[T,2,3], h0: f32[1,2,5]");
  CHECK(program->compiled()->multiply_adds.str() == "320*T");
  Session session(program);
  CHECK(identical(session.run(lstm_inputs(4, 2)), Session(lstm()).run(lstm_inputs(4, 2))));
  CHECK_THROWS_AS(session.run(lstm_inputs(4, 3)), Error);
}

TEST_CASE("a session refuses dims that a slice of the model does not have") {
  const auto module = ir::parse_module(
      "func @main(%x: f32[T,3]) -> (y: f32[T - 2,3]) {\n"
      "  %y = slice %x {starts=[1,0], sizes=[T - 2,3], steps=[1,1]}\n"
      "  return %y\n"
      "}\n");
  runtime::Session session(runtime::Program::compile(std::move(module->functions[0])));
  CHECK(session.run({ir::Tensor(ir::DType::f32, {3, 3})})[0].shape() == std::vector<int64_t>{1, 3});
  CHECK(session.run({ir::Tensor(ir::DType::f32, {2, 3})})[0].shape() == std::vector<int64_t>{0, 3});
  CHECK_THROWS_WITH_AS(session.run({ir::Tensor(ir::DType::f32, {1, 3})}), doctest::Contains("T=1"), Error);
}
