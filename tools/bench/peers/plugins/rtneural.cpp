/// RTNeural as a peer: a model of one LSTM whose sizes the C++ compiler knows, one step a call. Its state lies inside of it, so
/// it is compared here with the plain equations, from a state of zeros; what is timed continues from its last state.
#ifdef RTNEURAL_USE_XSIMD
#include <xsimd/xsimd.hpp>
#if XSIMD_VERSION_MAJOR < 10  // Debian's calls it hadd
namespace xsimd {
template <class T, class A>
T reduce_add(const batch<T, A>& x) {
  return hadd(x);
}
}  // namespace xsimd
#endif
#endif
#include <RTNeural/RTNeural.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "tools/bench/peers/plugin.h"

namespace seqc::peers {

namespace {

/// RTNeural's gates lie as ifco; ONNX's as iofc.
constexpr size_t kPosition[] = {0, 3, 1, 2};

using Matrix = std::vector<std::vector<float>>;

/// [G*H, K] of ONNX as [K][G*H].
Matrix transposed(const Tensor& rows, size_t hidden, size_t k) {
  Matrix result(k, std::vector<float>(4 * hidden));
  for (size_t gate = 0; gate < 4; ++gate)
    for (size_t unit = 0; unit < hidden; ++unit)
      for (size_t i = 0; i < k; ++i)
        result[i][kPosition[gate] * hidden + unit] = rows.floats()[(gate * hidden + unit) * k + i];
  return result;
}

std::vector<float> summed(const Tensor& bias, size_t hidden) {
  std::vector<float> result(4 * hidden);
  for (size_t gate = 0; gate < 4; ++gate)
    for (size_t unit = 0; unit < hidden; ++unit)
      result[kPosition[gate] * hidden + unit] =
          bias.floats()[gate * hidden + unit] + bias.floats()[(4 + gate) * hidden + unit];
  return result;
}

/// The first step from a state of zeros: c = sigmoid(i) * tanh(g), h = sigmoid(o) * tanh(c).
std::vector<double> first_step(const Network::Layer& layer, const float* x, size_t hidden, size_t inputs) {
  auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  std::vector<double> h(hidden);
  for (size_t unit = 0; unit < hidden; ++unit) {
    double z[4];  // iofc
    for (size_t gate = 0; gate < 4; ++gate) {
      const size_t row = gate * hidden + unit;
      z[gate] = layer.b.floats()[row] + layer.b.floats()[4 * hidden + row];
      for (size_t i = 0; i < inputs; ++i) z[gate] += static_cast<double>(layer.w.floats()[row * inputs + i]) * x[i];
    }
    h[unit] = sigmoid(z[1]) * std::tanh(sigmoid(z[0]) * std::tanh(z[3]));
  }
  return h;
}

template <int Inputs, int Hidden>
class RtNeuralEngine : public Engine {
 public:
  explicit RtNeuralEngine(const Network& network) : layer_(network.layers.front()) {
    auto& lstm = model_.template get<0>();
    lstm.setWVals(transposed(layer_.w, Hidden, Inputs));
    lstm.setUVals(transposed(layer_.r, Hidden, Hidden));
    lstm.setBVals(summed(layer_.b, Hidden));
    model_.reset();
  }

  void bind(const std::vector<Tensor>& inputs) override {
    x_ = inputs.at(0).floats();
    model_.reset();
    run();
    const std::vector<double> want = first_step(layer_, x_, Hidden, Inputs);
    for (size_t unit = 0; unit < Hidden; ++unit)
      if (std::abs(model_.getOutputs()[unit] - want[unit]) > 1e-5 + 1e-3 * std::abs(want[unit]))
        throw std::runtime_error("computes something else");
  }
  void run() override { model_.forward(x_); }
  std::vector<Tensor> outputs() const override { return {}; }

 private:
  const Network::Layer& layer_;
  RTNeural::ModelT<float, Inputs, Hidden, RTNeural::LSTMLayerT<float, Inputs, Hidden>> model_;
  const float* x_ = nullptr;
};

template <int Inputs, int Hidden>
bool make(std::unique_ptr<Engine>& engine, const Network& network) {
  if (network.inputs != Inputs || network.hidden != Hidden) return false;
  engine = std::make_unique<RtNeuralEngine<Inputs, Hidden>>(network);
  return true;
}

}  // namespace

}  // namespace seqc::peers

extern "C" seqc::peers::Engine* seqc_peers_make_engine(const seqc::peers::Network& network, int threads) {
  using namespace seqc::peers;
  if (network.cell != Cell::kLstm || !network.streaming || network.layers.size() > 1 || network.batch > 1 ||
      threads > 1)
    throw std::runtime_error("built for a streaming LSTM at one thread");
  std::unique_ptr<Engine> engine;
  if (!(make<1, 16>(engine, network) || make<16, 16>(engine, network) || make<64, 64>(engine, network) ||
        make<128, 128>(engine, network)))
    throw std::runtime_error("not built for these sizes");
  return engine.release();
}
