/// Sums of products in registers: the inner loops of contract kernels.
#pragma once

#include <functional>
#include <vector>

#include "codegen/kernel_llvm.h"
#include "ir/infer.h"

namespace seqc::codegen {

/// Contractions of a kernel that have their packed weights (see Opcode::Pack) in common, mostly one: they run together, so
/// that each weight is loaded once. Or with weights whose packing stands in the kernel and is never done, as they are read
/// where they lie. Accumulators for `rows` rows by `sums() * vectors` registers, one chain of fused multiply-adds over k
/// each.
struct Contraction {
  std::vector<const ir::Op*> ops;
  ir::ContractSpec spec;
  std::vector<Access> lhs;  // one an op; the last variable is k
  Access weights;           // element 0 of block 0; variables as in the result
  bool in_place;            // the weights are not packed
  Dim block_step;           // elements from a block of the weights to the next
  Dim line_step;            // from a line of them, a group of k, to the next, for one k
  Dim depth;                // summed elements
  int64_t block;            // columns of a block
  int64_t gates;            // results of one op

  const ir::Op& op() const { return *ops[0]; }
  int64_t sums() const { return gates * static_cast<int64_t>(ops.size()); }
  const ir::Value* result(int64_t sum) const {
    return ops[static_cast<size_t>(sum / gates)]->result(static_cast<size_t>(sum % gates));
  }
  ir::DType type() const { return op().result()->dtype(); }
  ir::DType stored() const { return weights.buffer->dtype(); }
  int64_t group() const { return op().as<ir::ContractAttr>().group; }  // consecutive k side by side
};

/// Reads a contraction of a kernel whose domain is the result's shape.
Contraction read_contraction(const ir::Op& op, const ir::Block& kernel);

/// Whether both have the same weights and multiply them alike.
bool share_weights(const Contraction& a, const Contraction& b);

/// Sums that have nothing to do with the products in whose loop they grow: while those wait for their weights, the
/// multipliers are free.
struct OtherSums {
  struct Terms {
    llvm::Value *begin, *end;  ///< i64
    Emitter::Carried sums;     ///< so far
  };
  llvm::Value* wanted;           ///< i1: whether there are any
  int64_t registers;             ///< how many sums
  int64_t most;                  ///< how many terms there are at most while all products are summed
  int64_t grain;                 ///< of which their number is a multiple
  std::function<Terms()> begin;  ///< emits what comes before
  std::function<void(llvm::Value* k, Emitter::Carried& sums)> add_term;
  std::function<void(const Emitter::Carried& sums)> end;  ///< takes the sums with all terms
};

/// Where the sums of a kernel stand: its loops around the rows and blocks, and the shape of a block in registers.
struct TileFrame {
  Frame& f;
  const std::vector<llvm::Value*>& variables;  ///< of the loops outside; null: none
  int row;                                     ///< the variable of the tile's rows; -1: one row
  int columns;                                 ///< the variable of the columns
  int64_t lanes, vectors;                      ///< registers of `lanes` columns, `vectors` a block and gate
  /// Called in each pass through the loop over k, with its number and how many there are; null: nothing.
  std::function<void(llvm::Value* pass, int64_t passes)> each_pass = {};
  llvm::Value* first_register = nullptr;  ///< i64: the first of a line of weights; null: 0
  const OtherSums* others = nullptr;      ///< sums that grow in the same loop
};

/// The part [begin, end) of the summed elements; all of them, where `end` is null.
struct Depth {
  llvm::Value *begin = nullptr, *end = nullptr;
  /// i64: which part of the weights behind `end` is asked for meanwhile, in units of those that one tile can ask for.
  llvm::Value* ahead = nullptr;
  int64_t grain = 1;  ///< of which `begin` and `end` are multiples
};

/// Adds the products of `rows` and a block of columns to `sums`: one register a row, op, gate and vector, in this order.
/// `depth.begin` is a multiple of 8 groups.
Emitter::Carried add_products(const TileFrame& tile, const Contraction& c, const std::vector<llvm::Value*>& rows,
                              llvm::Value* block, const Depth& depth, Emitter::Carried sums);
/// Adds those of one `k`.
void add_term(const TileFrame& tile, const Contraction& c, const std::vector<llvm::Value*>& rows, llvm::Value* block,
              llvm::Value* k, Emitter::Carried& sums);

}  // namespace seqc::codegen
