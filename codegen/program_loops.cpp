// Ops with regions: what stands around a kernel.
#include <algorithm>

#include "codegen/program_body_llvm.h"
#include "codegen/sharing_llvm.h"
#include "codegen/work.h"
#include "ir/kept_states.h"

namespace seqc::codegen {

using ir::Opcode;

/// The persistent kernel of a recurrence: the time loop stands here, its phases are calls.
void BodyGenerator::emit_scan(const ir::Op& scan) {
  const auto& attr = scan.as<ir::ScanAttr>();
  const auto carries = static_cast<size_t>(attr.carries);
  const ir::Block& region = scan.region();
  llvm::Value* length = e_.dim(attr.length, symbols_);
  Emitter::Carried initial;
  for (size_t i = 0; i < carries; ++i) initial.push_back(pointer(scan.operand(i)));
  for (size_t i = carries; i < scan.result_count(); ++i) pointers_[scan.result(i)] = place(scan.result(i));
  if (auto ahead = plan_ahead(scan)) ahead_[ahead->kernel] = std::move(*ahead);
  repeated_.merge(repeated_kernels(scan, worth_meeting(machine_)));
  std::vector<size_t> own;  // carries that each thread computes for itself; behind the scan all read thread 0's
  for (size_t i = 0; i < carries; ++i) {
    if (!repeated_.contains(ir::strip_reshapes(region.terminator()->operand(i))->op())) continue;
    own.push_back(i);
    initial.push_back(initial[i]);
  }
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
    for (const size_t i : own) next.push_back(place(ir::strip_reshapes(region.terminator()->operand(i))));
    return next;
  });
  for (size_t i = 0; i < carries; ++i) pointers_[scan.result(i)] = finals[i];
  for (size_t i = 0; i < own.size(); ++i) pointers_[scan.result(own[i])] = finals[carries + i];
  if (const auto kernels = kernels_in(region); !kernels.empty() && repeated_.contains(kernels.back())) emit_barrier();
  const auto leaves = [&](const auto& op) { return meetings_.left.contains(op.get()); };
  if (std::any_of(region.ops().begin(), region.ops().end(), leaves))  // behind the last step nobody has waited
    when_shared([&] { wait_for_all(e_, wait(), call_, thread_, threads_); });
}

/// Kernels that thread 0 may run alone, and who is told that all threads are done, need barriers. So does whatever else
/// a step does, such as binding the dims of the kernels behind it.
bool BodyGenerator::may_leave_meetings(const ir::Block& region) {
  return !options_.told.kernels && std::all_of(region.ops().begin(), region.ops().end(), [&](const auto& op) {
    if (op->code() != Opcode::Kernel) return is_view(*op) || op->code() == Opcode::Yield;
    return is_never(runs_alone(*op));
  });
}

void BodyGenerator::emit_loop(const ir::Op& loop) {
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
void BodyGenerator::bind_dim(const ir::Op& op) {
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

void BodyGenerator::emit_if(const ir::Op& op) {
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

}  // namespace seqc::codegen
