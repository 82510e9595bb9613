// oneDNN's side of lstm.py: LSTM layers forward and backward with its training primitives, as many times as it is told on
// standard input.
//   onednn_lstm FOLDER      threads as OMP_NUM_THREADS says
// Takes and leaves files as bench_lstm.cpp does (onednn.NAME.npy).
#include <dnnl.hpp>

#include <exception>
#include <stdexcept>
#include <unordered_map>

#include "runtime/npy.h"
#include "tools/bench/training/turns.h"

using dnnl::memory;
using seqc::ir::DType;
using seqc::ir::Tensor;
using Sizes = memory::dims;
using Tag = memory::format_tag;

namespace {

class Lstm {
 public:
  explicit Lstm(const std::string& folder);
  void step();
  void save(const std::string& folder);

 private:
  memory keep(const memory::desc& desc) { return {desc, engine_}; }
  memory keep(const Sizes& sizes, Tag tag) { return keep(memory::desc(sizes, memory::data_type::f32, tag)); }
  memory zeros(const memory::desc& desc);
  memory load(const Tensor& values, const Sizes& sizes, Tag tag);
  void reorder(memory& from, memory& to) { dnnl::reorder(from, to).execute(stream_, from, to); }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  int64_t layers_, steps_, rows_, inputs_, hidden_;
  memory w_, r_, b_, dw_, dr_;                              // as the optimiser has them: [L,1,I,4,H]
  memory w_forward_, r_forward_, w_backward_, r_backward_;  // as the primitives want them
  memory dw_backward_, dr_backward_, db_, y_, dx_;
  dnnl::primitive forward_, backward_;
  std::unordered_map<int, memory> forward_arguments_, backward_arguments_;
};

/// [4H,K] of each layer as one array [L,1,K,4,H].
Tensor gates_last(const std::string& folder, const char* name, int64_t layers, int64_t hidden) {
  Tensor all;
  for (int64_t layer = 0; layer < layers; ++layer) {
    const Tensor one = seqc::runtime::load_npy(fmt::format("{}/{}{}.npy", folder, name, layer));
    const int64_t columns = one.shape()[1];
    if (layer == 0) all = Tensor(DType::f32, {layers, 1, columns, 4, hidden});
    float* to = all.mutable_data<float>().data() + layer * one.count();
    for (int64_t row = 0; row < 4 * hidden; ++row)
      for (int64_t k = 0; k < columns; ++k)
        to[k * 4 * hidden + row] = one.data<float>()[static_cast<size_t>(row * columns + k)];
  }
  return all;
}

memory Lstm::zeros(const memory::desc& desc) {
  memory result = keep(desc);
  std::memset(result.get_data_handle(), 0, desc.get_size());
  return result;
}

memory Lstm::load(const Tensor& values, const Sizes& sizes, Tag tag) {
  memory result = keep(sizes, tag);
  std::copy_n(values.data<float>().data(), values.count(), static_cast<float*>(result.get_data_handle()));
  return result;
}

Lstm::Lstm(const std::string& folder) {
  const Tensor x = seqc::runtime::load_npy(folder + "/x.npy"), g = seqc::runtime::load_npy(folder + "/g.npy");
  steps_ = x.shape()[0], rows_ = x.shape()[1], inputs_ = x.shape()[2], hidden_ = g.shape()[2];
  layers_ = bench::layers(folder);
  const Sizes in = {steps_, rows_, inputs_}, out = {steps_, rows_, hidden_};
  const Sizes w_sizes = {layers_, 1, inputs_, 4, hidden_}, r_sizes = {layers_, 1, hidden_, 4, hidden_};
  const Sizes b_sizes = {layers_, 1, 4, hidden_};
  w_ = load(gates_last(folder, "w", layers_, hidden_), w_sizes, Tag::ldigo);
  r_ = load(gates_last(folder, "r", layers_, hidden_), r_sizes, Tag::ldigo);
  Tensor biases(DType::f32, b_sizes);
  for (int64_t layer = 0; layer < layers_; ++layer) {
    const Tensor b = seqc::runtime::load_npy(fmt::format("{}/b{}.npy", folder, layer));
    std::copy_n(b.data<float>().data(), b.count(), biases.mutable_data<float>().data() + layer * b.count());
  }
  b_ = load(biases, b_sizes, Tag::ldgo);

  const auto f32 = [](const Sizes& sizes, Tag tag) { return memory::desc(sizes, memory::data_type::f32, tag); };
  const memory::desc x_desc = f32(in, Tag::tnc), y_desc = f32(out, Tag::tnc);
  const memory::desc state = f32({layers_, 1, rows_, hidden_}, Tag::ldnc);
  const memory::desc w_any = f32(w_sizes, Tag::any), r_any = f32(r_sizes, Tag::any), b_desc = f32(b_sizes, Tag::ldgo);
  constexpr auto kDirection = dnnl::rnn_direction::unidirectional_left2right;
  const dnnl::lstm_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, kDirection, x_desc, state, state, w_any, r_any, b_desc, y_desc, state, state},
      engine_);
  const dnnl::lstm_backward::primitive_desc backward({dnnl::prop_kind::backward,
                                                      kDirection,
                                                      x_desc,
                                                      state,
                                                      state,
                                                      w_any,
                                                      r_any,
                                                      b_desc,
                                                      y_desc,
                                                      state,
                                                      state,
                                                      x_desc,
                                                      state,
                                                      state,
                                                      w_any,
                                                      r_any,
                                                      b_desc,
                                                      y_desc,
                                                      state,
                                                      state},
                                                     engine_, forward);
  forward_ = dnnl::primitive(forward), backward_ = dnnl::primitive(backward);
  w_forward_ = keep(forward.weights_layer_desc()), r_forward_ = keep(forward.weights_iter_desc());
  w_backward_ = keep(backward.weights_layer_desc()), r_backward_ = keep(backward.weights_iter_desc());
  dw_backward_ = keep(backward.diff_weights_layer_desc()), dr_backward_ = keep(backward.diff_weights_iter_desc());
  dw_ = keep(w_sizes, Tag::ldigo), dr_ = keep(r_sizes, Tag::ldigo), db_ = keep(b_sizes, Tag::ldgo);
  y_ = keep(out, Tag::tnc), dx_ = keep(in, Tag::tnc);
  forward_arguments_ = {{DNNL_ARG_SRC_LAYER, load(x, in, Tag::tnc)},
                        {DNNL_ARG_WEIGHTS_LAYER, w_forward_},
                        {DNNL_ARG_WEIGHTS_ITER, r_forward_},
                        {DNNL_ARG_BIAS, b_},
                        {DNNL_ARG_DST_LAYER, y_},
                        {DNNL_ARG_WORKSPACE, keep(forward.workspace_desc())}};
  // States that start as zeros are given: without them oneDNN 2.6 gets the derivative by the recurrent weights wrong.
  for (const int argument : {DNNL_ARG_SRC_ITER, DNNL_ARG_SRC_ITER_C, DNNL_ARG_DST_ITER, DNNL_ARG_DST_ITER_C})
    forward_arguments_[argument] = zeros(state);
  backward_arguments_ = forward_arguments_;
  for (const int argument :
       {DNNL_ARG_DIFF_SRC_ITER, DNNL_ARG_DIFF_SRC_ITER_C, DNNL_ARG_DIFF_DST_ITER, DNNL_ARG_DIFF_DST_ITER_C})
    backward_arguments_[argument] = zeros(state);
  backward_arguments_[DNNL_ARG_WEIGHTS_LAYER] = w_backward_;
  backward_arguments_[DNNL_ARG_WEIGHTS_ITER] = r_backward_;
  backward_arguments_[DNNL_ARG_DIFF_DST_LAYER] = load(g, out, Tag::tnc);
  backward_arguments_[DNNL_ARG_DIFF_SRC_LAYER] = dx_;
  backward_arguments_[DNNL_ARG_DIFF_WEIGHTS_LAYER] = dw_backward_;
  backward_arguments_[DNNL_ARG_DIFF_WEIGHTS_ITER] = dr_backward_;
  backward_arguments_[DNNL_ARG_DIFF_BIAS] = db_;
}

