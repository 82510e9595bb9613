#include "runtime/program.h"

#include <cstring>

#include "runtime/library.h"

namespace seqc::runtime {
namespace {

/// Code in a shared library.
class LibraryProgram : public Program {
 public:
  LibraryProgram(Library library, BuildTimes times) : Program(library.model(), times), library_(std::move(library)) {}

 private:
  Library library_;
};

}  // namespace

Program::Program(const seqc_model& model, BuildTimes times)
    : model_(&model),
      inputs_(ports_of(model.inputs, model.input_count)),
      outputs_(ports_of(model.outputs, model.output_count)),
      times_(times) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!model.inputs[i].value) continue;
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : inputs_[i].type.shape) shape.push_back(dim.constant());  // of a value, so it is known
    ir::Tensor value(inputs_[i].type.dtype, std::move(shape));
    std::memcpy(value.mutable_bytes(), model.inputs[i].value, value.byte_size());
    fixed_values_[inputs_[i].name] = std::move(value);
  }
}

std::shared_ptr<const Program> Program::load_library(const std::string& path) {
  const Stopwatch watch;
  Library library(path);
  return std::make_shared<LibraryProgram>(std::move(library), BuildTimes{.load = watch.milliseconds()});
}

}  // namespace seqc::runtime
