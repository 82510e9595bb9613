#include <algorithm>
#include <bit>
#include <tuple>

#include "codegen/barrier_llvm.h"
#include "codegen/contract_kernel_llvm.h"
#include "codegen/deferred.h"
#include "ir/error.h"

namespace seqc::codegen {

void ContractKernel::add_to_chains(Contraction c) {
  const bool begins_with_zero = c.op().operands().size() == 2;
  const auto goes_on = [](const ir::Op* op) {  // whether another contraction takes over its sums
    const auto& users = op->result()->users();
    return std::any_of(users.begin(), users.end(),
                       [](const ir::Op* user) { return user->code() == ir::Opcode::Contract; });
  };
  if (begins_with_zero && !goes_on(&c.op())) {
    const auto with_its_weights = std::find_if(chains_.begin(), chains_.end(), [&](const Chain& other) {
      return other.size() == 1 && !begins_with_sums(other) && !goes_on(&other[0].op()) && share_weights(other[0], c);
    });
    if (with_its_weights != chains_.end()) {
      Contraction& together = with_its_weights->front();
      together.ops.push_back(&c.op());
      together.lhs.push_back(c.lhs[0]);
      return;
    }
  }
  if (begins_with_zero || !is_defined_inside(c.op().operand(2), f_.region())) {
    chains_.push_back({std::move(c)});
    return;
  }
  const auto chain = std::find_if(chains_.begin(), chains_.end(),
                                  [&](const Chain& before) { return &before.back().op() == c.op().operand(2)->op(); });
  SEQC_CHECK(chain != chains_.end(), "contract kernel: the sums to begin with are no contraction's of this kernel");
  chain->push_back(std::move(c));
}

/// Row dims that all reads and writes traverse alike become one loop, the tile's rows.
void ContractKernel::plan_loops() {
  const size_t rank = domain_.size();
  std::vector<Access> accesses;
  const Access dense{nullptr, Dim(0), row_major_strides(domain_)};
  for (size_t i = 0; i < f_.yielded().size(); ++i) outputs_.push_back(dense);
  accesses.push_back(dense);
  const size_t epilogue = accesses.size();
  for (const ir::Value* value : f_.yielded()) {
    const bool affine = collect_accesses(value, identity_coordinates(rank), f_.region(), rank, accesses);
    SEQC_CHECK(affine, "contract kernel: the epilogue reads an address that is not affine");
  }
  for (size_t i = epilogue; i < accesses.size(); ++i)  // once each, however many results need it
    if (std::find(epilogue_reads_.begin(), epilogue_reads_.end(), accesses[i]) == epilogue_reads_.end())
      epilogue_reads_.push_back(accesses[i]);
  for (const Chain& chain : chains_) {
    for (const Contraction& c : chain) {
      accesses.insert(accesses.end(), c.lhs.begin(), c.lhs.end());
      accesses.push_back(c.weights);
    }
  }
  auto merged = mergeable(domain_, accesses);
  if (rank >= 2) merged[rank - 2] = false;  // rows never merge with columns
  variables_.assign(rank + 1, nullptr);
  Dim size(1);
  for (int v = 0; v < columns_; ++v) {
    size = size * domain_[v];
    if (merged[v]) continue;
    outer_.push_back({v, size});
    size = Dim(1);
  }
  if (outer_.empty()) return;
  const auto is_one = [](const auto& loop) { return loop.second == Dim(1); };
  const bool all_one = std::all_of(outer_.begin(), outer_.end(), is_one);
  // The innermost loop gives the rows of the tile, unless it chooses the weights (a batch dim).
  for (size_t i = outer_.size(); i-- > 0;) {
    const auto is_batch = [&](const Contraction& c) { return !(c.weights.strides[outer_[i].first] == Dim(0)); };
    if (is_one(outer_[i]) && !all_one) continue;
    if (std::any_of(chains_.begin(), chains_.end(),
                    [&](const Chain& chain) { return std::any_of(chain.begin(), chain.end(), is_batch); }))
      continue;
    row_ = outer_[i].first;
    row_count_ = outer_[i].second;
    outer_.erase(outer_.begin() + static_cast<ptrdiff_t>(i));
    break;
  }
  if (!f_.rows) return;
  fewest_rows_ = row_count_.is_constant() ? std::min(row_count_.constant(), kDeferredRows) : 0;
  row_count_ = Dim::symbol(kRowsDim);
  f_.symbols[kRowsDim] = f_.rows;
}

void ContractKernel::row_loops(size_t depth) {
  if (depth == outer_.size()) {
    tiles();
    return;
  }
  e_.loop(e_.i64(0), f_.dim(outer_[depth].second), 1, [&](llvm::Value* i) {
    variables_[outer_[depth].first] = i;
    row_loops(depth + 1);
  });
}

/// True if `value` can be had without a contraction wherever `mask` is false.
bool ContractKernel::avoids_contractions(const ir::Value* value, const ir::Value* mask) const {
  if (!is_defined_inside(value, f_.region()) || value == mask) return true;
  const ir::Op& op = *value->op();
  if (op.code() == ir::Opcode::Contract) return false;
  if (op.code() == ir::Opcode::Select && op.operand(0) == mask && op.result()->rank() == mask->rank())
    return avoids_contractions(op.operand(2), mask);
  return std::all_of(op.operands().begin(), op.operands().end(),
                     [&](const ir::Value* operand) { return avoids_contractions(operand, mask); });
}

/// A condition with one value a row under which alone the products are needed: rows where it is false are skipped.
void ContractKernel::find_mask() {
  for (const ir::Op* op : f_.region().op_list()) {
    if (op->code() != ir::Opcode::Select) continue;
    const ir::Value* mask = op->operand(0);
    if (mask->rank() != static_cast<int64_t>(domain_.size()) || !(mask->shape().back() == Dim(1))) continue;
    if (!avoids_contractions(mask, nullptr)) continue;
    const auto& yielded = f_.yielded();
    if (!std::all_of(yielded.begin(), yielded.end(), [&](const auto* v) { return avoids_contractions(v, mask); }))
      continue;
    mask_ = mask;
    return;
  }
}

/// Threads share the blocks of columns, so that each core's cache holds its part of the weights; the rows where there
/// are many and the blocks do not go round.
void ContractKernel::tiles() {
  llvm::Value* count = f_.dim(ir::ceildiv(domain_[columns_], Dim(block_)));
  auto [block_begin, block_end] = thread_share(f_, count, 1);
  Rows rows{e_.i64(0), f_.dim(row_count_)};
  if (row_ >= 0 && !(row_count_ == Dim(1))) {
    const auto share = thread_share(f_, rows.end, tile_rows());
    llvm::Value* many = e_.CreateICmpSGE(rows.end, e_.mul(f_.threads, e_.i64(2 * tile_rows())));
    llvm::Value* few_blocks = e_.CreateICmpSLT(count, e_.mul(f_.threads, e_.i64(8)));
    llvm::Value* uneven = e_.CreateICmpNE(e_.CreateURem(count, f_.threads), e_.i64(0));
    llvm::Value* by_rows = e_.CreateAnd(many, e_.CreateAnd(few_blocks, uneven));
    block_begin = e_.CreateSelect(by_rows, e_.i64(0), block_begin);
    block_end = e_.CreateSelect(by_rows, count, block_end);
    rows.begin = e_.CreateSelect(by_rows, share.first, rows.begin);
    rows.end = e_.CreateSelect(by_rows, share.second, rows.end);
  }
  if (f_.meeting)  // who has no product to wait in waits here
    e_.when(waits_in_product() ? e_.CreateICmpSGE(block_begin, block_end) : e_.getTrue(),
            [&] { wait_for_all(e_, f_.wait, f_.workspace, f_.thread, f_.threads); });
  const Rows blocks_here{block_begin, block_end};
  if (cuts_depth() && results_are_sums()) return sums_in_results(rows, blocks_here);
  row_chunks(rows, [&](const Rows& chunk) { blocks(chunk, blocks_here); });
}

int64_t ContractKernel::longest_depth() const {
  int64_t longest = 1;
  for (const Chain& chain : chains_)
    for (const Contraction& c : chain)
      longest = std::max(longest, c.depth.is_constant() ? c.depth.constant() : 4 * part_depth());
  return longest;
}

/// Whether long sums are made in parts, with those of all rows in memory in between.
bool ContractKernel::cuts_depth() const {
  const bool several_tiles = row_ >= 0 && !(row_count_.is_constant() && row_count_.constant() <= tile_rows());
  return several_tiles && longest_depth() >= 4 * part_depth();
}

/// Rows of the left operand that stay in cache while all blocks of weights pass by.
int64_t ContractKernel::chunk_rows() const {
  constexpr int64_t kElements = 64 << 10;
  const int64_t most = results_are_sums() ? 96 : 192;
  const int64_t rows = std::min(most, kElements / (cuts_depth() ? part_depth() : longest_depth()));
  return std::max<int64_t>(1, std::max<int64_t>(24, rows) / tile_rows()) * tile_rows();
}

void ContractKernel::row_chunks(const Rows& rows, const std::function<void(const Rows&)>& body) {
  const int64_t chunk = chunk_rows();
  if (row_ < 0 || (row_count_.is_constant() && row_count_.constant() <= chunk)) return body(rows);
  e_.loop(rows.begin, rows.end, chunk, [&](llvm::Value* begin) {
    llvm::Value* end = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.add(begin, e_.i64(chunk)), rows.end);
    body({begin, end});
  });
}

