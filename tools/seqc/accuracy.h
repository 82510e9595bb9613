/// How far a program with compressed weights lies from the same model with its own weights.
#pragma once

#include <CLI/CLI.hpp>

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/compile.h"

namespace seqc::tools {

struct AccuracyOptions {
  std::string data;                  ///< folder of inputs; empty: random ones
  uint64_t seed = 0;                 ///< of the random ones
  std::optional<double> most_error;  ///< bound on OutputError::scaled
};

/// --accuracy-data, --accuracy-seed, --max-weight-error.
void add_accuracy_options(CLI::App& app, AccuracyOptions& options);

/// Of all elements of an output, over all sets of inputs.
struct OutputError {
  std::string name;
  double absolute = 0;  ///< the largest |got - want|
  double relative = 0;  ///< the largest |got - want| / |want|, where |want| is a thousandth of the largest or more
  double mean = 0;      ///< of |got - want|
  double scaled = 0;    ///< the largest |got - want| / max(1, |want|): what --max-weight-error bounds
  int64_t elements = 0;
  std::string worst;  ///< where `scaled` is reached: "y[0,3]: got 0.51, expected 0.5"
};

struct Accuracy {
  std::string weights;  ///< "bf16", "int8 with int16 activations"
  std::string data;     ///< what was run: "2 sets of inputs in DIR", "random inputs with N=16, seed 0"
  std::vector<OutputError> outputs;
  size_t bytes_before = 0, bytes_after = 0;  ///< of all constants
};

/// Compiles the model for this machine with its own and with compressed weights, and runs both.
Accuracy measure_accuracy(const std::string& model, const runtime::CompileOptions& compile,
                          const AccuracyOptions& options);

/// Throws Error(BadInput) when an output's error is larger than asked for.
void check_accuracy(const std::string& model, const Accuracy& accuracy, const AccuracyOptions& options);

std::string text(const Accuracy& accuracy);
nlohmann::ordered_json json(const Accuracy& accuracy);

}  // namespace seqc::tools
