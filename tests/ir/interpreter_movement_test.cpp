#include "tests/ir/interpreter_support.h"

using namespace seqc;
using namespace seqc::ir;

namespace {

/// The element types of different sizes; movement must not care for more.
const std::vector<DType> kSizes = {DType::boolean, DType::u8, DType::bf16, DType::f32, DType::i64};

Shape dims(const Index& sizes) { return Shape(sizes.begin(), sizes.end()); }

Tensor pad(const Tensor& x, const Index& lo, const Index& hi, PadMode mode, double fill = 0) {
  return apply(Opcode::Pad, {x, reals(x.dtype(), {}, {fill})}, PadAttr{dims(lo), dims(hi), mode});
}

Tensor slice(const Tensor& x, const Index& starts, const Index& sizes, const Index& steps) {
  return apply(Opcode::Slice, {x}, SliceAttr{dims(starts), dims(sizes), steps});
}

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("interpreter: iota and dims") {
    CHECK(integers_of(apply(Opcode::Iota, {}, IotaAttr{Dim(4), DType::i64})) == Index{0, 1, 2, 3});
    CHECK(apply(Opcode::Iota, {}, IotaAttr{Dim(0), DType::i64}).shape() == Index{0});
    CHECK(reals_of(apply(Opcode::Iota, {}, IotaAttr{Dim(3), DType::f16})) == std::vector<double>{0, 1, 2});
    CHECK(apply(Opcode::Iota, {}, IotaAttr{Dim(300), DType::u8}).integer(299) == 43);

    Function function("main");
    Value* x = function.body().add_argument({DType::f32, {Dim::symbol("T"), Dim(3)}}, "x");
    Builder b(function);
    Value* sizes = b.dims({Dim::symbol("T"), Dim::symbol("T") * Dim(3) - Dim(1), Dim(7)});
    b.return_({sizes, b.reshape(x, {Dim::symbol("T") * Dim(3)}), b.iota(Dim::symbol("T") + Dim(1))});
    for (const int64_t length : {0, 1, 5}) {
      const auto results = interpret(function, {ramp(DType::f32, {length, 3})});
      CHECK(integers_of(results[0]) == Index{length, 3 * length - 1, 7});
      CHECK(results[1].shape() == Index{3 * length});
      CHECK(results[2].count() == length + 1);
    }
  }

  TEST_CASE("interpreter: reshape, broadcast, copy") {
    const Tensor x = ramp(DType::i32, {2, 3});
    CHECK(apply(Opcode::Reshape, {x}, ShapeAttr{dims({3, 1, 2})}).identical(x.reshaped({3, 1, 2})));
    CHECK(apply(Opcode::Copy, {x}).identical(x));
    CHECK(integers_of(apply(Opcode::Broadcast, {ramp(DType::i32, {2, 1})}, ShapeAttr{dims({2, 2, 3})})) ==
          Index{0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1});
    CHECK(apply(Opcode::Broadcast, {ramp(DType::f16, {1})}, ShapeAttr{dims({0, 4})}).shape() == Index{0, 4});
    CHECK(integers_of(apply(Opcode::Broadcast, {ramp(DType::i8, {}, 5)}, ShapeAttr{dims({3})})) == Index{5, 5, 5});
  }

