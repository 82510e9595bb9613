#include "tools/seqc/accuracy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "ir/error.h"
#include "runtime/compile.h"
#include "runtime/compile_info.h"
#include "runtime/session.h"
#include "tools/seqc/compare.h"
#include "tools/seqc/feed.h"
#include "tools/seqc/options.h"
#include "tools/seqc/random_inputs.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

namespace fs = std::filesystem;
using Tensors = std::vector<ir::Tensor>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The folder itself, or the data sets in it as in the suites of ONNX.
std::vector<std::string> data_folders(const std::string& folder) {
  std::vector<std::string> sets;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_"))
        sets.push_back(entry.path().string());
  std::sort(sets.begin(), sets.end());
  return sets.empty() ? std::vector<std::string>{folder} : sets;
}

/// The model compiled for this machine. Nothing of it is printed or saved.
std::unique_ptr<runtime::Session> compiled(const std::string& model, runtime::CompileOptions compile, bool compressed) {
  if (!compressed) {
    compile.weights = passes::WeightFormat::F32;
    compile.activations.reset();
  }
  compile.target = {};
  compile.pipeline.print_after.clear();
  compile.pipeline.dump_dir.clear();
  return std::make_unique<runtime::Session>(runtime::Program::compile_file(model, compile));
}

double error_of(double got, double want) {
  if (got == want || (std::isnan(got) && std::isnan(want))) return 0;
  const double error = std::abs(got - want);
  return std::isnan(error) ? kInfinity : error;
}

/// Adds the elements of one output to what is known of it.
void add_errors(const ir::Tensor& got, const ir::Tensor& want, OutputError& sum) {
  if (got.shape() != want.shape()) {  // the data decide it
    sum.absolute = sum.relative = sum.scaled = sum.mean = kInfinity;
    ++sum.elements;
    sum.worst = fmt::format("{}: got {}, expected {}", sum.name, got.type_str(), want.type_str());
    return;
  }
  const bool numbers = want.dtype() != ir::DType::string;
  const auto error = [&](int64_t i) {
    if (!numbers) return got.text(i) == want.text(i) ? 0.0 : kInfinity;
    return error_of(got.real(i), want.real(i));
  };
  double largest = 0, total = sum.mean * static_cast<double>(sum.elements);
  for (int64_t i = 0; numbers && i < want.count(); ++i)
    if (std::isfinite(want.real(i))) largest = std::max(largest, std::abs(want.real(i)));
  for (int64_t i = 0; i < want.count(); ++i) {
    const double absolute = error(i), magnitude = numbers ? std::abs(want.real(i)) : 0;
    total += absolute;
    sum.absolute = std::max(sum.absolute, absolute);
    if (absolute > 0) sum.relative = std::max(sum.relative, absolute / std::max(magnitude, 1e-3 * largest));
    const double scaled = magnitude > 1 ? absolute / magnitude : absolute;  // never NaN, whatever is infinite
    if (!(scaled > sum.scaled)) continue;
    sum.scaled = scaled;
    sum.worst = fmt::format("{}{}: got {}, expected {}", sum.name, index_text(want.shape(), i), shown_element(got, i),
                            shown_element(want, i));
  }
  sum.elements += want.count();
  if (sum.elements > 0) sum.mean = total / static_cast<double>(sum.elements);
}

void add_run(runtime::Session& exact, runtime::Session& compressed, const Tensors& inputs, Accuracy& accuracy) {
  const Tensors want = exact.run(inputs), got = compressed.run(inputs);
  const auto& ports = exact.program().outputs();
  for (size_t i = accuracy.outputs.size(); i < ports.size(); ++i) {
    OutputError& added = accuracy.outputs.emplace_back();
    added.name = ports[i].name;
  }
  for (size_t i = 0; i < ports.size(); ++i) add_errors(got[i], want[i], accuracy.outputs[i]);
}

void add_sizes(const runtime::Session& exact, const runtime::Session& compressed, Accuracy& accuracy) {
  accuracy.bytes_before = exact.program().compiled()->constant_bytes;
  accuracy.bytes_after = compressed.program().compiled()->constant_bytes;
}

Accuracy measure_on_files(const std::string& model, const runtime::CompileOptions& compile,
                          const AccuracyOptions& options) {
  Accuracy accuracy;
  const std::vector<DeclaredPort> ports = declared_inputs(model);
  const std::vector<std::string> folders = data_folders(options.data);
  for (const std::string& folder : folders) {
    std::vector<GivenValue> given = load_folder(folder, "input", true, ports);
    if (given.empty() && !ports.empty())
      fail(ErrorKind::BadInput,
           "--accuracy-data {}: holds no inputs, expected files input_0.npy, input_0.pb or NAME.npy", folder);
    for (GivenValue& value : empty_inputs(ports, compile)) given.push_back(std::move(value));
    runtime::CompileOptions known = compile;
    const Tensors inputs = feed(ports, match(std::move(given), ports, "input"), known);
    const auto exact = compiled(model, known, false);
    const auto compressed = compiled(model, known, true);
    add_run(*exact, *compressed, inputs, accuracy);
    add_sizes(*exact, *compressed, accuracy);
  }
  accuracy.data = fmt::format("{} set{} of inputs in {}", folders.size(), folders.size() == 1 ? "" : "s", options.data);
  return accuracy;
}

