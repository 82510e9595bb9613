#include "codegen/kernel_functions_llvm.h"

#include <fmt/format.h>

#include "codegen/kernel_llvm.h"
#include "ir/named_dims.h"
#include "ir/printer.h"

namespace seqc::codegen {
namespace {

using ir::Opcode;

/// The kernel as the text of a function of what it reads, with neutral names.
std::string kernel_key(const ir::Op& kernel, const KernelSignature& sig) {
  ir::Function function("kernel");
  ir::ValueMap map;
  for (const ir::Value* buffer : sig.buffers) map[buffer] = function.body().add_argument(buffer->type());
  // Constants that are not read from memory belong to the function that they are used in.
  for (const ir::Op* op : kernel.region().op_list())
    for (const ir::Value* operand : op->operands())
      if (operand->is_constant() && !map.count(operand)) map[operand] = function.constant(operand->constant());
  ir::Op* copy = ir::clone(kernel, function.body(), nullptr, map);
  std::vector<ir::Value*> results;
  for (size_t i = 0; i < copy->result_count(); ++i) results.push_back(copy->result(i));
  for (const ir::Op* op : copy->region().op_list())
    for (size_t i = 0; i < op->result_count(); ++i) op->result(i)->set_name("");
  for (ir::Value* result : results) result->set_name("");
  function.body().create(Opcode::Return, results, ir::NoAttr{});
  function.output_names.assign(results.size(), "");
  return ir::print(function);
}

}  // namespace

KernelSignature::KernelSignature(const ir::Op& kernel) {
  std::set<const ir::Value*> seen;
  const auto note_type = [&](const ir::Value* value) {
    for (const ir::Dim& dim : value->shape()) dim.collect_symbols(symbols);
  };
  for (const ir::Op* op : kernel.region().op_list()) {
    ir::collect_symbols(op->attr(), symbols);
    for (const ir::Value* operand : op->operands()) {
      note_type(operand);
      const bool from_memory = op->code() == Opcode::ScatterNd;
      if (is_defined_inside(operand, kernel.region()) || (is_immediate(operand) && !from_memory) ||
          !seen.insert(operand).second)
        continue;
      buffers.push_back(operand);
    }
    for (size_t i = 0; i < op->result_count(); ++i) note_type(op->result(i));
  }
}

llvm::Function* KernelFunctions::function(const ir::Op& kernel, const KernelSignature& signature,
                                          const KernelContext& context) {
  std::string key = kernel_key(kernel, signature);
  if (context.ahead) key += fmt::format("ahead: {} x {}", context.ahead->slices.size(), context.ahead->lines);
  for (const size_t i : context.far_results) key += fmt::format("far: {}", i);
  if (context.meeting) key += fmt::format("waits: {} x {}", context.meeting->columns, context.meeting->block);
  llvm::Function*& known = functions_[key];
  return known ? known : known = generate(kernel, signature, context);
}

llvm::Function* KernelFunctions::generate(const ir::Op& kernel, const KernelSignature& sig,
                                          const KernelContext& context) {
  llvm::LLVMContext& llvm_context = module_.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(llvm_context), *i64 = llvm::Type::getInt64Ty(llvm_context);
  const size_t buffers = sig.buffers.size() + kernel.result_count();
  std::vector<llvm::Type*> types(buffers, pointer);
  types.insert(types.end(), sig.symbols.size() + 3, i64);
  if (context.ahead) types.insert(types.end(), context.ahead->slices.size(), pointer);
  if (context.meeting) types.push_back(pointer);
  const std::string hint = kernel.result()->name().empty() ? "value" : kernel.result()->name();
  auto* function = llvm::Function::Create(llvm::FunctionType::get(llvm::Type::getVoidTy(llvm_context), types, false),
                                          llvm::Function::InternalLinkage, "kernel_" + hint, module_);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  for (unsigned i = 0; i < buffers; ++i) function->addParamAttr(i, llvm::Attribute::NoAlias);
  Emitter e(llvm::BasicBlock::Create(llvm_context, "entry", function), machine_);
  Frame frame{e, kernel, {}, {}, nullptr, nullptr, nullptr, &loops_[function]};
  unsigned argument = 0;
  for (const ir::Value* buffer : sig.buffers) frame.pointers[buffer] = function->getArg(argument++);
  for (size_t i = 0; i < kernel.result_count(); ++i) frame.pointers[kernel.result(i)] = function->getArg(argument++);
  for (const std::string& symbol : sig.symbols) frame.symbols[symbol] = function->getArg(argument++);
  frame.thread = function->getArg(argument++);
  frame.threads = function->getArg(argument++);
  frame.step = function->getArg(argument++);
  if (context.ahead) {
    for (size_t i = 0; i < context.ahead->slices.size(); ++i) frame.ahead.push_back(function->getArg(argument++));
    frame.ahead_lines = context.ahead->lines;
  }
  if (context.meeting) {
    frame.meeting = *context.meeting;
    frame.workspace = function->getArg(argument++);
    frame.wait = context.wait;
  }
  frame.far_results = context.far_results;
  switch (kernel.as<ir::KernelAttr>().kind) {
    case ir::KernelKind::Map: emit_map(frame); break;
    case ir::KernelKind::Contract: emit_contract(frame); break;
    case ir::KernelKind::Reduce: emit_reduce(frame); break;
    case ir::KernelKind::Window: emit_window(frame); break;
    case ir::KernelKind::Move: emit_move(frame); break;
  }
  e.CreateRetVoid();
  return function;
}

}  // namespace seqc::codegen
