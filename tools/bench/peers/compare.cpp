/// Runs one ONNX model in ONNX Runtime and the library that seqc built of it, in turns, and prints one JSON object:
/// for each engine median, minimum and spread in microseconds; their ratio; the largest difference of their outputs.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "tools/bench/peers/ort_engine.h"
#include "tools/bench/peers/seqc_engine.h"

namespace {

using namespace seqc::peers;
using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "usage: compare --ort libonnxruntime.so.1 --model M.onnx [--seqc LIB.so] [--threads 1] [--dim NAME=VALUE]...\n"
    "               [--largest LENGTH] [--seconds 3] [--seed 1]\n";

struct Options {
  std::string ort, model, seqc;
  int threads = 1;
  DimValues dims;
  int64_t largest = 1;  // integer inputs (sequence lengths) lie in [1, largest]
  double seconds = 3;   // measuring time, all engines together
  uint64_t seed = 1;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    std::string flag = argv[i];
    if (i + 1 >= argc) throw std::invalid_argument(flag + " needs a value");
    std::string value = argv[i + 1];
    if (flag == "--ort")
      options.ort = value;
    else if (flag == "--model")
      options.model = value;
    else if (flag == "--seqc")
      options.seqc = value;
    else if (flag == "--threads")
      options.threads = std::stoi(value);
    else if (flag == "--largest")
      options.largest = std::stoll(value);
    else if (flag == "--seconds")
      options.seconds = std::stod(value);
    else if (flag == "--seed")
      options.seed = std::stoull(value);
    else if (flag == "--dim" && value.find('=') != std::string::npos)
      options.dims[value.substr(0, value.find('='))] = std::stoll(value.substr(value.find('=') + 1));
    else
      throw std::invalid_argument("unknown argument " + flag + " " + value);
  }
  if (options.ort.empty() || options.model.empty()) throw std::invalid_argument("--ort and --model are needed");
  return options;
}

struct Contestant {
  std::string name;
  std::unique_ptr<Engine> engine;
  std::vector<double> samples;  // microseconds a run
  int64_t batch = 1;            // runs a sample, so that a sample is well above the clock's resolution
};

double microseconds_of(Engine& engine, int64_t runs) {
  auto start = Clock::now();
  for (int64_t i = 0; i < runs; ++i) engine.run();
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / static_cast<double>(runs);
}

/// Brings an engine's weights and code back into cache before its turn. Worker threads of the engine before may still
/// spin for some milliseconds after its last run and would take a core away: they get time to fall asleep first.
void settle(Engine& engine, int threads) {
  if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  auto end = Clock::now() + std::chrono::milliseconds(2);
  do engine.run();
  while (Clock::now() < end);
}

/// Measures the engines in turns of a few hundredths of a second, so that a change of the machine's speed meets all.
void measure(std::vector<Contestant>& contestants, double seconds, int threads) {
  constexpr double kTurn = 30e3, kSample = 20;  // microseconds
  for (Contestant& c : contestants) {
    settle(*c.engine, threads);
    c.batch = std::max<int64_t>(1, static_cast<int64_t>(kSample / microseconds_of(*c.engine, 1)));
  }
  auto end = Clock::now() + std::chrono::duration<double>(seconds);
  do {
    for (Contestant& c : contestants) {
      settle(*c.engine, threads);
      double spent = 0;
      do {
        c.samples.push_back(microseconds_of(*c.engine, c.batch));
        spent += c.samples.back() * static_cast<double>(c.batch);
      } while (spent < kTurn);
    }
  } while (Clock::now() < end || contestants.front().samples.size() < 5);
}

double quantile(std::vector<double> samples, double q) {
  std::sort(samples.begin(), samples.end());
  return samples[static_cast<size_t>(std::floor(q * static_cast<double>(samples.size() - 1)))];
}

nlohmann::json describe(const Contestant& c) {
  return {{"median_us", quantile(c.samples, 0.5)},
          {"min_us", quantile(c.samples, 0)},
          {"p99_us", quantile(c.samples, 0.99)},
          {"samples", c.samples.size()},
          {"load_ms", c.engine->load_ms}};
}

/// Largest absolute difference over all outputs; NaN against a number counts as infinite.
double largest_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  if (a.size() != b.size()) throw std::runtime_error("the engines have different numbers of outputs");
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].shape() != b[i].shape() || a[i].dtype() != b[i].dtype())
      throw std::runtime_error("the engines disagree on the type of output " + std::to_string(i));
    for (int64_t k = 0; k < a[i].count(); ++k) {
      double difference = std::abs(a[i].at(k) - b[i].at(k));
      if (std::isnan(difference) && std::isnan(a[i].at(k)) && std::isnan(b[i].at(k))) continue;
      largest = std::max(largest, std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
    }
  }
  return largest;
}

nlohmann::json compare(const Options& options) {
  std::vector<Contestant> contestants;
  auto ort = std::make_unique<OrtEngine>(options.ort, options.model, options.threads, options.dims);
  nlohmann::json report{{"ort_version", ort->version()}, {"threads", options.threads}};

  std::vector<Tensor> inputs = ort->make_inputs();
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i].fill(options.seed + i, options.largest);
  contestants.push_back({"ort", std::move(ort), {}});
  if (!options.seqc.empty())
    contestants.push_back({"seqc", std::make_unique<SeqcEngine>(options.seqc, options.threads), {}});

  for (Contestant& c : contestants) {
    c.engine->bind(inputs);
    c.engine->run();
  }
  measure(contestants, options.seconds, options.threads);
  for (Contestant& c : contestants) report[c.name] = describe(c);
  if (contestants.size() == 2) {
    report["max_abs_difference"] =
        largest_difference(contestants[0].engine->outputs(), contestants[1].engine->outputs());
    auto ratio = [&](const char* key) { return report["ort"][key].get<double>() / report["seqc"][key].get<double>(); };
    report["speedup_median"] = ratio("median_us");
    report["speedup_min"] = ratio("min_us");
  }
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::cout << compare(parse(argc, argv)).dump() << "\n";
    return 0;
  } catch (const std::invalid_argument& error) {
    std::cerr << "compare: " << error.what() << "\n" << kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "compare: " << error.what() << "\n";
    return 1;
  }
}
