#include "frontend/dsl/initializers.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace seqc::dsl {
namespace {

/// SplitMix64 (Steele, Lea and Flood 2014): equal on every platform, unlike the standard library's distributions.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  /// In [0, 1).
  double uniform() {
    state_ += 0x9e3779b97f4a7c15u;
    return static_cast<double>(mix_bits(state_) >> 11) * 0x1p-53;
  }

  /// Mean 0, standard deviation 1 (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

 private:
  uint64_t state_;
};

/// FNV-1a, so that a parameter keeps its values when others are added before it.
uint64_t seed_of(uint64_t seed, const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325u ^ seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

struct Fans {
  double in = 1, out = 1;
};

Fans fans(const std::vector<int64_t>& shape) {
  Fans result;
  if (!shape.empty()) result.out = static_cast<double>(std::max<int64_t>(1, shape[0]));
  if (shape.size() > 1) result.in = static_cast<double>(std::max<int64_t>(1, shape[1]));
  for (size_t i = 2; i < shape.size(); ++i) {
    result.in *= static_cast<double>(shape[i]);
    result.out *= static_cast<double>(shape[i]);
  }
  return result;
}

/// Orthonormal rows of [rows, columns], rows <= columns: Gram and Schmidt's process on normal vectors, each made orthogonal
/// twice, so that rounding does not add up.
std::vector<double> orthonormal_rows(Random& random, int64_t rows, int64_t columns) {
  std::vector<double> m(static_cast<size_t>(rows * columns));
  const auto row = [&](int64_t i) { return m.begin() + i * columns; };
  for (int64_t i = 0; i < rows; ++i) {
    double length = 0;
    while (length < 1e-6) {  // a vector that happens to lie among the others is drawn again
      std::generate_n(row(i), columns, [&] { return random.normal(); });
      for (int pass = 0; pass < 2; ++pass)
        for (int64_t k = 0; k < i; ++k) {
          const double along = std::inner_product(row(i), row(i) + columns, row(k), 0.0);
          std::transform(row(i), row(i) + columns, row(k), row(i), [&](double a, double b) { return a - along * b; });
        }
      length = std::sqrt(std::inner_product(row(i), row(i) + columns, row(i), 0.0));
    }
    std::transform(row(i), row(i) + columns, row(i), [&](double a) { return a / length; });
  }
  return m;
}

void fill_orthogonal(ir::Tensor& tensor, Random& random, double gain) {
  const int64_t rows = tensor.shape()[0], columns = rows == 0 ? 0 : tensor.count() / rows;
  const bool wide = rows <= columns;
  const std::vector<double> m = orthonormal_rows(random, wide ? rows : columns, wide ? columns : rows);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < columns; ++k)
      tensor.set_real(i * columns + k, gain * m[static_cast<size_t>(wide ? i * columns + k : k * rows + i)]);
}

}  // namespace

ir::Tensor initial_value(const Init& init, uint64_t model_seed, const std::string& name,
                         const std::vector<int64_t>& shape, ir::DType type) {
  if (!ir::is_float(type))
    fail(ErrorKind::BadInput, "parameter \"{}\": got type {}, expected a floating point type", name, ir::name(type));
  ir::Tensor tensor(type, shape);
  Random random(seed_of(model_seed, name));
  const auto fill = [&](const auto& draw) {
    for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, draw());
  };
  const auto [in, out] = fans(shape);
  switch (init.kind) {
    case Init::Kind::Constant: fill([&] { return init.value; }); break;
    case Init::Kind::Uniform: fill([&] { return init.value * (2 * random.uniform() - 1); }); break;
    case Init::Kind::Normal: fill([&] { return init.value * random.normal(); }); break;
    case Init::Kind::TruncatedNormal:
      fill([&] {
        double z = random.normal();
        while (std::fabs(z) > 2) z = random.normal();
        return init.value * z;
      });
      break;
    case Init::Kind::Glorot: fill([&] { return std::sqrt(6 / (in + out)) * (2 * random.uniform() - 1); }); break;
    case Init::Kind::GlorotNormal: fill([&] { return std::sqrt(2 / (in + out)) * random.normal(); }); break;
    case Init::Kind::He: fill([&] { return std::sqrt(2 / in) * random.normal(); }); break;
    case Init::Kind::Orthogonal:
      if (shape.size() < 2)
        fail(ErrorKind::BadInput,
             "parameter \"{}\": got shape [{}] for an orthogonal start, expected at least two dims", name,
             fmt::join(shape, ","));
      fill_orthogonal(tensor, random, init.value);
      break;
  }
  return tensor;
}

}  // namespace seqc::dsl
