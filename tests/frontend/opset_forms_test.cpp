// Forms of tensor operators that the ONNX backend suite at hand does not cover: the oldest opsets, the newest, and types.
#include <algorithm>

#include "runtime/session.h"
#include "tests/frontend/node_case.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;
using Attributes = std::function<void(NodeRef&)>;

Tensor of(DType type, const Ints& shape, const Numbers& values) {
  Tensor tensor(type, shape);
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, values[static_cast<size_t>(i)]);
  return tensor;
}
Tensor ints(const Ints& values) { return Tensor::i64({static_cast<int64_t>(values.size())}, values); }

Tensor run(int64_t opset, const char* op, const std::vector<NodeInput>& inputs, const Attributes& attributes = {}) {
  return run_case({.opset = opset, .op = op, .inputs = inputs, .attributes = attributes})[0];
}
Numbers values(int64_t opset, const char* op, const std::vector<NodeInput>& inputs, const Attributes& attributes = {}) {
  return numbers(run(opset, op, inputs, attributes));
}

TEST_CASE("operators of opset 1") {
  const Tensor x = Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const NodeInput in = at_run_time(x);
  CHECK(values(1, "Tile", {in, fixed(Tensor::f32({}, {2})), fixed(Tensor::f32({}, {1}))}) ==
        Numbers{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
  CHECK(values(1, "Tile", {in, fixed(Tensor::f32({1}, {2})), fixed(Tensor::f32({1}, {0}))}).size() == 12);
  CHECK(values(1, "Pad", {in}, [](NodeRef& n) { n.ints("paddings", {0, 1, 0, 0}).attr("value", 9.0); }) ==
        Numbers{9, 1, 2, 3, 9, 4, 5, 6});
  CHECK(values(1, "Cast", {in}, [](NodeRef& n) { n.attr("to", "INT32"); }) == numbers(x));
  CHECK(run(1, "Cast", {in}, [](NodeRef& n) { n.attr("to", "DOUBLE"); }).dtype() == DType::f64);
  CHECK(values(1, "Clip", {in}, [](NodeRef& n) { n.attr("min", 2.5).ints("consumed_inputs", {0}); }) ==
        Numbers{2.5, 2.5, 3, 4, 5, 6});
  CHECK(values(1, "Slice", {in}, [](NodeRef& n) { n.ints("starts", {-2}).ints("ends", {9}).ints("axes", {1}); }) ==
        Numbers{2, 3, 5, 6});
  CHECK(values(1, "Squeeze", {at_run_time(Tensor::f32({1, 2, 1}, {7, 8}))},
               [](NodeRef& n) { n.ints("axes", {0, 2}); }) == Numbers{7, 8});
  CHECK(run(1, "Unsqueeze", {in}, [](NodeRef& n) { n.ints("axes", {0, 3}); }).shape() == Ints{1, 2, 3, 1});
  CHECK(values(1, "Concat", {in, in}) == Numbers{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});  // axis 1
  for (const char* op : {"Sum", "Mean", "Max", "Min"})
    CHECK(values(1, op, {in, in}, [](NodeRef& n) { n.ints("consumed_inputs", {0, 0}); })[5] == (op[0] == 'S' ? 12 : 6));
  CHECK_THROWS_AS(values(6, "Sum", {in, at_run_time(Tensor::f32({3}, {1, 1, 1}))}), const Error&);
  CHECK(values(1, "Dropout", {in}, [](NodeRef& n) { n.attr("is_test", 1); }) == numbers(x));
  CHECK(values(1, "Pow", {in, at_run_time(Tensor::f32({2}, {1, 2}))},
               [](NodeRef& n) { n.attr("broadcast", 1).attr("axis", 0); }) == Numbers{1, 2, 3, 16, 25, 36});
  CHECK(values(1, "And",
               {at_run_time(of(DType::boolean, {2, 2}, {1, 1, 0, 1})), at_run_time(of(DType::boolean, {2}, {1, 0}))},
               [](NodeRef& n) { n.attr("broadcast", 1); }) == Numbers{1, 0, 0, 0});
  CHECK(values(1, "Gemm", {in, at_run_time(Tensor::f32({3, 1}, {1, 1, 1})), at_run_time(Tensor::f32({1}, {10}))},
               [](NodeRef& n) { n.attr("broadcast", 1).attr("beta", 0.5); }) == Numbers{11, 20});
  ModelBuilder split(1);  // the sizes as an input
  split.input("x", DType::f32, {2, 3}).output("a", DType::f32, {2, 1}).output("b", DType::f32, {2, 2});
  split.initializer("sizes", ints({1, 2}));
  split.node("Split", {"x", "sizes"}, {"a", "b"}).attr("axis", 1);
  CHECK(numbers(run_built(split, {x})[1]) == Numbers{2, 3, 5, 6});
}

TEST_CASE("BatchNormalization in training and without shared channels, in all opsets") {
  Random random(4);
  const Ints shape = {4, 3, 2};
  const Tensor x = random_tensor(DType::f64, shape, random);
  for (const int64_t opset : {1, 6, 7, 9, 14, 15})
    for (const bool spatial : {true, false})
      for (const bool training : {false, true}) {
        if (!spatial && opset >= 9) continue;
        CAPTURE(opset);
        CAPTURE(spatial);
        CAPTURE(training);
        const Ints own = spatial ? Ints{3} : Ints{3, 2};
        const Tensor scale = random_tensor(DType::f64, own, random), shift = random_tensor(DType::f64, own, random),
                     mean = random_tensor(DType::f64, own, random);
        Tensor variance(DType::f64, own);
        for (int64_t i = 0; i < variance.count(); ++i) variance.set_real(i, random.uniform(0.5, 2));
        NodeCase node{
            .opset = opset,
            .op = "BatchNormalization",
            .inputs = {at_run_time(x), at_run_time(scale), fixed(shift), at_run_time(mean), at_run_time(variance)}};
        node.outputs = !training ? 1 : opset >= 14 ? 3 : 5;
        node.attributes = [&](NodeRef& n) {
          n.attr("epsilon", 0.01).attr("momentum", 0.75);
          if (opset < 9) n.attr("spatial", spatial);
          if (opset < 7) n.attr("is_test", !training);
          if (opset >= 14) n.attr("training_mode", training);
        };
        const auto got = run_case(node);
        const double epsilon = 0.01F;
        for (int64_t p = 0; p < mean.count(); ++p) {
          double sum = 0, squares = 0, count = 0;
          const auto each = [&](const auto& f) {
            for_each_index(shape, [&](const Ints& at) {
              if ((spatial ? at[1] : at[1] * 2 + at[2]) == p) f(flat_index(shape, at));
            });
          };
          each([&](int64_t i) { sum += x.real(i), ++count; });
          each([&](int64_t i) { squares += std::pow(x.real(i) - sum / count, 2); });
          const double m = training ? sum / count : mean.real(p), v = training ? squares / count : variance.real(p);
          each([&](int64_t i) {
            const double want = (x.real(i) - m) / std::sqrt(v + epsilon) * scale.real(p) + shift.real(p);
            CHECK(got[0].real(i) == doctest::Approx(want));
          });
          if (!training) continue;
          CHECK(got[1].real(p) == doctest::Approx(0.75 * mean.real(p) + 0.25 * m));
          CHECK(got[2].real(p) == doctest::Approx(0.75 * variance.real(p) + 0.25 * v));
          if (opset >= 14) continue;
          CHECK(got[3].real(p) == doctest::Approx(m));
          CHECK(got[4].real(p) == doctest::Approx(v));
        }
      }
  const NodeInput one = at_run_time(Tensor::f32({1}, {2}));
  CHECK(values(9, "BatchNormalization", {at_run_time(Tensor::f32({3}, {1, 2, 3})), one, one, one, one},
               [](NodeRef& n) { n.attr("epsilon", 2.0); }) == Numbers{1, 2, 3});
  NodeCase denied{.opset = 6,
                  .op = "BatchNormalization",
                  .inputs = {at_run_time(Tensor::f32({1, 1}, {1})), one, one, one, one},
                  .attributes = [](NodeRef& n) { n.attr("is_test", 1); },
                  .outputs = 3};
  CHECK_THROWS_AS(run_case(denied), const Error&);
}

TEST_CASE("quantization by blocks, of which the last may be smaller") {
  const Tensor x = Tensor::f32({2, 5}, {1, 2, 3, 4, 5, -1, -2, -3, -4, -500});
  const Tensor scale = Tensor::f32({2, 3}, {1, 2, 0.5, 1, 0.25, 2}), zero = of(DType::i8, {2, 3}, {0, 1, 2, 3, 4, 5});
  const Attributes blocks = [](NodeRef& n) { n.attr("axis", 1).attr("block_size", 2); };
  const Numbers quantized = {1, 2, 3, 3, 12, 2, 1, -8, -12, -128};
  CHECK(values(21, "QuantizeLinear",
               {at_run_time(x, {"N", 5}), at_run_time(scale, {"N", 3}), at_run_time(zero, {"N", 3})},
               blocks) == quantized);
  const Tensor q = of(DType::i8, {2, 5}, quantized);
  CHECK(values(21, "DequantizeLinear", {at_run_time(q), at_run_time(scale), at_run_time(zero)}, blocks) ==
        Numbers{1, 2, 4, 4, 5, -1, -2, -3, -4, -266});
  CHECK_THROWS_AS(
      values(21, "QuantizeLinear", {at_run_time(x), fixed(scale)}, [](NodeRef& n) { n.attr("block_size", 3); }),
      const Error&);
  CHECK_THROWS_AS(values(19, "QuantizeLinear", {at_run_time(x), fixed(scale)}, blocks), const Error&);
  // output_dtype stands in for a zero point; 16-bit floats reach all 16-bit integers
  const Tensor half = of(DType::f16, {3}, {0.5, 2, -1});
  const Attributes to_u16 = [](NodeRef& n) { n.attr("output_dtype", static_cast<int>(onnx::TensorProto::UINT16)); };
  CHECK(run(21, "QuantizeLinear", {at_run_time(half), fixed(of(DType::f16, {}, {0.5}))}, to_u16).dtype() == DType::u16);
  CHECK(values(21, "QuantizeLinear",
               {at_run_time(half), fixed(of(DType::f16, {}, {0.5})), fixed(of(DType::u16, {}, {32769}))}) ==
        Numbers{32770, 32773, 32767});
  CHECK_THROWS_AS(values(21, "QuantizeLinear",
                         {at_run_time(half), fixed(of(DType::f16, {}, {0.5})), fixed(of(DType::u8, {}, {1}))}, to_u16),
                  const Error&);
}

TEST_CASE("reductions: composite ones over no axes and of integers, bools, axes as inputs") {
  const Attributes noop = [](NodeRef& n) { n.attr("noop_with_empty_axes", 1); };
  const NodeInput x = at_run_time(Tensor::f32({2, 2}, {-3, 4, 1, 2}));
  CHECK(values(18, "ReduceSumSquare", {x}, noop) == Numbers{9, 16, 1, 4});
  CHECK(values(18, "ReduceL1", {x, fixed(ints({}))}, noop) == Numbers{3, 4, 1, 2});
  CHECK(values(18, "ReduceL2", {x}, noop) == Numbers{3, 4, 1, 2});
  CHECK(values(18, "ReduceMax", {x, fixed(ints({}))}) == Numbers{4});
  CHECK(values(18, "ReduceMean", {x, fixed(ints({-1}))}, [](NodeRef& n) { n.attr("keepdims", 0); }) ==
        Numbers{0.5, 1.5});
  const NodeInput whole = at_run_time(of(DType::i32, {2, 2}, {-3, 4, 6, 8}));
  CHECK(values(13, "ReduceL2", {whole}, [](NodeRef& n) { n.ints("axes", {1}); }) == Numbers{5, 10});
  CHECK(values(13, "ReduceLogSum", {at_run_time(of(DType::i64, {3}, {20, 1, 0}))}) == Numbers{3});
  CHECK(values(13, "ReduceLogSumExp", {at_run_time(of(DType::u32, {2}, {7, 7}))}) == Numbers{7});
  CHECK(values(13, "ReduceMean", {at_run_time(of(DType::i32, {4}, {1, 2, 3, 8}))}) == Numbers{3});
  CHECK(values(12, "ReduceMin", {at_run_time(of(DType::u8, {3}, {200, 130, 255}))}) == Numbers{130});
  const NodeInput bools = at_run_time(of(DType::boolean, {2, 2}, {1, 0, 1, 1}));
  CHECK(values(20, "ReduceMin", {bools, fixed(ints({1}))}) == Numbers{0, 1});
  CHECK(values(20, "ReduceMax", {bools}) == Numbers{1});
  CHECK(values(20, "ReduceMin", {at_run_time(Tensor(DType::boolean, {0, 2})), fixed(ints({0}))}) == Numbers{1, 1});
  CHECK(values(20, "ReduceMax", {at_run_time(Tensor(DType::boolean, {0, 2})), fixed(ints({0}))}) == Numbers{0, 0});
}

TEST_CASE("functions of integers that are computed in reals") {
  CHECK(values(13, "Erf", {at_run_time(of(DType::i32, {3}, {-9, 0, 9}))}) == Numbers{-1, 0, 1});
  CHECK(values(9, "Shrink", {at_run_time(of(DType::i8, {4}, {-2, -1, 1, 2}))},
               [](NodeRef& n) { n.attr("lambd", 1.5).attr("bias", 0.5); }) == Numbers{-1, 0, 0, 1});
  const NodeInput a = at_run_time(of(DType::i32, {1, 2}, {3, 4})), b = at_run_time(of(DType::i32, {2, 1}, {5, 6}));
  CHECK(values(11, "Gemm", {a, b}, [](NodeRef& n) { n.attr("alpha", 2.0); }) == Numbers{78});
  CHECK_THROWS_AS(values(11, "Gemm", {a, b}, [](NodeRef& n) { n.attr("alpha", 0.5); }), const Error&);
}

TEST_CASE("scatters with reductions, shifts, bits") {
  const NodeInput x = at_run_time(Tensor::f32({4}, {1, 2, 3, 4})), at = at_run_time(ints({1, 3, 1}));
  const NodeInput updates = at_run_time(Tensor::f32({3}, {5, -6, 7}));
  const auto scatter = [&](int64_t opset, const char* reduction) {
    return values(opset, "ScatterElements", {x, at, updates}, [=](NodeRef& n) { n.attr("reduction", reduction); });
  };
  CHECK(scatter(16, "add") == Numbers{1, 14, 3, -2});
  CHECK(scatter(16, "mul") == Numbers{1, 70, 3, -24});
  CHECK(scatter(18, "max") == Numbers{1, 7, 3, 4});
  CHECK(scatter(18, "min") == Numbers{1, 2, 3, -6});
  const NodeInput tuples = at_run_time(Tensor::i64({3, 1}, {1, 3, 1}));
  CHECK(values(18, "ScatterND", {x, tuples, updates}, [](NodeRef& n) { n.attr("reduction", "max"); }) ==
        Numbers{1, 7, 3, 4});
  CHECK(values(18, "BitwiseNot", {at_run_time(of(DType::u8, {2}, {0, 5}))}) == Numbers{255, 250});
  CHECK(values(18, "BitwiseXor", {at_run_time(of(DType::i16, {2}, {6, -1})), at_run_time(of(DType::i16, {1}, {3}))}) ==
        Numbers{5, -4});
  CHECK(values(11, "BitShift", {at_run_time(of(DType::u64, {2}, {1, 6})), at_run_time(of(DType::u64, {2}, {3, 64}))},
               [](NodeRef& n) { n.attr("direction", "RIGHT"); }) == Numbers{0, 0});
}

TEST_CASE("one-hot vectors, identity matrices, triangles") {
  const NodeInput picks = at_run_time(of(DType::f32, {2, 2}, {0, -1, 5, 1})),
                  on_off = at_run_time(of(DType::i32, {2}, {-1, 7}));
  CHECK(values(11, "OneHot", {picks, fixed(Tensor::f32({}, {3})), on_off}) ==
        Numbers{7, -1, -1, -1, -1, 7, -1, -1, -1, -1, 7, -1});
  CHECK(values(9, "OneHot", {picks, fixed(ints({2})), on_off}, [](NodeRef& n) { n.attr("axis", 0); }) ==
        Numbers{7, -1, -1, -1, -1, 7, -1, 7});
  CHECK(run(11, "OneHot", {picks, fixed(ints({3})), on_off}, [](NodeRef& n) { n.attr("axis", -2); }).shape() ==
        Ints{2, 3, 2});
  CHECK(values(9, "EyeLike", {at_run_time(Tensor(DType::f32, {2, 3}))}, [](NodeRef& n) {
          n.attr("k", 1).attr("dtype", static_cast<int>(onnx::TensorProto::BOOL));
        }) == Numbers{0, 1, 0, 0, 0, 1});
  CHECK(values(14, "Trilu", {at_run_time(of(DType::boolean, {2, 2}, {1, 1, 1, 1})), at_run_time(ints({-1}))},
               [](NodeRef& n) { n.attr("upper", 0); }) == Numbers{0, 0, 1, 0});
  CHECK(values(13, "Hardmax", {at_run_time(Tensor::f32({2, 3}, {1, 3, 3, -1, -2, -1}))}) == Numbers{0, 1, 0, 1, 0, 0});
  CHECK(values(11, "Hardmax", {at_run_time(Tensor::f32({1, 2, 2}, {1, 3, 3, 0}))}) == Numbers{0, 1, 0, 0});
}

TEST_CASE("depth and space: opset 1 and both modes") {
  Tensor x(DType::u8, {1, 8, 1, 1});
  for (int64_t i = 0; i < 8; ++i) x.set_integer(i, i);
  const auto size = [](const char* mode) {
    return [=](NodeRef& n) {
      n.attr("blocksize", 2);
      if (mode) n.attr("mode", mode);
    };
  };
  CHECK(values(1, "DepthToSpace", {at_run_time(x)}, size(nullptr)) == Numbers{0, 2, 4, 6, 1, 3, 5, 7});
  CHECK(values(11, "DepthToSpace", {at_run_time(x)}, size("CRD")) == numbers(x));
  Tensor image(DType::u8, {1, 2, 2, 2});
  for (int64_t i = 0; i < 8; ++i) image.set_integer(i, i);
  CHECK(values(1, "SpaceToDepth", {at_run_time(image)}, size(nullptr)) == Numbers{0, 4, 1, 5, 2, 6, 3, 7});
}

/// y = running sum, states and outputs of two sequences of three steps.
std::vector<Tensor> run_old_scan(const std::optional<Tensor>& lengths, int64_t direction) {
  GraphBuilder body("body");
  body.input("s", DType::f32, {}).input("x", DType::f32, {}).output("sum", DType::f32, {}).output("y", DType::f32, {});
  body.node("Add", {"s", "x"}, {"sum"});
  body.node("Identity", {"sum"}, {"y"});
  ModelBuilder model(8);
  if (lengths) model.input("lengths", DType::i64, {2});
  model.input("s0", DType::f32, {2}).input("xs", DType::f32, {2, 3});
  model.output("s", DType::f32, {2}).output("ys", DType::f32, {2, 3});
  model.node("Scan", {lengths ? "lengths" : "", "s0", "xs"}, {"s", "ys"})
      .attr("num_scan_inputs", 1)
      .attr("body", body)
      .ints("directions", {direction});
  std::vector<Tensor> feeds = {Tensor::f32({2}, {100, 200}), Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6})};
  if (lengths) feeds.insert(feeds.begin(), *lengths);
  const auto compiled = runtime::Session(runtime::Program::compile(import_built(model))).run(feeds);
  const auto interpreted = run_built(model, feeds);
  for (size_t i = 0; i < 2; ++i) CHECK(find_difference(compiled[i], interpreted[i], 0, 0) == "");
  return interpreted;
}

TEST_CASE("Scan of opset 8: sequences of their own lengths, both ways") {
  CHECK(numbers(run_old_scan(std::nullopt, 0)[1]) == Numbers{101, 103, 106, 204, 209, 215});
  CHECK(numbers(run_old_scan(std::nullopt, 1)[1]) == Numbers{103, 105, 106, 206, 211, 215});
  const Tensor lengths = ints({2, 0});
  CHECK(numbers(run_old_scan(lengths, 0)[0]) == Numbers{103, 200});
  CHECK(numbers(run_old_scan(lengths, 0)[1]) == Numbers{101, 103, 0, 0, 0, 0});
  CHECK(numbers(run_old_scan(lengths, 1)[1]) == Numbers{102, 103, 0, 0, 0, 0});
}

}  // namespace
