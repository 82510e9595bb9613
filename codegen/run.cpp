// The function `run` of a compiled model, of (inputs, outputs, workspace, threads): fills the header of the workspace (inputs,
// outputs, number of threads; the listener is there already, see kListenerAt) and runs the body on every thread, or on the
// caller's alone when other threads are not worth waking.
#include "codegen/barrier_llvm.h"
#include "codegen/memory_plan.h"
#include "codegen/program_llvm.h"
#include "codegen/sharing_llvm.h"

namespace seqc::codegen {

llvm::Function* emit_run(llvm::Module& module, const ir::Function& function, const Machine& machine,
                         const ProgramOptions& options, llvm::Function* body) {
  llvm::LLVMContext& context = module.getContext();
  const AbiTypes abi(context);
  llvm::Type* pointer = llvm::PointerType::getUnqual(context);
  auto* run = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, pointer, pointer, pointer}, false),
      llvm::Function::InternalLinkage, "run", module);
  llvm::Value *inputs = run->getArg(0), *outputs = run->getArg(1), *call = run->getArg(2), *threads = run->getArg(3);

  auto* task = llvm::Function::Create(
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, llvm::Type::getInt32Ty(context)}, false),
      llvm::Function::InternalLinkage, "task", module);
  {
    Emitter e(llvm::BasicBlock::Create(context, "entry", task), machine);
    e.CreateCall(body, {task->getArg(0), e.CreateSExt(task->getArg(1), e.getInt64Ty())});
    e.CreateRetVoid();
  }

  Emitter e(llvm::BasicBlock::Create(context, "entry", run), machine);
  const auto header = [&](int64_t index) { return e.CreateInBoundsGEP(e.getInt64Ty(), call, e.i64(index)); };
  e.CreateStore(inputs, header(0));
  e.CreateStore(outputs, header(1));
  e.CreateStore(e.i64(1), header(2));
  auto* ask = llvm::BasicBlock::Create(context, "ask", run);
  auto* many = llvm::BasicBlock::Create(context, "many", run);
  auto* one = llvm::BasicBlock::Create(context, "one", run);
  e.CreateCondBr(e.CreateIsNull(threads), one, ask);
  e.SetInsertPoint(ask);
  const auto field = [&](unsigned i, llvm::Type* type) {
    return e.CreateLoad(type, e.CreateStructGEP(abi.threads, threads, i));
  };
  llvm::Value* count = e.CreateBinaryIntrinsic(llvm::Intrinsic::smin, field(0, e.getInt32Ty()),
                                               e.getInt32(static_cast<uint32_t>(kMostThreads)));
  llvm::Value* alone = is_run_alone(e, function, load_symbols(e, function, abi, inputs));
  if (options.schedule) options.schedule->run = sharing_of(alone);
  e.CreateCondBr(e.CreateAnd(e.CreateICmpSGT(count, e.getInt32(1)), e.CreateNot(alone)), many, one);
  e.SetInsertPoint(many);
  llvm::Value* all = e.CreateSExt(count, e.getInt64Ty());
  e.CreateStore(all, header(2));
  reset_barrier(e, call, all);
  auto* run_type = llvm::FunctionType::get(e.getVoidTy(), {pointer, pointer, pointer, e.getInt32Ty()}, false);
  e.CreateCall(run_type, field(2, pointer), {field(1, pointer), task, call, count});
  e.CreateRetVoid();
  e.SetInsertPoint(one);
  e.CreateCall(body, {call, e.i64(0)});
  e.CreateRetVoid();
  return run;
}

}  // namespace seqc::codegen
