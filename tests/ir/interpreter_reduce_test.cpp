#include <cmath>
#include <map>

#include "ir/infer.h"
#include "tests/ir/interpreter_support.h"

using namespace seqc;
using namespace seqc::ir;

namespace {

Tensor reduce(ReduceKind kind, const Tensor& x, const Index& axes) {
  return apply(Opcode::Reduce, {x}, ReduceAttr{kind, axes});
}

/// Sizes of labels a, b, c, ...: odd ones, all different.
int64_t label_size(char label) { return 2 + (label - 'a') % 5; }

Index label_shape(const std::string& labels) {
  Index shape;
  for (const char label : labels) shape.push_back(label_size(label));
  return shape;
}

/// The Einstein sum by definition: every assignment of the result's labels, then of the summed ones.
template <class F>
void for_each_term(const ContractSpec& spec, F&& f) {
  const auto pick = [](const std::string& labels, const std::map<char, int64_t>& values) {
    Index index;
    for (const char label : labels) index.push_back(values.at(label));
    return at(label_shape(labels), index);
  };
  for_each_index(label_shape(spec.out + spec.summed), [&](const Index& index) {
    std::map<char, int64_t> values;
    for (size_t i = 0; i < index.size(); ++i) values[(spec.out + spec.summed)[i]] = index[i];
    f(pick(spec.out, values), pick(spec.lhs, values), pick(spec.rhs, values));
  });
}

const std::vector<std::string> kSpecs = {
    "ni,ji->nj",     // linear
    "ni,ij->nj",     // matmul
    "i,ji->j",       // matrix-vector
    "ij,j->i",       // no columns
    "i,i->",         // dot product
    "i,j->ij",       // nothing summed
    "i,j->ji",       //
    "i,i->i",        // batch only
    "bij,bkj->bik",  // batched
    "bij,jbk->kib",  // every order
    "abij,bjak->ikab",
    "tnhd,snhd->nhts",  // attention scores
    "nhts,snhd->tnhd",
    "nij,kij->nk",  // two labels summed, in the order of the right-hand side
    "nij,kji->nk",  //
    "tni,tnj->ij",  // gradient of weights
    ",->",          // scalars
    "i,->i",
    ",j->j",
};

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("interpreter: reductions of every kind over every set of axes") {
    const Index shape = {3, 5, 2};
    for (const DType type : {DType::f32, DType::i64, DType::u8, DType::f16}) {
      const Tensor x = random_tensor(type, shape, 7);
      for (const Index& axes : std::vector<Index>{{}, {0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}}) {
        for (const ReduceKind kind : {ReduceKind::Sum, ReduceKind::Prod, ReduceKind::Max, ReduceKind::Min}) {
          const Tensor got = reduce(kind, x, axes);
          std::map<int64_t, std::vector<double>> groups;
          for_each_index(shape, [&](const Index& index) {
            Index kept_shape, kept;
            for (int64_t d = 0; d < 3; ++d) {
              if (std::find(axes.begin(), axes.end(), d) != axes.end()) continue;
              kept_shape.push_back(shape[d]);
              kept.push_back(index[d]);
            }
            CHECK(got.shape() == kept_shape);
            groups[at(kept_shape, kept)].push_back(x.real(at(shape, index)));
          });
          for (const auto& [position, values] : groups) {
            double sum = 0, product = 1, largest = -1e300, smallest = 1e300;
            for (const double value : values) {
              sum += value;
              product *= value;
              largest = std::max(largest, value);
              smallest = std::min(smallest, value);
            }
            const double expected = kind == ReduceKind::Sum    ? sum
                                    : kind == ReduceKind::Prod ? product
                                    : kind == ReduceKind::Max  ? largest
                                                               : smallest;
            const double value = got.real(position);
            if (type == DType::f32 || type == DType::f16)
              CHECK(std::abs(value - expected) <= (type == DType::f32 ? 1e-6 : 2e-3) * (1 + std::abs(expected)));
            else if (type == DType::u8)
              CHECK(value == std::fmod(std::fmod(expected, 256) + 256, 256));
            else
              CHECK(value == expected);
          }
        }
      }
    }
  }

