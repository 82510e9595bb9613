// DFT, STFT, mel weights and windows against plain sums in double.
#include <complex>
#include <numbers>

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Complex = std::complex<double>;
using Signal = std::vector<Complex>;

constexpr double kPi = std::numbers::pi;
Tensor i64(int64_t value) { return Tensor::scalar_int(DType::i64, value); }

/// sum over j of x[j] e^(-+2 pi i jk/n), divided by n when inverse; x is cut or padded with zeros.
Signal transform(Signal x, int64_t n, bool inverse) {
  x.resize(static_cast<size_t>(n));
  Signal y(x.size());
  for (int64_t k = 0; k < n; ++k)
    for (int64_t j = 0; j < n; ++j) {
      const double angle = 2 * kPi * static_cast<double>(j * k % n) / static_cast<double>(n);
      y[k] += x[j] * std::polar(inverse ? 1 / static_cast<double>(n) : 1, inverse ? angle : -angle);
    }
  return y;
}

/// The transform along dim 1 of x [a, m, b, parts], [a, out, b, 2].
Tensor transformed(const Tensor& x, int64_t n, bool inverse, int64_t out) {
  const auto& s = x.shape();
  Tensor y(x.dtype(), {s[0], out, s[2], 2});
  for (int64_t a = 0; a < s[0]; ++a)
    for (int64_t b = 0; b < s[2]; ++b) {
      Signal signal;
      for (int64_t j = 0; j < s[1]; ++j) {
        const int64_t at = ((a * s[1] + j) * s[2] + b) * s[3];
        signal.emplace_back(x.real(at), s[3] == 2 ? x.real(at + 1) : 0);
      }
      const Signal result = transform(signal, n, inverse);
      for (int64_t k = 0; k < out; ++k) {
        y.set_real(((a * out + k) * s[2] + b) * 2, result[k].real());
        y.set_real(((a * out + k) * s[2] + b) * 2 + 1, result[k].imag());
      }
    }
  return y;
}

TEST_CASE("DFT: real and complex, both ways, cut and padded") {
  TestNumbers numbers(1);
  for (const int64_t parts : {1, 2})
    for (const bool inverse : {false, true})
      for (const int64_t n : {9, 4, 13}) {
        CAPTURE(parts);
        CAPTURE(inverse);
        CAPTURE(n);
        const Tensor x = numbers.floats({2, 9, 3, parts});
        std::vector<NodeInput> inputs = {x};
        if (n != 9) inputs.push_back(fixed(i64(n)));
        check_node(node_model(17, "DFT", inputs, 1, [&](NodeRef& node) { node.attr("inverse", inverse ? 1 : 0); }),
                   {transformed(x, n, inverse, n)});
      }
}

TEST_CASE("DFT: the axis is an attribute, then an input; both may be negative") {
  TestNumbers numbers(2);
  const Tensor x = numbers.floats({2, 7, 3, 1});
  const Tensor want = transformed(x, 7, false, 7);
  check_node(node_model(17, "DFT", {x}, 1, [](NodeRef& node) { node.attr("axis", -3); }), {want});
  check_node(node_model(20, "DFT", {x, missing(), fixed(i64(1))}), {want});
  check_node(node_model(20, "DFT", {x, missing(), fixed(i64(-3))}), {want});
  const Tensor one_column = x.reshaped({2 * 7, 3, 1, 1});  // the default of opset 20 is the dim before the parts
  check_node(node_model(20, "DFT", {one_column.reshaped({14, 3, 1})}),
             {transformed(one_column, 3, false, 3).reshaped({14, 3, 2})});
  CHECK(contains(error_of([&] { import_built(node_model(20, "DFT", {x, missing(), fixed(i64(3))}).model); }), "axis"));
}

TEST_CASE("DFT: one-sided spectra and back") {
  TestNumbers numbers(3);
  for (const int64_t n : {1, 2, 8, 9}) {
    CAPTURE(n);
    const Tensor x = numbers.floats({2, n, 3, 1});
    const Tensor half = transformed(x, n, false, n / 2 + 1);
    const auto onesided = [](NodeRef& node) { node.attr("onesided", 1); };
    check_node(node_model(17, "DFT", {x}, 1, onesided), {half});
    check_node(node_model(20, "DFT", {half, fixed(i64(n)), fixed(i64(1))}, 1,
                          [&](NodeRef& node) { node.attr("onesided", 1).attr("inverse", 1); }),
               {x});
  }
  const NodeModel complex_half =
      node_model(17, "DFT", {Tensor(DType::f32, {1, 4, 2})}, 1, [](NodeRef& node) { node.attr("onesided", 1); });
  CHECK(contains(error_of([&] { import_built(complex_half.model); }), "onesided=1"));
}

