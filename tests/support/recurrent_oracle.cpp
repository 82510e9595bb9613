#include "tests/support/recurrent_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace seqc::test {
namespace {

struct Parameters {
  std::string_view name;
  std::optional<double> alpha, beta;  ///< the default of a parameter that the function has
};
constexpr Parameters kFunctions[] = {
    {"relu", {}, {}},         {"tanh", {}, {}},          {"sigmoid", {}, {}},
    {"affine", 1.0, 0.0},     {"leakyrelu", 0.01, {}},   {"thresholdedrelu", 1.0, {}},
    {"scaledtanh", 1.0, 1.0}, {"hardsigmoid", 0.2, 0.5}, {"elu", 1.0, {}},
    {"softsign", {}, {}},     {"softplus", {}, {}},
};

const Parameters& function(std::string_view name) {
  for (const Parameters& entry : kFunctions) {
    if (entry.name == name) return entry;
  }
  throw std::runtime_error(fmt::format("no activation \"{}\"", name));
}

template <class Real>
Real evaluate(const Activation& activation, Real x) {
  const std::string& name = activation.name;
  const Real alpha = static_cast<Real>(activation.alpha), beta = static_cast<Real>(activation.beta);
  if (name == "relu") return std::max(Real(0), x);
  if (name == "tanh") return std::tanh(x);
  if (name == "sigmoid") return 1 / (1 + std::exp(-x));
  if (name == "affine") return alpha * x + beta;
  if (name == "leakyrelu") return x >= 0 ? x : alpha * x;
  if (name == "thresholdedrelu") return x >= alpha ? x : 0;
  if (name == "scaledtanh") return alpha * std::tanh(beta * x);
  if (name == "hardsigmoid") return std::min(std::max(alpha * x + beta, Real(0)), Real(1));
  if (name == "elu") return x >= 0 ? x : alpha * (std::exp(x) - 1);
  if (name == "softsign") return x / (1 + std::abs(x));
  if (name == "softplus") return std::max(x, Real(0)) + std::log1p(std::exp(-std::abs(x)));  // log(1 + e^x)
  throw std::runtime_error("no activation " + name);
}

/// The node's operands as plain arrays of Real, and its equations.
template <class Real>
class Node {
 public:
  using Vector = std::vector<Real>;

  explicit Node(const RecurrentCase& c) : c_(c), activations_(resolve_activations(c)) {
    for (int slot = 0; slot < kInputSlots; ++slot) {
      if (slot == kSequenceLens || !c.has(InputSlot(slot))) continue;
      const ir::Tensor& value = c.inputs[slot].value;
      data_[slot].resize(static_cast<size_t>(value.count()));
      for (int64_t i = 0; i < value.count(); ++i) data_[slot][i] = static_cast<Real>(value.real(i));
    }
  }

  std::vector<ExpectedTensor> run() {
    std::array<ExpectedTensor, kOutputSlots> out;
    for (int slot = 0; slot < kOutputSlots; ++slot) {
      out[slot] = {OutputSlot(slot), c_.shape(OutputSlot(slot)), {}};
      int64_t count = 1;
      for (const int64_t size : out[slot].shape) count *= size;
      out[slot].values.assign(static_cast<size_t>(count), 0.0);
    }
    for (int64_t d = 0; d < c_.directions(); ++d) {
      for (int64_t n = 0; n < c_.N; ++n) run_sequence(d, n, out);
    }
    std::vector<ExpectedTensor> wanted;
    for (int slot = 0; slot < kOutputSlots; ++slot) {
      if (c_.wanted[slot]) wanted.push_back(std::move(out[slot]));
    }
    return wanted;
  }

  double distance_to_jump() const { return distance_to_jump_; }

