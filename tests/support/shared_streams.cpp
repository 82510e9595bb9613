#include "tests/support/shared_streams.h"

namespace seqc::test {

std::string time_of_shared_model(const std::string& model) {
  static const std::map<std::string, std::string> kTime = {{"coffee_focused_lstm_loop", "input:0"},
                                                           {"dtln_model_1", "input_2:1"},
                                                           {"dtln_model_2", "input_4:1"},
                                                           {"gtcrn_stream", "mix:2"},
                                                           {"gtcrn_stream_simple", "mix:2"}};
  const auto it = kTime.find(model);
  return it == kTime.end() ? "" : it->second;
}

std::vector<BoundModel> bound_shared_models() {
  const std::vector<std::pair<std::string, std::string>> caches = {
      {"conv_cache", "conv_cache_out"}, {"tra_cache", "tra_cache_out"}, {"inter_cache", "inter_cache_out"}};
  std::vector<BoundModel> models = {{"dtln_model_1", {{"input_3", "tf_op_layer_stack_2"}}},
                                    {"dtln_model_2", {{"input_5", "tf_op_layer_stack_5"}}},
                                    {"gtcrn_stream", caches},
                                    {"gtcrn_stream_simple", caches},
                                    {"silero_vad_openvino_16k", {{"state", "stateN"}}}};
  for (const char* name : {"silero_vad_v5", "silero_vad_16k_op15", "silero_vad_half"}) {
    BoundModel& silero = models.emplace_back(BoundModel{name, {{"state", "stateN"}}});
    silero.compile.input_shapes = {{"input", {1, 576}}, {"state", {2, 1, 128}}};
    if (silero.model != "silero_vad_half")
      silero.compile.input_values = {{"sr", ir::Tensor::scalar_int(ir::DType::i64, 16000)}};
  }
  return models;
}

}  // namespace seqc::test
