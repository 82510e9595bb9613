// DynamicQuantizeLSTM against a loop in double that quantises as ONNX Runtime does.
#include <map>

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Numbers = std::vector<double>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// Rounds all of x to u8 with the scale of its range, which includes 0, and back.
Numbers rounded(Numbers x) {
  double low = 0, high = 0;
  for (const double v : x) low = std::min(low, v), high = std::max(high, v);
  const double scale = high == low ? 1 : (high - low) / 255, zero = std::nearbyint(-low / scale);
  for (double& v : x) v = (std::clamp(std::nearbyint(v / scale) + zero, 0.0, 255.0) - zero) * scale;
  return x;
}

struct Case {
  int64_t D = 1, T = 5, N = 3, I = 7, H = 9;
  std::string direction = "forward";
  DType type = DType::i8;
  bool per_channel = false, zero_points = true, bias = true, states = false, peepholes = false, input_forget = false;
  std::vector<int64_t> lengths = {};
};

struct Tensors {
  Tensor x, w, r, b, h0, c0, p, ws, wz, rs, rz, lengths;
};

Tensors draw(const Case& c, uint64_t seed) {
  TestNumbers numbers(seed);
  const int64_t low = c.type == DType::i8 ? -127 : 0, high = c.type == DType::i8 ? 127 : 255;
  const auto scale_shape = c.per_channel ? std::vector<int64_t>{c.D, 4 * c.H} : std::vector<int64_t>{c.D};
  const auto scales = [&] { return floats(scale_shape, [&](int64_t) { return 0.004 + 0.002 * numbers.real(); }); };
  const auto zeros = [&] {
    const int64_t middle = (low + high + 1) / 2;
    return c.zero_points ? numbers.integers(c.type, scale_shape, middle - 5, middle + 5) : Tensor(c.type, scale_shape);
  };
  Tensor lengths(DType::i32, {c.N});
  for (size_t n = 0; n < c.lengths.size(); ++n) lengths.set_integer(static_cast<int64_t>(n), c.lengths[n]);
  return {numbers.floats({c.T, c.N, c.I}, 2),
          numbers.integers(c.type, {c.D, c.I, 4 * c.H}, low, high),
          numbers.integers(c.type, {c.D, c.H, 4 * c.H}, low, high),
          numbers.floats({c.D, 8 * c.H}),
          numbers.floats({c.D, c.N, c.H}),
          numbers.floats({c.D, c.N, c.H}),
          numbers.floats({c.D, 3 * c.H}),
          scales(),
          zeros(),
          scales(),
          zeros(),
          lengths};
}

/// Y, Y_h, Y_c.
std::vector<Tensor> reference(const Case& c, const Tensors& t) {
  const int64_t H = c.H, N = c.N;
  Tensor y(DType::f32, {c.T, c.D, N, H}), yh(DType::f32, {c.D, N, H}), yc(DType::f32, {c.D, N, H});
  const auto length = [&](int64_t n) { return c.lengths.empty() ? c.T : c.lengths[static_cast<size_t>(n)]; };
  int64_t longest = 0;
  for (int64_t n = 0; n < N; ++n) longest = std::max(longest, length(n));
  Numbers seen(static_cast<size_t>(c.T * N * c.I));
  for (int64_t i = 0; i < longest * N * c.I; ++i) seen[i] = t.x.real(i);
  const Numbers x = rounded(seen);
  for (int64_t d = 0; d < c.D; ++d) {
    const bool reverse = c.direction == "reverse" || d == 1;
    const auto weight = [&](const Tensor& w, const Tensor& scale, const Tensor& zero, int64_t in, int64_t row,
                            int64_t inputs) {
      const int64_t at = c.per_channel ? d * 4 * H + row : d;
      return scale.real(at) * static_cast<double>(w.integer((d * inputs + in) * 4 * H + row) - zero.integer(at));
    };
    Numbers h(static_cast<size_t>(N * H)), cell(h.size());
    for (int64_t i = 0; c.states && i < N * H; ++i) h[i] = t.h0.real(d * N * H + i), cell[i] = t.c0.real(d * N * H + i);
    Numbers shown = h;  // what the rounding sees: rows that have ended are 0
    for (int64_t step = 0; step < longest; ++step) {
      const Numbers q = rounded(shown);
      for (int64_t n = 0; n < N; ++n) {
        if (step >= length(n)) {
          for (int64_t k = 0; k < H; ++k) shown[n * H + k] = 0;
          continue;
        }
        const int64_t at = reverse ? length(n) - 1 - step : step;
        for (int64_t k = 0; k < H; ++k) {
          const auto gate = [&](int64_t g) {
            double z = c.bias ? t.b.real(d * 8 * H + g * H + k) + t.b.real(d * 8 * H + (4 + g) * H + k) : 0;
            for (int64_t i = 0; i < c.I; ++i)
              z += x[(at * N + n) * c.I + i] * weight(t.w, t.ws, t.wz, i, g * H + k, c.I);
            for (int64_t i = 0; i < H; ++i) z += q[n * H + i] * weight(t.r, t.rs, t.rz, i, g * H + k, H);
            return z;
          };
          const auto peephole = [&](int64_t g, double value) {
            return c.peepholes ? t.p.real(d * 3 * H + g * H + k) * value : 0;
          };
          double& state = cell[n * H + k];
          const double in = sigmoid(gate(0) + peephole(0, state));
          const double forget = c.input_forget ? 1 - in : sigmoid(gate(2) + peephole(2, state));
          const double next = forget * state + in * std::tanh(gate(3));
          h[n * H + k] = sigmoid(gate(1) + peephole(1, next)) * std::tanh(next);
          state = next;
          shown[n * H + k] = h[n * H + k];
          y.set_real(((at * c.D + d) * N + n) * H + k, h[n * H + k]);
        }
      }
    }
    for (int64_t i = 0; i < N * H; ++i) yh.set_real(d * N * H + i, h[i]), yc.set_real(d * N * H + i, cell[i]);
  }
  return {y, yh, yc};
}

