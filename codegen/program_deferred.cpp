// Rows of a product that are made while a scan runs (see deferred.h): who makes them, and when.
#include <algorithm>

#include "codegen/program_body_llvm.h"
#include "codegen/sharing_llvm.h"
#include "ir/kept_states.h"

namespace seqc::codegen {
namespace {

/// Bytes that the third cache holds while others use it, too.
constexpr int64_t kThirdCache = 6 << 20;
/// Rows of a product that threads make for another one at a time: a few tiles, whatever their size.
constexpr int64_t kRowsOfOthers = 12;

}  // namespace

using ir::Opcode;

/// Decides, where the product stands, how many of its rows are left for the time in which its scan runs.
void BodyGenerator::defer_rows(const Deferred& plan) {
  if (options_.told.kernels) return;  // each kernel's time is its own
  DeferredRows rows{.plan = &plan, .threads = threads_};
  llvm::Value *one = e_.CreateICmpSLE(threads_, e_.i64(1)), *alone = runs_alone(*plan.scan);
  llvm::Value* beside = plan_beside(rows) ? one : e_.getFalse();
  if (rows.shared) {
    llvm::Value* filled =
        e_.CreateICmpSLT(e_.mul(threads_, e_.i64(machine_.first_cache)), e_.i64(weight_bytes(plan.scan->region())));
    beside = e_.CreateOr(beside, e_.CreateAnd(filled, e_.CreateNot(alone)));
  }
  rows.by_others = alone;
  if (!is_never(alone)) {
    llvm::Value* together = e_.CreateNot(e_.CreateOr(one, runs_alone(*plan.product)));
    rows.by_others = e_.CreateAnd(alone, together);
  }
  if (is_never(beside) && is_never(rows.by_others)) return;
  const auto& attr = plan.scan->as<ir::ScanAttr>();
  const auto groups = [&](int64_t size) { return e_.dim(deferred_groups(attr.length, size), symbols_); };
  rows.size = e_.select(rows.by_others, e_.i64(kRowsOfOthers), e_.i64(kDeferredRows));
  rows.groups = e_.select(rows.by_others, groups(kRowsOfOthers), e_.select(beside, groups(kDeferredRows), e_.i64(0)));
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

/// Finds the kernel of a step that can make rows besides, and would leave multipliers idle otherwise: because its weights do
/// not stay in the first caches of one thread, or of several, or because one row is too little for two multipliers.
bool BodyGenerator::plan_beside(DeferredRows& rows) {
  const Deferred& plan = *rows.plan;
  const int64_t bytes = weight_bytes(plan.scan->region());
  for (const ir::Op* op : plan.scan->region().op_list())
    if (!rows.beside && op->code() == Opcode::Kernel && pieces_beside(machine_, *plan.product, *op) > 0)
      rows.beside = op;
  // Weights that come from memory are read as seldom as possible: those of the product for as many rows as there are.
  const bool waits = bytes > machine_.first_cache || machine_.fma_units > 1;
  if (!waits || bytes + weight_bytes(*plan.product) > kThirdCache) rows.beside = nullptr;
  rows.shared = rows.beside && bytes > 2 * machine_.first_cache && is_never(runs_alone(*rows.beside)) &&
                (plan.behind.empty() || meets_before_rows_are_read(rows));
  return rows.beside;
}

/// Threads share the kernels behind the product by rows, when all have made their parts of those; and what a step reads they
/// have made before it comes to another meeting.
bool BodyGenerator::meets_before_rows_are_read(const DeferredRows& rows) {
  const ir::Op& scan = *rows.plan->scan;
  const ir::Block& region = scan.region();
  if (may_leave_meetings(region)) return false;
  std::set<const ir::Value*> read;
  for (const ir::Op* op : region.op_list()) {
    if (op->code() != Opcode::Kernel) continue;
    const KernelSignature signature(*op);
    for (const ir::Value* buffer : signature.buffers) read.insert(ir::strip_reshapes(buffer));
    if (op == rows.beside) break;
  }
  const auto carries = static_cast<size_t>(scan.as<ir::ScanAttr>().carries);
  for (size_t i = carries; i < region.argument_count(); ++i)
    if (read.contains(region.argument(i)) && rows.plan->rows_of.contains(ir::strip_reshapes(scan.operand(i))))
      return false;
  return true;
}

llvm::Value* BodyGenerator::first_row_of(const DeferredRows& rows, llvm::Value* group) {
  if (rows.plan->scan->as<ir::ScanAttr>().reverse)
    return e_.mul(e_.CreateSub(e_.CreateSub(rows.groups, e_.i64(1)), group), rows.size);
  return e_.add(rows.in_front, e_.mul(group, rows.size));
}

/// What the threads do that have no part in a scan: group after group, each of which they tell of by arriving.
void BodyGenerator::make_rows_for_other(const ir::Op& scan) {
  const auto it = running_.find(&scan);
  if (it == running_.end()) return;
  const DeferredRows& rows = it->second;
  e_.when(e_.CreateAnd(rows.by_others, e_.CreateICmpNE(thread_, e_.i64(0))), [&] {
    llvm::Value *thread = thread_, *others = e_.CreateSub(rows.threads, e_.i64(1));
    if (!rows.plan->behind.empty()) others = e_.i64(1);
    as_thread(e_.CreateSub(thread, e_.i64(1)), others, [&] {
      e_.loop(e_.i64(0), rows.groups, 1, [&](llvm::Value* group) {
        llvm::Value* first = first_row_of(rows, group);
        call_product_for_rows(*rows.plan, first, rows.size);
        for (const ir::Op* op : rows.plan->behind) call_for_rows(*op, *rows.plan, first, rows.size);
        e_.CreateCall(arrival(), {call_, thread});
      });
    });
  });
}

/// In front of a step: the one thread that runs it waits for the group of rows that it begins to read.
void BodyGenerator::wait_for_rows(const DeferredRows& rows, llvm::Value* step) {
  e_.when(e_.CreateAnd(rows.by_others, e_.CreateICmpEQ(thread_, e_.i64(0))), [&] {
    llvm::Value* behind = e_.CreateSub(step, rows.in_front);
    llvm::Value* begins = e_.CreateICmpEQ(e_.CreateURem(behind, e_.i64(kRowsOfOthers)), e_.i64(0));
    e_.when(e_.CreateAnd(begins, e_.CreateICmpSGE(behind, e_.i64(0))), [&] {
      e_.CreateCall(arrival(), {call_, thread_});
      wait_for_all(e_, wait(), call_, thread_, rows.threads);
    });
  });
}

const BodyGenerator::DeferredRows* BodyGenerator::rows_of(const ir::Op& product) const {
  const auto is_its = [&](const auto& rows) { return rows.second.plan->product == &product; };
  const auto it = std::find_if(running_.begin(), running_.end(), is_its);
  return it == running_.end() ? nullptr : &it->second;
}

const BodyGenerator::DeferredRows* BodyGenerator::rows_behind(const ir::Op& kernel) const {
  for (const auto& [scan, rows] : running_)
    if (std::find(rows.plan->behind.begin(), rows.plan->behind.end(), &kernel) != rows.plan->behind.end()) return &rows;
  return nullptr;
}

/// Calls a kernel behind a product for some of its rows.
llvm::Function* BodyGenerator::call_for_rows(const ir::Op& kernel, const Deferred& plan, llvm::Value* first,
                                             llvm::Value* count) {
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

void BodyGenerator::call_for_rows_in_front(const ir::Op& kernel, const DeferredRows& rows) {
  llvm::Function* function = call_for_rows(kernel, *rows.plan, rows.first_in_front, rows.in_front);
  if (options_.schedule) options_.schedule->ops.back().loops = kernels_.loops(function);
  emit_barrier();
}

/// Behind the last step that had to do with a group of rows, these are what the steps will read: each thread makes some.
void BodyGenerator::finish_rows(const DeferredRows& rows) {
  e_.when(e_.CreateICmpEQ(rows.phase, e_.i64(kDeferredRows - 1)), [&] {
    const auto share = [&](llvm::Value* thread) {
      return e_.CreateUDiv(e_.mul(thread, e_.i64(kDeferredRows)), threads_);
    };
    llvm::Value *begin = share(thread_), *count = e_.CreateSub(share(e_.add(thread_, e_.i64(1))), begin);
    as_thread(e_.i64(0), e_.i64(1), [&] {
      for (const ir::Op* op : rows.plan->behind) call_for_rows(*op, *rows.plan, e_.add(rows.first_row, begin), count);
    });
  });
}

const BodyGenerator::DeferredRows* BodyGenerator::rows_beside(const ir::Op& kernel) const {
  const auto it = running_.find(kernel.parent()->parent_op());
  return it == running_.end() || it->second.beside != &kernel ? nullptr : &it->second;
}

void BodyGenerator::begin_step(const ir::Op& scan, llvm::Value* step) {
  const auto it = running_.find(&scan);
  if (it == running_.end()) return;
  DeferredRows& rows = it->second;
  wait_for_rows(rows, step);
  llvm::Value *size = e_.i64(kDeferredRows), *group = e_.CreateUDiv(step, size);
  llvm::Value* active = e_.CreateAnd(e_.CreateICmpSLT(group, rows.groups), e_.CreateNot(rows.by_others));
  rows.phase = e_.select(active, e_.CreateURem(step, size), e_.i64(-1));
  rows.first_row = first_row_of(rows, group);
}

void BodyGenerator::call_product_for_rows(const Deferred& plan, llvm::Value* first, llvm::Value* count) {
  const KernelSignature sig(*plan.product);
  auto arguments = arguments_at_row(plan, sig, first);
  arguments.insert(arguments.end(), {thread_, threads_, e_.i64(0), count});
  const KernelContext context{.far_results = far_results(*plan.product), .some_rows = true};
  e_.CreateCall(kernels_.function(*plan.product, sig, context), arguments);
}

/// What a product's function takes for rows from number `row` on.
std::vector<llvm::Value*> BodyGenerator::arguments_at_row(const Deferred& plan, const KernelSignature& sig,
                                                          llvm::Value* row) {
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

}  // namespace seqc::codegen
