#include <algorithm>
#include <bit>
#include <tuple>

#include "codegen/contract_sums_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

/// Generates a kernel of one or more contractions over one domain, with their epilogue.
class ContractKernel {
 public:
  explicit ContractKernel(Frame& f) : f_(f), e_(f.e) {
    for (const ir::Op* op : f.region().op_list())
      if (op->code() == ir::Opcode::Contract) add_to_chains(read_contraction(*op, f.region()));
    domain_ = chains_[0].back().op->result()->shape();
    columns_ = static_cast<int>(domain_.size()) - 1;
    block_ = chains_[0].back().block;
    lanes_ = std::min(e_.machine.vector_lanes, block_);
    if (f.kernel.result()->dtype() == ir::DType::f64)
      lanes_ = std::max<int64_t>(1, std::min(lanes_, e_.machine.vector_lanes / 2));
    vectors_ = block_ / lanes_;
  }

  void emit() {
    plan_loops();
    find_mask();
    row_loops(0);
  }

 private:
  /// Rows of the tile's loop: numbers begin .. end-1, or places begin .. end-1 of a list of i32 row numbers.
  struct Rows {
    llvm::Value *begin, *end;
    llvm::Value* list = nullptr;
  };

  /// Contractions of which each goes on with the sums of the one before; the first may begin with sums from outside.
  using Chain = std::vector<Contraction>;

  void add_to_chains(Contraction c);
  void plan_loops();
  void find_mask();
  bool avoids_contractions(const ir::Value* value, const ir::Value* mask) const;
  void row_loops(size_t depth);
  void tiles();
  void row_chunks(const Rows& rows, const std::function<void(const Rows&)>& body);
  void blocks(const Rows& rows, const Rows& blocks);
  std::pair<Rows, Rows> partition(const Rows& rows);
  void live_rows(const Rows& rows, llvm::Value* block);
  void row_tiles(const Rows& rows, const std::function<void(llvm::Value* at, int64_t count)>& body);
  void tile(const Rows& rows, llvm::Value* at, int64_t count, llvm::Value* block);
  void sums_by_depth(const Chain& chain, const Rows& rows, llvm::Value* block, llvm::Value* sums);
  /// A part of the summed elements of a contraction.
  using DepthPart = std::function<void(const Contraction& c, llvm::Value* begin, llvm::Value* end)>;
  void depth_parts(const Chain& chain, const DepthPart& body);
  bool results_are_sums() const;
  void sums_in_results(const Rows& rows, const Rows& blocks);
  std::vector<const ir::Value*> results_of(const Chain& chain) const;
  Emitter::Carried load_tile(const std::vector<const ir::Value*>& buffers, const std::vector<llvm::Value*>& rows,
                             llvm::Value* block);
  void store_tile(const Emitter::Carried& registers, const std::vector<const ir::Value*>& buffers,
                  const std::vector<llvm::Value*>& rows, llvm::Value* block);
  using AtRegister = std::function<void(const ir::Value* buffer, llvm::Value* address, llvm::Value* mask)>;
  void tile_registers(const std::vector<const ir::Value*>& buffers, const std::vector<llvm::Value*>& rows,
                      llvm::Value* block, const AtRegister& body);
  static bool begins_with_sums(const Chain& chain) { return chain.front().op->operands().size() > 2; }
  Emitter::Carried first_sums(const Chain& chain, const std::vector<llvm::Value*>& rows, llvm::Value* block);
  Emitter::Carried accumulate(const Chain& chain, const std::vector<llvm::Value*>& rows, llvm::Value* block);
  std::vector<llvm::Value*> row_numbers(const Rows& rows, llvm::Value* at, int64_t count);
  TileFrame tile_frame() const { return {f_, variables_, row_, columns_, lanes_, vectors_}; }
  void epilogue(const std::vector<llvm::Value*>& accumulators, llvm::Value* row, llvm::Value* vector,
                llvm::Value* block);
  void prefetch_epilogue(const std::vector<llvm::Value*>& rows, llvm::Value* block);
  llvm::Value* memory_for(const Chain& chain, int64_t rows);
  llvm::Value* register_in(llvm::Value* memory, const Chain& chain, llvm::Value* number);
  void epilogue_from_memory(const std::vector<llvm::Value*>& sums, const Rows& rows, llvm::Value* at,
                            llvm::Value* count, llvm::Value* block);
  void masked_row(llvm::Value* row, llvm::Value* block);
  void write(llvm::Value* row, llvm::Value* first, const std::function<void(Evaluator&)>& prepare);
  llvm::Value* row_number(const Rows& rows, llvm::Value* at);
  bool ragged() const;
  llvm::Value* column_mask(llvm::Value* first);
  int64_t tile_rows() const;
  int64_t chunk_rows() const;
  int64_t row_registers() const;
  int64_t longest_depth() const;
  bool cuts_depth() const;
  size_t registers_of(const Chain& chain) const { return static_cast<size_t>(chain.back().gates * vectors_); }
  llvm::Type* register_of(const Chain& chain) const;