  TEST_CASE("interpreter: reductions of nothing, of NaN, of limits") {
    const Tensor none(DType::f32, {2, 0});
    CHECK(reals_of(reduce(ReduceKind::Sum, none, {1})) == std::vector<double>{0, 0});
    CHECK(reals_of(reduce(ReduceKind::Prod, none, {1})) == std::vector<double>{1, 1});
    CHECK(reals_of(reduce(ReduceKind::Max, none, {1})) == std::vector<double>{-kInf, -kInf});
    CHECK(reals_of(reduce(ReduceKind::Min, none, {1})) == std::vector<double>{kInf, kInf});
    CHECK(reduce(ReduceKind::Max, none, {0}).shape() == Index{0});
    CHECK(integers_of(reduce(ReduceKind::Max, Tensor(DType::i8, {0}), {0})) == Index{-128});
    CHECK(integers_of(reduce(ReduceKind::Min, Tensor(DType::i8, {0}), {0})) == Index{127});
    CHECK(integers_of(reduce(ReduceKind::Min, Tensor(DType::u16, {0}), {0})) == Index{65535});
    CHECK(integers_of(reduce(ReduceKind::Max, Tensor(DType::u16, {0}), {0})) == Index{0});
    CHECK(reduce(ReduceKind::Max, Tensor(DType::f16, {0}), {0}).real(0) == -kInf);
    for (const Index& places : std::vector<Index>{{0}, {1}, {2}}) {
      Tensor x = ramp(DType::f32, {3});
      x.set_real(places[0], kNan);
      CHECK(std::isnan(reduce(ReduceKind::Max, x, {0}).real(0)));
      CHECK(std::isnan(reduce(ReduceKind::Min, x, {0}).real(0)));
    }
    CHECK(reduce(ReduceKind::Sum, integers(DType::i8, {3}, {100, 100, 100}), {0}).integer(0) == 44);
    CHECK(reduce(ReduceKind::Prod, integers(DType::u8, {3}, {16, 16, 3}), {0}).integer(0) == 0);
    CHECK(reduce(ReduceKind::Sum, ramp(DType::f32, {}, 3), {}).real(0) == 3);
    // Accumulated in f32: in f16 the sum would stay at 2048.
    CHECK(reduce(ReduceKind::Sum, apply(Opcode::Broadcast, {ramp(DType::f16, {}, 1)}, ShapeAttr{{Dim(3000)}}), {0})
              .real(0) == 3000);
  }

  TEST_CASE("interpreter: contractions are chains of fma in the order of the summed labels, bit for bit") {
    for (const std::string& text : kSpecs) {
      CAPTURE(text);
      const ContractSpec spec = parse_contract_spec(text);
      const Tensor x = random_tensor(DType::f32, label_shape(spec.lhs), 1);
      const std::vector<Tensor> w = {random_tensor(DType::f32, label_shape(spec.rhs), 2),
                                     random_tensor(DType::f32, label_shape(spec.rhs), 3)};
      const auto got = apply_all(Opcode::Contract, {x, w[0], w[1]}, ContractAttr{.spec = text, .columns = {}});
      REQUIRE(got.size() == 2);
      for (size_t i = 0; i < 2; ++i) {
        Tensor expected(DType::f32, label_shape(spec.out));
        auto sums = expected.mutable_data<float>();
        for_each_term(spec, [&](int64_t out, int64_t lhs, int64_t rhs) {
          sums[out] = std::fma(x.data<float>()[lhs], w[i].data<float>()[rhs], sums[out]);
        });
        CHECK(got[i].identical(expected));
      }
    }
  }