/// Odd steps of a scan walk over the blocks backwards: what the step before read last is still in cache.
void ContractKernel::blocks(const Rows& rows, const Rows& all) {
  Rows live = rows, masked{e_.i64(0), e_.i64(0)};
  if (mask_) std::tie(live, masked) = partition(rows);
  llvm::Value* backwards = e_.CreateTrunc(f_.step, e_.getInt1Ty());
  llvm::Value* mirror = e_.CreateSub(e_.add(all.begin, all.end), e_.i64(1));
  e_.loop(all.begin, all.end, 1, [&](llvm::Value* i) {
    llvm::Value* block = e_.CreateSelect(backwards, e_.CreateSub(mirror, i), i);
    visit_ = e_.CreateSub(i, all.begin);
    visits_ = e_.CreateSub(all.end, all.begin);
    first_block_ = all.begin;
    live_rows(live, block);
    if (!mask_) return;
    e_.loop(masked.begin, masked.end, 1, [&](llvm::Value* at) { masked_row(row_number(masked, at), block); });
  });
}

/// The numbers of the rows where the mask holds, and of those where it does not.
std::pair<ContractKernel::Rows, ContractKernel::Rows> ContractKernel::partition(const Rows& rows) {
  llvm::BasicBlock& entry = e_.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::IRBuilder<> start(&entry, entry.begin());
  const auto list = [&] { return start.CreateAlloca(e_.getInt32Ty(), e_.i64(chunk_rows())); };
  llvm::Value* lists[] = {list(), list()};
  const auto counts = e_.loop(rows.begin, rows.end, 1, {e_.i64(0), e_.i64(0)},
                              [&](llvm::Value* row, const Emitter::Carried& carried) -> Emitter::Carried {
                                LoopPoint point{variables_};
                                if (row_ >= 0) point.variables[row_] = row;
                                point.variables[columns_] = e_.i64(0);
                                point.variables.resize(domain_.size());
                                Evaluator evaluate(f_, point);
                                const Coordinates at = broadcast_coordinates(identity_coordinates(domain_.size()),
                                                                             domain_, mask_->shape());
                                llvm::Value* holds = evaluate.value(mask_, at);
                                for (size_t i = 0; i < 2; ++i)
                                  e_.CreateStore(e_.CreateTrunc(row, e_.getInt32Ty()),
                                                 e_.CreateInBoundsGEP(e_.getInt32Ty(), lists[i], carried[i]));
                                return {e_.add(carried[0], e_.CreateZExt(holds, e_.getInt64Ty())),
                                        e_.add(carried[1], e_.CreateZExt(e_.CreateNot(holds), e_.getInt64Ty()))};
                              });
  return {Rows{e_.i64(0), counts[0], lists[0]}, Rows{e_.i64(0), counts[1], lists[1]}};
}

