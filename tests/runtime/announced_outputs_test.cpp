// Programs that tell of each output as soon as it is written.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ir/error.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/runtime/allocation_counter.h"

using namespace seqc;
using ir::DType;
using ir::Tensor;
using runtime::Program;
using runtime::Session;

namespace {

/// Outputs of every kind: a scan's last carry and what it emits, one value twice, an argument, a view, a branch's result, and
/// at the end something that is computed last.
constexpr const char* kModel = R"(
func @main(%x: f32[T,N,5], %w: f32[5,5], %flag: bool[]) -> (last: f32[N,5], all: f32[T,N,5], again: f32[T,N,5],
                                                            given: f32[5,5], flat: f32[25], branch: f32[5,5],
                                                            late: f32[N,5]) {
  %zero = broadcast f32(0.0) {shape=[N,5]}
  %last, %all = scan {length=T} carry(%h = %zero) in(%xt = %x) {
    %a = add %h, %xt
    %b = tanh %a
    yield %b emit %b
  } : f32[N,5], f32[T,N,5]
  %squares = mul %w, %w
  %flat = reshape %squares {shape=[25]}
  %branch = if %flag {
    %e = exp %squares
    yield %e
  } else {
    yield %squares
  } : f32[5,5]
  %late, %rest = scan {length=T, reverse=true} carry(%g = %last) in(%yt = %all) {
    %c = mul %g, %yt
    %d = add %c, f32(1.0)
    yield %d emit %c
  } : f32[N,5], f32[T,N,5]
  return %last, %all, %all, %w, %flat, %branch, %late
}
)";

std::unique_ptr<ir::Function> model() { return std::move(ir::parse_module(kModel, "model")->functions[0]); }

struct Call {
  std::vector<Tensor> inputs, outputs;
  std::vector<seqc_tensor> in, out;
  explicit Call(Session& session, bool flag) {
    Tensor x(DType::f32, {7, 33, 5}), w(DType::f32, {5, 5}), f(DType::boolean, {});
    for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, std::sin(static_cast<double>(i)));
    for (int64_t i = 0; i < w.count(); ++i) w.set_real(i, std::cos(static_cast<double>(i)));
    f.set_integer(0, flag);
    inputs = {x, w, f};
    for (const Tensor& tensor : inputs) in.push_back(runtime::view(tensor));
    session.prepare(in);
    for (const seqc_tensor& type : session.output_types()) {
      outputs.emplace_back(static_cast<DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
      std::memset(outputs.back().mutable_bytes(), 0x7f, outputs.back().byte_size());
    }
    for (Tensor& tensor : outputs) out.push_back(runtime::mutable_view(tensor));
  }
};

/// What a listener heard, with copies of the outputs at that time.
struct Heard {
  std::vector<int32_t> order;
  std::vector<Tensor> copies;
  Call* call = nullptr;
  size_t late = 0;
  bool before_late = true;  // whatever is computed before it was announced while it was not written

  runtime::OutputListener listener() {
    return {[](void* context, int32_t output) { static_cast<Heard*>(context)->hear(output); }, this};
  }
  void hear(int32_t output) {
    const auto copy = [&](size_t i) {
      Tensor tensor(call->outputs[i].dtype(), call->outputs[i].shape());
      std::memcpy(tensor.mutable_bytes(), call->out[i].data, tensor.byte_size());
      return tensor;
    };
    order.push_back(output);
    copies.push_back(copy(static_cast<size_t>(output)));
    uint32_t first = 0;
    std::memcpy(&first, call->out[late].data, sizeof first);
    const bool given = output == 3;  // an argument, copied at the end
    if (static_cast<size_t>(output) != late && !given && first != 0x7f7f7f7f) before_late = false;
  }
};