  Frame& f_;
  Emitter& e_;
  std::vector<Chain> chains_;
  ir::Shape domain_;
  int columns_;  // the column variable
  int64_t block_, lanes_, vectors_;
  std::vector<Access> outputs_, epilogue_reads_;
  std::vector<std::pair<int, Dim>> outer_;  // loops around the tiles: variable and size
  int row_ = -1;                            // the variable of the tile's rows; -1: one row
  Dim row_count_ = 1;
  const ir::Value* mask_ = nullptr;  // false for rows whose products nobody needs
  std::vector<llvm::Value*> variables_;
};

void ContractKernel::add_to_chains(Contraction c) {
  if (c.op->operands().size() == 2 || !is_defined_inside(c.op->operand(2), f_.region())) {
    chains_.push_back({std::move(c)});
    return;
  }
  const auto chain = std::find_if(chains_.begin(), chains_.end(),
                                  [&](const Chain& before) { return before.back().op == c.op->operand(2)->op(); });
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
  epilogue_reads_.assign(accesses.begin() + static_cast<ptrdiff_t>(epilogue), accesses.end());
  for (const Chain& chain : chains_) {
    for (const Contraction& c : chain) {
      accesses.push_back(c.lhs);
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
  // The largest loop gives the rows of the tile, unless it chooses the weights (a batch dim).
  for (size_t i = outer_.size(); i-- > 0;) {
    const auto is_batch = [&](const Contraction& c) { return !(c.weights.strides[outer_[i].first] == Dim(0)); };
    if (std::any_of(chains_.begin(), chains_.end(),
                    [&](const Chain& chain) { return std::any_of(chain.begin(), chain.end(), is_batch); }))
      continue;
    row_ = outer_[i].first;
    row_count_ = outer_[i].second;
    outer_.erase(outer_.begin() + static_cast<ptrdiff_t>(i));
    break;
  }
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
  const Rows blocks_here{block_begin, block_end};
  if (cuts_depth() && results_are_sums()) return sums_in_results(rows, blocks_here);
  row_chunks(rows, [&](const Rows& chunk) { blocks(chunk, blocks_here); });
}

constexpr int64_t kDepth = 256;  // summed elements of a block of weights that stays in cache while the rows pass by

int64_t ContractKernel::longest_depth() const {
  int64_t longest = 1;
  for (const Chain& chain : chains_)
    for (const Contraction& c : chain)
      longest = std::max(longest, c.depth.is_constant() ? c.depth.constant() : 4 * kDepth);
  return longest;
}

/// Whether long sums are made in parts, with those of all rows in memory in between.
bool ContractKernel::cuts_depth() const {
  const bool several_tiles = row_ >= 0 && !(row_count_.is_constant() && row_count_.constant() <= tile_rows());
  return several_tiles && longest_depth() >= 4 * kDepth;
}

/// Rows of the left operand that stay in cache while all blocks of weights pass by.
int64_t ContractKernel::chunk_rows() const {
  constexpr int64_t kElements = 64 << 10, kMostRows = 192;
  const int64_t rows = std::min(kMostRows, kElements / (cuts_depth() ? kDepth : longest_depth()));
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

/// Registers that one row of the widest contraction accumulates in.
int64_t ContractKernel::row_registers() const {
  size_t widest = 1;
  for (const Chain& chain : chains_) widest = std::max(widest, registers_of(chain));
  return static_cast<int64_t>(widest);
}

/// As many rows as their accumulators, one weight register and one broadcast each leave registers for; a known number
/// of rows is cut into tiles of about equal size.
int64_t ContractKernel::tile_rows() const {
  if (row_ < 0 || row_count_ == Dim(1)) return 1;
  const int64_t most = std::max<int64_t>(1, (e_.machine.vector_registers - 1) / (row_registers() + 1));
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

/// Sums of all rows in memory, one part of the depth after the other.
void ContractKernel::sums_by_depth(const Chain& chain, const Rows& rows, llvm::Value* block, llvm::Value* sums) {
  const auto registers = static_cast<int64_t>(registers_of(chain));
  llvm::Type* type = register_of(chain);
  const auto bytes = static_cast<int64_t>(e_.GetInsertBlock()->getModule()->getDataLayout().getTypeAllocSize(type));
  const auto address = [&](llvm::Value* at, size_t i) {  // of a register of the tile that begins there
    llvm::Value* first = e_.mul(e_.CreateSub(at, rows.begin), e_.i64(registers));
    return register_in(sums, chain, e_.add(first, e_.i64(static_cast<int64_t>(i))));
  };
  if (begins_with_sums(chain)) {
    row_tiles(rows, [&](llvm::Value* at, int64_t of_tile) {
      const auto first = first_sums(chain, row_numbers(rows, at, of_tile), block);
      for (size_t i = 0; i < first.size(); ++i) e_.CreateStore(first[i], address(at, i));
    });
  } else {
    llvm::Value* count = e_.mul(e_.CreateSub(rows.end, rows.begin), e_.i64(registers));
    e_.CreateMemSet(sums, e_.getInt8(0), e_.mul(count, e_.i64(bytes)), llvm::Align(static_cast<uint64_t>(bytes)));
  }
  depth_parts(chain, [&](const Contraction& c, llvm::Value* k, llvm::Value* end) {
    row_tiles(rows, [&](llvm::Value* at, int64_t of_tile) {
      llvm::Value* ahead = e_.CreateUDiv(e_.CreateSub(at, rows.begin), e_.i64(tile_rows()));
      Emitter::Carried before(static_cast<size_t>(of_tile * registers));
      for (size_t i = 0; i < before.size(); ++i) before[i] = e_.CreateLoad(type, address(at, i));
      const auto after = add_products(tile_frame(), c, row_numbers(rows, at, of_tile), block, {k, end, ahead}, before);
      for (size_t i = 0; i < after.size(); ++i) e_.CreateStore(after[i], address(at, i));
    });
  });
}

void ContractKernel::depth_parts(const Chain& chain, const DepthPart& body) {
  for (const Contraction& c : chain) {
    e_.loop(e_.i64(0), f_.dim(c.depth), kDepth, [&](llvm::Value* k) {
      llvm::Value* end = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.add(k, e_.i64(kDepth)), f_.dim(c.depth));
      body(c, k, end);
    });
  }
}

/// Whether sums are what the kernel writes, with nothing to follow.
bool ContractKernel::results_are_sums() const {
  if (mask_ || lanes_ == 1) return false;
  size_t results = 0;
  for (const Chain& chain : chains_) results += static_cast<size_t>(chain.back().gates);
  if (results != f_.yielded().size()) return false;
  return std::all_of(f_.yielded().begin(), f_.yielded().end(), [&](const ir::Value* value) {
    const bool plain = value->dtype() == ir::DType::f32 || value->dtype() == ir::DType::f64;
    const auto is_result = [&](const Chain& chain) { return chain.back().op == value->op(); };
    return plain && value->users().size() == 1 && std::any_of(chains_.begin(), chains_.end(), is_result);
  });
}

/// Long sums grow where they will stand. A part of the left-hand side is then read once for all blocks of columns.
void ContractKernel::sums_in_results(const Rows& rows, const Rows& blocks) {
  for (const Chain& chain : chains_) {
    const auto results = results_of(chain);
    const auto tiles = [&](const std::function<void(const std::vector<llvm::Value*>&, llvm::Value*)>& body) {
      row_chunks(rows, [&](const Rows& chunk) {
        e_.loop(blocks.begin, blocks.end, 1, [&](llvm::Value* block) {
          row_tiles(chunk, [&](llvm::Value* at, int64_t count) { body(row_numbers(chunk, at, count), block); });
        });
      });
    };
    tiles([&](const auto& numbers, llvm::Value* block) {
      store_tile(first_sums(chain, numbers, block), results, numbers, block);
    });
    depth_parts(chain, [&](const Contraction& c, llvm::Value* k, llvm::Value* end) {
      tiles([&](const auto& numbers, llvm::Value* block) {
        const auto before = load_tile(results, numbers, block);
        store_tile(add_products(tile_frame(), c, numbers, block, {k, end}, before), results, numbers, block);
      });
    });
  }
}

/// The kernel's results that are this chain's sums.
std::vector<const ir::Value*> ContractKernel::results_of(const Chain& chain) const {
  std::vector<const ir::Value*> results;
  for (size_t g = 0; g < chain.back().op->result_count(); ++g) {
    const auto at = std::find(f_.yielded().begin(), f_.yielded().end(), chain.back().op->result(g));
    results.push_back(f_.kernel.result(static_cast<size_t>(at - f_.yielded().begin())));
  }
  return results;
}

/// Where the registers of a tile stand in a buffer a gate, each of the domain's shape.
void ContractKernel::tile_registers(const std::vector<const ir::Value*>& buffers, const std::vector<llvm::Value*>& rows,
                                    llvm::Value* block, const AtRegister& body) {
  const auto strides = row_major_strides(domain_);
  for (llvm::Value* row : rows) {
    for (const ir::Value* buffer : buffers) {
      for (int64_t v = 0; v < vectors_; ++v) {
        llvm::Value* first = e_.add(e_.mul(block, e_.i64(block_)), e_.i64(v * lanes_));
        if (lanes_ == 1 && ragged())  // what is loaded beyond the last column is not used
          first = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, first, f_.dim(domain_[columns_] - Dim(1)));
        llvm::Value* offset = e_.i64(0);
        for (int i = 0; i <= columns_; ++i) {
          llvm::Value* index = i == columns_ ? first : i == row_ ? row : variables_[static_cast<size_t>(i)];
          if (index) offset = e_.add(offset, e_.mul(index, f_.dim(strides[static_cast<size_t>(i)])));
        }
        body(buffer, e_.element_address(f_.pointers.at(buffer), buffer->dtype(), offset), column_mask(first));
      }
    }
  }
}

Emitter::Carried ContractKernel::load_tile(const std::vector<const ir::Value*>& buffers,
                                           const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  Emitter::Carried registers;
  tile_registers(buffers, rows, block, [&](const ir::Value* buffer, llvm::Value* address, llvm::Value* mask) {
    llvm::Type* type = vector_of(register_type(e_.getContext(), buffer->dtype()), lanes_);
    const llvm::Align align(ir::size_of(buffer->dtype()));
    registers.push_back(mask ? static_cast<llvm::Value*>(
                                   e_.CreateMaskedLoad(type, address, align, mask, llvm::Constant::getNullValue(type)))
                             : e_.CreateAlignedLoad(type, address, align));
  });
  return registers;
}

void ContractKernel::store_tile(const Emitter::Carried& registers, const std::vector<const ir::Value*>& buffers,
                                const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  size_t next = 0;
  tile_registers(buffers, rows, block, [&](const ir::Value* buffer, llvm::Value* address, llvm::Value* mask) {
    const llvm::Align align(ir::size_of(buffer->dtype()));
    if (mask)
      e_.CreateMaskedStore(registers[next++], address, align, mask);
    else
      e_.CreateAlignedStore(registers[next++], address, align);
  });
}

/// What the sums of a chain begin with.
Emitter::Carried ContractKernel::first_sums(const Chain& chain, const std::vector<llvm::Value*>& rows,
                                            llvm::Value* block) {
  const auto& operands = chain.front().op->operands();
  if (begins_with_sums(chain)) return load_tile({operands.begin() + 2, operands.end()}, rows, block);
  return Emitter::Carried(rows.size() * registers_of(chain), llvm::Constant::getNullValue(register_of(chain)));
}

void ContractKernel::tile(const Rows& rows, llvm::Value* at, int64_t count, llvm::Value* block) {
  const auto numbers = row_numbers(rows, at, count);
  if (results_are_sums()) {
    for (const Chain& chain : chains_) store_tile(accumulate(chain, numbers, block), results_of(chain), numbers, block);
    return;
  }
  if (count > 1) {
    prefetch_epilogue(numbers, block);
    std::vector<llvm::Value*> sums;
    for (const Chain& chain : chains_) {
      const auto registers = accumulate(chain, numbers, block);
      sums.push_back(memory_for(chain, count));
      for (size_t i = 0; i < registers.size(); ++i)
        e_.CreateStore(registers[i], register_in(sums.back(), chain, e_.i64(static_cast<int64_t>(i))));
    }
    epilogue_from_memory(sums, rows, at, e_.i64(count), block);
    return;
  }
  std::vector<Emitter::Carried> sums;
  for (const Chain& chain : chains_) sums.push_back(accumulate(chain, numbers, block));
  for (int64_t v = 0; v < vectors_; ++v) {
    std::vector<llvm::Value*> vector;
    for (size_t i = 0; i < chains_.size(); ++i)
      for (int64_t g = 0; g < chains_[i].back().gates; ++g)
        vector.push_back(sums[i][static_cast<size_t>(g * vectors_ + v)]);
    epilogue(vector, numbers[0], e_.i64(v), block);
  }
}

/// One register a row, gate and vector, in this order.
Emitter::Carried ContractKernel::accumulate(const Chain& chain, const std::vector<llvm::Value*>& rows,
                                            llvm::Value* block) {
  Emitter::Carried sums = first_sums(chain, rows, block);
  for (const Contraction& c : chain) sums = add_products(tile_frame(), c, rows, block, {}, std::move(sums));
  return sums;
}

llvm::Type* ContractKernel::register_of(const Chain& chain) const {
  return vector_of(register_type(e_.getContext(), chain.back().type()), lanes_);
}

/// Writes the results for the lanes that begin at column `first` of `row`.
void ContractKernel::write(llvm::Value* row, llvm::Value* first, const std::function<void(Evaluator&)>& prepare) {
  const Coordinates identity = identity_coordinates(domain_.size());
  const auto masked_write = [&](llvm::Value* lanes_left) {
    LoopPoint point{variables_, columns_, lanes_, lanes_left};
    if (row_ >= 0) point.variables[row_] = row;
    point.variables[columns_] = first;
    point.variables.resize(domain_.size());
    Evaluator evaluate(f_, point);
    prepare(evaluate);
    for (size_t i = 0; i < outputs_.size(); ++i)
      evaluate.store(evaluate.value(f_.yielded()[i], identity), f_.kernel.result(i), outputs_[i]);
  };
  if (lanes_ == 1 && ragged()) {
    llvm::Value* left = e_.CreateSub(f_.dim(domain_[columns_]), first);
    return e_.when(e_.CreateICmpSGT(left, e_.i64(0)), [&] { masked_write(nullptr); });
  }
  masked_write(column_mask(first));
}

/// Whether the last block has columns beyond the result's.
bool ContractKernel::ragged() const {
  const Dim& count = domain_[columns_];
  return !(count.is_constant() && count.constant() % block_ == 0);
}

/// Which of the lanes from column `first` on exist; null: all.
llvm::Value* ContractKernel::column_mask(llvm::Value* first) {
  if (!ragged()) return nullptr;
  llvm::Value* left = e_.CreateSub(f_.dim(domain_[columns_]), first);
  return e_.CreateICmpSLT(e_.lane_numbers(lanes_), e_.splat(left, lanes_));
}

/// `accumulators`: one register a contraction's gate, of one row and vector.
void ContractKernel::epilogue(const std::vector<llvm::Value*>& accumulators, llvm::Value* row, llvm::Value* vector,
                              llvm::Value* block) {
  llvm::Value* first = e_.add(e_.mul(block, e_.i64(block_)), e_.mul(vector, e_.i64(lanes_)));
  write(row, first, [&](Evaluator& evaluate) {
    if (mask_) evaluate.assume(mask_, true);
    size_t i = 0;
    for (const Chain& chain : chains_)
      for (int64_t g = 0; g < chain.back().gates; ++g)
        evaluate.bind(chain.back().op->result(g), identity_coordinates(domain_.size()), accumulators[i++]);
  });
}

/// What the epilogue reads of each row comes from far away (the projections of all steps): it is asked for in time.
void ContractKernel::prefetch_epilogue(const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  llvm::Value* first = e_.mul(block, e_.i64(block_));
  for (const Access& access : epilogue_reads_) {
    if (row_ < 0 || access.strides[row_] == Dim(0) || !f_.pointers.contains(access.buffer)) continue;
    for (llvm::Value* row : rows) {
      llvm::Value* offset = f_.dim(access.offset);
      for (size_t v = 0; v < access.strides.size(); ++v) {
        llvm::Value* at = static_cast<int>(v) == columns_ ? first : static_cast<int>(v) == row_ ? row : variables_[v];
        if (at && !(access.strides[v] == Dim(0))) offset = e_.add(offset, e_.mul(at, f_.dim(access.strides[v])));
      }
      const bool along = access.strides[columns_] == Dim(1);
      for (int64_t v = 0; v < (along ? vectors_ : 1); ++v) {
        llvm::Value* element = e_.add(offset, e_.i64(v * lanes_));
        llvm::Value* address = e_.element_address(f_.pointers.at(access.buffer), access.buffer->dtype(), element);
        e_.CreateIntrinsic(llvm::Intrinsic::prefetch, {e_.getPtrTy()},
                           {address, e_.getInt32(0), e_.getInt32(3), e_.getInt32(1)});
      }
    }
  }
}

/// Room for the sums of some rows.
llvm::Value* ContractKernel::memory_for(const Chain& chain, int64_t rows) {
  llvm::BasicBlock& entry = e_.GetInsertBlock()->getParent()->getEntryBlock();
  const auto count = static_cast<uint64_t>(rows) * registers_of(chain);
  return llvm::IRBuilder<>(&entry, entry.begin()).CreateAlloca(llvm::ArrayType::get(register_of(chain), count));
}

llvm::Value* ContractKernel::register_in(llvm::Value* memory, const Chain& chain, llvm::Value* number) {
  return e_.CreateInBoundsGEP(register_of(chain), memory, number);
}

/// Several rows leave no registers for an epilogue in place: the sums rest in memory, and one loop finishes them all.
void ContractKernel::epilogue_from_memory(const std::vector<llvm::Value*>& sums, const Rows& rows, llvm::Value* at,
                                          llvm::Value* count, llvm::Value* block) {
  e_.loop(e_.i64(0), count, 1, [&](llvm::Value* r) {
    llvm::Value* row = row_number(rows, e_.add(at, r));
    e_.loop(e_.i64(0), e_.i64(vectors_), 1, [&](llvm::Value* v) {
      std::vector<llvm::Value*> vector;
      for (size_t i = 0; i < chains_.size(); ++i) {
        const int64_t gates = chains_[i].back().gates;
        for (int64_t g = 0; g < gates; ++g) {
          llvm::Value* gate = e_.add(e_.mul(r, e_.i64(gates)), e_.i64(g));
          llvm::Value* number = e_.add(e_.mul(gate, e_.i64(vectors_)), v);
          vector.push_back(e_.CreateLoad(register_of(chains_[i]), register_in(sums[i], chains_[i], number)));
        }
      }
      epilogue(vector, row, v, block);
    });
  });
}

/// A block of a row whose products nobody needs.
void ContractKernel::masked_row(llvm::Value* row, llvm::Value* block) {
  e_.loop(e_.i64(0), e_.i64(vectors_), 1, [&](llvm::Value* v) {
    llvm::Value* first = e_.add(e_.mul(block, e_.i64(block_)), e_.mul(v, e_.i64(lanes_)));
    write(row, first, [&](Evaluator& evaluate) { evaluate.assume(mask_, false); });
  });
}

}  // namespace

void emit_contract(Frame& f) { ContractKernel(f).emit(); }

}  // namespace seqc::codegen
