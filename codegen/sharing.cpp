#include "codegen/sharing_llvm.h"

#include <algorithm>

#include "codegen/repeats.h"
#include "codegen/work.h"
#include "ir/named_dims.h"

namespace seqc::codegen {
namespace {

using ir::Dim;
using ir::Opcode;

// In meetings: while one thread alone does so much, the others go to sleep (barrier.cpp); and to wake them is worth as much.
constexpr int64_t kUntilAsleep = 512, kToWake = 256;
// Operations in the time that a kernel takes at least.
constexpr int64_t kSmallest = 512;

/// The kernel itself, or those that a loop or a branch holds.
std::vector<const ir::Op*> kernels_of(const ir::Op& op) {
  if (op.code() == Opcode::Kernel) return {&op};
  std::vector<const ir::Op*> kernels;
  for (size_t i = 0; i < op.region_count(); ++i)
    for (const ir::Op* kernel : kernels_in(op.region(i))) kernels.push_back(kernel);
  return kernels;
}

/// Decides with the sizes of one run, or with bounds of what it may still find out.
class Decision {
 public:
  Decision(Emitter& e, const Emitter::Symbols& symbols, const ir::DimBounds* bounds = nullptr)
      : e_(e), symbols_(symbols), bounds_(bounds) {}

  llvm::Value* is_alone(const ir::Op& op) {
    const std::vector<const ir::Op*> kernels = kernels_of(op);
    llvm::Value* alone = e_.getTrue();
    Dim all(0);
    for (const ir::Op* kernel : kernels) {
      alone = e_.CreateAnd(alone, is_below(size(*kernel), 1));
      all = all + size(*kernel);
    }
    if (kernels.size() < 2 || !is_plain_scan(op, kernels) || repeats(op)) return alone;
    return e_.CreateOr(alone, is_below(all, kernels.size()));
  }

  /// Whether threads run the kernels of a scan's steps for themselves that they do not share, and need not meet for them.
  bool repeats(const ir::Op& op) const { return !repeated_kernels(op, worth_meeting(e_.machine)).empty(); }

  static constexpr int64_t kPlenty = int64_t{1} << 24;  // more would not change the decision, and could overflow

  /// Operations of `op`, of each kernel those beyond `each`, but `least`; of a loop that is no plain scan so many as are said
  /// to be: who knows how often its kernels run?
  llvm::Value* operations(const ir::Op& op, int64_t each, int64_t least, int64_t of_loop) {
    const std::vector<const ir::Op*> kernels = kernels_of(op);
    llvm::Value* total = e_.i64(0);
    for (const ir::Op* kernel : kernels) {
      llvm::Value* more = e_.CreateSub(capped(size(*kernel)), e_.i64(each));
      total = e_.add(total, e_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, more, e_.i64(least)));
    }
    if (op.code() == Opcode::Kernel) return total;
    if (!is_plain_scan(op, kernels)) return e_.i64(of_loop);
    const Dim& length = op.as<ir::ScanAttr>().length;
    return e_.mul(capped(bounds_ ? bounds_->upper(length) : length), total);
  }

 private:
  llvm::Value* capped(const Dim& dim) {
    return e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.dim(dim, symbols_), e_.i64(kPlenty));
  }

  Dim size(const ir::Op& kernel) const { return bounds_ ? bounds_->upper(work(kernel)) : work(kernel); }

  /// A step without loops and branches of its own.
  static bool is_plain_scan(const ir::Op& op, const std::vector<const ir::Op*>& kernels) {
    return op.code() == Opcode::Scan && std::all_of(kernels.begin(), kernels.end(), [&](const ir::Op* kernel) {
             return kernel->parent() == &op.region();
           });
  }

  /// i1: whether so many operations are not worth the threads' meeting `meetings` times.
  llvm::Value* is_below(const Dim& operations, size_t meetings) {
    const int64_t least = worth_meeting(e_.machine) * static_cast<int64_t>(meetings);
    if (operations.is_constant()) return e_.getInt1(operations.constant() < least);
    return e_.CreateICmpSLT(e_.dim(operations, symbols_), e_.i64(least));
  }

  Emitter& e_;
  const Emitter::Symbols& symbols_;
  const ir::DimBounds* bounds_;
};

}  // namespace

int64_t worth_meeting(const Machine& machine) { return machine.worth_sharing * machine.vector_lanes; }

llvm::Value* is_alone(Emitter& e, const ir::Op& op, const Emitter::Symbols& symbols) {
  return Decision(e, symbols).is_alone(op);
}

llvm::Value* is_run_alone(Emitter& e, const ir::Function& function, const Emitter::Symbols& symbols) {
  const ir::DimBounds bounds(function);
  Decision decision(e, symbols, &bounds);
  const int64_t meeting = worth_meeting(e.machine);
  llvm::Value *alone = e.getTrue(), *saved = e.i64(0), *longest_alone = e.i64(0);
  for (const ir::Op* op : function.body().op_list()) {
    llvm::Value* op_alone = decision.is_alone(*op);
    alone = e.CreateAnd(alone, op_alone);
    saved = e.add(saved, e.CreateSelect(op_alone, e.i64(0), decision.operations(*op, meeting, 0, Decision::kPlenty)));
    llvm::Value* not_shared = e.CreateSelect(op_alone, decision.operations(*op, 0, kSmallest, 0), e.i64(0));
    longest_alone = e.CreateBinaryIntrinsic(llvm::Intrinsic::smax, longest_alone, not_shared);
  }
  llvm::Value* asleep = e.CreateICmpSGT(longest_alone, e.i64(kUntilAsleep * meeting));
  llvm::Value* worth = e.CreateSelect(asleep, e.i64(kToWake * meeting), e.i64(meeting));
  return e.CreateOr(alone, e.CreateICmpSLT(saved, worth));
}

bool is_never(llvm::Value* condition) {
  const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition);
  return known && known->isZero();
}

Sharing sharing_of(llvm::Value* alone) {
  if (is_never(alone)) return Sharing::All;
  return llvm::isa<llvm::ConstantInt>(alone) ? Sharing::One : Sharing::BySize;
}

KernelSchedule describe_sharing(const ir::Op& op, llvm::Value* alone) {
  KernelSchedule note{&op, sharing_of(alone)};
  for (const ir::Op* kernel : kernels_of(op)) {
    note.together = note.together + work(*kernel);
    note.operations = note.operations == Dim(0) ? work(*kernel) : ir::max(note.operations, work(*kernel));
  }
  return note;
}

}  // namespace seqc::codegen