 private:
  void run_sequence(int64_t d, int64_t n, std::array<ExpectedTensor, kOutputSlots>& out) {
    const bool reverse = c_.direction == Direction::Reverse || d == 1;
    const int64_t length = c_.has(kSequenceLens) ? c_.inputs[kSequenceLens].value.integer(n) : c_.T;
    Vector h(c_.H, Real(0)), cell(c_.H, Real(0));
    for (int64_t j = 0; j < c_.H; ++j) {
      if (c_.has(kInitialH)) h[j] = data_[kInitialH][state_at(d, n, j)];
      if (c_.has(kInitialC)) cell[j] = data_[kInitialC][state_at(d, n, j)];
    }
    for (int64_t step = 0; step < length; ++step) {
      const int64_t t = reverse ? length - 1 - step : step;
      Vector x(c_.I);
      for (int64_t i = 0; i < c_.I; ++i) x[i] = data_[kX][x_at(t, n, i)];
      switch (c_.cell) {
        case Cell::RNN: rnn(d, x, h); break;
        case Cell::GRU: gru(d, x, h); break;
        case Cell::LSTM: lstm(d, x, h, cell); break;
      }
      for (int64_t j = 0; j < c_.H; ++j) out[kY].values[y_at(t, d, n, j)] = h[j];
    }
    for (int64_t j = 0; j < c_.H; ++j) {
      out[kYh].values[state_at(d, n, j)] = h[j];
      out[kYc].values[state_at(d, n, j)] = cell[j];
    }
  }

  // Ht = f(Xt*(Wi^T) + Ht-1*(Ri^T) + Wbi + Rbi)
  void rnn(int64_t d, const Vector& x, Vector& h) {
    const Activation& f = activations_[d];
    Vector next(c_.H);
    for (int64_t j = 0; j < c_.H; ++j) next[j] = act(f, xw(d, 0, j, x) + hr(d, 0, j, h) + wb(d, 0, j) + rb(d, 0, j));
    h = next;
  }

  // zt = f(Xt*(Wz^T) + Ht-1*(Rz^T) + Wbz + Rbz)
  // rt = f(Xt*(Wr^T) + Ht-1*(Rr^T) + Wbr + Rbr)
  // ht = g(Xt*(Wh^T) + (rt (.) Ht-1)*(Rh^T) + Rbh + Wbh)      linear_before_reset = 0
  // ht = g(Xt*(Wh^T) + (rt (.) (Ht-1*(Rh^T) + Rbh)) + Wbh)    linear_before_reset != 0
  // Ht = (1 - zt) (.) ht + zt (.) Ht-1
  void gru(int64_t d, const Vector& x, Vector& h) {
    enum { kZ, kRGate, kHGate };
    const Activation &f = activations_[2 * d], &g = activations_[2 * d + 1];
    Vector z(c_.H), r(c_.H), reset(c_.H), next(c_.H);
    for (int64_t j = 0; j < c_.H; ++j) {
      z[j] = act(f, xw(d, kZ, j, x) + hr(d, kZ, j, h) + wb(d, kZ, j) + rb(d, kZ, j));
      r[j] = act(f, xw(d, kRGate, j, x) + hr(d, kRGate, j, h) + wb(d, kRGate, j) + rb(d, kRGate, j));
      reset[j] = r[j] * h[j];
    }
    for (int64_t j = 0; j < c_.H; ++j) {
      const Real recurrent = c_.linear_before_reset.value_or(0) != 0 ? r[j] * (hr(d, kHGate, j, h) + rb(d, kHGate, j))
                                                                     : hr(d, kHGate, j, reset) + rb(d, kHGate, j);
      const Real candidate = act(g, xw(d, kHGate, j, x) + recurrent + wb(d, kHGate, j));
      next[j] = (1 - z[j]) * candidate + z[j] * h[j];
    }
    h = next;
  }

