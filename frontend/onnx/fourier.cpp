#include "frontend/onnx/fourier.h"

#include <cmath>
#include <numbers>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

constexpr int64_t kLongest = 1024;  // transforms beyond are split, where n has factors
constexpr int64_t kLargestMatrix = int64_t{1} << 25;

bool is_inverse(FourierKind kind) { return kind == FourierKind::Inverse || kind == FourierKind::InverseHalf; }

/// What one product with a matrix [in * parts_in, out * parts_out] computes.
struct Plan {
  Dim n = 0, in = 0, out = 0;
  int64_t parts_in = 2, parts_out = 2;
  FourierKind kind = FourierKind::Forward;
};

Plan plan_for(const Dim& n, FourierKind kind, int64_t parts) {
  const Dim half = ir::floordiv(n, Dim(2)) + Dim(1);
  const bool to_real = kind == FourierKind::InverseHalf;
  return {n, to_real ? half : n, kind == FourierKind::Half ? half : n, parts, to_real ? 1 : 2, kind};
}

/// How often number j of half a spectrum counts: together with its conjugate, which 0 and n/2 lack.
double weight_of(int64_t j, int64_t n) { return j == 0 || 2 * j == n ? 1 : 2; }

/// cos and sin of 2 pi jk/n, signed and scaled, in double; with the exact remainder of jk by n.
Tensor constant_matrix(const Plan& plan, DType type) {
  const int64_t n = plan.n.constant(), in = plan.in.constant(), out = plan.out.constant();
  const int64_t columns = out * plan.parts_out;
  const double sign = is_inverse(plan.kind) ? 1 : -1, scale = is_inverse(plan.kind) ? 1.0 / static_cast<double>(n) : 1;
  Tensor matrix(type, {in * plan.parts_in, columns});
  for (int64_t j = 0; j < in; ++j) {
    const double weight = plan.kind == FourierKind::InverseHalf ? scale * weight_of(j, n) : scale;
    for (int64_t k = 0; k < out; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(j * k % n) / static_cast<double>(n);
      const double c = weight * std::cos(angle), s = weight * sign * std::sin(angle);
      for (int64_t from = 0; from < plan.parts_in; ++from)
        for (int64_t to = 0; to < plan.parts_out; ++to)
          matrix.set_real((j * plan.parts_in + from) * columns + k * plan.parts_out + to, from == to  ? c
                                                                                          : from < to ? s
                                                                                                      : -s);
    }
  }
  return matrix;
}

/// The same for a length with names.
Value* computed_matrix(Builder& b, const Plan& plan, DType type) {
  const DType f64 = DType::f64;
  Value* n = dim_scalar(b, plan.n, DType::i64);
  Value* j = b.reshape(b.iota(plan.in), {plan.in, Dim(1)});
  Value* remainder = b.emit(Opcode::Mod, {b.mul(j, b.iota(plan.out)), n});
  Value* angle = b.mul(b.div(b.cast(remainder, f64), b.cast(n, f64)), 2 * std::numbers::pi);
  Value *c = b.emit(Opcode::Cos, {angle}), *s = b.emit(Opcode::Sin, {angle});
  if (!is_inverse(plan.kind)) s = b.neg(s);
  if (is_inverse(plan.kind)) {
    Value* weight = b.div(b.scalar(f64, 1), b.cast(n, f64));
    if (plan.kind == FourierKind::InverseHalf) {
      Value* twice = b.mul(j, b.scalar(DType::i64, 2));
      Value* alone = b.emit(Opcode::Or, {b.eq(j, b.scalar(DType::i64, 0)), b.eq(twice, n)});
      weight = b.mul(weight, b.select(alone, b.scalar(f64, 1), b.scalar(f64, 2)));
    }
    c = b.mul(c, weight);
    s = b.mul(s, weight);
  }
  const Shape column = {plan.in, plan.out, Dim(1)};
  c = b.reshape(c, column);
  s = b.reshape(s, column);
  Value* real = plan.parts_out == 2 ? b.concat({c, s}, 2) : c;
  Value* imaginary = plan.parts_out == 2 ? b.concat({b.neg(s), c}, 2) : b.neg(s);
  const Shape row = {plan.in, Dim(1), plan.out * Dim(plan.parts_out)};
  real = b.reshape(real, row);
  Value* matrix = plan.parts_in == 2 ? b.concat({real, b.reshape(imaginary, row)}, 1) : real;
  return b.cast(b.reshape(matrix, {plan.in * Dim(plan.parts_in), plan.out * Dim(plan.parts_out)}), type);
}

