/// PyTorch as a peer: torch::nn's recurrent modules in inference mode, through its C++ API.
#include <torch/torch.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/bench/peers/plugin.h"

namespace seqc::peers {

namespace {

/// ONNX's position of each of PyTorch's gates: ifgo against iofc, rzn against zrh.
std::vector<int64_t> gate_positions(Cell cell) {
  switch (cell) {
    case Cell::kLstm: return {0, 2, 3, 1};
    case Cell::kGru: return {1, 0, 2};
    case Cell::kRnn: return {0};
  }
  throw std::runtime_error("unknown cell");
}

at::Tensor view(const Tensor& tensor) {
  const auto type = tensor.dtype() == SEQC_F32 ? torch::kFloat32 : torch::kInt32;
  return torch::from_blob(tensor.data(), tensor.shape(), type);
}

at::Tensor in_torch_order(const at::Tensor& rows, Cell cell) {
  std::vector<at::Tensor> gates;
  const std::vector<int64_t> positions = gate_positions(cell);
  const std::vector<at::Tensor> from = rows.chunk(static_cast<int64_t>(positions.size()), 0);
  for (int64_t position : positions) gates.push_back(from[static_cast<size_t>(position)]);
  return torch::cat(gates, 0);
}

void set_weights(torch::nn::Module& module, const Network& network) {
  auto parameters = module.named_parameters();
  for (size_t layer = 0; layer < network.layers.size(); ++layer) {
    const Network::Layer& weights = network.layers[layer];
    for (int64_t d = 0; d < network.directions; ++d) {
      const std::string suffix = "_l" + std::to_string(layer) + (d == 1 ? "_reverse" : "");
      auto set = [&](const std::string& name, const at::Tensor& rows) {
        parameters[name + suffix].copy_(in_torch_order(rows, network.cell));
      };
      const std::vector<at::Tensor> biases = view(weights.b)[d].chunk(2, 0);
      set("weight_ih", view(weights.w)[d]);
      set("weight_hh", view(weights.r)[d]);
      set("bias_ih", biases[0]);
      set("bias_hh", biases[1]);
    }
  }
}

/// One interface to the modules, whose states and packed sequences differ in type.
template <class Module>
class TorchEngine : public Engine {
 public:
  TorchEngine(const Network& network, int threads) : net_(network), module_(make_options(network)) {
    torch::set_num_threads(threads);
    module_->eval();
    torch::InferenceMode guard;
    set_weights(*module_, network);
  }

  void bind(const std::vector<Tensor>& inputs) override {
    x_ = view(inputs.at(0));
    if (net_.ragged) lengths_ = view(inputs.at(1)).to(torch::kInt64);
    for (int64_t s = 0; net_.streaming && s < net_.states(); ++s)
      before_.push_back(view(inputs.at(static_cast<size_t>(s) + 1)));
  }

  void run() override {
    torch::InferenceMode guard;
    if (!net_.ragged) {
      std::tie(y_, after_) = module_->forward(x_, state());
      return;
    }
    namespace rnn = torch::nn::utils::rnn;
    auto packed = rnn::pack_padded_sequence(x_, lengths_, /*batch_first=*/false, /*enforce_sorted=*/false);
    auto [y, after] = module_->forward_with_packed_input(packed);
    y_ = std::get<0>(rnn::pad_packed_sequence(y, false, 0.0, net_.steps));
    after_ = after;
  }

  /// y, then each layer's final states.
  std::vector<Tensor> outputs() const override {
    std::vector<Tensor> result{copy(y_)};
    const int64_t d = net_.directions;
    for (int64_t layer = 0; layer < static_cast<int64_t>(net_.layers.size()); ++layer)
      for (const at::Tensor& state : states(after_)) result.push_back(copy(state.slice(0, layer * d, (layer + 1) * d)));
    return result;
  }

 private:
  static constexpr bool kLstm = std::is_same_v<Module, torch::nn::LSTM>;
  using State = std::conditional_t<kLstm, std::tuple<at::Tensor, at::Tensor>, at::Tensor>;
  using MaybeState = std::conditional_t<kLstm, torch::optional<State>, at::Tensor>;

  static auto make_options(const Network& network) {
    using Options = std::conditional_t<
        kLstm, torch::nn::LSTMOptions,
        std::conditional_t<std::is_same_v<Module, torch::nn::GRU>, torch::nn::GRUOptions, torch::nn::RNNOptions>>;
    return Options(network.inputs, network.hidden)
        .num_layers(static_cast<int64_t>(network.layers.size()))
        .bidirectional(network.directions == 2);
  }
  MaybeState state() const {
    if (before_.empty()) return {};
    if constexpr (kLstm)
      return State{before_[0], before_[1]};
    else
      return before_[0];
  }
  static std::vector<at::Tensor> states(const State& state) {
    if constexpr (kLstm)
      return {std::get<0>(state), std::get<1>(state)};
    else
      return {state};
  }
  static Tensor copy(const at::Tensor& tensor) {
    const at::Tensor dense = tensor.contiguous();
    return {SEQC_F32, dense.sizes().vec(), dense.data_ptr()};
  }

  const Network& net_;
  Module module_;
  at::Tensor x_, lengths_, y_;
  std::vector<at::Tensor> before_;
  State after_;
};

template <class Module>
Engine* make(const Network& network, int threads) {
  const auto start = std::chrono::steady_clock::now();
  auto engine = std::make_unique<TorchEngine<Module>>(network, threads);
  engine->load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return engine.release();
}

}  // namespace

}  // namespace seqc::peers

extern "C" seqc::peers::Engine* seqc_peers_make_engine(const seqc::peers::Network& network, int threads) {
  using namespace seqc::peers;
  if (network.clip != 0 || network.layers.front().p.count()) throw std::runtime_error("has no clip and no peepholes");
  if (network.streaming && network.layers.size() > 1)
    throw std::runtime_error("states of several layers are not bound");
  switch (network.cell) {
    case Cell::kLstm: return make<torch::nn::LSTM>(network, threads);
    case Cell::kGru:
      if (!network.linear_before_reset) throw std::runtime_error("resets after the product only");
      return make<torch::nn::GRU>(network, threads);
    case Cell::kRnn: return make<torch::nn::RNN>(network, threads);
  }
  return nullptr;
}
