/// oneDNN as a peer: its rnn primitives, weights packed once, in the layout that turns out to be the fastest.
#include <algorithm>
#include <chrono>
#include <dnnl.hpp>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/bench/peers/plugin.h"
#include "tools/bench/peers/plugins/openmp.h"

namespace seqc::peers {

namespace {

static_assert(DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP, "set_openmp_threads would not reach this oneDNN");

using dnnl::memory;
using Tag = memory::format_tag;
using Sizes = memory::dims;

memory::desc f32(const Sizes& sizes, Tag tag) { return {sizes, memory::data_type::f32, tag}; }

/// oneDNN's position of each of ONNX's gates: iofc against ifco, zrh the same.
std::vector<int64_t> gate_positions(Cell cell) {
  switch (cell) {
    case Cell::kLstm: return {0, 3, 1, 2};
    case Cell::kGru: return {0, 1, 2};
    case Cell::kRnn: return {0};
  }
  throw std::runtime_error("unknown cell");
}

/// What the primitives of all cells have in common.
struct Primitive {
  dnnl::primitive primitive;
  memory::desc weights_layer, weights_iter;
};

/// With weights in one layout: the one that oneDNN asks for (`any`), or rows of gates (`ldigo`), which is what a kernel for
/// one row of AVX-512 wants and oneDNN does not choose by itself.
class Rnn : public Engine {
 public:
  Rnn(const Network& network, Tag layout);
  void bind(const std::vector<Tensor>& inputs) override;
  void run() override {
    primitive_.primitive.execute(stream_, arguments_);
    stream_.wait();
  }
  std::vector<Tensor> outputs() const override;

 private:
  Primitive make_primitive() const;
  void pack_weights();
  Tensor weights_of(bool recurrent) const;
  Tensor bias() const;
  Tensor peephole() const;
  memory keep(const memory::desc& desc);
  memory packed(const Tensor& plain, const Sizes& sizes, const memory::desc& wanted);
  memory plain(const Tensor& values, const Sizes& sizes, Tag tag);
  int64_t layers() const { return static_cast<int64_t>(net_.layers.size()); }

