// How parameters start: bounds, moments and shapes of what the initialisers draw.
#include <doctest/doctest.h>

#include <cmath>

#include "frontend/dsl/initializers.h"
#include "ir/error.h"

namespace {

using namespace seqc;
using dsl::Init;
using ir::DType;
using ir::Tensor;

struct Moments {
  double mean = 0, deviation = 0, largest = 0;
};

Moments moments(const Tensor& tensor) {
  Moments m;
  const auto count = static_cast<double>(tensor.count());
  for (int64_t i = 0; i < tensor.count(); ++i) {
    m.mean += tensor.real(i) / count;
    m.largest = std::max(m.largest, std::fabs(tensor.real(i)));
  }
  for (int64_t i = 0; i < tensor.count(); ++i) m.deviation += std::pow(tensor.real(i) - m.mean, 2) / count;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

Tensor start(Init init, const std::vector<int64_t>& shape, const std::string& name = "w", uint64_t seed = 0,
             DType type = DType::f64) {
  return dsl::initial_value(init, seed, name, shape, type);
}

/// Largest deviation of the products of rows (or columns) from gain^2 on the diagonal and 0 beside it.
double orthogonality(const Tensor& m, int64_t rows, int64_t columns, double gain) {
  const bool by_row = rows <= columns;
  const int64_t vectors = by_row ? rows : columns, length = by_row ? columns : rows;
  const auto at = [&](int64_t v, int64_t i) { return m.real(by_row ? v * columns + i : i * columns + v); };
  double worst = 0;
  for (int64_t a = 0; a < vectors; ++a)
    for (int64_t b = 0; b <= a; ++b) {
      double sum = 0;
      for (int64_t i = 0; i < length; ++i) sum += at(a, i) * at(b, i);
      worst = std::max(worst, std::fabs(sum - (a == b ? gain * gain : 0)));
    }
  return worst;
}

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("initialisers: moments and bounds") {
  const std::vector<int64_t> shape = {100, 50};
  const Moments uniform = moments(start(Init::uniform(0.3), shape)), normal = moments(start(Init::normal(2), shape)),
                truncated = moments(start(Init::truncated_normal(2), shape)),
                glorot = moments(start(Init::glorot(), shape)),
                glorot_normal = moments(start(Init::glorot_normal(), shape)), he = moments(start(Init::he(), shape));
  CHECK(uniform.largest <= 0.3);
  CHECK(uniform.deviation == doctest::Approx(0.3 / std::sqrt(3.0)).epsilon(0.05));
  CHECK(std::fabs(normal.mean) < 0.1);
  CHECK(normal.deviation == doctest::Approx(2).epsilon(0.05));
  CHECK(normal.largest > 5);
  CHECK(truncated.largest <= 4);
  CHECK(truncated.deviation == doctest::Approx(2 * 0.8796).epsilon(0.05));
  CHECK(glorot.largest <= std::sqrt(6.0 / 150));
  CHECK(glorot.largest > 0.99 * std::sqrt(6.0 / 150));
  CHECK(glorot_normal.deviation == doctest::Approx(std::sqrt(2.0 / 150)).epsilon(0.05));
  CHECK(he.deviation == doctest::Approx(std::sqrt(2.0 / 50)).epsilon(0.05));
}

TEST_CASE("initialisers: windows count in both fans, vectors have one input") {
  CHECK(moments(start(Init::glorot(), {40, 30, 3, 5})).largest ==
        doctest::Approx(std::sqrt(6.0 / (15 * 70))).epsilon(0.01));
  CHECK(moments(start(Init::he(), {50, 30, 7})).deviation == doctest::Approx(std::sqrt(2.0 / 210)).epsilon(0.05));
  CHECK(moments(start(Init::glorot(), {1000})).largest == doctest::Approx(std::sqrt(6.0 / 1001)).epsilon(0.01));
}

TEST_CASE("initialisers: orthogonal matrices, tall, wide, square and of windows") {
  CHECK(orthogonality(start(Init::orthogonal(), {31, 31}), 31, 31, 1) < 1e-13);
  CHECK(orthogonality(start(Init::orthogonal(3), {7, 20}), 7, 20, 3) < 1e-12);
  CHECK(orthogonality(start(Init::orthogonal(0.5), {20, 7}), 20, 7, 0.5) < 1e-13);
  CHECK(orthogonality(start(Init::orthogonal(), {6, 2, 5}), 6, 10, 1) < 1e-13);
  CHECK(start(Init::orthogonal(), {0, 4}).count() == 0);
  CHECK_THROWS_WITH_AS(start(Init::orthogonal(), {4}),
                       "parameter \"w\": got shape [4] for an orthogonal start, expected at least two dims", Error);
}

TEST_CASE("initialisers: values depend on seed, name and shape alone") {
  const Tensor a = start(Init::normal(1), {3, 5});
  CHECK(a.identical(start(Init::normal(1), {3, 5})));
  CHECK_FALSE(a.identical(start(Init::normal(1), {3, 5}, "v")));
  CHECK_FALSE(a.identical(start(Init::normal(1), {3, 5}, "w", 1)));
  CHECK(moments(start(Init::zeros(), {3})).largest == 0);
  CHECK(moments(start(Init::ones(), {3})).mean == 1);
  CHECK(start(Init::constant(0.1), {}, "w", 0, DType::f32).real(0) == doctest::Approx(0.1f));
  CHECK_THROWS_WITH_AS(start(Init::zeros(), {2}, "w", 0, DType::i64),
                       "parameter \"w\": got type i64, expected a floating point type", Error);
}

TEST_SUITE_END();