TEST_CASE("DFT: long ones are split into factors") {
  TestNumbers numbers(4);
  for (const int64_t n : {1025, 1200}) {
    CAPTURE(n);
    const Tensor x = numbers.floats({1, n, 1, 2});
    const Tensor want = transformed(x, n, false, n);
    check_node(node_model(17, "DFT", {x}), {want}, {1e-5, 2e-4});
    check_node(node_model(17, "DFT", {want}, 1, [](NodeRef& node) { node.attr("inverse", 1); }), {x}, {1e-5, 1e-5});
    const Tensor real = numbers.floats({1, n, 1, 1});
    const Tensor half = transformed(real, n, false, n / 2 + 1);
    check_node(node_model(17, "DFT", {real}, 1, [](NodeRef& node) { node.attr("onesided", 1); }), {half}, {1e-5, 2e-4});
    check_node(node_model(20, "DFT", {half, fixed(i64(n)), fixed(i64(1))}, 1,
                          [&](NodeRef& node) { node.attr("onesided", 1).attr("inverse", 1); }),
               {real}, {1e-5, 1e-5});
  }
}

TEST_CASE("DFT of a long prime length is refused") {
  const NodeModel node = node_model(17, "DFT", {Tensor(DType::f32, {1, 10007, 2})});
  const Error error = error_of([&] { import_built(node.model); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "10007"));
}

TEST_CASE("DFT of a length that has a name") {
  TestNumbers numbers(5);
  for (const bool onesided : {false, true})
    for (const bool inverse : {false, true}) {
      CAPTURE(onesided);
      CAPTURE(inverse);
      ModelBuilder model(17);
      const int64_t parts = onesided && !inverse ? 1 : 2;
      model.input("x", DType::f32, {2, "N", 3, parts}).output("y");
      model.node("DFT", {"x"}, {"y"}).attr("onesided", onesided ? 1 : 0).attr("inverse", inverse ? 1 : 0);
      const Tensor signal = numbers.floats({2, 10, 3, 1});
      if (onesided) {
        const Tensor half = transformed(signal, 10, false, 6);
        check_both_ways(model, {inverse ? half : signal}, {inverse ? signal : half});
      } else {
        const Tensor x = numbers.floats({2, 7, 3, 2});
        check_both_ways(model, {x}, {transformed(x, 7, inverse, 7)});
      }
    }
}

/// Spectra of frames of x [rows, length, parts] under a window, which may be empty.
Tensor spectra(const Tensor& x, int64_t step, int64_t length, const std::vector<double>& window, int64_t out) {
  const auto& s = x.shape();
  const int64_t frames = (s[1] - length) / step + 1;
  Tensor y(DType::f32, {s[0], frames, out, 2});
  for (int64_t row = 0; row < s[0]; ++row)
    for (int64_t frame = 0; frame < frames; ++frame) {
      Signal signal;
      for (int64_t j = 0; j < length; ++j) {
        const int64_t at = (row * s[1] + frame * step + j) * s[2];
        const double weight = window.empty() ? 1 : window[j];
        signal.emplace_back(weight * x.real(at), s[2] == 2 ? weight * x.real(at + 1) : 0);
      }
      const Signal result = transform(signal, length, false);
      for (int64_t k = 0; k < out; ++k) {
        y.set_real(((row * frames + frame) * out + k) * 2, result[k].real());
        y.set_real(((row * frames + frame) * out + k) * 2 + 1, result[k].imag());
      }
    }
  return y;
}

TEST_CASE("STFT: windows, lengths, sides, complex signals") {
  TestNumbers numbers(6);
  const Tensor x = numbers.floats({2, 23, 1}), z = numbers.floats({2, 23, 2}), w = numbers.floats({7});
  const auto both_sides = [](NodeRef& node) { node.attr("onesided", 0); };
  const std::vector<double> window = test::numbers(w);
  check_node(node_model(17, "STFT", {x, fixed(i64(3)), missing(), fixed(i64(7))}), {spectra(x, 3, 7, {}, 4)});
  check_node(node_model(17, "STFT", {x, fixed(i64(3)), w, fixed(i64(7))}), {spectra(x, 3, 7, window, 4)});
  check_node(node_model(17, "STFT", {x, fixed(i64(5)), fixed(w)}, 1, both_sides), {spectra(x, 5, 7, window, 7)});
  check_node(node_model(17, "STFT", {z, fixed(i64(5)), w, fixed(i64(7))}, 1, both_sides),
             {spectra(z, 5, 7, window, 7)});
  check_node(node_model(17, "STFT", {x, fixed(i64(5))}), {spectra(x, 5, 23, {}, 12)});  // one frame
  const auto fault = [&](const std::vector<NodeInput>& inputs) {
    return error_of([&] { import_built(node_model(17, "STFT", inputs).model); });
  };
  CHECK(contains(fault({z, fixed(i64(5)), w}), "onesided=0"));
  CHECK(contains(fault({x, fixed(i64(5)), w, fixed(i64(8))}), "window"));
  CHECK(contains(fault({x, fixed(i64(5)), missing(), fixed(i64(24))}), "24"));
  CHECK(contains(fault({x, fixed(i64(0)), w}), "frame_step"));
}

