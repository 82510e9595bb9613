// Streams of the shared models: those that are causal, in chunks; the others are refused, with a reason.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "frontend/onnx/import.h"
#include "ir/clone.h"
#include "ir/error.h"
#include "passes/streaming/streaming.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "runtime/stream.h"
#include "tests/support/random_inputs.h"
#include "tests/support/shared_streams.h"
#include "tests/support/streams.h"

using namespace seqc;
namespace fs = std::filesystem;

namespace {

fs::path models() {
  const char* given = std::getenv("SEQC_SHARED");
  return (given ? fs::path(given) : fs::path(SEQC_SOURCE_DIR).parent_path() / "shared") / "models";
}

/// Why each of the others is no stream, or no stream as it is.
const std::map<std::string, std::string> kRefused = {
    // Bidirectional, or reversed.
    {"cms_ddb_v01", "cpf_gru: scan: runs backwards in time"},
    {"cms_deepdoublex_bvl", "pf_gru: scan: runs backwards in time"},
    {"cms_deepflavour_10x", "vtx_lstm: scan: runs backwards in time"},
    {"cms_deepflavour_hlt", "npf_lstm: scan: runs backwards in time"},
    {"cms_deepjet_phase2", "/Slice: slice: it reverses time"},
    {"cms_deepjet_run3", "/Slice: slice: it reverses time"},
    {"contract_bilstm", "LSTM__202: scan: runs backwards in time"},
    {"tract_byte_bidi_lstm", "LSTM_9: scan: runs backwards in time"},
    // They need later frames.
    {"bionic_hand_cnn_lstm", "/cnn_layers/cnn_layers.0/Conv: conv: looks ahead by 1 frame"},
    {"hydrawatch_lstm_ae", "looks ahead to the last one"},
    {"prognosys_lstm_ae", "looks ahead to the last one"},
    {"rul_lstm", "/GatherElements: gather_elements: it picks frames by their number"},
    // They are made for one length.
    {"coffee_lstm_posenc", "/pos_enc/Add: add: a constant, f32[286,1,1], has something else for each frame"},
    {"coffee_focused_lstm_loop", "its region reads all frames at once: looks ahead"},
    {"fairtalk_model_01", "the model is made for 25 frames, and its strides take 2 at a time"},
    {"kinference_pos_tagger", "depends on the values of \"var_sentence_length\""},
    // Their states are inputs and outputs: the next test binds them.
    {"dtln_model_1", "the model is made for one frame"},
    {"dtln_model_2", "the model is made for one frame"},
    {"gtcrn_stream", "the model is made for one frame"},
    {"gtcrn_stream_simple", "the model is made for one frame"},
    {"silero_vad_16k_op15", "give numbers to the named dims"},
    {"silero_vad_half", "give numbers to the named dims"},
    {"silero_vad_v5", "give numbers to the named dims"},
    {"silero_vad_openvino_16k", "which axis is time does not follow from the model"},
};

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("shared models: chunks of the causal ones give the whole; the others are refused, with a reason") {
  if (!fs::exists(models())) {
    MESSAGE("skipped: no folder shared/models beside the sources (set SEQC_SHARED)");
    return;
  }
  int streams = 0;
  for (const auto& entry : fs::directory_iterator(models())) {
    const std::string name = entry.path().filename().string();
    if (!fs::exists(entry.path() / "model.onnx")) continue;
    CAPTURE(name);
    const auto reason = kRefused.find(name);
    std::string refused;
    try {
      runtime::CompileOptions compile;
      if (name == "prognosys_lstm_ae") compile.dims = {{"batch_size", 1}};
      const auto function = runtime::load_function(entry.path() / "model.onnx", compile);
      runtime::StreamOptions options;
      options.time = test::time_of_shared_model(name);
      const auto plan = passes::make_stream(*function, options);
      ir::DimBindings dims;
      for (const std::string& dim : test::dim_names(*function)) dims[dim] = dim == plan.time ? plan.hop * 12 : 2;
      CHECK(test::compare_chunkings(*function, options, test::random_inputs(*function, dims, 3)) == "");
      ++streams;
    } catch (const Error& error) {
      refused = error.what();
    }
    if (reason == kRefused.end())
      CHECK(refused == "");
    else
      CHECK_MESSAGE(refused.find(reason->second) != std::string::npos, refused);
  }
  CHECK(streams >= 13);
}

TEST_CASE("shared models: states that are inputs and outputs") {
  if (!fs::exists(models())) return;
  for (const test::BoundModel& bound : test::bound_shared_models()) {
    CAPTURE(bound.model);
    const std::string file = models() / bound.model / "model.onnx";
    const auto program = runtime::StreamProgram::open(file, {.states = bound.states}, bound.compile);
    runtime::Stream stream(program);
    runtime::Session session(runtime::Program::open(file, bound.compile));
    const auto& ports = session.program().inputs();
    std::map<std::string, ir::Tensor> states;
    test::Random random(5);
    for (int step = 0; step < 6; ++step) {
      std::vector<ir::Tensor> inputs, frames;
      for (const runtime::Port& port : ports) {
        std::vector<int64_t> shape;
        for (const ir::Dim& dim : port.type.shape) shape.push_back(dim.constant());
        const bool is_state = std::any_of(bound.states.begin(), bound.states.end(),
                                          [&](const auto& state) { return state.first == port.name; });
        if (is_state) {
          inputs.push_back(step == 0 ? ir::Tensor(port.type.dtype, shape) : states.at(port.name));
        } else if (const auto fixed = bound.compile.input_values.find(port.name);
                   fixed != bound.compile.input_values.end()) {
          inputs.push_back(fixed->second);
        } else {
          inputs.push_back(test::random_tensor(port.type.dtype, shape, random));
          frames.push_back(inputs.back());
        }
      }
      const std::vector<ir::Tensor> want = session.run(inputs), got = stream.step(frames);
      size_t next = 0;
      for (size_t i = 0; i < want.size(); ++i) {
        const std::string& name = session.program().outputs()[i].name;
        const auto state = std::find_if(bound.states.begin(), bound.states.end(),
                                        [&](const auto& pair) { return pair.second == name; });
        if (state != bound.states.end())
          states[state->first] = want[i];
        else
          CHECK(got.at(next++).identical(want[i]));
      }
      if (step == 3) {  // goes on elsewhere
        runtime::Stream other(program);
        other.restore(stream.save());
        stream = std::move(other);
      }
    }
  }
}

TEST_SUITE_END();
