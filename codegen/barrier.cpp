// A flag a thread, on a cache line of its own: it counts the barriers that its thread came to, and each thread looks at
// all flags. With two threads the lines cross in one transfer each, where a shared counter takes three in a row.
//
// A short wait spins. A long one means that another thread has more to do, or has no processor: the thread sleeps on the
// flag (futex). It spins for longer than it takes to be woken, or else threads that once slept would go on to: the time
// in which one wakes up would send the other to sleep. Only when it stands on the processor that the other needs, it
// sleeps at once.
#include "codegen/barrier_llvm.h"

#include <llvm/IR/IntrinsicsAArch64.h>
#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/memory_plan.h"

namespace seqc::codegen {
namespace {

constexpr int64_t kSleepersAt = 64;             ///< how many threads sleep
constexpr int64_t kFlagsAt = 128, kLine = 128;  ///< flags of the threads; lines are fetched in pairs
constexpr int64_t kProcessor = 4;               ///< behind a flag: where its thread runs
constexpr uint32_t kLooks = 256;                ///< without a pause, then
constexpr uint32_t kPausedLooks = 32;           ///< with one, of about 30 ns, so many
constexpr int64_t kRounds = 256;  ///< times: a quarter of a millisecond, as a processor that was idle takes a tenth
static_assert(kFlagsAt + kLine * kMostThreads == kCallHeaderBytes);

/// The flag of a thread in a call's workspace.
llvm::Value* flag_of(Emitter& e, llvm::Value* workspace, llvm::Value* thread) {
  return e.CreateInBoundsGEP(e.getInt8Ty(), workspace, e.add(e.i64(kFlagsAt), e.mul(thread, e.i64(kLine))));
}

llvm::Value* load(Emitter& e, llvm::Value* from) {
  auto* value = e.CreateAlignedLoad(e.getInt32Ty(), from, llvm::Align(4));
  value->setAtomic(llvm::AtomicOrdering::Acquire);
  return value;
}

/// Looks at most `times` at a flag, with pauses if `pause` is given; i1: whether its thread has not come to barrier `mine`.
/// Counts wrap; a thread is at most one barrier ahead.
llvm::Value* look(Emitter& e, llvm::Value* flag, llvm::Value* mine, uint32_t times,
                  const std::function<void()>& pause = nullptr) {
  auto* before = e.GetInsertBlock();
  const auto block = [&](const char* name) {
    return llvm::BasicBlock::Create(e.getContext(), name, before->getParent());
  };
  auto *head = block("look"), *again = block("again"), *after = block("seen");
  e.CreateBr(head);
  e.SetInsertPoint(head);
  auto* looks = e.CreatePHI(e.getInt32Ty(), 2);
  looks->addIncoming(e.getInt32(0), before);
  llvm::Value* behind = e.CreateICmpSLT(e.CreateSub(load(e, flag), mine), e.getInt32(0));
  e.CreateCondBr(e.CreateAnd(behind, e.CreateICmpULT(looks, e.getInt32(times))), again, after);
  e.SetInsertPoint(again);
  if (pause) pause();
  looks->addIncoming(e.CreateAdd(looks, e.getInt32(1)), again);
  e.CreateBr(head);
  e.SetInsertPoint(after);
  return behind;
}

/// Generates a function of the call's workspace and of numbers: the thread, and how many there are or another.
class Barrier {
 public:
  Barrier(llvm::Module& module, const Machine& machine, const char* name, size_t numbers)
      : module_(module), function_(create(module, name, numbers)), e_(block("entry"), machine) {}

  llvm::Function* barrier() {
    arrive(flag(function_->getArg(2)));
    e_.loop(e_.i64(0), function_->getArg(1), 1, [&](llvm::Value* other) { wait_for(flag(other)); });
    return finish();
  }

  llvm::Function* arrival() {
    arrive(flag(function_->getArg(1)));
    return finish();
  }

  llvm::Function* wait() {
    mine_ = e_.CreateAlignedLoad(word(), flag(function_->getArg(1)), llvm::Align(4));
    wait_for(flag(function_->getArg(2)));
    return finish();
  }

 private:
  static constexpr uint32_t kWait = 128, kWake = 129;  // FUTEX_WAIT, FUTEX_WAKE, both FUTEX_PRIVATE_FLAG

