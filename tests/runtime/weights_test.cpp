// Compressed weights: compiled code computes what the interpreter computes of the same narrow constants, on this
// processor and on others that it can stand for.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/support/random_inputs.h"

using namespace seqc;
using ir::Tensor;
using passes::WeightFormat;

namespace {

constexpr WeightFormat kFormats[] = {WeightFormat::F16, WeightFormat::BF16, WeightFormat::I8};

/// The function with its arguments from the third on made constants.
std::unique_ptr<ir::Function> with_weights(const std::string& text) {
  auto module = ir::parse_module(text, "weights_test");
  ir::Function& f = *module->functions[0];
  test::Random random(11);
  while (f.body().argument_count() > 2) {
    ir::Value* argument = f.body().argument(2);
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : argument->shape()) shape.push_back(dim.constant());
    Tensor tensor = test::random_tensor(argument->dtype(), shape, random);
    const float scale = 1 / std::sqrt(static_cast<float>(shape.back()));
    for (float& w : tensor.mutable_data<float>()) w *= scale;
    argument->replace_all_uses_with(f.constant(std::move(tensor), argument->name()));
    f.body().erase_argument(2);
  }
  return std::move(module->functions[0]);
}

/// A gated recurrence of N rows with an input projection and a readout.
std::string text_of(int64_t features, int64_t hidden) {
  return fmt::format(
      R"(func @main(%x: f32[T,N,{0}], %h0: f32[N,{1}], %w: f32[{1},{0}], %r: f32[{1},{1}], %u: f32[{1},{1}], %v: f32[{0},{1}]) -> (y: f32[T,N,{0}], h: f32[N,{1}]) {{
  %h, %hs = scan {{length=T}} carry(%ht = %h0) in(%xt = %x) {{
    %a = contract %xt, %w {{spec="ni,ji->nj"}}
    %b = contract %ht, %r {{spec="ni,ji->nj"}}
    %c = contract %ht, %u {{spec="ni,ji->nj"}}
    %d = add %a, %b
    %e = sigmoid %c
    %g = tanh %d
    %h1 = mul %e, %g
    yield %h1 emit %h1
  }}
  %y = contract %hs, %v {{spec="tni,ji->tnj"}}
  return %y, %h
}})",
      features, hidden);
}

double largest_error(const Tensor& got, const Tensor& want) {
  REQUIRE(got.shape() == want.shape());
  double largest = 0;
  for (int64_t i = 0; i < got.count(); ++i) largest = std::max(largest, std::abs(got.real(i) - want.real(i)));
  return largest;
}

bool has_narrow_constants(const ir::Function& f, ir::DType type) {
  return std::any_of(f.constants().begin(), f.constants().end(),
                     [&](const auto& constant) { return constant->dtype() == type; });
}

}  // namespace

TEST_CASE("weights: compiled code and the interpreter agree on narrow constants, at odd sizes") {
  constexpr ir::DType kStored[] = {ir::DType::f16, ir::DType::bf16, ir::DType::i8};
  for (const auto& [features, hidden] : {std::pair<int64_t, int64_t>{17, 33}, {32, 64}, {33, 47}}) {
    for (size_t format = 0; format < std::size(kFormats); ++format) {
      CAPTURE(hidden);
      CAPTURE(format);
      runtime::CompileOptions options;
      options.weights = kFormats[format];
      options.activations = passes::ActivationFormat::F32;
      const runtime::Lowered lowered = runtime::lower(with_weights(text_of(features, hidden)), options);
      CHECK(has_narrow_constants(*lowered.function, kStored[format]));
      const auto original = with_weights(text_of(features, hidden));
      for (const int threads : {1, 2}) {
        options.target.worth_sharing = 0;
        runtime::Session session(runtime::Program::compile(with_weights(text_of(features, hidden)), options), threads);
        for (const auto& [steps, rows] : {std::pair<int64_t, int64_t>{4, 1}, {3, 7}, {2, 20}, {0, 2}}) {
          CAPTURE(rows);
          const auto inputs = test::random_inputs(*original, {{"T", steps}, {"N", rows}}, 3);
          const auto got = session.run(inputs), narrow = ir::interpret(*lowered.function, inputs);
          const auto exact = ir::interpret(*original, inputs);
          for (size_t i = 0; i < got.size(); ++i) {
            CHECK(largest_error(got[i], narrow[i]) < 1e-5);
            CHECK(largest_error(got[i], exact[i]) < (format == 0 ? 1e-3 : 1e-2));
          }
        }
      }
    }
  }
}