NodeModel model(const Case& c, const Tensors& t, bool constant_weights) {
  const auto weights = [&](const Tensor& x) { return NodeInput(x, constant_weights); };
  const auto given = [](bool is, const Tensor& x) { return is ? NodeInput(x) : missing(); };
  return node_model(
      17, "DynamicQuantizeLSTM",
      {t.x, weights(t.w), weights(t.r), c.bias ? weights(t.b) : missing(), given(!c.lengths.empty(), t.lengths),
       given(c.states, t.h0), given(c.states, t.c0), c.peepholes ? weights(t.p) : missing(), weights(t.ws),
       weights(t.wz), weights(t.rs), weights(t.rz)},
      3,
      [&](NodeRef& n) {
        n.attr("hidden_size", c.H).attr("direction", c.direction);
        if (c.input_forget) n.attr("input_forget", 1);
      },
      "com.microsoft");
}

TEST_CASE("DynamicQuantizeLSTM: weights, directions, states, lengths") {
  const std::map<std::string, Case> cases = {
      {"plain", {}},
      {"u8", {.type = DType::u8}},
      {"columns", {.per_channel = true}},
      {"no bias", {.zero_points = false, .bias = false}},
      {"states and peepholes", {.states = true, .peepholes = true}},
      {"coupled gates", {.input_forget = true}},
      {"reverse", {.direction = "reverse", .per_channel = true}},
      {"both directions", {.D = 2, .direction = "bidirectional", .states = true}},
      {"one row, many steps", {.T = 13, .N = 1, .I = 1, .H = 17}},
      {"lengths", {.lengths = {5, 2, 3}}},
      {"short lengths", {.states = true, .lengths = {3, 0, 1}}},
      {"lengths, both directions", {.D = 2, .direction = "bidirectional", .states = true, .lengths = {4, 2, 5}}},
  };
  uint64_t seed = 80;
  for (const auto& [name, c] : cases) {
    CAPTURE(name);
    const Tensors t = draw(c, ++seed);
    const std::vector<Tensor> want = reference(c, t);
    check_node(model(c, t, true), want, {1e-4, 1e-5});
    if (seed % 4 == 0) check_node(model(c, t, false), want, {1e-4, 1e-5});
  }
}

TEST_CASE("DynamicQuantizeLSTM is one scan with the LSTM's cell in it") {
  const Case c;
  const Tensors t = draw(c, 99);
  const std::string text = ir::print(*import_built(model(c, t, true).model));
  const auto count = [&](const std::string& what) {
    size_t n = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
  };
  CHECK(count(" scan ") == 1);
  CHECK(count("contract") + count("linear") >= 4);  // the gates', which passes fuse
}

TEST_CASE("DynamicQuantizeLSTM: faults are named") {
  const Case c;
  Tensors t = draw(c, 98);
  const auto fault = [&](const Tensors& given) { return error_of([&] { import_built(model(c, given, true).model); }); };
  Tensors bad = t;
  bad.w = TestNumbers(1).floats({1, 7, 36});
  CHECK(contains(fault(bad), "expected i8 or u8"));
  bad = t;
  bad.rs = TestNumbers(1).floats({1, 35});
  CHECK(contains(fault(bad), "R_scale"));
  bad = t;
  bad.wz = Tensor(DType::i8, {2});
  CHECK(contains(fault(bad), "W_zero_point"));
  bad = t;
  bad.r = TestNumbers(1).integers(DType::i8, {1, 9, 35}, -5, 5);
  CHECK(fault(bad).kind() == ErrorKind::BadInput);
}

}  // namespace
