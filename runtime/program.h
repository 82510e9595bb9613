/// A compiled model, ready to run in this process.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/compile.h"
#include "runtime/cost.h"
#include "runtime/ports.h"

namespace seqc::runtime {

/// Immutable; any number of threads may run it, each through a Session of its own:
///
///   auto program = Program::open("model.onnx");
///   Session session(program);
///   std::vector<ir::Tensor> outputs = session.run(inputs);
class Program {
 public:
  /// A model file (.onnx or .seq), compiled for this machine, or a library that `seqc build` made (.so).
  /// Throws Error with what is wrong with the file or not supported.
  static std::shared_ptr<const Program> open(const std::string& path, const CompileOptions& options = {});
  static std::shared_ptr<const Program> compile_file(const std::string& path, const CompileOptions& options = {});
  static std::shared_ptr<const Program> compile(std::unique_ptr<ir::Function> function,
                                                const CompileOptions& options = {});
  static std::shared_ptr<const Program> load_library(const std::string& path);
  virtual ~Program() = default;

  const seqc_model& model() const { return *model_; }
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  const BuildTimes& times() const { return times_; }
  /// Whether its code was compiled now or came from the cache on disk. Results do not depend on it.
  const CacheUse& cache_use() const { return cache_use_; }
  /// Inputs whose values the code takes for granted; a Session refuses others.
  const std::map<std::string, ir::Tensor>& fixed_values() const { return fixed_values_; }
  /// Compiled for CompileOptions::known_inputs because the model cannot be compiled for others in one go.
  bool specialised() const { return specialised_; }
  /// All outputs in the order in which a run announces them; empty for programs that do not.
  const std::vector<int32_t>& announced_order() const { return announced_order_; }
  /// Bytes of all constants that the code reads, as they are laid out for it; 0 for libraries.
  size_t constant_bytes() const { return constant_bytes_; }
  /// Multiply-adds of one run as a function of the named dims; nothing for libraries.
  const std::optional<ir::Dim>& multiply_adds() const { return multiply_adds_; }
  /// The products of its kernels, with dims as above; none for libraries.
  const std::vector<ProductCost>& products() const { return products_; }

 protected:
  Program(const seqc_model& model, BuildTimes times);

  const seqc_model* model_;
  std::vector<Port> inputs_, outputs_;
  BuildTimes times_;
  CacheUse cache_use_;
  std::map<std::string, ir::Tensor> fixed_values_;
  bool specialised_ = false;
  std::vector<int32_t> announced_order_;
  size_t constant_bytes_ = 0;
  std::optional<ir::Dim> multiply_adds_;
  std::vector<ProductCost> products_;
};

}  // namespace seqc::runtime
