#include "codegen/program_body_llvm.h"

#include <algorithm>

#include "codegen/access.h"
#include "codegen/output_order.h"
#include "codegen/sharing_llvm.h"
#include "ir/error.h"
#include "ir/named_dims.h"
#include "runtime/seqc.h"

namespace seqc::codegen {
namespace {

/// Pointers to the text of a string tensor, and behind them the zeros that kernels may read.
llvm::Constant* string_table(llvm::Module& module, const ir::Tensor& tensor) {
  std::vector<llvm::Constant*> elements;
  std::map<std::string_view, llvm::Constant*> known;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    llvm::Constant*& text = known[tensor.text(i)];
    elements.push_back(text ? text : text = text_constant(module, std::string(tensor.text(i))));
  }
  auto* pointer = llvm::PointerType::getUnqual(module.getContext());
  elements.resize(elements.size() + SEQC_ALIGNMENT / ir::size_of(tensor.dtype()),
                  llvm::ConstantPointerNull::get(pointer));
  return llvm::ConstantArray::get(llvm::ArrayType::get(pointer, elements.size()), elements);
}

}  // namespace

using ir::Opcode;

llvm::Function* BodyGenerator::generate() {
  llvm::Value* call = body_->getArg(0);
  thread_ = body_->getArg(1);
  const auto field = [&](int64_t index, llvm::Type* type) {
    return e_.CreateLoad(type, e_.CreateInBoundsGEP(e_.getInt64Ty(), call, e_.i64(index)));
  };
  inputs_ = field(0, e_.getPtrTy());
  outputs_ = field(1, e_.getPtrTy());
  threads_ = field(2, e_.getInt64Ty());
  call_ = call;
  if (options_.told.kernels) {
    kernel_listener_ = field(runtime::kKernelListenerAt / 8, e_.getPtrTy());
    for (const ir::Op* op : profiled_ops(function_)) profiled_.emplace(op, static_cast<uint32_t>(profiled_.size()));
  }
  if (options_.told.outputs) {
    listener_ = field(runtime::kListenerAt / 8, e_.getPtrTy());
    for (CompletedOutputs& completed : completed_outputs(function_))
      announced_[completed.op] = std::move(completed.outputs);
  }
  symbols_ = load_symbols(e_, function_, abi_, inputs_);
  llvm::Value* offset = e_.i64(kCallHeaderBytes);
  for (const ir::Dim& slot : plan_.slots) {
    slot_offsets_.push_back(offset);
    offset = e_.add(offset, e_.dim(slot, symbols_));
  }
  for (size_t i = 0; i < function_.body().argument_count(); ++i)
    pointers_[function_.body().argument(i)] = tensor_data(inputs_, i);
  emit_block(function_.body());
  write_output_shapes();
  announce_behind(function_.body().terminator());
  e_.CreateRetVoid();
  return body_;
}

llvm::Function* BodyGenerator::create_body() {
  auto* type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context_),
                              {llvm::PointerType::getUnqual(context_), llvm::Type::getInt64Ty(context_)}, false);
  return llvm::Function::Create(type, llvm::Function::InternalLinkage, "body", module_);
}

/// Sizes of outputs that only this run could tell; prepare gave the largest.
void BodyGenerator::write_output_shapes() {
  const ir::DimBounds bounds(function_);
  if (bounds.none()) return;
  e_.when(e_.CreateICmpEQ(thread_, e_.i64(0)), [&] {
    const auto& returned = function_.body().terminator()->operands();
    for (size_t i = 0; i < returned.size(); ++i)
      for (size_t axis = 0; axis < returned[i]->shape().size(); ++axis)
        if (const ir::Dim& dim = returned[i]->shape()[axis]; bounds.varies(dim))
          e_.CreateStore(e_.dim(dim, symbols_), shape_address(e_, abi_, outputs_, i, axis));
  });
}

/// Thread 0 tells the listener, if there is one, which outputs are complete: all threads have met behind `op`, or it
/// was alone.
void BodyGenerator::announce_behind(const ir::Op* op) {
  const auto outputs = announced_.find(op);
  if (outputs == announced_.end()) return;
  e_.when(e_.CreateAnd(e_.CreateICmpEQ(thread_, e_.i64(0)), e_.CreateIsNotNull(listener_)), [&] {
    const auto field = [&](int64_t index) {
      return e_.CreateLoad(e_.getPtrTy(), e_.CreateInBoundsGEP(e_.getPtrTy(), listener_, e_.i64(index)));
    };
    auto* type = llvm::FunctionType::get(e_.getVoidTy(), {e_.getPtrTy(), e_.getInt32Ty()}, false);
    for (const int32_t output : outputs->second)
      e_.CreateCall(type, field(0), {field(1), e_.getInt32(static_cast<uint32_t>(output))});
  });
}

