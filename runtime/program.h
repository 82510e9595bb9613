/// A compiled model, ready to run in this process.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "runtime/build_times.h"
#include "runtime/ports.h"

namespace seqc::ir {
class Function;
}

namespace seqc::runtime {

struct CompileInfo;
struct CompileOptions;
struct Lowered;

/// Immutable; any number of threads may run it, each through a Session of its own:
///
///   auto program = Program::open("model.so");
///   Session session(program);
///   std::vector<ir::Tensor> outputs = session.run(inputs);
class Program {
 public:
  /// A library that `seqc build` made (.so) or, where the compiler is linked in, a model file (.onnx or .seq), compiled for
  /// this machine. Throws Error with what is wrong with the file or not supported.
  static std::shared_ptr<const Program> open(const std::string& path);
  static std::shared_ptr<const Program> load_library(const std::string& path);
  virtual ~Program() = default;

  // --- with the compiler (not in the runtime-only library); CompileOptions are in runtime/compile.h ---------------------

  /// As above; of a library, the options say nothing.
  static std::shared_ptr<const Program> open(const std::string& path, const CompileOptions& options);
  static std::shared_ptr<const Program> compile_file(const std::string& path);
  static std::shared_ptr<const Program> compile_file(const std::string& path, const CompileOptions& options);
  static std::shared_ptr<const Program> compile(std::unique_ptr<ir::Function> function);
  static std::shared_ptr<const Program> compile(std::unique_ptr<ir::Function> function, const CompileOptions& options);
  /// Code for a function that the passes are done with.
  static std::shared_ptr<const Program> generate(Lowered lowered, const CompileOptions& options);

  // --- what it is ------------------------------------------------------------------------------------------------------

  const seqc_model& model() const { return *model_; }
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  const BuildTimes& times() const { return times_; }
  /// Inputs whose values the code takes for granted; a Session refuses others.
  const std::map<std::string, ir::Tensor>& fixed_values() const { return fixed_values_; }
  /// All outputs in the order in which a run announces them; empty for programs that do not.
  const std::vector<int32_t>& announced_order() const { return announced_order_; }
  /// What the compiler knows of it, see runtime/compile_info.h; null for libraries.
  const CompileInfo* compiled() const { return compiled_.get(); }
  /// Whether its runs tell a RunListener of kernels.
  bool tells_of_kernels() const { return tells_of_kernels_; }

 protected:
  Program(const seqc_model& model, BuildTimes times);

  const seqc_model* model_;
  std::vector<Port> inputs_, outputs_;
  BuildTimes times_;
  std::map<std::string, ir::Tensor> fixed_values_;
  std::vector<int32_t> announced_order_;
  std::shared_ptr<const CompileInfo> compiled_;
  bool tells_of_kernels_ = false;
};

}  // namespace seqc::runtime