llvm::Value* ContractKernel::row_number(const Rows& rows, llvm::Value* at) {
  if (!rows.list) return at;
  llvm::Value* number = e_.CreateLoad(e_.getInt32Ty(), e_.CreateInBoundsGEP(e_.getInt32Ty(), rows.list, at));
  return e_.CreateZExt(number, e_.getInt64Ty());
}

/// Registers that one row of the widest contraction takes: accumulators, and a broadcast of each left-hand side.
int64_t ContractKernel::row_registers() const {
  size_t widest = 1;
  for (const Chain& chain : chains_) widest = std::max(widest, registers_of(chain) + chain.back().lhs.size());
  return static_cast<int64_t>(widest);
}

/// As many rows as their accumulators and broadcasts, and one weight register, leave registers for; a known number of
/// rows is cut into tiles of about equal size.
int64_t ContractKernel::tile_rows() const {
  if (row_ < 0 || row_count_ == Dim(1)) return 1;
  const int64_t most = std::max<int64_t>(1, (e_.machine.vector_registers - 1) / row_registers());
  if (!row_count_.is_constant() || row_count_.constant() == 0 || mask_) return most;
  const int64_t count = (row_count_.constant() + most - 1) / most;
  return (row_count_.constant() + count - 1) / count;
}

void ContractKernel::row_tiles(const Rows& rows, const std::function<void(llvm::Value*, int64_t)>& body) {
  const int64_t most = tile_rows();
  if (most == 1) {
    e_.loop(rows.begin, rows.end, 1, [&](llvm::Value* at) { body(at, 1); });
    return;
  }
  if (fewest_rows_ >= most && !rows.list && !cuts_depth()) {  // the last tile may make rows of the one before once more
    e_.loop(rows.begin, rows.end, most, [&](llvm::Value* at) {
      llvm::Value* last = e_.CreateSub(rows.end, e_.i64(most));
      body(e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, at, last), most);
    });
    return;
  }
  llvm::Value* rest = e_.CreateSub(rows.end, e_.CreateURem(e_.CreateSub(rows.end, rows.begin), e_.i64(most)));
  e_.loop(rows.begin, rest, most, [&](llvm::Value* at) { body(at, most); });
  std::vector<int64_t> sizes;
  if (row_count_.is_constant() && !rows.list)
    sizes = {row_count_.constant() % most};
  else
    for (auto size = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(most - 1))); size > 0; size /= 2)
      sizes.push_back(size);
  for (const int64_t size : sizes) {
    if (size == 0) continue;
    llvm::Value* fits = e_.CreateICmpSLE(e_.add(rest, e_.i64(size)), rows.end);
    e_.when(fits, [&] { body(rest, size); });
    rest = e_.CreateSelect(fits, e_.add(rest, e_.i64(size)), rest);
  }
}