llvm::Value* BodyGenerator::tensor_data(llvm::Value* tensors, size_t i) {
  return e_.CreateLoad(e_.getPtrTy(), e_.CreateInBoundsGEP(abi_.tensor, tensors,
                                                           {e_.getInt32(static_cast<uint32_t>(i)), e_.getInt32(0)}));
}

// --- where values are ---------------------------------------------------------------------------------------------

llvm::Value* BodyGenerator::pointer(const ir::Value* value) {
  if (const auto it = pointers_.find(value); it != pointers_.end()) return it->second;
  if (value->is_constant()) {
    llvm::Value*& data = constants_[value];
    return data ? data : data = constant_data(value);
  }
  SEQC_CHECK(value->op(), "code generation: value {} has no memory", value->name());
  const ir::Op& op = *value->op();
  if (op.code() == Opcode::Reshape) return pointer(op.operand(0));
  if (op.code() == Opcode::Slice) return slice_pointer(op);
  internal_error(__FILE__, __LINE__, "memory", fmt::format("result of {} has no memory", op.info().mnemonic));
}

llvm::Value* BodyGenerator::slice_pointer(const ir::Op& op) {
  const auto& attr = op.as<ir::SliceAttr>();
  const auto strides = row_major_strides(op.operand(0)->shape());
  ir::Dim offset(0);
  for (size_t i = 0; i < strides.size(); ++i) offset = offset + strides[i] * attr.starts[i];
  return e_.element_address(pointer(op.operand(0)), op.result()->dtype(), e_.dim(offset, symbols_));
}

llvm::Value* BodyGenerator::constant_data(const ir::Value* value) {
  const ir::Tensor& tensor = value->constant();
  if (!options_.embed_constants) {
    auto* global = new llvm::GlobalVariable(module_, e_.getInt8Ty(), true, llvm::GlobalValue::ExternalLinkage, nullptr,
                                            constant_symbol(externals.size()));
    global->setDSOLocal(false);
    externals.push_back(value);
    return global;
  }
  llvm::Constant* data = tensor.dtype() == ir::DType::string ? string_table(module_, tensor) : bytes_of(tensor);
  auto* global =
      new llvm::GlobalVariable(module_, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "constant");
  global->setAlignment(llvm::Align(SEQC_ALIGNMENT));
  return global;
}

// A vector's width of zeros behind the data lets kernels read whole vectors at its end.
llvm::Constant* BodyGenerator::bytes_of(const ir::Tensor& tensor) {
  std::string bytes(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size());
  bytes.resize(bytes.size() + SEQC_ALIGNMENT);
  return llvm::ConstantDataArray::getRaw(bytes, bytes.size(), e_.getInt8Ty());
}

/// The memory in which the value being computed now belongs.
llvm::Value* BodyGenerator::place(const ir::Value* value) {
  const Storage& storage = plan_.storage.at(value);
  switch (storage.place) {
    case Place::Arena:
      return e_.element_address(slot_pointer(storage.slot), value->dtype(), e_.dim(storage.skip, symbols_));
    case Place::Output: return tensor_data(outputs_, storage.index);
    case Place::IfResult: return pointer(storage.owner);
    case Place::ScanEmit: {
      llvm::Value* element = e_.add(element_.at(value->op()->parent()), e_.i64(storage.shift));
      llvm::Value* at = e_.mul(element, e_.dim(element_count(value->shape()), symbols_));
      return e_.element_address(pointer(storage.owner), value->dtype(), at);
    }
    case Place::Alternate: {
      llvm::Value* odd = e_.CreateAnd(step_.at(value->op()->parent()), e_.i64(1));
      if (!leaves_step(value)) odd = e_.CreateAnd(odd, e_.CreateZExt(shared(), e_.getInt64Ty()));  // for those that lag
      llvm::Value* half = e_.mul(odd, e_.dim(padded_bytes(value->type()), symbols_));
      return e_.CreateInBoundsGEP(e_.getInt8Ty(), slot_pointer(storage.slot), half);
    }
  }
  internal_error(__FILE__, __LINE__, "place", "unknown place");
}

/// The same for what this thread computes for itself. What leaves the step belongs there only when thread 0 has computed it;
/// the others have two places in turn for it, as the step that follows reads it.
llvm::Value* BodyGenerator::own_place(const ir::Value* value) {
  const int64_t bytes = padded_bytes(value->type()).constant();
  const bool leaves = leaves_step(value);
  const auto size = static_cast<uint64_t>(bytes * (leaves ? 2 : 1) + SEQC_ALIGNMENT);  // kernels read whole vectors
  llvm::Value* memory = thread_memory(llvm::ArrayType::get(e_.getInt8Ty(), size));
  if (!leaves) return memory;
  llvm::Value* odd = e_.CreateAnd(step_.at(value->op()->parent()), e_.i64(1));
  memory = e_.CreateInBoundsGEP(e_.getInt8Ty(), memory, e_.mul(odd, e_.i64(bytes)));
  return e_.CreateSelect(e_.CreateICmpEQ(body_->getArg(1), e_.i64(0)), place(value), memory);
}

