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
  if (context.some_rows) key += "some rows";
  if (context.alone) key += "alone";
  if (context.beside) key += "beside: " + kernel_key(*context.beside, KernelSignature(*context.beside));
  llvm::Function*& known = functions_[key];
  return known ? known : known = generate(kernel, signature, context);
}

namespace {

/// The function of a kernel while its arguments are counted off.
struct Arguments {
  llvm::Function* function;
  unsigned next = 0;

  llvm::Value* take() { return function->getArg(next++); }
  /// Pointers to buffers and results, and dims.
  void take(Frame& frame, const KernelSignature& sig) {
    for (const ir::Value* buffer : sig.buffers) take_buffer(frame, buffer);
    for (size_t i = 0; i < frame.kernel.result_count(); ++i) take_buffer(frame, frame.kernel.result(i));
    for (const std::string& symbol : sig.symbols) frame.symbols[symbol] = take();
  }

 private:
  void take_buffer(Frame& frame, const ir::Value* buffer) {
    function->addParamAttr(next, llvm::Attribute::NoAlias);
    frame.pointers[buffer] = take();
  }
};

}  // namespace

llvm::Function* KernelFunctions::create(const ir::Op& kernel, const std::vector<llvm::Type*>& types) {
  const std::string hint = kernel.result()->name().empty() ? "value" : kernel.result()->name();
  auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(module_.getContext()), types, false);
  auto* function = llvm::Function::Create(type, llvm::Function::InternalLinkage, "kernel_" + hint, module_);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  return function;
}

llvm::Function* KernelFunctions::generate(const ir::Op& kernel, const KernelSignature& sig,
                                          const KernelContext& context) {
  llvm::LLVMContext& llvm_context = module_.getContext();
  llvm::Type *pointer = llvm::PointerType::getUnqual(llvm_context), *i64 = llvm::Type::getInt64Ty(llvm_context);
  std::vector<llvm::Type*> types;
  const auto add_types = [&](const ir::Op& op, const KernelSignature& of_op) {
    types.insert(types.end(), of_op.buffers.size() + op.result_count(), pointer);
    types.insert(types.end(), of_op.symbols.size(), i64);
  };
  add_types(kernel, sig);
  types.insert(types.end(), 3, i64);
  if (context.ahead) types.insert(types.end(), context.ahead->slices.size(), pointer);
  if (context.meeting) types.push_back(pointer);
  if (context.some_rows) types.push_back(i64);
  if (context.beside) {
    add_types(*context.beside, KernelSignature(*context.beside));
    types.insert(types.end(), {i64, pointer});
  }
  llvm::Function* function = create(kernel, types);
  Arguments arguments{function};
  Emitter e(llvm::BasicBlock::Create(llvm_context, "entry", function), machine_);
  Frame frame{e, kernel, {}, {}, nullptr, nullptr, nullptr, &loops_[function]};
  arguments.take(frame, sig);
  frame.thread = arguments.take();
  frame.threads = arguments.take();
  frame.step = arguments.take();
  if (context.alone) {
    frame.thread = e.i64(0);
    frame.threads = e.i64(1);
  }
  if (context.ahead) {
    for (size_t i = 0; i < context.ahead->slices.size(); ++i) frame.ahead.push_back(arguments.take());
    frame.ahead_lines = context.ahead->lines;
  }
  if (context.meeting) {
    frame.meeting = *context.meeting;
    frame.workspace = arguments.take();
    frame.wait = context.wait;
  }
  if (context.some_rows) frame.rows = arguments.take();
  std::optional<Frame> product;
  Beside beside{};
  if (context.beside) {
    product.emplace(Frame{e, *context.beside, {}, {}, frame.thread, frame.threads, frame.step});
    arguments.take(*product, KernelSignature(*context.beside));
    beside = {&*product, arguments.take(), nullptr};
    beside.memory = arguments.take();
    frame.beside = &beside;
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