bool each_once(std::vector<int32_t> order, size_t count) {
  std::sort(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i)
    if (order[i] != static_cast<int32_t>(i)) return false;
  return order.size() == count;
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("announced outputs: each once, in the order that the program says, as soon as it is written, and for good") {
  for (const int64_t worth_sharing : {0, 768})
    for (const int threads : {1, 2, 3})
      for (const bool flag : {false, true}) {
        CAPTURE(worth_sharing);
        CAPTURE(threads);
        runtime::CompileOptions options;
        options.target.worth_sharing = worth_sharing;
        options.announces_outputs = true;
        const auto program = Program::compile(model(), options);
        Session session(program, threads);
        Call call(session, flag);
        Heard heard{.order = {}, .copies = {}, .call = &call, .late = call.outputs.size() - 1};
        const auto listener = heard.listener();
        REQUIRE(session.run(call.in, call.out, &listener) == SEQC_OK);
        CHECK(heard.order == program->announced_order());
        CHECK(each_once(heard.order, call.outputs.size()));
        CHECK(heard.before_late);
        for (size_t i = 0; i < heard.order.size(); ++i)
          CHECK(heard.copies[i].identical(call.outputs[static_cast<size_t>(heard.order[i])]));
        // The same bits without a listener, and from a program that announces nothing.
        Call quiet(session, flag);
        REQUIRE(session.run(quiet.in, quiet.out) == SEQC_OK);
        options.announces_outputs = false;
        Session other(Program::compile(model(), options), threads);
        CHECK(other.program().announced_order().empty());
        Call plain(other, flag);
        Heard at_the_end{.order = {}, .copies = {}, .call = &plain};
        const auto later = at_the_end.listener();
        REQUIRE(other.run(plain.in, plain.out, &later) == SEQC_OK);
        CHECK(each_once(at_the_end.order, plain.outputs.size()));
        for (size_t i = 0; i < call.outputs.size(); ++i) {
          CHECK(quiet.outputs[i].identical(call.outputs[i]));
          CHECK(plain.outputs[i].identical(call.outputs[i]));
        }
      }
}

TEST_CASE("announced outputs: those whose size a run decides come last, with their size") {
  const auto module = ir::parse_module(R"(
func @main(%x: f32[N]) -> (a: f32[k], b: f32[N]) {
  %mask = gt %x, f32(0.0)
  %ones = cast %mask {to=i64}
  %count = reduce %ones {kind=sum, axes=[0]}
  %k = bind_dim %count {name="k", at_most=N}
  %i = iota {length=k, type=f32}
  %a = sqrt %i
  %b = exp %x
  return %a, %b
}
)",
                                       "model");
  runtime::CompileOptions options;
  options.announces_outputs = true;
  const auto program = Program::compile(std::move(module->functions[0]), options);
  CHECK(program->announced_order() == std::vector<int32_t>{1, 0});
  Session session(program);
  const Tensor x = Tensor::f32({5}, {1, -1, 2, -3, 4});
  const std::vector<seqc_tensor> in = {runtime::view(x)};
  session.prepare(in);
  Tensor a(DType::f32, {5}), b(DType::f32, {5});
  std::vector<seqc_tensor> out = {runtime::mutable_view(a), runtime::mutable_view(b)};
  struct Context {
    const std::vector<seqc_tensor>& out;
    int64_t size = -1;
  } context{out};
  const runtime::OutputListener listener = {[](void* c, int32_t output) {
                                              auto& heard = *static_cast<Context*>(c);
                                              if (output == 0) heard.size = heard.out[0].shape[0];
                                            },
                                            &context};
  REQUIRE(session.run(in, out, &listener) == SEQC_OK);
  CHECK(context.size == 3);
}

TEST_CASE("announced outputs: a run with a listener allocates nothing") {
  runtime::CompileOptions options;
  options.announces_outputs = true;
  Session session(Program::compile(model(), options), 2);
  Call call(session, true);
  int64_t heard = 0;
  const runtime::OutputListener listener = {[](void* count, int32_t) { ++*static_cast<int64_t*>(count); }, &heard};
  REQUIRE(session.run(call.in, call.out, &listener) == SEQC_OK);
  const test::AllocationCounter counter;
  REQUIRE(session.run(call.in, call.out, &listener) == SEQC_OK);
  CHECK(counter.count() == 0);
  CHECK(heard == 2 * static_cast<int64_t>(call.outputs.size()));
}

TEST_SUITE_END();

}  // namespace