  static llvm::Function* create(llvm::Module& module, const char* name, size_t numbers) {
    llvm::LLVMContext& context = module.getContext();
    std::vector<llvm::Type*> arguments(numbers + 1, llvm::Type::getInt64Ty(context));
    arguments[0] = llvm::PointerType::getUnqual(context);
    auto* type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), arguments, false);
    auto* function = llvm::Function::Create(type, llvm::Function::InternalLinkage, name, module);
    function->addFnAttr(llvm::Attribute::NoInline);
    function->addFnAttr(llvm::Attribute::NoUnwind);
    return function;
  }

  llvm::Function* finish() {
    e_.CreateRetVoid();
    return function_;
  }

  void arrive(llvm::Value* own) {
    mine_ = e_.CreateAdd(e_.CreateAlignedLoad(word(), own, llvm::Align(4)), e_.getInt32(1));
    // No fence: it would wait for the other thread to give up the lines that are being written. So it can happen that
    // neither this thread sees the sleeper nor the sleeper the flag; sleep ends by itself soon.
    e_.CreateAlignedStore(mine_, own, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Release);
    if (can_sleep())
      e_.when(e_.CreateICmpNE(load(e_, sleepers()), e_.getInt32(0)),
              [&] { futex(own, kWake, e_.getInt32(0x7fffffff), nullptr); });
    // The others look for the processor only when they have waited for long: it is written behind the flag, and only when it is
    // another, or else the line would go to and fro twice.
    if (!can_sleep()) return;
    llvm::Value* here = processor();
    e_.when(e_.CreateICmpNE(load(e_, processor_at(own)), here), [&] {
      e_.CreateAlignedStore(here, processor_at(own), llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
    });
  }

  llvm::BasicBlock* block(const char* name) { return llvm::BasicBlock::Create(module_.getContext(), name, function_); }
  llvm::Type* word() { return e_.getInt32Ty(); }
  llvm::Value* at(int64_t offset) { return e_.CreateInBoundsGEP(e_.getInt8Ty(), function_->getArg(0), e_.i64(offset)); }
  llvm::Value* sleepers() { return at(kSleepersAt); }
  llvm::Value* flag(llvm::Value* thread) { return flag_of(e_, function_->getArg(0), thread); }

  void wait_for(llvm::Value* other) {
    e_.when(look(e_, other, mine_, kLooks), [&] {
      auto *before = e_.GetInsertBlock(), *round = block("round"), *more = block("more"), *sleep = block("sleep"),
           *after = block("after");
      e_.CreateBr(round);
      e_.SetInsertPoint(round);
      auto* rounds = e_.CreatePHI(e_.getInt64Ty(), 2);
      rounds->addIncoming(e_.i64(0), before);
      e_.CreateCondBr(look(e_, other, mine_, kPausedLooks, [&] { pause(); }), more, after);
      e_.SetInsertPoint(more);
      llvm::Value* next = e_.add(rounds, e_.i64(1));
      rounds->addIncoming(next, more);
      llvm::Value* goes_on = e_.CreateICmpSLT(next, e_.i64(kRounds));
      if (can_sleep()) goes_on = e_.CreateAnd(goes_on, e_.CreateICmpNE(load(e_, processor_at(other)), processor()));
      e_.CreateCondBr(goes_on, round, sleep);
      e_.SetInsertPoint(sleep);
      sleep_on(other);
      e_.CreateBr(after);
      e_.SetInsertPoint(after);
    });
  }

  llvm::Value* processor_at(llvm::Value* flag) {
    return e_.CreateInBoundsGEP(e_.getInt8Ty(), flag, e_.i64(kProcessor));
  }
  llvm::Value* processor() { return e_.CreateCall(module_.getOrInsertFunction("sched_getcpu", word())); }

  void sleep_on(llvm::Value* other) {
    const auto count = [&](llvm::AtomicRMWInst::BinOp op) {
      e_.CreateAtomicRMW(op, sleepers(), e_.getInt32(1), llvm::Align(4), llvm::AtomicOrdering::AcquireRelease);
    };
    if (can_sleep()) count(llvm::AtomicRMWInst::Add);
    auto *head = block("sleep"), *again = block("wait"), *after = block("awake");
    e_.CreateBr(head);
    e_.SetInsertPoint(head);
    llvm::Value* seen = load(e_, other);
    e_.CreateCondBr(e_.CreateICmpSLT(e_.CreateSub(seen, mine_), e_.getInt32(0)), again, after);
    e_.SetInsertPoint(again);
    if (can_sleep())
      futex(other, kWait, seen, a_millisecond());
    else
      e_.CreateCall(module_.getOrInsertFunction("sched_yield", word()));
    e_.CreateBr(head);
    e_.SetInsertPoint(after);
    if (can_sleep()) count(llvm::AtomicRMWInst::Sub);
  }

  llvm::Triple::ArchType arch() const { return e_.machine.triple.getArch(); }

  void pause() {
    if (arch() == llvm::Triple::x86_64) e_.CreateIntrinsic(llvm::Intrinsic::x86_sse2_pause, {}, {});
    if (arch() == llvm::Triple::aarch64) e_.CreateIntrinsic(llvm::Intrinsic::aarch64_hint, {}, {e_.getInt32(1)});
  }

  /// The number of the system call; 0 where there is none.
  int64_t futex_number() const {
    if (!e_.machine.triple.isOSLinux()) return 0;
    return arch() == llvm::Triple::x86_64 ? 202 : arch() == llvm::Triple::aarch64 ? 98 : 0;
  }
  bool can_sleep() const { return futex_number() != 0; }

  void futex(llvm::Value* address, uint32_t operation, llvm::Value* value, llvm::Constant* timeout) {
    auto* type = llvm::FunctionType::get(e_.getInt64Ty(), {e_.getInt64Ty()}, true);
    if (!timeout) timeout = llvm::ConstantPointerNull::get(e_.getPtrTy());
    e_.CreateCall(module_.getOrInsertFunction("syscall", type),
                  {e_.i64(futex_number()), address, e_.getInt32(operation), value, timeout});
  }

  llvm::Constant* a_millisecond() {
    auto* timespec = llvm::ConstantDataArray::get(module_.getContext(), llvm::ArrayRef<uint64_t>{0, 1000000});
    return new llvm::GlobalVariable(module_, timespec->getType(), true, llvm::GlobalValue::PrivateLinkage, timespec,
                                    "a_millisecond");
  }

  llvm::Module& module_;
  llvm::Function* function_;
  Emitter e_;
  llvm::Value* mine_ = nullptr;  ///< number of this barrier
};

}  // namespace

