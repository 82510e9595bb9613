#include "codegen/program_llvm.h"

#include <algorithm>

#include "codegen/access.h"
#include "codegen/ahead.h"
#include "codegen/barrier_llvm.h"
#include "codegen/deferred.h"
#include "codegen/kernel_functions_llvm.h"
#include "codegen/memory_plan.h"
#include "codegen/output_order.h"
#include "codegen/sharing_llvm.h"
#include "ir/error.h"
#include "ir/named_dims.h"
#include "runtime/seqc.h"

namespace seqc::codegen {
namespace {

using ir::Opcode;

/// Bytes of a core's first cache, and of what the third one holds while others use it, too.
constexpr int64_t kFirstCache = 32 << 10, kThirdCache = 6 << 20;
/// Rows of a product that threads make for another one at a time: a few tiles, whatever their size.
constexpr int64_t kRowsOfOthers = 12;

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

/// Generates the function that runs a model's kernels in order on one thread of a call.
class BodyGenerator {
 public:
  BodyGenerator(llvm::Module& module, const ir::Function& function, const Machine& machine,
                const ProgramOptions& options)
      : module_(module),
        context_(module.getContext()),
        function_(function),
        machine_(machine),
        options_(options),
        plan_(plan_memory(function)),
        deferred_(plan_deferred(function)),
        abi_(context_),
        body_(create_body()),
        e_(llvm::BasicBlock::Create(context_, "entry", body_), machine),
        kernels_(module, machine) {}