  // it = f(Xt*(Wi^T) + Ht-1*(Ri^T) + Pi (.) Ct-1 + Wbi + Rbi)
  // ft = f(Xt*(Wf^T) + Ht-1*(Rf^T) + Pf (.) Ct-1 + Wbf + Rbf)     1 - it when the two are coupled
  // ct = g(Xt*(Wc^T) + Ht-1*(Rc^T) + Wbc + Rbc)
  // Ct = ft (.) Ct-1 + it (.) ct
  // ot = f(Xt*(Wo^T) + Ht-1*(Ro^T) + Po (.) Ct + Wbo + Rbo)
  // Ht = ot (.) h(Ct)
  void lstm(int64_t d, const Vector& x, Vector& h, Vector& cell) {
    enum { kI, kO, kF, kC };
    const Activation &f = activations_[3 * d], &g = activations_[3 * d + 1], &out = activations_[3 * d + 2];
    const auto gate = [&](int k, int64_t j) { return xw(d, k, j, x) + hr(d, k, j, h) + wb(d, k, j) + rb(d, k, j); };
    Vector next_h(c_.H), next_c(c_.H);
    for (int64_t j = 0; j < c_.H; ++j) {
      const Real i_t = act(f, gate(kI, j) + peephole(d, kI, j) * cell[j]);
      const Real f_t = c_.input_forget.value_or(0) != 0 ? 1 - i_t : act(f, gate(kF, j) + peephole(d, kF, j) * cell[j]);
      const Real c_t = act(g, gate(kC, j));
      next_c[j] = f_t * cell[j] + i_t * c_t;
      const Real o_t = act(f, gate(kO, j) + peephole(d, kO, j) * next_c[j]);
      next_h[j] = o_t * act(out, next_c[j]);
    }
    h = next_h;
    cell = next_c;
  }

  /// An activation of its clipped input.
  Real act(const Activation& activation, Real x) {
    if (c_.clip) x = std::min(std::max(x, -Real(*c_.clip)), Real(*c_.clip));
    if (activation.name == "thresholdedrelu") {
      distance_to_jump_ = std::min(distance_to_jump_, std::abs(static_cast<double>(x) - activation.alpha));
    }
    return evaluate(activation, x);
  }

  Real xw(int64_t d, int64_t gate, int64_t j, const Vector& x) const { return dot(kW, d, gate, j, x); }
  Real hr(int64_t d, int64_t gate, int64_t j, const Vector& h) const { return dot(kR, d, gate, j, h); }
  /// Row j of a gate's block of W or R, both [D, gates*H, size].
  Real dot(InputSlot slot, int64_t d, int64_t gate, int64_t j, const Vector& v) const {
    const int64_t size = static_cast<int64_t>(v.size());
    const int64_t row = (d * c_.gates() + gate) * c_.H + j;
    Real sum = 0;
    for (int64_t k = 0; k < size; ++k) sum += v[k] * data_[slot][row * size + k];
    return sum;
  }

  // B is [D, 2*gates*H]: first all Wb, then all Rb.
  Real wb(int64_t d, int64_t gate, int64_t j) const { return bias(d, gate, j); }
  Real rb(int64_t d, int64_t gate, int64_t j) const { return bias(d, c_.gates() + gate, j); }
  Real bias(int64_t d, int64_t block, int64_t j) const {
    return c_.has(kB) ? data_[kB][(d * 2 * c_.gates() + block) * c_.H + j] : Real(0);
  }
  // P is [D, 3*H] in the order iof, the first three gates of iofc.
  Real peephole(int64_t d, int64_t gate, int64_t j) const {
    return c_.has(kP) ? data_[kP][(d * 3 + gate) * c_.H + j] : Real(0);
  }

  // X [T,N,I] or [N,T,I]; Y [T,D,N,H] or [N,T,D,H]; states [D,N,H] or [N,D,H].
  int64_t x_at(int64_t t, int64_t n, int64_t i) const {
    return (c_.batch_first() ? n * c_.T + t : t * c_.N + n) * c_.I + i;
  }
  int64_t y_at(int64_t t, int64_t d, int64_t n, int64_t j) const {
    const int64_t D = c_.directions();
    return (c_.batch_first() ? (n * c_.T + t) * D + d : (t * D + d) * c_.N + n) * c_.H + j;
  }
  int64_t state_at(int64_t d, int64_t n, int64_t j) const {
    return (c_.batch_first() ? n * c_.directions() + d : d * c_.N + n) * c_.H + j;
  }