  TEST_CASE("interpreter: contractions of other types") {
    for (const DType type : {DType::i8, DType::u8, DType::i32, DType::u64, DType::i64, DType::f64}) {
      const Tensor x = random_tensor(type, {3, 9}, 5), w = random_tensor(type, {17, 9}, 6);
      const Tensor got = apply(Opcode::Contract, {x, w}, ContractAttr{.spec = "ni,ji->nj", .columns = {}});
      for_each_index({3, 17}, [&](const Index& index) {
        int64_t sum = 0;
        double real_sum = 0;
        for (int64_t k = 0; k < 9; ++k) {
          sum += x.integer(index[0] * 9 + k) * w.integer(index[1] * 9 + k);
          real_sum += x.real(index[0] * 9 + k) * w.real(index[1] * 9 + k);
        }
        const int64_t position = at({3, 17}, index);
        if (type == DType::f64)
          CHECK(std::abs(got.real(position) - real_sum) < 1e-14);
        else
          CHECK(got.integer(position) == Tensor(integers(type, {}, {sum})).integer(0));
      });
    }
    // f16: summed in f32, rounded at the end.
    const Tensor ones = apply(Opcode::Broadcast, {ramp(DType::f16, {}, 1)}, ShapeAttr{{Dim(2050)}});
    CHECK(apply(Opcode::Contract, {ones, ones}, ContractAttr{.spec = "i,i->", .columns = {}}).real(0) == 2050);
    const Tensor none(DType::f32, {2, 0});
    CHECK(reals_of(apply(Opcode::Contract, {none, none}, ContractAttr{.spec = "ni,ji->nj", .columns = {}})) ==
          std::vector<double>(4, 0));
    const Tensor no_rows(DType::f32, {0, 3});
    CHECK(apply(Opcode::Contract, {no_rows, no_rows}, ContractAttr{.spec = "ni,ji->nj", .columns = {}}).count() == 0);
  }

  TEST_CASE("interpreter: pack lays out column blocks, then k, then the lanes of each right-hand side") {
    // Two matrices [columns = 5, k = 2], 4 lanes: 2 blocks of [k][2 * 4], the second mostly padding.
    const Tensor a = ramp(DType::i32, {5, 2}, 10), b = ramp(DType::i32, {5, 2}, 50);
    const Tensor packed = apply(Opcode::Pack, {a, b}, ContractAttr{.spec = "ni,ji->nj", .lanes = 4, .columns = {}});
    CHECK(packed.shape() == Index{2, 2, 8});
    CHECK(integers_of(packed) == Index{10, 12, 14, 16, 50, 52, 54, 56, 11, 13, 15, 17, 51, 53, 55, 57,
                                       18, 0,  0,  0,  58, 0,  0,  0,  19, 0,  0,  0,  59, 0,  0,  0});
  }

  TEST_CASE("interpreter: packed contractions equal unpacked ones bit for bit") {
    for (const std::string& text : kSpecs) {
      const ContractSpec spec = parse_contract_spec(text);
      for (const DType type : {DType::f32, DType::f16, DType::f64, DType::i16}) {
        for (const int64_t lanes : {1, 4, 8}) {
          for (const size_t count : {1, 3}) {
            CAPTURE(text);
            std::vector<Tensor> weights, operands = {random_tensor(type, label_shape(spec.lhs), 11)};
            for (size_t i = 0; i < count; ++i)
              weights.push_back(random_tensor(type, label_shape(spec.rhs), static_cast<uint32_t>(20 + i)));
            operands.insert(operands.end(), weights.begin(), weights.end());
            const auto plain = apply_all(Opcode::Contract, operands, ContractAttr{.spec = text, .columns = {}});
            const Tensor packed =
                apply(Opcode::Pack, weights, ContractAttr{.spec = text, .lanes = lanes, .columns = {}});
            Shape columns;
            for (const char label : spec.columns) columns.push_back(Dim(label_size(label)));
            const auto got = apply_all(Opcode::Contract, {operands[0], packed},
                                       ContractAttr{.spec = text, .lanes = lanes, .columns = columns});
            REQUIRE(got.size() == count);
            for (size_t i = 0; i < count; ++i) CHECK(got[i].identical(plain[i]));
          }
        }
      }
    }
    const Tensor x = random_tensor(DType::f32, {2, 3}, 1), packed(DType::f32, {1, 2, 4});
    const ContractAttr attr{.spec = "ni,ji->nj", .lanes = 4, .columns = {Dim(4)}};
    CHECK(contains(error_of([&] { apply(Opcode::Contract, {x, packed}, attr); }), "expected [1,3,4]"));
  }
}