/// Weights change with every step of training, so that it is part of the step to bring them into the primitives' layouts.
void Lstm::step() {
  reorder(w_, w_forward_);
  reorder(r_, r_forward_);
  forward_.execute(stream_, forward_arguments_);
  reorder(w_, w_backward_);
  reorder(r_, r_backward_);
  for (memory* sums : {&dw_backward_, &dr_backward_, &db_})  // the primitive adds to them
    std::memset(sums->get_data_handle(), 0, sums->get_desc().get_size());
  backward_.execute(stream_, backward_arguments_);
  reorder(dw_backward_, dw_);
  reorder(dr_backward_, dr_);
  stream_.wait();
}

void Lstm::save(const std::string& folder) {
  const auto save = [&](const std::string& name, memory& from, std::vector<int64_t> shape) {
    Tensor tensor(DType::f32, std::move(shape));
    std::copy_n(static_cast<const float*>(from.get_data_handle()), tensor.count(), tensor.mutable_data<float>().data());
    seqc::runtime::save_npy(fmt::format("{}/onednn.{}.npy", folder, name), tensor);
  };
  save("y", y_, {steps_, rows_, hidden_});
  save("dx", dx_, {steps_, rows_, inputs_});
  save("dw", dw_, {layers_, inputs_, 4 * hidden_});
  save("dr", dr_, {layers_, hidden_, 4 * hidden_});
  save("db", db_, {layers_, 4 * hidden_});
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("usage: onednn_lstm FOLDER");
  Lstm lstm(argv[1]);
  bench::take_turns([&] { lstm.step(); });
  lstm.save(argv[1]);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
