// Time for each frame of models that carry their states, as streams and in ONNX Runtime, taking turns.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "passes/streaming/streaming.h"
#include "runtime/compile.h"
#include "runtime/stream.h"
#include "tools/bench/peers/ort_engine.h"
#include "tools/bench/peers/turns.h"

namespace {

using namespace seqc;
using peers::Tensor;

struct Model {
  std::string name;
  std::vector<std::pair<std::string, std::string>> states;
  std::map<std::string, std::vector<int64_t>> shapes = {};
  int64_t rate = 0;  ///< the value of an input "sr", if there is one
};

const std::vector<std::pair<std::string, std::string>> kCaches = {
    {"conv_cache", "conv_cache_out"}, {"tra_cache", "tra_cache_out"}, {"inter_cache", "inter_cache_out"}};
const std::vector<Model> kModels = {
    {"silero_vad_v5", {{"state", "stateN"}}, {{"input", {1, 576}}, {"state", {2, 1, 128}}}, 16000},
    {"silero_vad_openvino_16k", {{"state", "stateN"}}},
    {"dtln_model_1", {{"input_3", "tf_op_layer_stack_2"}}},
    {"dtln_model_2", {{"input_5", "tf_op_layer_stack_5"}}},
    {"gtcrn_stream_simple", kCaches},
    {"gtcrn_stream", kCaches}};

seqc_tensor view(const Tensor& tensor) {
  seqc_tensor result{};
  result.data = tensor.data();
  result.dtype = tensor.dtype();
  result.rank = static_cast<int32_t>(tensor.shape().size());
  std::copy(tensor.shape().begin(), tensor.shape().end(), result.shape);
  return result;
}

/// A stream that takes the same frame again and again.
class StreamEngine : public peers::Engine {
 public:
  explicit StreamEngine(std::shared_ptr<const runtime::StreamProgram> program) : stream_(std::move(program)) {}
  void bind(const std::vector<Tensor>& inputs) override {
    for (const Tensor& tensor : inputs) inputs_.push_back(view(tensor));
    stream_.prepare(inputs_);
    for (const seqc_tensor& type : stream_.output_types())
      results_.emplace_back(static_cast<seqc_dtype>(type.dtype),
                            std::vector<int64_t>(type.shape, type.shape + type.rank));
    for (const Tensor& tensor : results_) outputs_.push_back(view(tensor));
  }
  void run() override {
    if (stream_.step(inputs_, outputs_) != SEQC_OK) throw std::runtime_error("a step is refused");
  }
  std::vector<Tensor> outputs() const override { return results_; }

 private:
  runtime::Stream stream_;
  std::vector<seqc_tensor> inputs_, outputs_;
  std::vector<Tensor> results_;
};

void compare(const Model& model, const std::string& file, const std::string& library) {
  runtime::CompileOptions compile;
  compile.input_shapes = model.shapes;
  if (model.rate) compile.input_values["sr"] = ir::Tensor::scalar_int(ir::DType::i64, model.rate);
  const auto program = runtime::StreamProgram::open(file, {.states = model.states}, compile);
  std::vector<Tensor> frames, all;
  for (const runtime::StreamInput& input : program->inputs()) {
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : input.type.shape) shape.push_back(dim.constant());
    frames.emplace_back(static_cast<seqc_dtype>(input.type.dtype), shape).fill(frames.size(), 1);
  }
  // ONNX Runtime takes states as inputs; here the same zeros at each call, so that copying them back costs it nothing.
  for (const Tensor& frame : frames) all.emplace_back(frame.dtype(), frame.shape(), frame.data());
  for (const runtime::StreamState& state : program->states()) {
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : state.type.shape) shape.push_back(dim.constant());
    all.emplace_back(static_cast<seqc_dtype>(state.type.dtype), shape);  // zeros
  }
  if (model.rate) *static_cast<int64_t*>(all.emplace_back(SEQC_I64, std::vector<int64_t>{}).data()) = model.rate;

  std::vector<peers::Contestant> contestants(2);
  contestants[0] = {"seqc", std::make_unique<StreamEngine>(program)};
  contestants[1] = {"ort", std::make_unique<peers::OrtEngine>(library, file, 1, peers::DimValues{})};
  contestants[0].engine->bind(frames);
  contestants[1].engine->bind(all);
  for (auto& contestant : contestants) contestant.engine->run();
  const auto ours = contestants[0].engine->outputs(), theirs = contestants[1].engine->outputs();
  double apart = 0;
  for (size_t i = 0; i < ours.size(); ++i)
    for (int64_t k = 0; k < ours[i].count(); ++k) apart = std::max(apart, std::abs(ours[i].at(k) - theirs[i].at(k)));
  for (auto& contestant : contestants) contestant.run_us = 300;
  for (auto& contestant : contestants) contestant.batch = 4;
  peers::measure(contestants, {.seconds = 2, .cpu_time = true});
  const auto seqc = peers::describe(contestants[0]), ort = peers::describe(contestants[1]);
  const double ours_us = seqc.at("median_us"), theirs_us = ort.at("median_us");
  fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} | {:.1e} |\n", model.name, ours_us, theirs_us, ours_us / theirs_us,
             apart);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "bench_streams MODELS LIBRARY: a folder of models, and ONNX Runtime's shared library\n");
    return 2;
  }
  fmt::print("| model | seqc, us a frame | ONNX Runtime | share | largest difference |\n|---|---|---|---|---|\n");
  try {
    for (const Model& model : kModels) compare(model, fmt::format("{}/{}/model.onnx", argv[1], model.name), argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
  return 0;
}
