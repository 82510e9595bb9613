// A WAV file through a model in real time, frame by frame, as a microphone's sound would come.
//   seqc build silero_vad.onnx --stream --state state:stateN -o .
//   wav_stream silero_vad.so speech.wav --context 64       prints a value (speech or not) for each frame
//   seqc build gtcrn.onnx --stream --state conv_cache:conv_cache_out ... -o .
//   wav_stream gtcrn.so noisy.wav -o clean.wav
// A model whose frame is [1,B,1,2] takes spectra of 2*(B - 1) samples, real and imaginary parts, and gives such; any other takes
// samples. --context N: a frame begins with the last N samples of the one before it. Files are mixed to one channel; their rate
// must be the model's.
#include <sndfile.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "frame_model.h"
#include "spectrum.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Sound {
  std::vector<float> samples;
  int rate = 0;
};

Sound read_sound(const std::string& path) {
  SF_INFO info{};
  SNDFILE* file = sf_open(path.c_str(), SFM_READ, &info);
  if (!file) throw std::runtime_error(path + ": " + sf_strerror(nullptr));
  std::vector<float> frames(static_cast<size_t>(info.frames * info.channels));
  const sf_count_t count = sf_readf_float(file, frames.data(), info.frames);
  sf_close(file);
  Sound sound{std::vector<float>(static_cast<size_t>(count)), info.samplerate};
  const auto channels = static_cast<size_t>(info.channels);
  for (size_t i = 0; i < sound.samples.size(); ++i)
    sound.samples[i] =
        std::accumulate(&frames[i * channels], &frames[i * channels] + channels, 0.0f) / static_cast<float>(channels);
  return sound;
}

void write_sound(const std::string& path, const Sound& sound) {
  SF_INFO info{};
  info.samplerate = sound.rate;
  info.channels = 1;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  if (!file) throw std::runtime_error(path + ": " + sf_strerror(nullptr));
  sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
  const auto count = static_cast<sf_count_t>(sound.samples.size());
  const bool written = sf_writef_float(file, sound.samples.data(), count) == count;
  sf_close(file);
  if (!written) throw std::runtime_error(path + ": cannot be written");
}

struct Options {
  std::string model, in, out;
  size_t context = 0;
};

struct Report {
  size_t frames = 0;
  double seconds = 0, slowest = 0;
};

/// Runs `frame` for each hop of the sound and measures it.
template <class Frame>
Report run_frames(Sound& sound, size_t hop, Frame frame) {
  Report report;
  sound.samples.resize((sound.samples.size() + hop - 1) / hop * hop);
  for (size_t at = 0; at < sound.samples.size(); at += hop, ++report.frames) {
    const auto start = Clock::now();
    frame(&sound.samples[at]);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    report.seconds += seconds;
    report.slowest = std::max(report.slowest, seconds);
  }
  return report;
}

/// Spectra in, spectra out; the result is late by one hop.
Report denoise(FrameModel& model, Sound& sound, Sound& clean) {
  const auto bins = static_cast<size_t>(model.frame_shape()[1]);
  Spectra spectra(2 * (bins - 1));
  std::vector<std::complex<float>> masked(bins);
  return run_frames(sound, spectra.hop(), [&](const float* samples) {
    std::memcpy(model.frame(), spectra.analyse(samples).data(), bins * sizeof masked[0]);
    model.step();
    for (size_t i = 0; i < bins; ++i) masked[i] = {model.result()[2 * i], model.result()[2 * i + 1]};
    const size_t at = clean.samples.size();
    clean.samples.resize(at + spectra.hop());
    spectra.synthesise(masked.data(), &clean.samples[at]);
  });
}

/// Samples in; a value for each frame, or samples.
Report listen(FrameModel& model, Sound& sound, Sound& result, size_t context, std::vector<float>& values) {
  const size_t hop = model.frame_size() - context;
  std::vector<float> before(context);
  return run_frames(sound, hop, [&](const float* samples) {
    std::copy(before.begin(), before.end(), model.frame());
    std::copy(samples, samples + hop, model.frame() + context);
    std::copy(samples + hop - context, samples + hop, before.begin());
    model.step();
    values.push_back(model.result()[0]);
    if (model.result_size() == model.frame_size())
      result.samples.insert(result.samples.end(), model.result() + context, model.result() + context + hop);
  });
}

int run(const Options& options) {
  FrameModel model(options.model);
  Sound sound = read_sound(options.in), result;
  const double duration = static_cast<double>(sound.samples.size()) / sound.rate;
  result.rate = sound.rate;
  result.samples.reserve(sound.samples.size() + model.frame_size());
  const std::vector<int64_t>& shape = model.frame_shape();
  Report report;
  std::vector<float> values;
  if (shape.size() == 4 && shape[3] == 2) {
    report = denoise(model, sound, result);
  } else {
    if (2 * options.context > model.frame_size()) throw std::runtime_error("--context: is more than half a frame");
    report = listen(model, sound, result, options.context, values);
  }
  const double step = duration / static_cast<double>(std::max<size_t>(report.frames, 1));
  if (result.samples.empty() && options.out.empty())
    for (size_t i = 0; i < values.size(); ++i)
      std::printf("%8.3f s %8.4f\n", static_cast<double>(i) * step, static_cast<double>(values[i]));
  if (!options.out.empty()) write_sound(options.out, result);
  std::fprintf(stderr,
               "%.2f s of sound at %d Hz in %.4f s: real-time factor %.4f; %zu frames, %.1f us each, slowest %.1f us\n",
               duration, sound.rate, report.seconds, report.seconds / duration, report.frames,
               1e6 * report.seconds / static_cast<double>(std::max<size_t>(report.frames, 1)), 1e6 * report.slowest);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "-o" && i + 1 < argc) {
      options.out = argv[++i];
    } else if (argument == "--context" && i + 1 < argc) {
      options.context = static_cast<size_t>(std::max(0, std::atoi(argv[++i])));
    } else {
      (options.model.empty() ? options.model : options.in) = argument;
    }
  }
  if (options.in.empty()) {
    std::fprintf(stderr, "usage: wav_stream model.so in.wav [-o out.wav] [--context N]\n");
    return 2;
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