  llvm::Function* generate() {
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

  ir::Dim workspace_bytes() const { return plan_.workspace_bytes(); }
  std::vector<const ir::Value*> externals;

 private:
  llvm::Function* create_body() {
    auto* type =
        llvm::FunctionType::get(llvm::Type::getVoidTy(context_),
                                {llvm::PointerType::getUnqual(context_), llvm::Type::getInt64Ty(context_)}, false);
    return llvm::Function::Create(type, llvm::Function::InternalLinkage, "body", module_);
  }

  /// Sizes of outputs that only this run could tell; prepare gave the largest.
  void write_output_shapes() {
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
  void announce_behind(const ir::Op* op) {
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

  llvm::Value* tensor_data(llvm::Value* tensors, size_t i) {
    return e_.CreateLoad(e_.getPtrTy(), e_.CreateInBoundsGEP(abi_.tensor, tensors,
                                                             {e_.getInt32(static_cast<uint32_t>(i)), e_.getInt32(0)}));
  }

  // --- where values are ---------------------------------------------------------------------------------------------

  llvm::Value* pointer(const ir::Value* value) {
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

  llvm::Value* slice_pointer(const ir::Op& op) {
    const auto& attr = op.as<ir::SliceAttr>();
    const auto strides = row_major_strides(op.operand(0)->shape());
    ir::Dim offset(0);
    for (size_t i = 0; i < strides.size(); ++i) offset = offset + strides[i] * attr.starts[i];
    return e_.element_address(pointer(op.operand(0)), op.result()->dtype(), e_.dim(offset, symbols_));
  }

  llvm::Value* constant_data(const ir::Value* value) {
    const ir::Tensor& tensor = value->constant();
    if (!options_.embed_constants) {
      auto* global = new llvm::GlobalVariable(module_, e_.getInt8Ty(), true, llvm::GlobalValue::ExternalLinkage,
                                              nullptr, constant_symbol(externals.size()));
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
  llvm::Constant* bytes_of(const ir::Tensor& tensor) {
    std::string bytes(reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size());
    bytes.resize(bytes.size() + SEQC_ALIGNMENT);
    return llvm::ConstantDataArray::getRaw(bytes, bytes.size(), e_.getInt8Ty());
  }

  llvm::Value* slot_pointer(size_t slot) { return e_.CreateInBoundsGEP(e_.getInt8Ty(), call_, slot_offsets_[slot]); }

  /// The memory in which the value being computed now belongs.
  llvm::Value* place(const ir::Value* value) {
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
        llvm::Value* half = e_.mul(odd, e_.dim(padded_bytes(value->type()), symbols_));
        return e_.CreateInBoundsGEP(e_.getInt8Ty(), slot_pointer(storage.slot), half);
      }
    }
    internal_error(__FILE__, __LINE__, "place", "unknown place");
  }

  // --- ops ------------------------------------------------------------------------------------------------------------

  /// What is too little to share runs on thread 0 alone: the others pass through with empty shares, and all meet when it
  /// is done and more follows that they share.
  void emit_block(const ir::Block& block) {
    llvm::Value *all = threads_, *alone = e_.getFalse();  // alone: thread 0 has run ahead
    for (const ir::Op* op : block.op_list()) {
      if (is_view(*op) || op->code() == Opcode::Yield || op->code() == Opcode::Return) {
        emit_op(*op);
        continue;
      }
      for (const Deferred& plan : deferred_)
        if (plan.product == op) defer_rows(plan);
      llvm::Value* small = runs_alone(*op);
      if (options_.schedule) options_.schedule->ops.push_back(describe_sharing(*op, small));
      e_.when(e_.CreateAnd(alone, e_.CreateNot(small)), [&] { emit_barrier(); });
      threads_ = e_.CreateSelect(small, e_.i64(1), all);
      emit_op(*op);
      threads_ = all;
      alone = small;
      announce_behind(op);
    }
    e_.when(alone, [&] { emit_barrier(); });
  }

  static bool is_view(const ir::Op& op) { return op.code() == Opcode::Reshape || op.code() == Opcode::Slice; }

  /// i1: whether thread 0 runs `op` alone. Where threads look at results to decide what to do next, they meet.
  llvm::Value* runs_alone(const ir::Op& op) {
    if (op.code() != Opcode::Kernel && (op.code() != Opcode::Scan || decides(op.region()))) return e_.getFalse();
    return codegen::is_alone(e_, op, symbols_);
  }

  /// Tells the listener, if there is one, that `op` begins (0), that this thread is done with it (1), that all are (2).
  void tell(const ir::Op& op, int64_t what) {
    const auto number = profiled_.find(&op);
    if (number == profiled_.end()) return;
    e_.when(e_.CreateIsNotNull(kernel_listener_), [&] {
      const auto field = [&](int64_t index) {
        return e_.CreateLoad(e_.getPtrTy(), e_.CreateInBoundsGEP(e_.getPtrTy(), kernel_listener_, e_.i64(index)));
      };
      auto* type = llvm::FunctionType::get(e_.getVoidTy(), {e_.getPtrTy(), e_.getInt32Ty(), e_.getInt32Ty()}, false);
      e_.CreateCall(type, field(what),
                    {field(3), e_.getInt32(number->second), e_.CreateTrunc(thread_, e_.getInt32Ty())});
    });
  }

  /// True if what the block computes decides what runs next.
  static bool decides(const ir::Block& block) {
    bool found = false;
    walk(block, [&](const ir::Op* op) {
      found = found || op->code() == Opcode::Loop || op->code() == Opcode::If || op->code() == Opcode::BindDim;
    });
    return found;
  }

  void emit_op(const ir::Op& op) {
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

  template <class Emit>
  void told(const ir::Op& op, const Emit& emit) {
    tell(op, 0);
    emit();
    tell(op, 2);
  }

  void call_kernel(const ir::Op& kernel) {
    const KernelSignature sig(kernel);
    for (size_t i = 0; i < kernel.result_count(); ++i) pointers_[kernel.result(i)] = place(kernel.result(i));
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
    tell(kernel, 0);
    if (meeting == meetings_.at.end()) {
      call(false, beside);
    } else {  // one thread, which waits for nobody, has code of its own: waits cost it registers
      e_.when(e_.CreateICmpSLE(threads_, e_.i64(1)), [&] { call(false, beside); });
      when_shared([&] { call(true, beside && beside->shared); });
    }
    if (beside && !beside->plan->behind.empty()) finish_rows(*beside);
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
    tell(kernel, 2);
  }

  std::vector<llvm::Value*> arguments_of(const ir::Op& kernel, const KernelSignature& sig) {
    std::vector<llvm::Value*> arguments;
    for (const ir::Value* buffer : sig.buffers) arguments.push_back(pointer(buffer));
    for (size_t i = 0; i < kernel.result_count(); ++i) arguments.push_back(pointer(kernel.result(i)));
    for (const std::string& symbol : sig.symbols) arguments.push_back(symbols_.at(symbol));
    return arguments;
  }

  // --- rows of a product that are made while a scan runs ------------------------------------------------------------

  /// Who makes them is decided by the run: each thread beside a product of its steps, or threads that have nothing to do in a
  /// scan that one thread runs alone.
  struct DeferredRows {
    const Deferred* plan;
    const ir::Op* beside = nullptr;                              ///< the kernel of a step that makes them; null: none
    bool shared = false;                                         ///< also with several threads
    llvm::Value *by_others = nullptr, *threads = nullptr;        ///< i1, i64: all threads
    llvm::Value *groups = nullptr, *size = nullptr;              ///< i64: rows of a group
    llvm::Value *in_front = nullptr, *first_in_front = nullptr;  ///< i64: rows that are made in front of the scan
    llvm::Value* memory = nullptr;                               ///< of the thread: for sums that are not complete
    llvm::Value *phase = nullptr, *first_row = nullptr;  ///< i64, in a step: which of its group; the group's rows
  };

  /// Decides, where the product stands, how many of its rows are left for the time in which its scan runs.
  void defer_rows(const Deferred& plan) {
    if (options_.told.kernels) return;  // each kernel's time is its own
    DeferredRows rows{.plan = &plan, .threads = threads_};
    llvm::Value *one = e_.CreateICmpSLE(threads_, e_.i64(1)), *alone = runs_alone(*plan.scan);
    llvm::Value* beside = plan_beside(rows) ? one : e_.getFalse();
    if (rows.shared) {
      llvm::Value* filled =
          e_.CreateICmpSLT(e_.mul(threads_, e_.i64(kFirstCache)), e_.i64(weight_bytes(plan.scan->region())));
      beside = e_.CreateOr(beside, e_.CreateAnd(filled, e_.CreateNot(alone)));
    }
    const auto never = [](llvm::Value* condition) {
      const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition);
      return known && known->isZero();
    };
    rows.by_others = alone;
    if (!never(alone)) {
      llvm::Value* together = e_.CreateNot(e_.CreateOr(one, runs_alone(*plan.product)));
      rows.by_others = e_.CreateAnd(alone, together);
    }
    if (never(beside) && never(rows.by_others)) return;
    const auto& attr = plan.scan->as<ir::ScanAttr>();
    const auto groups = [&](int64_t size) { return e_.dim(deferred_groups(attr.length, size), symbols_); };
    rows.size = e_.CreateSelect(rows.by_others, e_.i64(kRowsOfOthers), e_.i64(kDeferredRows));
    rows.groups = e_.CreateSelect(rows.by_others, groups(kRowsOfOthers),
                                  e_.CreateSelect(beside, groups(kDeferredRows), e_.i64(0)));
    llvm::Value* later = e_.mul(rows.groups, rows.size);
    rows.in_front = e_.CreateSub(e_.dim(attr.length, symbols_), later);
    rows.first_in_front = attr.reverse ? later : e_.i64(0);
    if (rows.beside) {
      const auto bytes = static_cast<uint64_t>(deferred_memory_bytes(machine_));
      rows.memory = thread_memory(llvm::ArrayType::get(e_.getInt8Ty(), bytes));
      e_.when(e_.CreateICmpSGT(rows.groups, e_.i64(0)),
              [&] { e_.CreateMemSet(rows.memory, e_.getInt8(0), bytes, llvm::Align(SEQC_ALIGNMENT)); });
    }
    running_.emplace(plan.scan, rows);
  }

  /// Finds the kernel of a step that can make rows besides, and would wait for its weights otherwise: because they do not
  /// stay in the first caches of one thread, or of several.
  bool plan_beside(DeferredRows& rows) {
    const Deferred& plan = *rows.plan;
    const int64_t bytes = weight_bytes(plan.scan->region());
    for (const ir::Op* op : plan.scan->region().op_list())
      if (!rows.beside && op->code() == Opcode::Kernel && pieces_beside(machine_, *plan.product, *op) > 0)
        rows.beside = op;
    // Weights that come from memory are read as seldom as possible: those of the product for as many rows as there are.
    if (bytes <= kFirstCache || bytes + weight_bytes(*plan.product) > kThirdCache) rows.beside = nullptr;
    rows.shared =
        rows.beside && bytes > 2 * kFirstCache && plan.behind.empty() && shares_alike(*plan.product, *rows.beside);
    return rows.beside;
  }

  llvm::Value* first_row_of(const DeferredRows& rows, llvm::Value* group) {
    if (rows.plan->scan->as<ir::ScanAttr>().reverse)
      return e_.mul(e_.CreateSub(e_.CreateSub(rows.groups, e_.i64(1)), group), rows.size);
    return e_.add(rows.in_front, e_.mul(group, rows.size));
  }

  /// What the threads do that have no part in a scan: group after group, each of which they tell of by arriving.
  void make_rows_for_other(const ir::Op& scan) {
    const auto it = running_.find(&scan);
    if (it == running_.end()) return;
    const DeferredRows& rows = it->second;
    e_.when(e_.CreateAnd(rows.by_others, e_.CreateICmpNE(thread_, e_.i64(0))), [&] {
      llvm::Value *thread = thread_, *threads = threads_;
      thread_ = e_.CreateSub(thread, e_.i64(1));
      threads_ = rows.plan->behind.empty() ? e_.CreateSub(rows.threads, e_.i64(1)) : e_.i64(1);
      e_.loop(e_.i64(0), rows.groups, 1, [&](llvm::Value* group) {
        llvm::Value* first = first_row_of(rows, group);
        call_product_for_rows(*rows.plan, first, rows.size);
        for (const ir::Op* op : rows.plan->behind) call_for_rows(*op, *rows.plan, first, rows.size);
        e_.CreateCall(arrival(), {call_, thread});
      });
      thread_ = thread;
      threads_ = threads;
    });
  }

  /// In front of a step: the one thread that runs it waits for the group of rows that it begins to read.
  void wait_for_rows(const DeferredRows& rows, llvm::Value* step) {
    e_.when(e_.CreateAnd(rows.by_others, e_.CreateICmpEQ(thread_, e_.i64(0))), [&] {
      llvm::Value* behind = e_.CreateSub(step, rows.in_front);
      llvm::Value* begins = e_.CreateICmpEQ(e_.CreateURem(behind, e_.i64(kRowsOfOthers)), e_.i64(0));
      e_.when(e_.CreateAnd(begins, e_.CreateICmpSGE(behind, e_.i64(0))), [&] {
        e_.CreateCall(arrival(), {call_, thread_});
        wait_for_all(e_, wait(), call_, thread_, rows.threads);
      });
    });
  }

  const DeferredRows* rows_of(const ir::Op& product) const {
    const auto is_its = [&](const auto& rows) { return rows.second.plan->product == &product; };
    const auto it = std::find_if(running_.begin(), running_.end(), is_its);
    return it == running_.end() ? nullptr : &it->second;
  }

  const DeferredRows* rows_behind(const ir::Op& kernel) const {
    for (const auto& [scan, rows] : running_)
      if (std::find(rows.plan->behind.begin(), rows.plan->behind.end(), &kernel) != rows.plan->behind.end())
        return &rows;
    return nullptr;
  }

  /// Calls a kernel behind a product for some of its rows.
  llvm::Function* call_for_rows(const ir::Op& kernel, const Deferred& plan, llvm::Value* first, llvm::Value* count) {
    const KernelOfRows& of_rows = kernels_of_rows_.try_emplace(&kernel, kernel_of_rows(kernel, plan)).first->second;
    const KernelSignature sig(*of_rows.kernel);
    std::vector<llvm::Value*> arguments;
    const auto push = [&](const ir::Value* buffer) {
      const ir::Value* original = of_rows.buffers.at(buffer);
      llvm::Value* data = pointer(original);
      const ir::Shape& shape = buffer->shape();
      const bool has_rows = !shape.empty() && shape[0] == ir::Dim::symbol(kRowsDim);
      const ir::Dim row = has_rows ? element_count(ir::Shape(shape.begin() + 1, shape.end())) : ir::Dim(0);
      arguments.push_back(has_rows ? e_.element_address(data, buffer->dtype(), e_.mul(first, e_.dim(row, symbols_)))
                                   : data);
    };
    for (const ir::Value* buffer : sig.buffers) push(buffer);
    for (size_t i = 0; i < kernel.result_count(); ++i) push(of_rows.kernel->result(i));
    for (const std::string& symbol : sig.symbols) arguments.push_back(symbol == kRowsDim ? count : symbols_.at(symbol));
    arguments.insert(arguments.end(), {thread_, threads_, e_.i64(0)});
    llvm::Function* function = kernels_.function(*of_rows.kernel, sig, {});
    e_.CreateCall(function, arguments);
    return function;
  }

  void call_for_rows_in_front(const ir::Op& kernel, const DeferredRows& rows) {
    llvm::Function* function = call_for_rows(kernel, *rows.plan, rows.first_in_front, rows.in_front);
    if (options_.schedule) options_.schedule->ops.back().loops = kernels_.loops(function);
    emit_barrier();
  }

  /// Behind the last step that had to do with a group of rows, these are what the steps will read.
  void finish_rows(const DeferredRows& rows) {
    e_.when(e_.CreateICmpEQ(rows.phase, e_.i64(kDeferredRows - 1)), [&] {
      for (const ir::Op* op : rows.plan->behind) call_for_rows(*op, *rows.plan, rows.first_row, e_.i64(kDeferredRows));
    });
  }

  const DeferredRows* rows_beside(const ir::Op& kernel) const {
    const auto it = running_.find(kernel.parent()->parent_op());
    return it == running_.end() || it->second.beside != &kernel ? nullptr : &it->second;
  }

  void begin_step(const ir::Op& scan, llvm::Value* step) {
    const auto it = running_.find(&scan);
    if (it == running_.end()) return;
    DeferredRows& rows = it->second;
    wait_for_rows(rows, step);
    llvm::Value *size = e_.i64(kDeferredRows), *group = e_.CreateUDiv(step, size);
    llvm::Value* active = e_.CreateAnd(e_.CreateICmpSLT(group, rows.groups), e_.CreateNot(rows.by_others));
    rows.phase = e_.CreateSelect(active, e_.CreateURem(step, size), e_.i64(-1));
    rows.first_row = first_row_of(rows, group);
  }

  void call_product_for_rows(const Deferred& plan, llvm::Value* first, llvm::Value* count) {
    const KernelSignature sig(*plan.product);
    auto arguments = arguments_at_row(plan, sig, first);
    arguments.insert(arguments.end(), {thread_, threads_, e_.i64(0), count});
    const KernelContext context{.far_results = far_results(*plan.product), .some_rows = true};
    e_.CreateCall(kernels_.function(*plan.product, sig, context), arguments);
  }

  /// What a product's function takes for rows from number `row` on.
  std::vector<llvm::Value*> arguments_at_row(const Deferred& plan, const KernelSignature& sig, llvm::Value* row) {
    std::vector<llvm::Value*> arguments = arguments_of(*plan.product, sig);
    const auto shift = [&](size_t i, const ir::Value* buffer, const ir::Dim& elements) {
      arguments[i] = e_.element_address(arguments[i], buffer->dtype(), e_.mul(row, e_.dim(elements, symbols_)));
    };
    for (size_t i = 0; i < sig.buffers.size(); ++i)
      if (sig.buffers[i] == plan.lhs) shift(i, plan.lhs, plan.lhs_row);
    for (size_t i = 0; i < plan.product->result_count(); ++i)
      shift(sig.buffers.size() + i, plan.product->result(i), plan.row);
    return arguments;
  }

  /// Results that each step of a scan writes behind those of the step before.
  std::vector<size_t> far_results(const ir::Op& kernel) const {
    std::vector<size_t> far;
    for (size_t i = 0; i < kernel.result_count(); ++i)
      if (plan_.storage.at(kernel.result(i)).place == Place::ScanEmit) far.push_back(i);
    return far;
  }

  /// The persistent kernel of a recurrence: the time loop stands here, its phases are calls.
  void emit_scan(const ir::Op& scan) {
    const auto& attr = scan.as<ir::ScanAttr>();
    const auto carries = static_cast<size_t>(attr.carries);
    const ir::Block& region = scan.region();
    llvm::Value* length = e_.dim(attr.length, symbols_);
    Emitter::Carried initial;
    for (size_t i = 0; i < carries; ++i) initial.push_back(pointer(scan.operand(i)));
    for (size_t i = carries; i < scan.result_count(); ++i) pointers_[scan.result(i)] = place(scan.result(i));
    if (auto ahead = plan_ahead(scan)) ahead_[ahead->kernel] = std::move(*ahead);
    if (may_leave_meetings(region)) plan_meetings(scan, meetings_);
    std::vector<llvm::Value*> scanned;
    for (size_t i = carries; i < scan.operands().size(); ++i) scanned.push_back(pointer(scan.operand(i)));
    make_rows_for_other(scan);
    const auto finals = e_.loop(e_.i64(0), length, 1, initial, [&](llvm::Value* t, const Emitter::Carried& current) {
      llvm::Value* element = attr.reverse ? e_.CreateSub(e_.CreateSub(length, e_.i64(1)), t) : t;
      step_[&region] = t;
      element_[&region] = element;
      begin_step(scan, t);
      for (size_t i = 0; i < carries; ++i) pointers_[region.argument(i)] = current[i];
      for (size_t i = carries; i < region.argument_count(); ++i) {
        const ir::Value* slice = region.argument(i);
        pointers_[slice] = e_.element_address(scanned[i - carries], slice->dtype(),
                                              e_.mul(element, e_.dim(element_count(slice->shape()), symbols_)));
      }
      emit_block(region);
      Emitter::Carried next;
      for (size_t i = 0; i < carries; ++i) next.push_back(pointer(region.terminator()->operand(i)));
      return next;
    });
    for (size_t i = 0; i < carries; ++i) pointers_[scan.result(i)] = finals[i];
    const auto leaves = [&](const auto& op) { return meetings_.left.contains(op.get()); };
    if (std::any_of(region.ops().begin(), region.ops().end(), leaves))  // behind the last step nobody has waited
      when_shared([&] { wait_for_all(e_, wait(), call_, thread_, threads_); });
  }

  /// Kernels that thread 0 may run alone, and who is told that all threads are done, need barriers. So does whatever else
  /// a step does, such as binding the dims of the kernels behind it.
  bool may_leave_meetings(const ir::Block& region) {
    return !options_.told.kernels && std::all_of(region.ops().begin(), region.ops().end(), [&](const auto& op) {
      if (op->code() != Opcode::Kernel) return is_view(*op) || op->code() == Opcode::Yield;
      const auto* alone = llvm::dyn_cast<llvm::ConstantInt>(runs_alone(*op));
      return alone && alone->isZero();
    });
  }

  void emit_loop(const ir::Op& loop) {
    const ir::Block& region = loop.region();
    const size_t carries = loop.operands().size() - 2;
    const auto load_condition = [&](const ir::Value* value) {
      return e_.CreateICmpNE(e_.CreateLoad(e_.getInt8Ty(), pointer(value)), e_.getInt8(0));
    };
    llvm::Value* count = e_.CreateLoad(e_.getInt64Ty(), pointer(loop.operand(0)));
    if (const ir::Dim& at_most = loop.as<ir::LoopAttr>().at_most; !(at_most == ir::Dim(-1)))
      count = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, count, e_.dim(at_most, symbols_));
    for (size_t i = carries; i < loop.result_count(); ++i) pointers_[loop.result(i)] = place(loop.result(i));
    llvm::Value* runs = e_.CreateAnd(load_condition(loop.operand(1)), e_.CreateICmpSLT(e_.i64(0), count));
    auto* before = e_.GetInsertBlock();
    auto* head = llvm::BasicBlock::Create(context_, "loop", body_);
    auto* after = llvm::BasicBlock::Create(context_, "done", body_);
    std::vector<llvm::Value*> initial;
    for (size_t i = 0; i < carries; ++i) initial.push_back(pointer(loop.operand(i + 2)));
    // The step number is read by kernels through memory that belongs to this thread.
    llvm::Value* step_memory = number_slot();
    e_.CreateCondBr(runs, head, after);
    e_.SetInsertPoint(head);
    auto* step = e_.CreatePHI(e_.getInt64Ty(), 2);
    step->addIncoming(e_.i64(0), before);
    std::vector<llvm::PHINode*> current;
    for (size_t i = 0; i < carries; ++i) {
      current.push_back(e_.CreatePHI(e_.getPtrTy(), 2));
      current[i]->addIncoming(initial[i], before);
      pointers_[region.argument(i + 1)] = current[i];
    }
    e_.CreateStore(step, step_memory);
    pointers_[region.argument(0)] = step_memory;
    step_[&region] = element_[&region] = step;
    emit_block(region);
    const ir::Op& yield = *region.terminator();
    llvm::Value* following = e_.add(step, e_.i64(1));
    llvm::Value* again = e_.CreateAnd(load_condition(yield.operand(0)), e_.CreateICmpSLT(following, count));
    // Nobody may overwrite the condition before all threads have read it.
    emit_barrier();
    std::vector<llvm::Value*> next;
    for (size_t i = 0; i < carries; ++i) next.push_back(pointer(yield.operand(i + 1)));
    auto* tail = e_.GetInsertBlock();
    e_.CreateCondBr(again, head, after);
    step->addIncoming(following, tail);
    for (size_t i = 0; i < carries; ++i) current[i]->addIncoming(next[i], tail);
    e_.SetInsertPoint(after);
    for (size_t i = 0; i < carries; ++i) {
      auto* final_pointer = e_.CreatePHI(e_.getPtrTy(), 2);
      final_pointer->addIncoming(initial[i], before);
      final_pointer->addIncoming(next[i], tail);
      pointers_[loop.result(i)] = final_pointer;
    }
  }

  /// Every thread reads the size, then all go on: its memory may be another value's soon.
  void bind_dim(const ir::Op& op) {
    const auto& attr = op.as<ir::BindDimAttr>();
    llvm::Value* size = e_.CreateLoad(e_.getInt64Ty(), pointer(op.operand(0)));
    size = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, size, e_.dim(attr.at_most, symbols_));
    size = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, size, e_.i64(0));
    symbols_[attr.name] = size;
    llvm::Value* memory = number_slot();
    e_.CreateStore(size, memory);
    pointers_[op.result()] = memory;
    emit_barrier();
  }

  /// Memory of this thread for a number that kernels read.
  llvm::Value* number_slot() { return thread_memory(e_.getInt64Ty()); }

  llvm::Value* thread_memory(llvm::Type* type) {
    llvm::IRBuilder<> entry(&body_->getEntryBlock(), body_->getEntryBlock().begin());
    auto* memory = entry.CreateAlloca(type);
    memory->setAlignment(llvm::Align(SEQC_ALIGNMENT));
    return memory;
  }

  void emit_if(const ir::Op& op) {
    for (size_t i = 0; i < op.result_count(); ++i) pointers_[op.result(i)] = place(op.result(i));
    llvm::Value* condition = e_.CreateICmpNE(e_.CreateLoad(e_.getInt8Ty(), pointer(op.operand(0))), e_.getInt8(0));
    emit_barrier();  // the condition's memory may be another value's behind a branch without kernels
    auto* then_block = llvm::BasicBlock::Create(context_, "then", body_);
    auto* else_block = llvm::BasicBlock::Create(context_, "else", body_);
    auto* after = llvm::BasicBlock::Create(context_, "after", body_);
    e_.CreateCondBr(condition, then_block, else_block);
    // Pointers computed in one branch do not dominate the other.
    const auto outside = pointers_;
    for (size_t i = 0; i < 2; ++i) {
      e_.SetInsertPoint(i == 0 ? then_block : else_block);
      emit_block(op.region(i));
      e_.CreateBr(after);
      pointers_ = outside;
    }
    e_.SetInsertPoint(after);
  }

  // --- threads --------------------------------------------------------------------------------------------------------

  /// All threads of the call wait for each other; nothing for a single one.
  void emit_barrier() {
    when_shared([&] { e_.CreateCall(barrier(), {call_, threads_, thread_}); });
  }

  void when_shared(const std::function<void()>& emit) { e_.when(e_.CreateICmpSGT(threads_, e_.i64(1)), emit); }

  llvm::Function* arrival() { return arrival_ ? arrival_ : arrival_ = create_arrival(module_, machine_); }
  llvm::Function* wait() { return wait_ ? wait_ : wait_ = create_wait(module_, machine_); }
  llvm::Function* barrier() { return barrier_ ? barrier_ : barrier_ = create_barrier(module_, machine_); }

  llvm::Module& module_;
  llvm::LLVMContext& context_;
  const ir::Function& function_;
  const Machine& machine_;
  const ProgramOptions& options_;
  MemoryPlan plan_;
  std::vector<Deferred> deferred_;
  AbiTypes abi_;
  llvm::Function* body_;
  Emitter e_;
  std::map<const ir::Op*, Ahead> ahead_;
  std::map<const ir::Op*, DeferredRows> running_;  ///< by their scans
  llvm::Value *inputs_ = nullptr, *outputs_ = nullptr, *threads_ = nullptr, *thread_ = nullptr, *call_ = nullptr;
  llvm::Value* listener_ = nullptr;                          ///< an OutputListener or null
  std::map<const ir::Op*, std::vector<int32_t>> announced_;  ///< behind ops of the function's own block
  llvm::Value* kernel_listener_ = nullptr;                   ///< a KernelListener or null
  std::map<const ir::Op*, uint32_t> profiled_;               ///< positions in profiled_ops
  llvm::Function *barrier_ = nullptr, *arrival_ = nullptr, *wait_ = nullptr;
  Meetings meetings_;
  KernelFunctions kernels_;
  std::map<const ir::Op*, KernelOfRows> kernels_of_rows_;
  Emitter::Symbols symbols_;
  std::vector<llvm::Value*> slot_offsets_;
  std::map<const ir::Value*, llvm::Value*> pointers_, constants_;
  std::map<const ir::Block*, llvm::Value*> step_,
      element_;  // of the loop around a block: step, element of scanned values
};

}  // namespace

std::vector<const ir::Op*> profiled_ops(const ir::Function& function) {
  std::vector<const ir::Op*> ops;
  const auto visit = [&](auto&& self, const ir::Block& block) -> void {
    for (const auto& op : block.ops()) {
      const bool kernel = op->code() == Opcode::Kernel;
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
