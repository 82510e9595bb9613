/// Kernels of contractions: loops over rows and blocks of columns (kernel_contract.cpp), and what happens in a tile of them
/// (contract_tiles.cpp), also while other threads are still at the kernel before (contract_meeting.cpp).
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "codegen/contract_sums_llvm.h"

namespace seqc::codegen {

/// Generates a kernel of one or more contractions over one domain, with their epilogue.
class ContractKernel {
 public:
  explicit ContractKernel(Frame& f) : f_(f), e_(f.e) {
    for (const ir::Op* op : f.region().op_list())
      if (op->code() == ir::Opcode::Contract) add_to_chains(read_contraction(*op, f.region()));
    domain_ = chains_[0].back().op().result()->shape();
    columns_ = static_cast<int>(domain_.size()) - 1;
    block_ = chains_[0].back().block;
    lanes_ = std::min(e_.machine.vector_lanes, block_);
    if (f.kernel.result()->dtype() == ir::DType::f64)
      lanes_ = std::max<int64_t>(1, std::min(lanes_, e_.machine.vector_lanes / 2));
    vectors_ = block_ / lanes_;
  }

  void emit() {
    plan_loops();
    begin_beside();
    find_mask();
    plan_far_lines();
    if (f_.loops) *f_.loops = loops_text();
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
  std::string loops_text() const;
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
  static bool begins_with_sums(const Chain& chain) { return chain.front().op().operands().size() > 2; }
  Emitter::Carried first_sums(const Chain& chain, const std::vector<llvm::Value*>& rows, llvm::Value* block);
  Emitter::Carried accumulate(const Chain& chain, const std::vector<llvm::Value*>& rows, llvm::Value* block);
  std::vector<llvm::Value*> row_numbers(const Rows& rows, llvm::Value* at, int64_t count);
  TileFrame tile_frame() const { return {f_, variables_, row_, columns_, lanes_, vectors_}; }
  struct FarLines {
    int64_t arrays = 0;
    llvm::Value* table = nullptr;      // their addresses
    int64_t size = 0;                  // bytes of an element
    int64_t lines = 1, row_step = 64;  // cache lines of a row that are wanted, and bytes from a row to the next
  };
  bool keeps_weights() const;
  void plan_far_lines();
  std::function<void(llvm::Value*, int64_t)> asking(const std::vector<llvm::Value*>& rows, llvm::Value* block);
  void ask(const FarLines& far, llvm::Value* first, int64_t rows, llvm::Value* pass, int64_t passes);
  void epilogue(const std::vector<llvm::Value*>& accumulators, llvm::Value* row, llvm::Value* vector,
                llvm::Value* block);
  void prefetch_epilogue(const std::vector<llvm::Value*>& rows, llvm::Value* block);
  llvm::Value* memory_for(const Chain& chain, int64_t rows);
  llvm::Value* register_in(llvm::Value* memory, const Chain& chain, llvm::Value* number);
  void epilogue_from_memory(const std::vector<llvm::Value*>& sums, const Rows& rows, llvm::Value* at,
                            llvm::Value* count, llvm::Value* block);
  void masked_row(llvm::Value* row, llvm::Value* block);
  bool waits_in_product() const;
  Emitter::Carried add_as_they_come(const TileFrame& tile, const Contraction& c, const std::vector<llvm::Value*>& rows,
                                    llvm::Value* block, Emitter::Carried sums);
  /// A part of the depth of a tile of deferred rows.
  struct Piece {
    llvm::Value *block, *first_register, *begin, *end, *is_last;  // i64, ..., i1
    Emitter::Carried sums;                                        // of the pieces before
  };
  void begin_beside();
  void plan_deferred_loops();
  int64_t deferred_tiles() const { return static_cast<int64_t>(registers_of(chains_[0])) / deferred_width(); }
  int64_t deferred_width() const;
  Piece piece(llvm::Value* number, llvm::Value* first_tile, int64_t pieces, llvm::Value* memory);
  std::pair<TileFrame, Contraction> piece_tile(const Piece& piece);
  void end_piece(const Piece& piece, const Emitter::Carried& sums, llvm::Value* memory);
  OtherSums sums_beside(llvm::Value* part, llvm::Value* parts);
  int64_t blocks() const { return ir::ceildiv(domain_[columns_], Dim(block_)).constant(); }
  void write(llvm::Value* row, llvm::Value* first, const std::function<void(Evaluator&)>& prepare,
             const ir::Value* of_sum = nullptr);
  llvm::Value* row_number(const Rows& rows, llvm::Value* at);
  bool ragged() const;
  llvm::Value* column_mask(llvm::Value* first);
  int64_t tile_rows() const;
  int64_t chunk_rows() const;
  int64_t row_registers() const;
  int64_t longest_depth() const;
  /// Summed elements of a block of weights that stays in cache while the rows pass by: more where each part costs a way
  /// through the results.
  int64_t part_depth() const { return results_are_sums() ? 512 : 256; }
  bool cuts_depth() const;
  size_t registers_of(const Chain& chain) const { return static_cast<size_t>(chain.back().sums() * vectors_); }
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
  int64_t fewest_rows_ = 0;          // where a call says how many of them it makes
  FarLines next_step_, results_;     // to be asked for in the inner loop
  const ir::Value* mask_ = nullptr;  // false for rows whose products nobody needs
  std::vector<llvm::Value*> variables_;
  std::unique_ptr<ContractKernel> beside_;                  // the product of which rows are made besides
  int64_t pieces_ = 0;                                      // of a tile of them
  llvm::Value *first_block_ = nullptr, *visits_ = nullptr;  // i64: of this thread: its first block, how many there are
  llvm::Value* visit_ = nullptr;                            // i64: and how many of them it has done
};

}  // namespace seqc::codegen
