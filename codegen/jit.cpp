#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ThreadSafeModule.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/object_llvm.h"
#include "codegen/program_llvm.h"
#include "codegen/target_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

/// Code in this process's memory, with the constants that it reads.
class JitModel : public CompiledModel {
 public:
  JitModel(std::unique_ptr<llvm::orc::LLJIT> jit, const seqc_model* model, size_t code_bytes,
           std::vector<ir::Tensor> constants)
      : constants_(std::move(constants)), jit_(std::move(jit)), model_(model), code_bytes_(code_bytes) {}
  const seqc_model& model() const override { return *model_; }
  size_t code_bytes() const override { return code_bytes_; }

 private:
  std::vector<ir::Tensor> constants_;
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  const seqc_model* model_;
  size_t code_bytes_;
};

template <class T>
T unwrap(llvm::Expected<T> value) {
  if (!value) internal_error(__FILE__, __LINE__, "jit", llvm::toString(value.takeError()));
  return std::move(*value);
}

void unwrap(llvm::Error error) {
  if (error) internal_error(__FILE__, __LINE__, "jit", llvm::toString(std::move(error)));
}

}  // namespace

std::unique_ptr<CompiledModel> compile(const ir::Function& function, const Target& target, const FixedValues& fixed) {
  const auto machine = make_target_machine(target);
  ProgramOptions options;
  options.target = describe_target(*machine, target);
  options.embed_constants = false;
  options.needs = cpu_needs(*machine);
  options.fixed = fixed;
  llvm::LLVMContext context;
  Program program = generate_program(context, function, describe_machine(*machine, target), options);
  const auto object = emit_object(*program.module, *machine);

  auto jit = unwrap(llvm::orc::LLJITBuilder()
                        .setJITTargetMachineBuilder(llvm::orc::JITTargetMachineBuilder(machine->getTargetTriple()))
                        .create());
  std::vector<ir::Tensor> constants;
  llvm::orc::SymbolMap symbols;
  for (const auto& [name, tensor] : program.externals) {
    constants.push_back(*tensor);  // shares the bytes, so their address stays
    symbols[jit->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(constants.back().bytes()),
                                           llvm::JITSymbolFlags::Exported};
  }
  if (!symbols.empty()) unwrap(jit->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))));
  unwrap(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy({object.data(), object.size()}, options.name)));
  auto entry = unwrap(jit->lookup(options.name + "_model"));
  const seqc_model* model = entry.toPtr<const seqc_model* (*)()>()();
  if (const char* missing = model->missing_feature())
    fail(ErrorKind::BadInput, "--target-cpu: got {}, which needs {}; this processor lacks it", options.target, missing);
  return std::make_unique<JitModel>(std::move(jit), model, object.size(), std::move(constants));
}

}  // namespace seqc::codegen