TEST_CASE("STFT of signals of any length") {
  TestNumbers numbers(7);
  ModelBuilder model(17);
  const Tensor w = numbers.floats({6});
  model.input("x", DType::f32, {"N", "L", 1}).output("y");
  model.initializer("step", i64(4)).initializer("w", w);
  model.node("STFT", {"x", "step", "w"}, {"y"});
  CHECK(ir::print(*import_built(model)).find("L") != std::string::npos);
  for (const int64_t length : {6, 9, 10, 31}) {
    CAPTURE(length);
    const Tensor x = numbers.floats({3, length, 1});
    check_both_ways(model, {x}, {spectra(x, 4, 6, test::numbers(w), 4)});
  }
}

TEST_CASE("MelWeightMatrix: triangles between corners on the mel scale") {
  for (const DType type : {DType::f32, DType::f64}) {
    const int64_t bands = 5, length = 41, rate = 8000;
    const double low = 100, high = 3800;
    std::vector<int64_t> corner;
    const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    for (int64_t i = 0; i < bands + 2; ++i) {
      const double at = mel(low) + (mel(high) - mel(low)) * static_cast<double>(i) / static_cast<double>(bands + 2);
      corner.push_back(static_cast<int64_t>(std::floor((length + 1) * 700 * (std::pow(10, at / 2595) - 1) / rate)));
    }
    Tensor want(type, {length / 2 + 1, bands});
    for (int64_t bin = 0; bin <= length / 2; ++bin)
      for (int64_t band = 0; band < bands; ++band) {
        const auto from = static_cast<double>(corner[band]), peak = static_cast<double>(corner[band + 1]),
                   to = static_cast<double>(corner[band + 2]), at = static_cast<double>(bin);
        double weight = 0;
        if (at >= from && at < peak) weight = (at - from) / (peak - from);
        if (at >= peak && at < to) weight = (to - at) / (to - peak);
        if (at == peak) weight = 1;
        want.set_real(bin * bands + band, weight);
      }
    const NodeModel node = node_model(17, "MelWeightMatrix",
                                      {fixed(i64(bands)), fixed(i64(length)), fixed(i64(rate)),
                                       fixed(Tensor::scalar(DType::f32, low)), fixed(Tensor::scalar(DType::f32, high))},
                                      1, [&](NodeRef& n) { n.attr("output_datatype", type == DType::f64 ? 11 : 1); });
    check_node(node, {want});
  }
  const NodeModel beyond = node_model(17, "MelWeightMatrix",
                                      {fixed(i64(5)), fixed(i64(40)), fixed(i64(8000)),
                                       fixed(Tensor::scalar(DType::f32, 0)), fixed(Tensor::scalar(DType::f32, 9000))});
  CHECK(contains(error_of([&] { import_built(beyond.model); }), "upper_edge_hertz"));
}

TEST_CASE("windows: periodic and symmetric, f32 and f64") {
  const std::vector<std::pair<const char*, std::vector<double>>> windows = {
      {"HannWindow", {0.5, 0.5}}, {"HammingWindow", {25.0 / 46, 21.0 / 46}}, {"BlackmanWindow", {0.42, 0.5, 0.08}}};
  for (const auto& [op, a] : windows)
    for (const bool periodic : {true, false})
      for (const DType type : {DType::f32, DType::f64}) {
        CAPTURE(op);
        CAPTURE(periodic);
        const int64_t size = 9;
        Tensor want(type, {size});
        for (int64_t i = 0; i < size; ++i) {
          const double angle = 2 * kPi * static_cast<double>(i) / static_cast<double>(periodic ? size : size - 1);
          want.set_real(i, a[0] - a[1] * std::cos(angle) + (a.size() > 2 ? a[2] * std::cos(2 * angle) : 0));
        }
        check_node(
            node_model(17, op, {fixed(i64(size))}, 1,
                       [&](NodeRef& n) {
                         n.attr("periodic", periodic ? 1 : 0).attr("output_datatype", type == DType::f64 ? 11 : 1);
                       }),
            {want});
      }
}

}  // namespace
