/// The function that runs a model's kernels in order on one thread of a call: program_body.cpp, its loops and branches
/// (program_loops.cpp), and rows of products that are made while a scan runs (program_deferred.cpp).
#pragma once

#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "codegen/ahead.h"
#include "codegen/barrier_llvm.h"
#include "codegen/deferred.h"
#include "codegen/kernel_functions_llvm.h"
#include "codegen/meetings.h"
#include "codegen/memory_plan.h"
#include "codegen/program_llvm.h"
#include "codegen/repeats.h"

namespace seqc::codegen {

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

  /// Emits the body; afterwards `externals` are the constants that it leaves open, by the number of constant_symbol.
  llvm::Function* generate();
  ir::Dim workspace_bytes() const { return plan_.workspace_bytes(); }
  std::vector<const ir::Value*> externals;

 private:
  llvm::Function* create_body();
  void write_output_shapes();
  void announce_behind(const ir::Op* op);
  llvm::Value* tensor_data(llvm::Value* tensors, size_t i);

  // --- where values are ----------------------------------------------------------------------------------------------

  llvm::Value* pointer(const ir::Value* value);
  llvm::Value* slice_pointer(const ir::Op& op);
  llvm::Value* constant_data(const ir::Value* value);
  llvm::Constant* bytes_of(const ir::Tensor& tensor);
  llvm::Value* slot_pointer(size_t slot) { return e_.CreateInBoundsGEP(e_.getInt8Ty(), call_, slot_offsets_[slot]); }
  llvm::Value* place(const ir::Value* value);
  llvm::Value* own_place(const ir::Value* value);
  llvm::Value* thread_memory(llvm::Type* type);
  /// Memory of this thread for a number that kernels read.
  llvm::Value* number_slot() { return thread_memory(e_.getInt64Ty()); }

  // --- ops -----------------------------------------------------------------------------------------------------------

  void emit_block(const ir::Block& block);
  static bool is_view(const ir::Op& op) { return op.code() == ir::Opcode::Reshape || op.code() == ir::Opcode::Slice; }
  void repeat_on_each(const ir::Op& kernel);
  /// What `emit` emits does the work of thread `thread` of `threads`, whoever runs it.
  template <class Emit>
  void as_thread(llvm::Value* thread, llvm::Value* threads, const Emit& emit) {
    std::swap(thread_, thread);
    std::swap(threads_, threads);
    emit();
    thread_ = thread;
    threads_ = threads;
  }
  llvm::Value* runs_alone(const ir::Op& op);
  void tell(const ir::Op& op, int64_t what);
  static bool decides(const ir::Block& block);
  void emit_op(const ir::Op& op);
  template <class Emit>
  void told(const ir::Op& op, const Emit& emit) {
    tell(op, 0);
    emit();
    tell(op, 2);
  }
  void call_kernel(const ir::Op& kernel);
  std::vector<llvm::Value*> arguments_of(const ir::Op& kernel, const KernelSignature& sig);
  std::vector<size_t> far_results(const ir::Op& kernel) const;

  // --- ops with regions (program_loops.cpp) --------------------------------------------------------------------------

  void emit_scan(const ir::Op& scan);
  bool may_leave_meetings(const ir::Block& region);
  void emit_loop(const ir::Op& loop);
  void emit_if(const ir::Op& op);
  void bind_dim(const ir::Op& op);

  // --- rows of a product that are made while a scan runs (program_deferred.cpp) --------------------------------------

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
  void defer_rows(const Deferred& plan);
  bool plan_beside(DeferredRows& rows);
  bool meets_before_rows_are_read(const DeferredRows& rows);
  llvm::Value* first_row_of(const DeferredRows& rows, llvm::Value* group);
  void make_rows_for_other(const ir::Op& scan);
  void wait_for_rows(const DeferredRows& rows, llvm::Value* step);
  const DeferredRows* rows_of(const ir::Op& product) const;
  const DeferredRows* rows_behind(const ir::Op& kernel) const;
  llvm::Function* call_for_rows(const ir::Op& kernel, const Deferred& plan, llvm::Value* first, llvm::Value* count);
  void call_for_rows_in_front(const ir::Op& kernel, const DeferredRows& rows);
  void finish_rows(const DeferredRows& rows);
  const DeferredRows* rows_beside(const ir::Op& kernel) const;
  void begin_step(const ir::Op& scan, llvm::Value* step);
  void call_product_for_rows(const Deferred& plan, llvm::Value* first, llvm::Value* count);
  std::vector<llvm::Value*> arguments_at_row(const Deferred& plan, const KernelSignature& sig, llvm::Value* row);

  // --- threads -------------------------------------------------------------------------------------------------------

  void emit_barrier();
  llvm::Value* shared() { return e_.CreateICmpSGT(threads_, e_.i64(1)); }
  void when_shared(const std::function<void()>& emit) { e_.when(shared(), emit); }
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
  std::set<const ir::Op*> repeated_;  ///< kernels that each thread runs for itself
  Meetings meetings_;
  KernelFunctions kernels_;
  std::map<const ir::Op*, KernelOfRows> kernels_of_rows_;
  Emitter::Symbols symbols_;
  std::vector<llvm::Value*> slot_offsets_;
  std::map<const ir::Value*, llvm::Value*> pointers_, constants_;
  std::map<const ir::Block*, llvm::Value*> step_, element_;  ///< of the loop around a block; element of scanned values
};

}  // namespace seqc::codegen