llvm::Function* create_barrier(llvm::Module& module, const Machine& machine) {
  return Barrier(module, machine, "barrier", 2).barrier();
}

llvm::Function* create_arrival(llvm::Module& module, const Machine& machine) {
  return Barrier(module, machine, "arrive", 1).arrival();
}

llvm::Function* create_wait(llvm::Module& module, const Machine& machine) {
  return Barrier(module, machine, "wait", 2).wait();
}

void wait_for(Emitter& e, llvm::Function* wait, llvm::Value* workspace, llvm::Value* thread, llvm::Value* other) {
  llvm::Value* mine = e.CreateAlignedLoad(e.getInt32Ty(), flag_of(e, workspace, thread), llvm::Align(4));
  llvm::Value* behind = look(e, flag_of(e, workspace, other), mine, kLooks);
  e.when(behind, [&] { e.CreateCall(wait, {workspace, thread, other}); });
  // Says to the optimiser that all memory may be another's now; it knows nothing of that from the call.
  e.CreateFence(llvm::AtomicOrdering::Acquire, llvm::SyncScope::SingleThread);
}

void wait_for_all(Emitter& e, llvm::Function* wait, llvm::Value* workspace, llvm::Value* thread, llvm::Value* threads) {
  e.loop(e.i64(0), threads, 1, [&](llvm::Value* other) { wait_for(e, wait, workspace, thread, other); });
}

void reset_barrier(Emitter& e, llvm::Value* workspace, llvm::Value* threads) {
  const auto clear = [&](llvm::Value* offset) {
    e.CreateAlignedStore(e.getInt32(0), e.CreateInBoundsGEP(e.getInt8Ty(), workspace, offset), llvm::Align(4));
  };
  clear(e.i64(kSleepersAt));
  e.loop(e.i64(0), threads, 1,
         [&](llvm::Value* thread) { clear(e.add(e.i64(kFlagsAt), e.mul(thread, e.i64(kLine)))); });
}

}  // namespace seqc::codegen
