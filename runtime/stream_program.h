/// A model compiled as a step over a few frames, ready to run in this process.
#pragma once

#include <memory>
#include <string>

#include "passes/streaming/plan.h"
#include "runtime/program.h"

namespace seqc::passes {
struct StreamOptions;
}

namespace seqc::runtime {

using passes::StreamInput;
using passes::StreamOptions;
using passes::StreamOutput;
using passes::StreamPlan;
using passes::StreamState;

/// Immutable; any number of threads may step streams of it, see runtime/stream.h:
///
///   auto program = StreamProgram::open("model.so");            // built with --stream
///   Stream stream(program);
///   while (...) std::vector<ir::Tensor> y = stream.step({frames});
class StreamProgram {
 public:
  /// A library that `seqc build --stream` made (.so) or, where the compiler is linked in, a model file (.onnx or .seq). Throws
  /// Error as Program::open and passes::make_stream do; BadInput for a library that was built without --stream.
  static std::shared_ptr<const StreamProgram> open(const std::string& path);
  static std::shared_ptr<const StreamProgram> load_library(const std::string& path);

  // --- with the compiler (not in the runtime-only library): StreamOptions are in passes/streaming/streaming.h,
  // CompileOptions in runtime/compile.h; of a library, they say nothing ----------------------------------------------------

  static std::shared_ptr<const StreamProgram> open(const std::string& path, const StreamOptions& options);
  static std::shared_ptr<const StreamProgram> open(const std::string& path, const StreamOptions& options,
                                                   const CompileOptions& compile);
  static std::shared_ptr<const StreamProgram> compile(const ir::Function& model);
  static std::shared_ptr<const StreamProgram> compile(const ir::Function& model, const StreamOptions& options);
  static std::shared_ptr<const StreamProgram> compile(const ir::Function& model, const StreamOptions& options,
                                                      const CompileOptions& compile);

  // --- what it is ------------------------------------------------------------------------------------------------------

  /// What a step takes and gives.
  const StreamPlan& plan() const { return plan_; }
  const std::vector<StreamInput>& inputs() const { return plan_.inputs; }
  const std::vector<StreamOutput>& outputs() const { return plan_.outputs; }
  const std::vector<StreamState>& states() const { return plan_.states; }
  /// The compiled step: inputs, then states, then (where there is a warm-up) the position.
  const Program& program() const { return *program_; }
  /// Tells models apart, weights and all; saved states carry it.
  uint64_t id() const { return id_; }

  StreamProgram(std::shared_ptr<const Program> program, StreamPlan plan, uint64_t id);

 private:
  std::shared_ptr<const Program> program_;
  StreamPlan plan_;
  uint64_t id_;
};

}  // namespace seqc::runtime