  const Network& net_;
  Tag layout_;
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  Sizes layer_in_, layer_out_, state_, weights_sizes_, iter_sizes_, bias_sizes_, peephole_sizes_;
  Primitive primitive_;
  std::unordered_map<int, memory> arguments_;
  std::vector<Tensor> storage_;
};

Rnn::Rnn(const Network& network, Tag layout) : net_(network), layout_(layout) {
  if (net_.ragged) throw std::runtime_error("has no sequence lengths");
  if (net_.clip != 0) throw std::runtime_error("has no clip");
  if (layers() > 1 && net_.inputs != net_.hidden * net_.directions)
    throw std::runtime_error("layers of different widths are not one primitive");
  const int64_t d = net_.directions, h = net_.hidden, g = net_.gates();
  layer_in_ = {net_.steps, net_.batch, net_.inputs};
  layer_out_ = {net_.steps, net_.batch, d * h};
  state_ = {layers(), d, net_.batch, h};
  weights_sizes_ = {layers(), d, net_.inputs, g, h};
  iter_sizes_ = {layers(), d, h, g, h};
  bias_sizes_ = {layers(), d, g + (net_.cell == Cell::kGru && net_.linear_before_reset ? 1 : 0), h};
  peephole_sizes_ = {layers(), d, 3, h};
  primitive_ = make_primitive();
  pack_weights();
}

Primitive Rnn::make_primitive() const {
  constexpr auto kInference = dnnl::prop_kind::forward_inference;
  const auto direction =
      net_.directions == 2 ? dnnl::rnn_direction::bidirectional_concat : dnnl::rnn_direction::unidirectional_left2right;
  const memory::desc in = f32(layer_in_, Tag::tnc), out = f32(layer_out_, Tag::tnc), state = f32(state_, Tag::ldnc);
  const memory::desc before = net_.streaming ? state : memory::desc(), bias = f32(bias_sizes_, Tag::ldgo);
  const memory::desc w = f32(weights_sizes_, layout_), r = f32(iter_sizes_, layout_);
  auto described = [&](const auto& wanted) {
    return Primitive{dnnl::primitive(wanted), wanted.weights_layer_desc(), wanted.weights_iter_desc()};
  };
  switch (net_.cell) {
    case Cell::kLstm: {
      const memory::desc p = net_.layers.front().p.count() ? f32(peephole_sizes_, Tag::ldgo) : memory::desc();
      return described(dnnl::lstm_forward::primitive_desc(
          {kInference, direction, in, before, before, w, r, p, bias, out, state, state}, engine_));
    }
    case Cell::kGru:
      if (net_.linear_before_reset)
        return described(dnnl::lbr_gru_forward::primitive_desc(
            {kInference, direction, in, before, w, r, bias, out, state}, engine_));
      return described(
          dnnl::gru_forward::primitive_desc({kInference, direction, in, before, w, r, bias, out, state}, engine_));
    case Cell::kRnn:
      return described(dnnl::vanilla_rnn_forward::primitive_desc(
          {kInference, dnnl::algorithm::eltwise_tanh, direction, in, before, w, r, bias, out, state}, engine_));
  }
  throw std::runtime_error("unknown cell");
}

void Rnn::pack_weights() {
  arguments_.emplace(DNNL_ARG_WEIGHTS_LAYER, packed(weights_of(false), weights_sizes_, primitive_.weights_layer));
  arguments_.emplace(DNNL_ARG_WEIGHTS_ITER, packed(weights_of(true), iter_sizes_, primitive_.weights_iter));
  arguments_.emplace(DNNL_ARG_BIAS, plain(bias(), bias_sizes_, Tag::ldgo));
  if (net_.layers.front().p.count())
    arguments_.emplace(DNNL_ARG_WEIGHTS_PEEPHOLE, plain(peephole(), peephole_sizes_, Tag::ldgo));
}

/// [L, D, G*H, K] of ONNX as [L, D, K, G, H].
Tensor Rnn::weights_of(bool recurrent) const {
  Tensor result(SEQC_F32, recurrent ? iter_sizes_ : weights_sizes_);
  const std::vector<int64_t> position = gate_positions(net_.cell);
  const int64_t h = net_.hidden, g = net_.gates(), k = recurrent ? h : net_.inputs;
  float* to = result.floats();
  for (const Network::Layer& layer : net_.layers) {
    const float* from = (recurrent ? layer.r : layer.w).floats();
    for (int64_t d = 0; d < net_.directions; ++d, from += g * h * k, to += g * h * k)
      for (int64_t gate = 0; gate < g; ++gate)
        for (int64_t unit = 0; unit < h; ++unit)
          for (int64_t i = 0; i < k; ++i)
            to[(i * g + position[static_cast<size_t>(gate)]) * h + unit] = from[(gate * h + unit) * k + i];
  }
  return result;
}

/// ONNX's input and recurrent biases are added up, but for the candidate of a GRU whose reset comes after the product.
Tensor Rnn::bias() const {
  Tensor result(SEQC_F32, bias_sizes_);
  const std::vector<int64_t> position = gate_positions(net_.cell);
  const int64_t h = net_.hidden, g = net_.gates(), kinds = bias_sizes_[2];
  float* to = result.floats();
  for (const Network::Layer& layer : net_.layers) {
    const float* from = layer.b.floats();
    for (int64_t d = 0; d < net_.directions; ++d, from += 2 * g * h, to += kinds * h) {
      for (int64_t gate = 0; gate < g; ++gate) {
        const bool apart = kinds > g && gate == g - 1;
        for (int64_t unit = 0; unit < h; ++unit) {
          const float recurrent = from[(g + gate) * h + unit];
          to[position[static_cast<size_t>(gate)] * h + unit] = from[gate * h + unit] + (apart ? 0 : recurrent);
          if (apart) to[g * h + unit] = recurrent;
        }
      }
    }
  }
  return result;
}

/// ONNX has iof, oneDNN ifo.
Tensor Rnn::peephole() const {
  constexpr int64_t kPosition[] = {0, 2, 1};
  Tensor result(SEQC_F32, peephole_sizes_);
  const int64_t h = net_.hidden;
  float* to = result.floats();
  for (const Network::Layer& layer : net_.layers) {
    const float* from = layer.p.floats();
    for (int64_t d = 0; d < net_.directions; ++d, from += 3 * h, to += 3 * h)
      for (int64_t gate = 0; gate < 3; ++gate)
        for (int64_t unit = 0; unit < h; ++unit) to[kPosition[gate] * h + unit] = from[gate * h + unit];
  }
  return result;
}

memory Rnn::keep(const memory::desc& desc) {
  storage_.emplace_back(SEQC_U8, Sizes{static_cast<int64_t>(desc.get_size())});
  return {desc, engine_, storage_.back().data()};
}

memory Rnn::plain(const Tensor& values, const Sizes& sizes, Tag tag) {
  storage_.push_back(values);
  return {f32(sizes, tag), engine_, storage_.back().data()};
}

memory Rnn::packed(const Tensor& plain, const Sizes& sizes, const memory::desc& wanted) {
  memory from(f32(sizes, Tag::ldigo), engine_, plain.data()), to = keep(wanted);
  dnnl::reorder(from, to).execute(stream_, from, to);
  stream_.wait();
  return to;
}

void Rnn::bind(const std::vector<Tensor>& inputs) {
  if (net_.streaming && layers() > 1) throw std::runtime_error("states of several layers lie in several inputs");
  arguments_.emplace(DNNL_ARG_SRC_LAYER, memory(f32(layer_in_, Tag::tnc), engine_, inputs.at(0).data()));
  constexpr int kBefore[] = {DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C},
                kAfter[] = {DNNL_ARG_DST_ITER, DNNL_ARG_DST_ITER_C};
  const memory::desc state = f32(state_, Tag::ldnc);
  arguments_.emplace(DNNL_ARG_DST_LAYER, keep(f32(layer_out_, Tag::tnc)));
  for (int64_t s = 0; s < net_.states(); ++s) {
    const auto place = static_cast<size_t>(s);
    if (net_.streaming) arguments_.emplace(kBefore[s], memory(state, engine_, inputs.at(place + 1).data()));
    arguments_.emplace(kAfter[s], keep(state));
  }
}

/// y, then each layer's final states.
std::vector<Tensor> Rnn::outputs() const {
  auto data = [&](int argument) { return static_cast<const float*>(arguments_.at(argument).get_data_handle()); };
  std::vector<Tensor> result;
  result.emplace_back(SEQC_F32, layer_out_, data(DNNL_ARG_DST_LAYER));
  const Sizes one_layer{net_.directions, net_.batch, net_.hidden};
  for (int64_t layer = 0; layer < layers(); ++layer) {
    const int64_t offset = layer * net_.directions * net_.batch * net_.hidden;
    result.emplace_back(SEQC_F32, one_layer, data(DNNL_ARG_DST_ITER) + offset);
    if (net_.cell == Cell::kLstm) result.emplace_back(SEQC_F32, one_layer, data(DNNL_ARG_DST_ITER_C) + offset);
  }
  return result;
}

double seconds(Engine& engine) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  int64_t runs = 0;
  do engine.run(), ++runs;
  while (Clock::now() - start < std::chrono::milliseconds(3));
  return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(runs);
}

/// The fastest of both layouts.
class OneDnnEngine : public Engine {
 public:
  OneDnnEngine(const Network& network, int threads) {
    set_openmp_threads(threads);
    const auto start = std::chrono::steady_clock::now();
    rnn_ = std::make_unique<Rnn>(network, Tag::any);
    load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    other_ = std::make_unique<Rnn>(network, Tag::ldigo);
  }

  void bind(const std::vector<Tensor>& inputs) override {
    constexpr int kRounds = 7;
    rnn_->bind(inputs);
    other_->bind(inputs);
    rnn_->run();
    other_->run();
    double best = seconds(*rnn_), other_best = seconds(*other_);
    for (int round = 1; round < kRounds; ++round) {
      best = std::min(best, seconds(*rnn_));
      other_best = std::min(other_best, seconds(*other_));
    }
    if (other_best < best) rnn_ = std::move(other_);
    other_.reset();
  }

  void run() override { rnn_->run(); }
  std::vector<Tensor> outputs() const override { return rnn_->outputs(); }

 private:
  std::unique_ptr<Rnn> rnn_, other_;
};

}  // namespace

}  // namespace seqc::peers

extern "C" seqc::peers::Engine* seqc_peers_make_engine(const seqc::peers::Network& network, int threads) {
  return new seqc::peers::OneDnnEngine(network, threads);
}
