// A stream of `seqc build --stream` from C++ with the runtime-only library: frames from a file, outputs to a file.
//   step LIBRARY FRAMES OUTPUTS STEPS SAVE_AT      as stream_step.c; goes on with what another stream restored
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <seqc/runtime.hpp>

using namespace seqc;
using runtime::Stream;

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  try {
    const auto program = runtime::StreamProgram::open(argv[1]);
    Stream stream(program);
    std::ifstream frames(argv[2], std::ios::binary);
    std::ofstream outputs(argv[3], std::ios::binary);
    const int steps = std::stoi(argv[4]), save_at = std::stoi(argv[5]);
    std::vector<ir::Tensor> inputs, results;
    for (const runtime::StreamInput& input : program->inputs()) {
      std::vector<int64_t> shape;
      for (const ir::Dim& dim : input.type.shape) shape.push_back(dim.constant());
      inputs.emplace_back(input.type.dtype, shape);
    }
    std::vector<seqc_tensor> in, out;
    for (ir::Tensor& input : inputs) in.push_back(runtime::mutable_view(input));
    stream.prepare(in);
    for (const seqc_tensor& type : stream.output_types())
      results.emplace_back(static_cast<ir::DType>(type.dtype),
                           std::vector<int64_t>(type.shape, type.shape + type.rank));
    for (ir::Tensor& result : results) out.push_back(runtime::mutable_view(result));
    if (stream.step(in, out) != SEQC_OK) return 3;
    stream.reset();
    std::vector<double> microseconds;
    for (int step = 0; step < steps; ++step) {
      for (size_t i = 0; i < in.size(); ++i)
        if (!frames.read(static_cast<char*>(in[i].data), static_cast<std::streamsize>(inputs[i].byte_size()))) return 4;
      if (step == save_at) {
        Stream other(program);
        other.restore(stream.save());
        stream = other.clone();
        stream.prepare(in);
      }
      const auto begin = std::chrono::steady_clock::now();
      if (stream.step(in, out) != SEQC_OK) return 5;
      const auto taken = std::chrono::steady_clock::now() - begin;
      microseconds.push_back(std::chrono::duration<double, std::micro>(taken).count());
      for (const ir::Tensor& result : results)
        outputs.write(reinterpret_cast<const char*>(result.bytes()), static_cast<std::streamsize>(result.byte_size()));
    }
    std::sort(microseconds.begin(), microseconds.end());
    std::printf("%.2f\n", microseconds.at(microseconds.size() / 2));
    return outputs.flush() ? 0 : 6;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
