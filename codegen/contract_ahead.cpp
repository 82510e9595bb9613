// Memory that is far away is asked for while products are summed, a few lines in each pass through the inner loop: what the
// next step of a scan will read, and what the tile's epilogue will write where no step has written before.
#include <algorithm>

#include "codegen/ahead.h"
#include "codegen/contract_kernel_llvm.h"

namespace seqc::codegen {
namespace {

constexpr int64_t kLine = 64;

/// Addresses in memory of the function, from where one is taken by its number.
llvm::Value* address_table(Emitter& e, const std::vector<llvm::Value*>& addresses) {
  llvm::BasicBlock& entry = e.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::IRBuilder<> start(&entry, entry.begin());
  llvm::Value* table = start.CreateAlloca(llvm::ArrayType::get(e.getPtrTy(), addresses.size()));
  for (size_t i = 0; i < addresses.size(); ++i)
    start.CreateStore(addresses[i], start.CreateConstInBoundsGEP1_64(e.getPtrTy(), table, i));
  return table;
}

}  // namespace

/// Whether the weights stay in a core's second cache from step to step. Others come from far themselves, and what is asked
/// for besides would only be in their way.
bool ContractKernel::keeps_weights() const {
  Dim bytes(0);
  for (const Chain& chain : chains_)
    for (const Contraction& c : chain)
      bytes = bytes + element_count(c.weights.buffer->shape()) * Dim(static_cast<int64_t>(ir::size_of(c.stored())));
  return bytes.is_constant() && bytes.constant() <= kKeptBytes;
}

void ContractKernel::plan_far_lines() {
  const bool fixed = std::all_of(domain_.begin(), domain_.end(),
                                 [](const Dim& dim) { return dim.is_constant() && dim.constant() > 0; });
  if (!fixed || row_ < 0 || !outer_.empty() || mask_ || cuts_depth() || !keeps_weights()) return;
  if (!f_.ahead.empty()) {
    next_step_.arrays = static_cast<int64_t>(f_.ahead.size());
    next_step_.table = address_table(e_, f_.ahead);
  }
  std::vector<llvm::Value*> far;
  int64_t size = 0;
  for (const size_t i : f_.far_results) {
    const ir::Value* result = f_.kernel.result(i);
    const auto bytes = static_cast<int64_t>(ir::size_of(result->dtype()));
    if (size != 0 && bytes != size) continue;
    size = bytes;
    far.push_back(f_.pointers.at(result));
  }
  if (far.empty() || results_are_sums()) return;
  results_.arrays = static_cast<int64_t>(far.size());
  results_.table = address_table(e_, far);
  results_.size = size;
  results_.row_step = row_major_strides(domain_)[row_].constant() * size;
  results_.lines = std::max<int64_t>(1, block_ * size / kLine);
}

/// What is done in each pass of a tile of these rows; null: nothing.
std::function<void(llvm::Value*, int64_t)> ContractKernel::asking(const std::vector<llvm::Value*>& rows,
                                                                  llvm::Value* block) {
  const bool writes = results_.arrays > 0 && rows.size() > 1;
  if (next_step_.arrays == 0 && !writes) return nullptr;
  return [this, rows, block, writes](llvm::Value* pass, int64_t passes) {
    if (passes == 0) return;
    if (next_step_.arrays > 0) {
      const int64_t tiles = (row_count_.constant() + tile_rows() - 1) / tile_rows();
      const int64_t blocks = ir::ceildiv(domain_[columns_], Dim(block_)).constant();
      llvm::Value* tile = e_.add(e_.mul(block, e_.i64(tiles)), e_.CreateUDiv(rows.front(), e_.i64(tile_rows())));
      ask(next_step_, e_.i64(0), f_.ahead_lines, e_.add(e_.mul(tile, e_.i64(passes)), pass), tiles * blocks * passes);
    }
    if (writes) {
      llvm::Value* first =
          e_.add(e_.mul(rows.front(), e_.i64(results_.row_step)), e_.mul(block, e_.i64(block_ * results_.size)));
      ask(results_, first, static_cast<int64_t>(rows.size()), pass, passes);
    }
  };
}

/// The share of one of `passes` passes of `rows` rows of lines, which begin `first` bytes behind each array's address.
void ContractKernel::ask(const FarLines& far, llvm::Value* first, int64_t rows, llvm::Value* pass, int64_t passes) {
  const int64_t each = (far.arrays * rows * far.lines + passes - 1) / passes;
  for (int64_t i = 0; i < each; ++i) {
    llvm::Value* number = e_.add(e_.mul(pass, e_.i64(each)), e_.i64(i));
    llvm::Value* array = e_.CreateInBoundsGEP(e_.getPtrTy(), far.table, e_.CreateURem(number, e_.i64(far.arrays)));
    llvm::Value* line = e_.CreateUDiv(number, e_.i64(far.arrays));
    llvm::Value* offset = e_.add(e_.mul(e_.CreateUDiv(line, e_.i64(far.lines)), e_.i64(far.row_step)),
                                 e_.mul(e_.CreateURem(line, e_.i64(far.lines)), e_.i64(kLine)));
    llvm::Value* address = e_.CreateGEP(e_.getInt8Ty(), e_.CreateLoad(e_.getPtrTy(), array), e_.add(first, offset));
    const bool write = &far == &results_;  // into the first cache, as the tile's epilogue comes next
    e_.CreateIntrinsic(llvm::Intrinsic::prefetch, {e_.getPtrTy()},
                       {address, e_.getInt32(write ? 1 : 0), e_.getInt32(write ? 3 : 2), e_.getInt32(1)});
  }
}

}  // namespace seqc::codegen