  TEST_CASE("interpreter: transpose against an index walk") {
    for (const DType type : kSizes) {
      const Index shape = {3, 1, 5, 7};
      const Tensor x = ramp(type, shape);
      for (const Index& perm : std::vector<Index>{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}}) {
        const Tensor y = apply(Opcode::Transpose, {x}, TransposeAttr{perm});
        for_each_index(y.shape(), [&](const Index& index) {
          Index source(4);
          for (size_t d = 0; d < 4; ++d) source[perm[d]] = index[d];
          CHECK(y.integer(at(y.shape(), index)) == x.integer(at(shape, source)));
        });
      }
    }
    CHECK(apply(Opcode::Transpose, {ramp(DType::f32, {0, 3})}, TransposeAttr{{1, 0}}).shape() == Index{3, 0});
    CHECK(apply(Opcode::Transpose, {ramp(DType::f32, {}, 4)}, TransposeAttr{{}}).real(0) == 4);
  }

  TEST_CASE("interpreter: slices, forwards, backwards, empty and out of range") {
    for (const DType type : kSizes) {
      const Tensor x = apply(Opcode::Cast, {ramp(DType::i64, {7}, 1)}, CastAttr{type});
      if (type == DType::boolean) continue;
      CHECK(integers_of(slice(x, {1}, {3}, {2})) == Index{2, 4, 6});
      CHECK(integers_of(slice(x, {6}, {4}, {-2})) == Index{7, 5, 3, 1});
      CHECK(integers_of(slice(x, {6}, {7}, {-1})) == Index{7, 6, 5, 4, 3, 2, 1});
    }
    const Tensor x = ramp(DType::i32, {3, 5});
    CHECK(integers_of(slice(x, {2, 1}, {2, 2}, {-2, 3})) == Index{11, 14, 1, 4});
    CHECK(slice(x, {3, 0}, {0, 5}, {1, 1}).shape() == Index{0, 5});
    CHECK(slice(ramp(DType::f32, {0, 2}), {0, 0}, {0, 2}, {1, 1}).count() == 0);

    Function function("main");
    Value* input = function.body().add_argument({DType::i32, {Dim::symbol("T")}}, "x");
    Builder b(function);
    b.return_({b.slice(input, {Dim::symbol("T") - Dim(2)}, {Dim(2)}, {1})});
    CHECK(integers_of(interpret(function, {ramp(DType::i32, {5})})[0]) == Index{3, 4});
    CHECK(contains(error_of([&] { interpret(function, {ramp(DType::i32, {1})}); }), "out of range"));
  }

  TEST_CASE("interpreter: concat") {
    const Tensor a = ramp(DType::i16, {2, 2}), b = ramp(DType::i16, {2, 1}, 10), none = ramp(DType::i16, {2, 0});
    CHECK(integers_of(apply(Opcode::Concat, {a, none, b, a}, AxisAttr{1})) == Index{0, 1, 10, 0, 1, 2, 3, 11, 2, 3});
    CHECK(integers_of(apply(Opcode::Concat, {a, a}, AxisAttr{0})) == Index{0, 1, 2, 3, 0, 1, 2, 3});
    CHECK(apply(Opcode::Concat, {none, none}, AxisAttr{1}).shape() == Index{2, 0});
    CHECK(apply(Opcode::Concat, {a}, AxisAttr{0}).identical(a));
  }

  TEST_CASE("interpreter: padding in all modes, also wider than the tensor") {
    const Tensor x = ramp(DType::i32, {3}, 1);
    CHECK(integers_of(pad(x, {2}, {1}, PadMode::Constant, 9)) == Index{9, 9, 1, 2, 3, 9});
    CHECK(integers_of(pad(x, {5}, {4}, PadMode::Reflect)) == Index{2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3});
    CHECK(integers_of(pad(x, {5}, {4}, PadMode::Edge)) == Index{1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3});
    CHECK(integers_of(pad(x, {5}, {4}, PadMode::Wrap)) == Index{2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1});
    const Tensor one = ramp(DType::i32, {1}, 4);
    for (const PadMode mode : {PadMode::Reflect, PadMode::Edge, PadMode::Wrap})
      CHECK(integers_of(pad(one, {2}, {1}, mode)) == Index{4, 4, 4, 4});
    CHECK(integers_of(pad(ramp(DType::i64, {2, 3}), {3, 1}, {2, 4}, PadMode::Reflect)) ==
          Index{4, 3, 4, 5, 4, 3, 4, 5, 1, 0, 1, 2, 1, 0, 1, 2, 4, 3, 4, 5, 4, 3, 4, 5, 1, 0, 1, 2,
                1, 0, 1, 2, 4, 3, 4, 5, 4, 3, 4, 5, 1, 0, 1, 2, 1, 0, 1, 2, 4, 3, 4, 5, 4, 3, 4, 5});
    CHECK(reals_of(pad(ramp(DType::bf16, {2, 0}), {0, 1}, {1, 0}, PadMode::Constant, 1.5)) ==
          std::vector<double>{1.5, 1.5, 1.5});
    CHECK(pad(ramp(DType::f32, {0}), {0}, {0}, PadMode::Reflect).count() == 0);
    CHECK(error_of([] { pad(ramp(DType::f32, {0}), {1}, {0}, PadMode::Edge); }) != "");
    CHECK(pad(ramp(DType::f64, {}, 3), {}, {}, PadMode::Constant).real(0) == 3);
  }

  TEST_CASE("interpreter: gather counts negative indices from the end and clamps the others") {
    const Tensor x = ramp(DType::f32, {2, 3, 2});
    const Tensor index = integers(DType::i32, {2, 2}, {0, -1, 7, -9});
    const Tensor got = apply(Opcode::Gather, {x, index}, AxisAttr{1});
    CHECK(got.shape() == Index{2, 2, 2, 2});
    CHECK(integers_of(got) == Index{0, 1, 4, 5, 4, 5, 0, 1, 6, 7, 10, 11, 10, 11, 6, 7});
    CHECK(integers_of(apply(Opcode::Gather, {x, integers(DType::i64, {}, {-2})}, AxisAttr{1})) == Index{2, 3, 8, 9});
    const Tensor extreme =
        integers(DType::i64, {2}, {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()});
    CHECK(integers_of(apply(Opcode::Gather, {ramp(DType::u8, {3}), extreme}, AxisAttr{0})) == Index{0, 2});
    CHECK(apply(Opcode::Gather, {x, ramp(DType::i64, {0})}, AxisAttr{0}).shape() == Index{0, 3, 2});
    CHECK(apply(Opcode::Gather, {ramp(DType::f32, {0, 2}), ramp(DType::i64, {0})}, AxisAttr{0}).count() == 0);
    CHECK(contains(
        error_of([] { apply(Opcode::Gather, {ramp(DType::f32, {0, 2}), ramp(DType::i64, {1})}, AxisAttr{0}); }),
        "size 0"));
  }

  TEST_CASE("interpreter: gather_elements and gather_nd") {
    const Tensor x = ramp(DType::i16, {3, 3});
    CHECK(integers_of(apply(Opcode::GatherElements, {x, integers(DType::i64, {2, 3}, {1, 2, 0, -1, 0, 5})},
                            AxisAttr{0})) == Index{3, 7, 2, 6, 1, 8});
    CHECK(integers_of(apply(Opcode::GatherElements, {x, integers(DType::i64, {3, 2}, {0, 0, 1, -1, 2, 2})},
                            AxisAttr{1})) == Index{0, 0, 4, 5, 8, 8});
    CHECK(apply(Opcode::GatherElements, {x, ramp(DType::i32, {0, 3})}, AxisAttr{0}).count() == 0);

    const Tensor y = ramp(DType::f64, {2, 2, 3});
    const auto gather_nd = [&](const Tensor& index, int64_t batch_dims) {
      return apply(Opcode::GatherNd, {y, index}, GatherNdAttr{batch_dims});
    };
    CHECK(integers_of(gather_nd(integers(DType::i64, {2, 2}, {0, 1, -1, 0}), 0)) == Index{3, 4, 5, 6, 7, 8});
    CHECK(integers_of(gather_nd(integers(DType::i64, {1, 3}, {1, 9, -9}), 0)) == Index{9});
    const Tensor batched = gather_nd(integers(DType::i64, {2, 1}, {1, 0}), 1);
    CHECK(batched.shape() == Index{2, 3});
    CHECK(integers_of(batched) == Index{3, 4, 5, 6, 7, 8});
    CHECK(integers_of(gather_nd(integers(DType::i64, {2, 2, 1}, {0, 2, 1, 1}), 2)) == Index{0, 5, 7, 10});
    CHECK(gather_nd(Tensor(DType::i64, {0, 2}), 0).shape() == Index{0, 3});
    CHECK(gather_nd(Tensor(DType::i64, {2, 0}), 0).shape() == Index{2, 2, 2, 3});  // empty tuples select all of y
  }

  TEST_CASE("interpreter: scatter_nd of every kind") {
    const Tensor index = integers(DType::i64, {4, 1}, {0, -1, 0, 2});
    const auto scatter = [&](const Tensor& x, const Tensor& updates, ScatterKind kind) {
      return apply(Opcode::ScatterNd, {x, index, updates}, ScatterAttr{kind});
    };
    for (const DType type : {DType::f16, DType::f32, DType::f64, DType::i8, DType::i64, DType::u32}) {
      const Tensor x = ramp(type, {4}, 2), updates = integers(type, {4}, {7, 3, 4, 1});
      CHECK(integers_of(scatter(x, updates, ScatterKind::Set)) == Index{4, 3, 1, 3});
      CHECK(integers_of(scatter(x, updates, ScatterKind::Add)) == Index{13, 3, 5, 8});
      CHECK(integers_of(scatter(x, updates, ScatterKind::Mul)) == Index{56, 3, 4, 15});
      CHECK(integers_of(scatter(x, updates, ScatterKind::Max)) == Index{7, 3, 4, 5});
      CHECK(integers_of(scatter(x, updates, ScatterKind::Min)) == Index{2, 3, 1, 3});
    }
    // 2048 + 1 lies between two f16: each sum is rounded (to even) before the next update comes.
    const Tensor ones = integers(DType::f16, {4}, {1, 1, 1, 1});
    CHECK(integers_of(scatter(integers(DType::f16, {4}, {2048, 0, 2, 0}), ones, ScatterKind::Add)) ==
          Index{2048, 0, 3, 1});
    const Tensor rows = scatter(ramp(DType::i32, {3, 2}), ramp(DType::i32, {4, 2}, 20), ScatterKind::Set);
    CHECK(integers_of(rows) == Index{24, 25, 2, 3, 26, 27});
    CHECK(integers_of(scatter(bools({3}, {0, 1, 0}), bools({4}, {1, 1, 0, 1}), ScatterKind::Set)) == Index{0, 1, 1});
    const Tensor nan = reals(DType::f32, {1}, {kNan});
    CHECK(std::isnan(apply(Opcode::ScatterNd, {ramp(DType::f32, {1}), integers(DType::i64, {1, 1}, {0}), nan},
                           ScatterAttr{ScatterKind::Max})
                         .real(0)));
    const Tensor x = ramp(DType::f32, {3});
    CHECK(
        apply(Opcode::ScatterNd, {x, Tensor(DType::i64, {0, 1}), Tensor(DType::f32, {0})}, ScatterAttr{}).identical(x));
    const Tensor none(DType::f32, {0});
    CHECK(error_of([&] {
            apply(Opcode::ScatterNd, {none, integers(DType::i64, {1, 1}, {0}), ramp(DType::f32, {1})}, ScatterAttr{});
          }) != "");
  }
}
