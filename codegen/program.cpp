#include "codegen/program_llvm.h"

#include "codegen/program_body_llvm.h"
#include "ir/error.h"
#include "runtime/seqc.h"

namespace seqc::codegen {

std::vector<const ir::Op*> profiled_ops(const ir::Function& function) {
  std::vector<const ir::Op*> ops;
  const auto visit = [&](auto&& self, const ir::Block& block) -> void {
    for (const auto& op : block.ops()) {
      const bool kernel = op->code() == ir::Opcode::Kernel;
      if (kernel || op->region_count() > 0) ops.push_back(op.get());
      for (size_t i = 0; !kernel && i < op->region_count(); ++i) self(self, op->region(i));
    }
  };
  visit(visit, function.body());
  return ops;
}

std::string constant_symbol(size_t number) { return fmt::format("constant_{}", number); }

Program generate_program(llvm::LLVMContext& context, const ir::Function& function, const Machine& machine,
                         const ProgramOptions& options) {
  for (size_t i = 0; i < function.body().argument_count(); ++i)
    if (const ir::Value* argument = function.body().argument(i); argument->rank() > SEQC_MAX_RANK)
      fail(ErrorKind::Unsupported, "input \"{}\": rank {} is above the supported {}", argument->name(),
           argument->rank(), SEQC_MAX_RANK);
  Program program;
  program.module = std::make_unique<llvm::Module>(options.name, context);
  BodyGenerator body(*program.module, function, machine, options);
  llvm::Function* body_function = body.generate();
  llvm::Function* run = emit_run(*program.module, function, machine, options, body_function);
  llvm::Function* missing = emit_missing_feature(*program.module, options.needs);
  llvm::Function* prepare = emit_prepare(*program.module, function, machine, options, body.workspace_bytes(), missing);
  emit_model_description(*program.module, function, options, {prepare, run, missing});
  program.externals = std::move(body.externals);
  return program;
}

}  // namespace seqc::codegen