std::vector<llvm::Value*> ContractKernel::row_numbers(const Rows& rows, llvm::Value* at, int64_t count) {
  std::vector<llvm::Value*> numbers;
  for (int64_t r = 0; r < count; ++r) numbers.push_back(row_number(rows, e_.add(at, e_.i64(r))));
  return numbers;
}

/// One block of columns of the rows whose products are needed.
void ContractKernel::live_rows(const Rows& rows, llvm::Value* block) {
  if (!cuts_depth()) {
    row_tiles(rows, [&](llvm::Value* at, int64_t count) { tile(rows, at, count, block); });
    return;
  }
  std::vector<llvm::Value*> sums;
  for (const Chain& chain : chains_) {
    sums.push_back(memory_for(chain, chunk_rows()));
    sums_by_depth(chain, rows, block, sums.back());
  }
  epilogue_from_memory(sums, rows, rows.begin, e_.CreateSub(rows.end, rows.begin), block);
}

/// What was decided, for people.
std::string ContractKernel::loops_text() const {
  const auto terms = [](const Chain& chain) {
    Dim total;
    for (const Contraction& c : chain) total = total + c.depth;
    return total.str();
  };
  int64_t gates = 0;
  for (const Chain& chain : chains_) gates += chain.back().sums();
  std::string text =
      fmt::format("tiles of {} row(s) x {} columns x {} product(s): {} sums of {} terms in registers of {} lanes",
                  tile_rows(), block_, gates, tile_rows() * gates * vectors_, terms(chains_.front()), lanes_);
  if (cuts_depth())
    text += fmt::format(", in parts of {} terms whose sums stand in {} in between", part_depth(),
                        results_are_sums() ? "the results" : "memory");
  text += fmt::format("; {} block(s) of columns", ir::ceildiv(domain_[columns_], Dim(block_)).str());
  if (row_ >= 0 && !(row_count_ == Dim(1)))
    text += fmt::format(
        ", {} rows; threads share the blocks, or the rows where each has {} of them and the blocks do not go "
        "round",
        f_.rows ? "the" : row_count_.str(), 2 * tile_rows());
  else
    text += "; threads share the blocks";
  if (waits_in_product()) text += "; begins before all threads have left the kernel before";
  if (mask_) text += "; rows that the mask drops are skipped";
  if (next_step_.arrays > 0)
    text += fmt::format("; asks meanwhile for what the next step reads of {} input(s)", next_step_.arrays);
  if (results_.arrays > 0)
    text += fmt::format("; asks for the lines of {} result(s) that it will write", results_.arrays);
  return text;
}

void emit_contract(Frame& f) { ContractKernel(f).emit(); }

}  // namespace seqc::codegen
