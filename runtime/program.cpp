#include "runtime/program.h"

#include <cstring>

#include "ir/named_dims.h"
#include "runtime/library.h"

namespace seqc::runtime {
namespace {

/// Code made in this process.
class JitProgram : public Program {
 public:
  JitProgram(std::unique_ptr<codegen::CompiledModel> code, Lowered lowered, BuildTimes times, CacheUse cache_use,
             bool announces_outputs)
      : Program(code->model(), times), code_(std::move(code)) {
    cache_use_ = std::move(cache_use);
    specialised_ = lowered.specialised;
    if (announces_outputs) announced_order_ = codegen::announced_order(*lowered.function);
    multiply_adds_ = std::move(lowered.multiply_adds);
    const ir::DimBounds bounds(*lowered.function);
    products_ = product_costs(*lowered.function);
    for (ProductCost& product : products_)
      for (ir::Dim* dim : {&product.multiply_adds, &product.weight_bytes, &product.sweeps, &product.swept_bytes})
        *dim = bounds.upper(*dim);
    for (const auto& constant : lowered.function->constants()) constant_bytes_ += constant->constant().byte_size();
  }

 private:
  std::unique_ptr<codegen::CompiledModel> code_;
};

/// Code in a shared library.
class LibraryProgram : public Program {
 public:
  LibraryProgram(Library library, BuildTimes times) : Program(library.model(), times), library_(std::move(library)) {}

 private:
  Library library_;
};

std::shared_ptr<const Program> generate(Lowered lowered, const CompileOptions& options) {
  const Stopwatch watch;
  const CacheOptions cache_options = resolve(options.cache);
  CodeCache cache(cache_options);
  auto code = codegen::compile(*lowered.function, options.target, lowered.fixed_values,
                               cache_options.enabled ? &cache : nullptr, options.announces_outputs);
  BuildTimes times = lowered.times;
  times.codegen = watch.milliseconds();
  return std::make_shared<JitProgram>(std::move(code), std::move(lowered), times, cache.use(),
                                      options.announces_outputs);
}

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

std::shared_ptr<const Program> Program::compile_file(const std::string& path, const CompileOptions& options) {
  return generate(lower_file(path, options), options);
}

std::shared_ptr<const Program> Program::compile(std::unique_ptr<ir::Function> function, const CompileOptions& options) {
  return generate(lower(std::move(function), options), options);
}

std::shared_ptr<const Program> Program::load_library(const std::string& path) {
  const Stopwatch watch;
  Library library(path);
  return std::make_shared<LibraryProgram>(std::move(library), BuildTimes{.load = watch.milliseconds()});
}

std::shared_ptr<const Program> Program::open(const std::string& path, const CompileOptions& options) {
  return is_library(path) ? load_library(path) : compile_file(path, options);
}

}  // namespace seqc::runtime