TEST_CASE("weights: processors without wide vectors or without conversions of f16") {
  const auto original = with_weights(text_of(17, 33));
  const auto inputs = test::random_inputs(*original, {{"T", 3}, {"N", 2}}, 5);
  for (const WeightFormat format : kFormats) {
    CAPTURE(static_cast<int>(format));
    runtime::CompileOptions options;
    options.weights = format;
    options.activations = passes::ActivationFormat::F32;
    const runtime::Lowered lowered = runtime::lower(with_weights(text_of(17, 33)), options);
    const auto want = ir::interpret(*lowered.function, inputs);
    for (const char* cpu : {"x86-64", "x86-64-v3", "x86-64-v4"}) {
      CAPTURE(cpu);
      options.target.cpu = cpu;
      std::shared_ptr<const runtime::Program> program;
      try {
        program = runtime::Program::compile(with_weights(text_of(17, 33)), options);
      } catch (const Error&) {
        continue;  // this processor cannot stand for that one
      }
      runtime::Session session(program);
      const auto got = session.run(inputs);
      for (size_t i = 0; i < got.size(); ++i) CHECK(largest_error(got[i], want[i]) < 1e-5);
    }
  }
}

TEST_CASE("weights: rows of bytes give the same sums on every processor, and stay near") {
  runtime::CompileOptions options;
  options.weights = WeightFormat::I8;
  options.activations = passes::ActivationFormat::I16;
  double bound = 1e-2, step = 1e-5;  // step: where tanh of interpreter and code differ by a bit, a row does by one
  SUBCASE("one byte each") {
    options.activations = passes::ActivationFormat::I8;
    bound = 5e-2;
    step = 1e-2;
  }
  SUBCASE("rows of two bytes") {}
  SUBCASE("two bytes each, for f16") {
    options.weights = WeightFormat::F16;
    bound = 5e-5;
  }
  SUBCASE("two bytes each, for bf16") {
    options.weights = WeightFormat::BF16;
    bound = 5e-5;
  }
  for (const auto& [features, hidden] : {std::pair<int64_t, int64_t>{17, 33}, {34, 64}, {7, 47}}) {
    CAPTURE(hidden);
    const auto original = with_weights(text_of(features, hidden));
    const runtime::Lowered lowered = runtime::lower(with_weights(text_of(features, hidden)), options);
    CHECK(has_narrow_constants(*lowered.function, ir::DType::i32));  // what zeros add
    CHECK(has_narrow_constants(*lowered.function, ir::DType::i8));
    for (const char* target : {"", "-avx512vnni,-avxvnni", "-avx512f,-avxvnni"}) {
      CAPTURE(target);
      options.target.features = target;
      const auto program = runtime::Program::compile(with_weights(text_of(features, hidden)), options);
      for (const auto& [steps, rows] : {std::pair<int64_t, int64_t>{4, 1}, {3, 7}, {2, 20}, {0, 2}}) {
        CAPTURE(rows);
        auto inputs = test::random_inputs(*original, {{"T", steps}, {"N", rows}}, 3);
        if (rows > 1) std::fill_n(inputs[1].mutable_data<float>().begin(), hidden, 0.0F);  // a row of zeros
        const auto want = ir::interpret(*lowered.function, inputs), exact = ir::interpret(*original, inputs);
        const auto got = runtime::Session(program).run(inputs);
        for (size_t i = 0; i < got.size(); ++i) {
          CHECK(largest_error(got[i], want[i]) < 2 * step);
          CHECK(largest_error(got[i], exact[i]) < bound);
        }
      }
    }
  }
}

TEST_CASE("weights: what is not finite stays so") {
  runtime::CompileOptions options;
  options.weights = WeightFormat::F16;
  options.activations = passes::ActivationFormat::I16;
  runtime::Session session(runtime::Program::compile(with_weights(text_of(17, 33)), options));
  auto inputs = test::random_inputs(*with_weights(text_of(17, 33)), {{"T", 2}, {"N", 3}}, 3);
  for (const float value : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    inputs[1].mutable_data<float>()[33 + 5] = value;  // in the second row's state
    const auto got = session.run(inputs);
    const auto state = got[1].data<float>();
    CHECK(std::isfinite(state[0]));
    CHECK(std::isnan(state[33]));
    CHECK(std::isfinite(state[66]));
  }
}

TEST_CASE("weights: sixteen bits are floats where these are closer") {
  runtime::CompileOptions options;
  options.weights = WeightFormat::F16;
  options.activations = passes::ActivationFormat::I16;
  const auto lowered_with = [&](float smallest, float largest) {
    auto module = ir::parse_module(R"(func @main(%x: f32[N,32]) -> (y: f32[N,16]) {
  const @w: f32[16,32] = splat(0)
  %y = contract %x, @w {spec="ni,ji->nj"}
  return %y
})",
                                   "weights_test");
    ir::Function& f = *module->functions[0];
    Tensor w(ir::DType::f32, {16, 32});
    for (int64_t i = 0; i < w.count(); ++i) w.set_real(i, i % 32 == 0 ? largest : smallest / (1.0 + i));
    const auto& constants = f.constants();
    constants.front()->replace_all_uses_with(f.constant(std::move(w), "w"));
    return runtime::lower(std::move(module->functions[0]), options);
  };
  CHECK(has_narrow_constants(*lowered_with(0.1F, 0.3F).function, ir::DType::i8));
  CHECK(has_narrow_constants(*lowered_with(0.1F, 1024).function, ir::DType::f16));  // rows of very different weights
}