// --- ops ------------------------------------------------------------------------------------------------------------

/// What is too little to share runs on thread 0 alone: the others pass through with empty shares, and all meet when it
/// is done and more follows that they share.
void BodyGenerator::emit_block(const ir::Block& block) {
  llvm::Value *all = threads_, *alone = e_.getFalse();  // alone: thread 0 has run ahead
  for (const ir::Op* op : block.op_list()) {
    if (is_view(*op) || op->code() == Opcode::Yield || op->code() == Opcode::Return) {
      emit_op(*op);
      continue;
    }
    if (repeated_.contains(op)) {
      repeat_on_each(*op);
      continue;
    }
    for (const Deferred& plan : deferred_)
      if (plan.product == op) defer_rows(plan);
    llvm::Value* small = runs_alone(*op);
    if (options_.schedule) options_.schedule->ops.push_back(describe_sharing(*op, small));
    e_.when(e_.CreateAnd(alone, e_.CreateNot(small)), [&] { emit_barrier(); });
    threads_ = e_.select(small, e_.i64(1), all);
    emit_op(*op);
    threads_ = all;
    alone = small;
    announce_behind(op);
  }
  e_.when(alone, [&] { emit_barrier(); });
}

void BodyGenerator::repeat_on_each(const ir::Op& kernel) {
  if (options_.schedule) {
    options_.schedule->ops.push_back(describe_sharing(kernel, e_.getTrue()));
    options_.schedule->ops.back().sharing = Sharing::Each;
  }
  as_thread(e_.i64(0), e_.i64(1), [&] { call_kernel(kernel); });
}

/// i1: whether thread 0 runs `op` alone. Where threads look at results to decide what to do next, they meet.
llvm::Value* BodyGenerator::runs_alone(const ir::Op& op) {
  if (op.code() != Opcode::Kernel && (op.code() != Opcode::Scan || decides(op.region()))) return e_.getFalse();
  return codegen::is_alone(e_, op, symbols_);
}

/// Tells the listener, if there is one, that `op` begins (0), that this thread is done with it (1), that all are (2).
void BodyGenerator::tell(const ir::Op& op, int64_t what) {
  const auto number = profiled_.find(&op);
  if (number == profiled_.end()) return;
  e_.when(e_.CreateIsNotNull(kernel_listener_), [&] {
    const auto field = [&](int64_t index) {
      return e_.CreateLoad(e_.getPtrTy(), e_.CreateInBoundsGEP(e_.getPtrTy(), kernel_listener_, e_.i64(index)));
    };
    auto* type = llvm::FunctionType::get(e_.getVoidTy(), {e_.getPtrTy(), e_.getInt32Ty(), e_.getInt32Ty()}, false);
    llvm::Value* thread = e_.CreateTrunc(body_->getArg(1), e_.getInt32Ty());
    e_.CreateCall(type, field(what), {field(3), e_.getInt32(number->second), thread});
  });
}

/// True if what the block computes decides what runs next.
bool BodyGenerator::decides(const ir::Block& block) {
  bool found = false;
  walk(block, [&](const ir::Op* op) {
    found = found || op->code() == Opcode::Loop || op->code() == Opcode::If || op->code() == Opcode::BindDim;
  });
  return found;
}

void BodyGenerator::emit_op(const ir::Op& op) {
  switch (op.code()) {
    case Opcode::Kernel: return call_kernel(op);
    case Opcode::Scan: return told(op, [&] { emit_scan(op); });
    case Opcode::Loop: return told(op, [&] { emit_loop(op); });
    case Opcode::If: return told(op, [&] { emit_if(op); });
    case Opcode::BindDim: return bind_dim(op);
    case Opcode::Yield:
    case Opcode::Return: return;
    default:
      SEQC_CHECK(is_view(op), "code generation: {} outside a kernel", op.info().mnemonic);
      pointers_[op.result()] = pointer(op.result());
  }
}

