/// From a model file to a function in kernel form: import and the standard pipeline, timed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codegen/codegen.h"
#include "ir/ir.h"
#include "passes/pass.h"
#include "runtime/build_times.h"
#include "runtime/code_cache.h"

namespace seqc::runtime {

struct CompileOptions {
  /// Named dims that become numbers (ONNX models only). The program is faster and serves these sizes alone.
  std::map<std::string, int64_t> dims;
  /// Inputs whose whole shape becomes numbers.
  std::map<std::string, std::vector<int64_t>> input_shapes;
  /// Inputs whose values (few integers or bools) become part of the program; it then runs with these values alone.
  std::map<std::string, ir::Tensor> input_values;
  /// The structure of inputs that are sequences or optionals, whose elements are ports of the program of their own:
  /// numbers of elements, and whether they are there. See frontend::ImportOptions.
  std::map<std::string, int64_t> sequence_lengths;
  std::map<std::string, bool> optionals;
  /// What the program will be run on. The shapes, and if need be the values of integer inputs, are used as input_shapes
  /// and input_values are, but only when the model cannot be compiled without.
  std::map<std::string, ir::Tensor> known_inputs;
  codegen::Target target;
  /// Constant weights in fewer bytes than the model has them in: smaller and, where few rows meet many weights, faster
  /// programs, that compute something near. See passes/compress_weights.cpp; inputs, outputs and arithmetic stay f32.
  passes::WeightFormat weights = passes::WeightFormat::F32;
  /// With weights in fewer bytes: what they are multiplied with can become integers as well, row by row as the program
  /// runs. Nothing: I16, which costs hardly any accuracy, where the target has dot products of bytes, so that it is
  /// faster; else F32. See passes/quantise_activations.cpp.
  std::optional<passes::ActivationFormat> activations = {};
  passes::PipelineOptions pipeline;
  CacheOptions cache;  ///< of programs that are compiled just in time
  /// Runs can tell of each output as soon as it is written, see Session::run.
  bool announces_outputs = false;
  /// Runs can tell of each kernel when it begins and ends, see Profiler. Costs some 50 ns a kernel and run.
  bool profiles = false;
};

/// Why the activations that are asked for do not go with the weights; empty if they do.
std::string activations_fault(const CompileOptions& options);

/// A function that is ready for code generation.
struct Lowered {
  std::unique_ptr<ir::Function> function;
  BuildTimes times;
  std::vector<passes::PassTiming> passes;
  ir::Dim multiply_adds;                           ///< of the model as imported, see runtime/cost.h
  bool specialised = false;                        ///< made for known_inputs
  std::map<std::string, ir::Tensor> fixed_values;  ///< inputs whose values the code takes for granted
};

/// Reads an ONNX file, or IR text (.seq, its first function). Throws Error as frontend::import_model and
/// ir::load_module do.
std::unique_ptr<ir::Function> load_function(const std::string& path, const CompileOptions& options = {});

/// What passes need to know of the target and of the user's wishes.
passes::PassContext pass_context(const CompileOptions& options);

/// Calls `attempt` with these options, and where that fails for want of shapes or values again with what is known of the inputs.
/// True if it took known inputs. Throws what the last attempt throws.
bool with_known_inputs(const CompileOptions& options, const std::function<void(const CompileOptions&)>& attempt);

/// load_function, then the standard pipeline; again with what is known of the inputs when the model needs that.
Lowered lower_file(const std::string& path, const CompileOptions& options = {});
/// The standard pipeline on a function that is here already. With `remarks`, passes write there what they did and why.
Lowered lower(std::unique_ptr<ir::Function> function, const CompileOptions& options = {},
              passes::Remarks* remarks = nullptr);

}  // namespace seqc::runtime