Value* direct(Node& node, Value* x, const Plan& plan) {
  Builder& b = node.builder();
  const Dim rows = x->shape()[0];
  const Dim size = plan.in * plan.out * Dim(plan.parts_in * plan.parts_out);
  if (size.is_constant() && size.constant() > kLargestMatrix)
    node.unsupported("a Fourier transform of length {} is not supported: it has no factor to split it by",
                     plan.n.str());
  Value* matrix =
      size.is_constant() ? b.constant(constant_matrix(plan, x->dtype())) : computed_matrix(b, plan, x->dtype());
  Value* flat = b.reshape(x, {rows, plan.in * Dim(plan.parts_in)});
  return b.reshape(b.contract("ij,jk->ik", flat, matrix), {rows, plan.out, Dim(plan.parts_out)});
}

/// The largest factor of n that is at most its root; 1 for primes.
int64_t factor_of(int64_t n) {
  for (auto f = static_cast<int64_t>(std::sqrt(static_cast<double>(n))) + 1; f > 1; --f)
    if (n % f == 0 && f * f <= n) return f;
  return 1;
}

/// e^(-+2 pi i jk/n) for j < n2, k < n1 as two tensors [n2, n1, 1].
std::pair<Value*, Value*> twiddles(Builder& b, int64_t n, int64_t n2, int64_t n1, bool inverse, DType type) {
  Tensor c(type, {n2, n1, 1}), s(type, {n2, n1, 1});
  for (int64_t j = 0; j < n2; ++j)
    for (int64_t k = 0; k < n1; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(j * k) / static_cast<double>(n);
      c.set_real(j * n1 + k, std::cos(angle));
      s.set_real(j * n1 + k, inverse ? std::sin(angle) : -std::sin(angle));
    }
  return {b.constant(std::move(c)), b.constant(std::move(s))};
}

/// All n numbers of a complex result. Cooley and Tukey 1965, n = n1 n2, j = j1 n2 + j2, k = k1 + n1 k2:
///   X[k] = sum over j2 of w^(j2 k1) (sum over j1 of x[j] w1^(j1 k1)) w2^(j2 k2)
Value* whole(Node& node, Value* x, int64_t n, bool inverse) {
  Builder& b = node.builder();
  const FourierKind kind = inverse ? FourierKind::Inverse : FourierKind::Forward;
  const int64_t parts = x->shape()[2].constant(), n1 = n > kLongest ? factor_of(n) : 1, n2 = n / n1;
  if (n1 == 1) return direct(node, x, plan_for(Dim(n), kind, parts));
  const Dim rows = x->shape()[0];
  x = b.transpose(b.reshape(x, {rows, Dim(n1), Dim(n2), Dim(parts)}), {0, 2, 1, 3});
  x = whole(node, b.reshape(x, {rows * Dim(n2), Dim(n1), Dim(parts)}), n1, inverse);
  x = b.reshape(x, {rows, Dim(n2), Dim(n1), Dim(2)});
  const auto [c, s] = twiddles(b, n, n2, n1, inverse, x->dtype());
  Value *re = b.slice_axis(x, 3, Dim(0), Dim(1)), *im = b.slice_axis(x, 3, Dim(1), Dim(1));
  x = b.concat({b.sub(b.mul(re, c), b.mul(im, s)), b.add(b.mul(re, s), b.mul(im, c))}, 3);
  x = b.reshape(b.transpose(x, {0, 2, 1, 3}), {rows * Dim(n1), Dim(n2), Dim(2)});
  x = b.reshape(whole(node, x, n2, inverse), {rows, Dim(n1), Dim(n2), Dim(2)});
  return b.reshape(b.transpose(x, {0, 2, 1, 3}), {rows, Dim(n), Dim(2)});
}