void BodyGenerator::call_kernel(const ir::Op& kernel) {
  const KernelSignature sig(kernel);
  for (size_t i = 0; i < kernel.result_count(); ++i) {
    const ir::Value* result = kernel.result(i);
    pointers_[result] = repeated_.contains(&kernel) ? own_place(result) : place(result);
  }
  if (const DeferredRows* rows = rows_behind(kernel)) return call_for_rows_in_front(kernel, *rows);
  const DeferredRows* deferred = rows_of(kernel);
  std::vector<llvm::Value*> arguments =
      deferred ? arguments_at_row(*deferred->plan, sig, deferred->first_in_front) : arguments_of(kernel, sig);
  arguments.push_back(thread_);
  arguments.push_back(threads_);
  const auto step = step_.find(kernel.parent());
  arguments.push_back(step == step_.end() ? e_.i64(0) : step->second);
  KernelContext context{.far_results = far_results(kernel), .some_rows = deferred != nullptr};
  if (const auto ahead = ahead_.find(&kernel); ahead != ahead_.end()) {
    context.ahead = &ahead->second;
    for (const ir::Value* slice : ahead->second.slices)
      arguments.push_back(e_.CreateGEP(e_.getInt8Ty(), pointer(slice), e_.i64(ahead->second.step)));
  }
  if (deferred) arguments.push_back(deferred->in_front);
  const DeferredRows* beside = rows_beside(kernel);
  const auto meeting = meetings_.at.find(&kernel);
  llvm::Function* function = nullptr;
  const auto call = [&](bool waits, bool makes_rows) {
    auto all = arguments;
    if (waits) {
      context.meeting = &meeting->second;
      context.wait = wait();
      all.push_back(call_);
    }
    context.beside = makes_rows ? beside->plan->product : nullptr;
    if (makes_rows) {
      const auto others = arguments_at_row(*beside->plan, KernelSignature(*context.beside), beside->first_row);
      all.insert(all.end(), others.begin(), others.end());
      all.insert(all.end(), {beside->phase, beside->memory});
    }
    function = kernels_.function(kernel, sig, context);
    e_.CreateCall(function, all);
  };
  const auto call_alone = [&] {
    context.alone = true;
    e_.when(e_.CreateICmpEQ(thread_, e_.i64(0)), [&] { call(false, beside); });
    context.alone = false;
  };
  tell(kernel, 0);
  const auto* known = llvm::dyn_cast<llvm::ConstantInt>(threads_);
  if (known && known->isOne()) {
    call_alone();
  } else if (meeting == meetings_.at.end()) {
    call(false, beside);
  } else {  // one thread, which waits for nobody, has code of its own: waits cost it registers
    e_.when(e_.CreateICmpSLE(threads_, e_.i64(1)), call_alone);
    when_shared([&] { call(true, beside && beside->shared); });
  }
  if (options_.schedule) {
    std::string& loops = options_.schedule->ops.back().loops = kernels_.loops(function);
    if (deferred) loops += "; all but the first rows are made while the scan runs";
    if (deferred && deferred->beside) loops += ", by a kernel of its steps";
    if (deferred && !llvm::isa<llvm::ConstantInt>(deferred->by_others))
      loops += ", or by threads that have no part in it";
    if (beside)
      loops += fmt::format("; makes {} rows of a product in front meanwhile, in as many steps", kDeferredRows);
    if (beside && !beside->shared) loops += ", when there is one thread";
  }
  tell(kernel, 1);
  if (meetings_.left.contains(&kernel))
    when_shared([&] { e_.CreateCall(arrival(), {call_, thread_}); });
  else
    emit_barrier();
  if (beside && !beside->plan->behind.empty()) finish_rows(*beside);
  tell(kernel, 2);
}

std::vector<llvm::Value*> BodyGenerator::arguments_of(const ir::Op& kernel, const KernelSignature& sig) {
  std::vector<llvm::Value*> arguments;
  for (const ir::Value* buffer : sig.buffers) arguments.push_back(pointer(buffer));
  for (size_t i = 0; i < kernel.result_count(); ++i) arguments.push_back(pointer(kernel.result(i)));
  for (const std::string& symbol : sig.symbols) arguments.push_back(symbols_.at(symbol));
  return arguments;
}

/// Results that each step of a scan writes behind those of the step before.
std::vector<size_t> BodyGenerator::far_results(const ir::Op& kernel) const {
  std::vector<size_t> far;
  for (size_t i = 0; i < kernel.result_count(); ++i)
    if (plan_.storage.at(kernel.result(i)).place == Place::ScanEmit) far.push_back(i);
  return far;
}

llvm::Value* BodyGenerator::thread_memory(llvm::Type* type) {
  llvm::IRBuilder<> entry(&body_->getEntryBlock(), body_->getEntryBlock().begin());
  auto* memory = entry.CreateAlloca(type);
  memory->setAlignment(llvm::Align(SEQC_ALIGNMENT));
  return memory;
}

// --- threads --------------------------------------------------------------------------------------------------------

/// All threads of the call wait for each other; nothing for a single one.
void BodyGenerator::emit_barrier() {
  when_shared([&] { e_.CreateCall(barrier(), {call_, threads_, thread_}); });
}

}  // namespace seqc::codegen