/// Names without a number are 16: an error that a recurrence builds up takes a few steps to show.
Accuracy measure_on_random(const std::string& model, const runtime::CompileOptions& compile, uint64_t seed) {
  constexpr int64_t kSize = 16;
  Accuracy accuracy;
  const auto exact = compiled(model, compile, false);
  const auto compressed = compiled(model, compile, true);
  const auto run = [&](int64_t size) {
    std::set<std::string> names;
    ir::DimBindings dims = compile.dims;
    for (const runtime::Port& port : exact->program().inputs())
      for (const ir::Dim& dim : port.type.shape) dim.collect_symbols(names);
    for (const std::string& name : names) dims.try_emplace(name, size);
    Tensors inputs = random_inputs(exact->program().inputs(), dims, seed);
    const auto& fixed = exact->program().fixed_values();
    for (size_t i = 0; i < inputs.size(); ++i)
      if (const auto it = fixed.find(exact->program().inputs()[i].name); it != fixed.end()) inputs[i] = it->second;
    add_run(*exact, *compressed, inputs, accuracy);
    accuracy.data = fmt::format("random inputs{}{}, seed {}", dims.empty() ? "" : " with ", dims_text(dims), seed);
  };
  try {
    run(kSize);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::BadInput) throw;
    run(1);  // names that are bound to each other, or too large for memory
  }
  add_sizes(*exact, *compressed, accuracy);
  return accuracy;
}

const OutputError* worst_output(const Accuracy& accuracy) {
  const auto worst = std::max_element(accuracy.outputs.begin(), accuracy.outputs.end(),
                                      [](const auto& a, const auto& b) { return a.scaled < b.scaled; });
  return worst == accuracy.outputs.end() ? nullptr : &*worst;
}

}  // namespace

void add_accuracy_options(CLI::App& app, AccuracyOptions& options) {
  constexpr const char* kGroup = "Accuracy of --weights";
  app.add_option("--accuracy-data", options.data,
                 "inputs on which outputs are compared with those of the f32 weights: a folder as for seqc run "
                 "--inputs, or one with test_data_set_K folders (random inputs)")
      ->type_name("DIR")
      ->group(kGroup);
  app.add_option("--accuracy-seed", options.seed, "of the random inputs that are taken when no data is given")
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--max-weight-error", options.most_error,
                 "builds nothing when an element of an output differs by more than X * max(1, |f32 result|)")
      ->check(CLI::NonNegativeNumber)
      ->type_name("X")
      ->group(kGroup);
}

Accuracy measure_accuracy(const std::string& model, const runtime::CompileOptions& compile,
                          const AccuracyOptions& options) {
  Accuracy accuracy = options.data.empty() ? measure_on_random(model, compile, options.seed)
                                           : measure_on_files(model, compile, options);
  accuracy.weights = weights_text(compile);
  return accuracy;
}

void check_accuracy(const std::string& model, const Accuracy& accuracy, const AccuracyOptions& options) {
  const OutputError* worst = worst_output(accuracy);
  if (!options.most_error || !worst || worst->scaled <= *options.most_error) return;
  fail(
      ErrorKind::BadInput,
      "{}: weights as {} miss --max-weight-error={:g}: output {} (error {:.3g}) on {}; nothing was written; use {}, or "
      "allow a larger error",
      model, accuracy.weights, *options.most_error, worst->worst, worst->scaled, accuracy.data,
      accuracy.weights == "f16" ? "--weights=f32" : "--weights=f16 or f32");
}

std::string text(const Accuracy& accuracy) {
  std::string result =
      fmt::format("weights as {}: {} instead of {}; outputs against f32 weights on {}:\n", accuracy.weights,
                  bytes_text(accuracy.bytes_after), bytes_text(accuracy.bytes_before), accuracy.data);
  result += fmt::format("  {:<20} {:>12} {:>12} {:>12}\n", "output", "max error", "max relative", "mean error");
  for (const OutputError& output : accuracy.outputs)
    result += fmt::format("  {:<20} {:>12.3g} {:>12.3g} {:>12.3g}\n", output.name, output.absolute, output.relative,
                          output.mean);
  return result;
}

nlohmann::ordered_json json(const Accuracy& accuracy) {
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
  for (const OutputError& output : accuracy.outputs)
    outputs.push_back({{"name", output.name},
                       {"elements", output.elements},
                       {"max_error", output.absolute},
                       {"max_relative_error", output.relative},
                       {"mean_error", output.mean},
                       {"max_scaled_error", output.scaled},
                       {"worst", output.worst}});
  return {{"weights", accuracy.weights},
          {"constant_bytes", accuracy.bytes_after},
          {"constant_bytes_f32", accuracy.bytes_before},
          {"data", accuracy.data},
          {"outputs", outputs}};
}

}  // namespace seqc::tools