/// The whole spectrum of a half one: X[n-k] is the conjugate of X[k].
Value* unfold(Builder& b, Value* x, int64_t n) {
  const Dim missing((n - 1) / 2);
  Value* mirrored = reverse_axis(b, b.slice_axis(x, 1, Dim(1), missing), 1);
  Value* conjugate =
      b.concat({b.slice_axis(mirrored, 2, Dim(0), Dim(1)), b.neg(b.slice_axis(mirrored, 2, Dim(1), Dim(1)))}, 2);
  return b.concat({x, conjugate}, 1);
}

}  // namespace

int64_t complex_parts(Node& node, const Value* x, std::string_view role) {
  if (x->rank() > 0 && (x->shape().back() == Dim(1) || x->shape().back() == Dim(2)))
    return x->shape().back().constant();
  if (x->rank() > 0 && x->shape().back().has_symbols())
    node.needs_dims(symbols(x->shape().back()), fmt::format("the last dim of {} says if it is complex", role));
  node.bad("{} is {}, expected a last dim of 1 (real) or 2 (complex)", role, x->type().str());
}

Value* fit_axis(Node& node, Value* x, int64_t axis, const Dim& size, std::string_view what) {
  Builder& b = node.builder();
  const Dim given = x->shape()[axis], missing = size - given;
  if (missing == Dim(0)) return x;
  if (!missing.is_constant())
    node.needs_dims(symbols(missing), fmt::format("{} is {} of {} elements", what, size.str(), given.str()));
  if (missing.constant() < 0) return b.slice_axis(x, axis, Dim(0), size);
  Shape zeros = x->shape();
  zeros[axis] = missing;
  return b.concat({x, b.broadcast(b.scalar_like(x, 0), zeros)}, axis);
}

Value* fourier(Node& node, Value* x, const Dim& n, FourierKind kind) {
  Builder& b = node.builder();
  const Plan plan = plan_for(n, kind, x->shape()[2].constant());
  if (kind == FourierKind::Half && plan.parts_in != 1) node.bad("a complex signal has no one-sided spectrum");
  if (kind == FourierKind::InverseHalf && plan.parts_in != 2)
    node.bad("a one-sided spectrum is {}, expected complex numbers", x->type().str());
  if (n.is_constant() && n.constant() < 1) node.bad("the length of the transform is {}, expected 1 or more", n.str());
  x = fit_axis(node, x, 1, plan.in, "the length of the transform");
  if (!n.is_constant() || n.constant() <= kLongest || factor_of(n.constant()) == 1) return direct(node, x, plan);
  if (kind == FourierKind::InverseHalf) x = unfold(b, x, n.constant());
  Value* y = whole(node, x, n.constant(), is_inverse(kind));
  if (kind == FourierKind::Half) y = b.slice_axis(y, 1, Dim(0), plan.out);
  return kind == FourierKind::InverseHalf ? b.slice_axis(y, 2, Dim(0), Dim(1)) : y;
}

Value* fourier_along(Node& node, Value* x, int64_t axis, const Dim& n, FourierKind kind) {
  Builder& b = node.builder();
  const int64_t last = x->rank() - 2;
  std::vector<int64_t> perm = axis_range(0, x->rank());
  std::swap(perm[axis], perm[last]);
  if (axis != last) x = b.transpose(x, perm);
  Shape shape = x->shape();
  const Dim rows = element_count(Shape(shape.begin(), shape.begin() + last));
  Value* y = fourier(node, b.reshape(x, {rows, shape[last], shape[last + 1]}), n, kind);
  shape[last] = y->shape()[1];
  shape[last + 1] = y->shape()[2];
  y = b.reshape(y, shape);
  return axis == last ? y : b.transpose(y, perm);
}

}  // namespace seqc::frontend