  const RecurrentCase& c_;
  std::vector<Activation> activations_;
  std::array<Vector, kInputSlots> data_;
  double distance_to_jump_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::vector<int64_t> RecurrentCase::shape(InputSlot slot) const {
  const int64_t D = directions(), G = gates();
  switch (slot) {
    case kX: return batch_first() ? std::vector{N, T, I} : std::vector{T, N, I};
    case kW: return {D, G * H, I};
    case kR: return {D, G * H, H};
    case kB: return {D, 2 * G * H};
    case kSequenceLens: return {N};
    case kInitialH:
    case kInitialC: return batch_first() ? std::vector{N, D, H} : std::vector{D, N, H};
    case kP: return {D, 3 * H};
    case kInputSlots: break;
  }
  throw std::runtime_error("no such input");
}

std::vector<int64_t> RecurrentCase::shape(OutputSlot slot) const {
  const int64_t D = directions();
  if (slot == kY) return batch_first() ? std::vector{N, T, D, H} : std::vector{T, D, N, H};
  return shape(kInitialH);
}

bool takes_alpha(std::string_view lower_case_name) { return function(lower_case_name).alpha.has_value(); }
bool takes_beta(std::string_view lower_case_name) { return function(lower_case_name).beta.has_value(); }

std::vector<Activation> resolve_activations(const RecurrentCase& c) {
  static const std::vector<std::string> kDefaults[] = {{"tanh"}, {"sigmoid", "tanh"}, {"sigmoid", "tanh", "tanh"}};
  const auto count = static_cast<size_t>(c.directions() * c.activations_per_direction());
  std::vector<std::string> names = c.activations;
  if (names.empty()) {
    const auto& defaults = kDefaults[c.activations_per_direction() - 1];
    for (size_t k = 0; k < count; ++k) names.push_back(defaults[k % defaults.size()]);
  }
  if (names.size() < count) throw std::runtime_error(fmt::format("{} activations, expected {}", names.size(), count));
  names.resize(count);

  size_t next_alpha = 0, next_beta = 0;
  std::vector<Activation> out;
  for (std::string& name : names) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char ch) { return std::tolower(ch); });
    const Parameters& parameters = function(name);
    Activation activation{name, parameters.alpha.value_or(0), parameters.beta.value_or(0)};
    if (parameters.alpha && next_alpha < c.activation_alpha.size()) activation.alpha = c.activation_alpha[next_alpha++];
    if (parameters.beta && next_beta < c.activation_beta.size()) activation.beta = c.activation_beta[next_beta++];
    out.push_back(activation);
  }
  return out;
}

double activate(const Activation& activation, double x) { return evaluate(activation, x); }

std::vector<ExpectedTensor> oracle(const RecurrentCase& c) { return Node<double>(c).run(); }
std::vector<ExpectedTensor> oracle_in_float(const RecurrentCase& c) { return Node<float>(c).run(); }

double distance_to_jump(const RecurrentCase& c) {
  Node<double> node(c);
  node.run();
  return node.distance_to_jump();
}

std::string find_mismatch(const std::vector<double>& got, const std::vector<double>& want, double rtol, double atol) {
  if (got.size() != want.size()) return fmt::format("{} elements, expected {}", got.size(), want.size());
  size_t offences = 0, first = 0, worst = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < want.size(); ++i) {
    const double bound = atol + rtol * std::abs(want[i]), error = std::abs(got[i] - want[i]);
    if (error <= bound) continue;
    if (offences++ == 0) first = i;
    const double excess = std::isnan(error) ? std::numeric_limits<double>::infinity() : error / bound;
    if (excess > worst_excess) worst = i, worst_excess = excess;
  }
  if (offences == 0) return "";
  return fmt::format("{} of {} elements differ; first [{}] got {:.9g}, want {:.9g}; worst [{}] got {:.9g}, want {:.9g}",
                     offences, want.size(), first, got[first], want[first], worst, got[worst], want[worst]);
}

}  // namespace seqc::test
