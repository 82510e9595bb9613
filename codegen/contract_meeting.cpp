// Products that begin while other threads are still at the kernel before (see meetings.h).
#include <numeric>

#include "codegen/barrier_llvm.h"
#include "codegen/contract_kernel_llvm.h"

namespace seqc::codegen {

/// Whether the first products are what waits; else the kernel does as it begins.
bool ContractKernel::waits_in_product() const {
  if (!f_.meeting || mask_ || !outer_.empty() || cuts_depth() || !(row_count_ == Dim(1))) return false;
  const Contraction& first = chains_.front().front();
  return !begins_with_sums(chains_.front()) && first.lhs.size() == 1 && first.lhs[0].buffer == f_.meeting->value;
}

/// The products of each thread's columns in turn, when they are there.
Emitter::Carried ContractKernel::add_as_they_come(const TileFrame& tile, const Contraction& c,
                                                  const std::vector<llvm::Value*>& rows, llvm::Value* block,
                                                  Emitter::Carried sums) {
  const Meeting& meeting = *f_.meeting;
  llvm::Value* blocks = e_.i64((meeting.columns + meeting.block - 1) / meeting.block);
  const int64_t grain = std::gcd(meeting.block, meeting.columns);
  sums.push_back(e_.i64(0));
  sums = e_.loop(e_.i64(0), f_.threads, 1, std::move(sums), [&](llvm::Value* other, const Emitter::Carried& carried) {
    wait_for(e_, f_.wait, f_.workspace, f_.thread, other);
    Frame of_other = f_;  // where it begins is known already, so that nothing waits for the division
    of_other.thread = other;
    llvm::Value* end = e_.mul(thread_share(of_other, blocks, 1).second, e_.i64(meeting.block));
    end = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, end, e_.i64(meeting.columns));
    TileFrame part = tile;
    OtherSums others;
    if (tile.others) {
      others = sums_beside(other, f_.threads);
      part.others = &others;
    }
    auto added =
        add_products(part, c, rows, block, {carried.back(), end, nullptr, grain}, {carried.begin(), carried.end() - 1});
    added.push_back(end);
    return added;
  });
  sums.pop_back();
  return sums;
}

}  // namespace seqc::codegen
