// Each cell of the DSL at odd sizes against plain scalar loops in double.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "frontend/dsl/dsl.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"

namespace {

using namespace seqc;
using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::DType;
using ir::Tensor;

struct Sizes {
  int64_t T, N, I, H;
};
constexpr Sizes kSizes[] = {{1, 1, 1, 1}, {2, 3, 5, 7}, {5, 1, 9, 8}, {3, 17, 2, 33}, {0, 2, 3, 4}};

/// Deterministic numbers in [-limit, limit].
class Numbers {
 public:
  explicit Numbers(uint32_t seed) : state_(seed) {}
  double next(double limit) {
    state_ = state_ * 1664525u + 1013904223u;
    return limit * (static_cast<double>(state_ >> 8) / 8388608.0 - 1.0);
  }
  Tensor tensor(std::vector<int64_t> shape, double limit) {
    Tensor out(DType::f64, std::move(shape));
    for (int64_t i = 0; i < out.count(); ++i) out.set_real(i, next(limit));
    return out;
  }

 private:
  uint32_t state_;
};

/// The weights of one gate as tensors; a gate of the model under test is made of the same ones.
struct GateTensors {
  Tensor w, r, b;
  GateTensors(Numbers& numbers, const Sizes& s)
      : w(numbers.tensor({s.H, s.I}, 0.8)), r(numbers.tensor({s.H, s.H}, 0.4)), b(numbers.tensor({s.H}, 0.3)) {}
  dsl::Gate gate(dsl::Model& model) const { return {model.constant(w), model.constant(r), model.constant(b)}; }
};

using Row = std::vector<double>;

/// Σ row·v for row j of a matrix.
double dot(const Tensor& matrix, int64_t j, const Row& v) {
  double sum = 0;
  for (size_t k = 0; k < v.size(); ++k)
    sum += matrix.real(j * static_cast<int64_t>(v.size()) + static_cast<int64_t>(k)) * v[k];
  return sum;
}
double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// One step of one batch row: input, states (changed in place).
using ScalarCell = std::function<void(const Row& x, std::vector<Row>& states)>;

struct Run {
  std::vector<double> y;                    // [T,N,H]
  std::vector<std::vector<double>> states;  // [N,H] each
};

Run run_scalar(const Sizes& s, const Tensor& x, const std::vector<Tensor>& initial, const ScalarCell& cell,
               bool reverse, const std::vector<int64_t>& lengths) {
  Run run;
  run.y.assign(static_cast<size_t>(s.T * s.N * s.H), 0.0);
  run.states.assign(initial.size(), std::vector<double>(static_cast<size_t>(s.N * s.H)));
  for (int64_t n = 0; n < s.N; ++n) {
    std::vector<Row> states;
    for (const Tensor& state : initial) {
      states.emplace_back();
      for (int64_t j = 0; j < s.H; ++j) states.back().push_back(state.real(n * s.H + j));
    }
    const int64_t length = lengths.empty() ? s.T : lengths[static_cast<size_t>(n)];
    for (int64_t step = 0; step < length; ++step) {
      const int64_t t = reverse ? length - 1 - step : step;
      Row row;
      for (int64_t i = 0; i < s.I; ++i) row.push_back(x.real((t * s.N + n) * s.I + i));
      cell(row, states);
      for (int64_t j = 0; j < s.H; ++j) run.y[static_cast<size_t>((t * s.N + n) * s.H + j)] = states[0][j];
    }
    for (size_t k = 0; k < states.size(); ++k)
      for (int64_t j = 0; j < s.H; ++j) run.states[k][static_cast<size_t>(n * s.H + j)] = states[k][j];
  }
  return run;
}

void check_close(const Tensor& got, const std::vector<double>& want, const std::string& what) {
  CAPTURE(what);
  REQUIRE(got.count() == static_cast<int64_t>(want.size()));
  double worst = 0;
  for (int64_t i = 0; i < got.count(); ++i)
    worst = std::max(worst, std::abs(got.real(i) - want[static_cast<size_t>(i)]));
  CHECK(worst < 1e-12);
}

/// Builds a model around `make(model)`, runs it forward and reverse, whole and ragged, and compares with the loops.
void check_cell(const Sizes& s, size_t states, const std::function<dsl::Cell(dsl::Model&)>& make,
                const ScalarCell& scalar) {
  CAPTURE(fmt::format("T={} N={} I={} H={}", s.T, s.N, s.I, s.H));
  Numbers numbers(99);
  const Tensor x = numbers.tensor({s.T, s.N, s.I}, 1.5);
  std::vector<Tensor> initial;
  for (size_t k = 0; k < states; ++k) initial.push_back(numbers.tensor({s.N, s.H}, 0.9));
  std::vector<int64_t> lengths;
  Tensor length_tensor(DType::i32, {s.N});
  for (int64_t n = 0; n < s.N; ++n) {
    lengths.push_back((n * 2 + 1) % (s.T + 1));
    length_tensor.set_integer(n, lengths.back());
  }
  for (const bool reverse : {false, true}) {
    for (const bool ragged : {false, true}) {
      CAPTURE(reverse);
      CAPTURE(ragged);
      dsl::Model model;
      const Dim steps = Dim::symbol("T"), batch = Dim::symbol("N");
      const Var input = model.input("x", DType::f64, {steps, batch, Dim(s.I)});
      const Var sizes = ragged ? model.input("lengths", DType::i32, {batch}) : Var();
      Vars start;
      for (size_t k = 0; k < states; ++k)
        start.push_back(model.input(fmt::format("s{}", k), DType::f64, {batch, Dim(s.H)}));
      const dsl::Scanned scanned = dsl::scan(make(model), input, start, {.reverse = reverse, .lengths = sizes});
      model.output("y", scanned.outputs.at(0));
      for (size_t k = 0; k < states; ++k) model.output(fmt::format("state{}", k), scanned.states[k]);
      const auto module = model.finish();
      REQUIRE(ir::verify(*module).empty());

      std::vector<Tensor> inputs = {x};
      if (ragged) inputs.push_back(length_tensor);
      inputs.insert(inputs.end(), initial.begin(), initial.end());
      const std::vector<Tensor> got = ir::interpret(*module->functions[0], inputs);
      const Run want = run_scalar(s, x, initial, scalar, reverse, ragged ? lengths : std::vector<int64_t>{});
      check_close(got[0], want.y, "y");
      for (size_t k = 0; k < states; ++k) check_close(got[k + 1], want.states[k], fmt::format("state {}", k));
    }
  }
}

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("rnn_cell: h' = f(Wx + b + Rh)") {
  for (const Sizes& s : kSizes) {
    Numbers numbers(1);
    const GateTensors g(numbers, s);
    check_cell(
        s, 1, [&](dsl::Model& model) { return dsl::RnnCell{.gate = g.gate(model), .clip = 0.7}; },
        [&](const Row& x, std::vector<Row>& states) {
          Row next;
          for (int64_t j = 0; j < s.H; ++j)
            next.push_back(std::tanh(std::clamp(dot(g.w, j, x) + g.b.real(j) + dot(g.r, j, states[0]), -0.7, 0.7)));
          states[0] = next;
        });
  }
}

TEST_CASE("gru_cell: reset before and after the recurrent product") {
  for (const Sizes& s : kSizes) {
    for (const bool after : {false, true}) {
      CAPTURE(after);
      Numbers numbers(2);
      const GateTensors z(numbers, s), r(numbers, s), h(numbers, s);
      const Tensor rb = numbers.tensor({s.H}, 0.5);
      const auto make = [&](dsl::Model& model) {
        return dsl::GruCell{.update = z.gate(model),
                            .reset = r.gate(model),
                            .candidate = h.gate(model),
                            .reset_after = after,
                            .recurrent_bias = after ? model.constant(rb) : Var()};
      };
      check_cell(s, 1, make, [&](const Row& x, std::vector<Row>& states) {
        const Row before = states[0];
        const auto gate = [&](const GateTensors& g, int64_t j) {
          return logistic(dot(g.w, j, x) + g.b.real(j) + dot(g.r, j, before));
        };
        Row reset;
        for (int64_t j = 0; j < s.H; ++j) reset.push_back(gate(r, j) * before[j]);
        for (int64_t j = 0; j < s.H; ++j) {
          const double recurrent = after ? gate(r, j) * (dot(h.r, j, before) + rb.real(j)) : dot(h.r, j, reset);
          const double candidate = std::tanh(dot(h.w, j, x) + h.b.real(j) + recurrent), update = gate(z, j);
          states[0][j] = (1 - update) * candidate + update * before[j];
        }
      });
    }
  }
}

TEST_CASE("lstm_cell: plain; peepholes with clip; coupled gates; an activation of its own for each gate") {
  enum Variant { kPlain, kPeepholesAndClip, kCoupled, kActivations };
  for (const Sizes& s : kSizes) {
    for (const Variant variant : {kPlain, kPeepholesAndClip, kCoupled, kActivations}) {
      CAPTURE(variant);
      Numbers numbers(3);
      const GateTensors i(numbers, s), o(numbers, s), f(numbers, s), g(numbers, s);
      const Tensor pi = numbers.tensor({s.H}, 0.6), po = numbers.tensor({s.H}, 0.6), pf = numbers.tensor({s.H}, 0.6);
      const double clip = variant == kPeepholesAndClip ? 0.5 : dsl::kNoClip;
      const auto make = [&](dsl::Model& model) {
        dsl::LstmCell cell{
            .input = i.gate(model), .output = o.gate(model), .forget = f.gate(model), .cell = g.gate(model)};
        cell.clip = clip;
        cell.input_forget = variant == kCoupled;
        if (variant == kPeepholesAndClip) {
          cell.peephole_input = model.constant(pi);
          cell.peephole_output = model.constant(po);
          cell.peephole_forget = model.constant(pf);
        }
        if (variant == kActivations)
          cell.activations = {.input = {dsl::ActivationKind::HardSigmoid, 0.3, 0.4},
                              .output = dsl::kTanh,
                              .forget = {dsl::ActivationKind::Softsign},
                              .cell = dsl::kSigmoid,
                              .hidden = {dsl::ActivationKind::Affine, 2, 1}};
        return cell;
      };
      const bool peep = variant == kPeepholesAndClip, own = variant == kActivations;
      const auto limit = [&](double v) { return std::clamp(v, -clip, clip); };
      check_cell(s, 2, make, [&](const Row& x, std::vector<Row>& states) {
        const Row h = states[0], c = states[1];
        for (int64_t j = 0; j < s.H; ++j) {
          const auto z = [&](const GateTensors& t, const Tensor* p, double cell) {
            return limit(dot(t.w, j, x) + t.b.real(j) + dot(t.r, j, h) + (peep && p ? p->real(j) * cell : 0.0));
          };
          const double zi = z(i, &pi, c[j]), zf = z(f, &pf, c[j]), zg = z(g, nullptr, 0);
          const double it = own ? std::clamp(0.3 * zi + 0.4, 0.0, 1.0) : logistic(zi);
          const double ft = variant == kCoupled ? 1 - it : own ? zf / (1 + std::abs(zf)) : logistic(zf);
          const double next = ft * c[j] + it * (own ? logistic(zg) : std::tanh(zg));
          const double zo = z(o, &po, next), ot = own ? std::tanh(zo) : logistic(zo);
          states[1][j] = next;
          states[0][j] = ot * (own ? 2 * next + 1 : std::tanh(limit(next)));
        }
      });
    }
  }
}

TEST_CASE("activations: all eleven, away from zero, at it and at their corners") {
  using Kind = dsl::ActivationKind;
  const double a = 0.7, b = 0.2;
  const std::vector<std::pair<dsl::Activation, std::function<double(double)>>> all = {
      {{Kind::Affine, a, b}, [&](double x) { return a * x + b; }},
      {{Kind::Elu, a, b}, [&](double x) { return x >= 0 ? x : a * (std::exp(x) - 1); }},
      {{Kind::HardSigmoid, a, b}, [&](double x) { return std::clamp(a * x + b, 0.0, 1.0); }},
      {{Kind::LeakyRelu, a, b}, [&](double x) { return x >= 0 ? x : a * x; }},
      {{Kind::Relu, a, b}, [&](double x) { return std::max(x, 0.0); }},
      {{Kind::ScaledTanh, a, b}, [&](double x) { return a * std::tanh(b * x); }},
      {{Kind::Sigmoid, a, b}, [&](double x) { return 1 / (1 + std::exp(-x)); }},
      {{Kind::Softplus, a, b}, [&](double x) { return x > 700 ? x : std::log(1 + std::exp(x)); }},
      {{Kind::Softsign, a, b}, [&](double x) { return x / (1 + std::abs(x)); }},
      {{Kind::Tanh, a, b}, [&](double x) { return std::tanh(x); }},
      {{Kind::ThresholdedRelu, a, b}, [&](double x) { return x >= a ? x : 0; }},
  };
  REQUIRE(all.size() == 11);
  const std::vector<double> points = {-800, -3, -1, -0.25, -0.0, 0.0, 0.25, 0.7, 1, 3, 800};
  for (const auto& [activation, want] : all) {
    CAPTURE(std::string(dsl::name(activation.kind)));
    CHECK(dsl::parse_activation(dsl::name(activation.kind)) == activation.kind);
    dsl::Model model;
    const Var x = model.input("x", DType::f64, {Dim(static_cast<int64_t>(points.size()))});
    model.output("y", activation(x));
    const auto module = model.finish();
    Tensor in(DType::f64, {static_cast<int64_t>(points.size())});
    std::vector<double> expected;
    for (size_t i = 0; i < points.size(); ++i) {
      in.set_real(static_cast<int64_t>(i), points[i]);
      expected.push_back(want(points[i]));
    }
    check_close(ir::interpret(*module->functions[0], {in})[0], expected, "activation");
  }
  CHECK(dsl::parse_activation("hardsigmoid") == Kind::HardSigmoid);
  CHECK_FALSE(dsl::parse_activation("HardSigmoi").has_value());
  CHECK_FALSE(dsl::parse_activation("Swish").has_value());
  CHECK(dsl::Activation::of(Kind::LeakyRelu).alpha == 0.01);
}

TEST_SUITE_END();
