// Programs made by the compiler: what runtime/program.h declares and the runtime-only library lacks.
#include "ir/named_dims.h"
#include "runtime/compile.h"
#include "runtime/compile_bytes.h"
#include "runtime/compile_info.h"
#include "runtime/library.h"
#include "runtime/program.h"

namespace seqc::runtime {
namespace {

CompileInfo info_of(const Lowered& lowered, const CacheUse& cache_use) {
  CompileInfo info;
  info.cache_use = cache_use;
  info.specialised = lowered.specialised;
  info.multiply_adds = lowered.multiply_adds;
  const ir::DimBounds bounds(*lowered.function);
  info.products = product_costs(*lowered.function);
  for (ProductCost& product : info.products) product = bounded(std::move(product), bounds);
  info.passes = lowered.passes;
  for (const auto& constant : lowered.function->constants()) info.constant_bytes += constant->constant().byte_size();
  return info;
}

/// Code made in this process.
class JitProgram : public Program {
 public:
  JitProgram(std::unique_ptr<codegen::CompiledModel> code, const Lowered& lowered, BuildTimes times,
             const CacheUse& cache_use, codegen::Told told)
      : Program(code->model(), times), code_(std::move(code)) {
    if (told.outputs) announced_order_ = codegen::announced_order(*lowered.function);
    CompileInfo info = info_of(lowered, cache_use);
    tells_of_kernels_ = told.kernels;
    if (told.kernels) info.profiled = profiled_ops(*lowered.function);
    compiled_ = std::make_shared<CompileInfo>(std::move(info));
  }

 private:
  std::unique_ptr<codegen::CompiledModel> code_;
};

}  // namespace

std::shared_ptr<const Program> Program::generate(Lowered lowered, const CompileOptions& options) {
  const Stopwatch watch;
  const CacheOptions cache_options = resolve(options.cache);
  CodeCache cache(cache_options);
  const codegen::Told told{.outputs = options.announces_outputs, .kernels = options.profiles};
  auto code = codegen::compile(*lowered.function, options.target, lowered.fixed_values,
                               cache_options.enabled ? &cache : nullptr, told);
  BuildTimes times = lowered.times;
  times.codegen = watch.milliseconds();
  return std::make_shared<JitProgram>(std::move(code), lowered, times, cache.use(), told);
}

std::shared_ptr<const Program> Program::compile_file(const std::string& path) {
  return compile_file(path, CompileOptions());
}

std::shared_ptr<const Program> Program::compile_file(const std::string& path, const CompileOptions& options) {
  return generate(lower_file(path, options), options);
}

std::shared_ptr<const Program> compile_bytes(std::span<const std::byte> model, const std::string& name,
                                             const CompileOptions& options) {
  return Program::generate(lower_bytes(model, name, options), options);
}

std::shared_ptr<const Program> Program::compile(std::unique_ptr<ir::Function> function) {
  return compile(std::move(function), CompileOptions());
}

std::shared_ptr<const Program> Program::compile(std::unique_ptr<ir::Function> function, const CompileOptions& options) {
  return generate(lower(std::move(function), options), options);
}

std::shared_ptr<const Program> Program::open(const std::string& path) { return open(path, CompileOptions()); }

std::shared_ptr<const Program> Program::open(const std::string& path, const CompileOptions& options) {
  return is_library(path) ? load_library(path) : compile_file(path, options);
}

}  // namespace seqc::runtime
