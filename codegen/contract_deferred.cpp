// Rows of a product that are made while a scan runs (see deferred.h): tiles of kDeferredRows rows by a few registers, each in
// pieces of its depth, so that all steps have about as much to do. Between two pieces a tile's sums rest in memory.
#include <algorithm>
#include <numeric>

#include "codegen/contract_kernel_llvm.h"
#include "codegen/deferred.h"
#include "codegen/kernel_functions_llvm.h"
#include "codegen/work.h"

namespace seqc::codegen {
namespace {

std::vector<llvm::Value*> deferred_rows(Emitter& e) {
  std::vector<llvm::Value*> rows;
  for (int64_t r = 0; r < kDeferredRows; ++r) rows.push_back(e.i64(r));
  return rows;
}

/// Registers of a line of weights of a kernel's products, together.
int64_t registers_of(const Machine& machine, const ir::Op& kernel) {
  int64_t registers = 0;
  for (const ir::Op* op : kernel.region().op_list())
    if (op->code() == ir::Opcode::Contract)
      registers += static_cast<int64_t>(op->result_count()) *
                   ir::ceildiv(Dim(op->as<ir::ContractAttr>().lanes), Dim(machine.vector_lanes)).constant();
  return registers;
}

const ir::Op& first_product(const ir::Op& kernel) {
  const auto ops = kernel.region().op_list();
  return **std::find_if(ops.begin(), ops.end(), [](const ir::Op* op) { return op->code() == ir::Opcode::Contract; });
}

int64_t blocks_of(const ir::Op& product) {
  return ir::ceildiv(product.result()->shape().back(), Dim(product.as<ir::ContractAttr>().lanes)).constant();
}

int64_t tile_width(int64_t registers) { return registers % 2 == 0 ? 2 : 1; }

}  // namespace

int64_t deferred_memory_bytes(const Machine& machine) {
  return kDeferredRows * 2 * machine.vector_lanes * static_cast<int64_t>(sizeof(float));
}

int64_t weight_bytes(const ir::Op& kernel) {
  Dim bytes(0);
  for (const ir::Op* op : kernel.region().op_list())
    if (op->code() == ir::Opcode::Contract)
      bytes = bytes +
              element_count(op->operand(1)->shape()) * Dim(static_cast<int64_t>(ir::size_of(op->operand(1)->dtype())));
  return bytes.is_constant() ? bytes.constant() : 0;
}

int64_t weight_bytes(const ir::Block& block) {
  int64_t bytes = 0;
  for (const ir::Op* kernel : kernels_in(block)) bytes += weight_bytes(*kernel);
  return bytes;
}

int64_t pieces_beside(const Machine& machine, const ir::Op& product, const ir::Op& kernel) {
  if (kernel.as<ir::KernelAttr>().kind != ir::KernelKind::Contract) return 0;
  for (const ir::Op* op : kernel.region().op_list())  // what may skip its only row
    if (op->code() == ir::Opcode::Select) return 0;
  const ir::Op& own = first_product(kernel);
  const ir::Shape& domain = own.result()->shape();
  if (!domain.back().is_constant() || !(element_count(domain) == domain.back())) return 0;
  const int64_t registers = registers_of(machine, product), width = tile_width(registers);
  // Sums of both, weights of the product, and a few that come and go.
  const int64_t in_registers = registers_of(machine, kernel) + (kDeferredRows + 1) * width + 5;
  if (in_registers > machine.vector_registers) return 0;
  const int64_t tiles = blocks_of(first_product(product)) * registers / width;
  const int64_t of_block = (tiles + blocks_of(own) - 1) / blocks_of(own);  // at most, in a thread's share
  return std::min<int64_t>(8, kDeferredRows / of_block);
}

/// The product of which this kernel makes rows besides.
void ContractKernel::begin_beside() {
  if (!f_.beside) return;
  beside_ = std::make_unique<ContractKernel>(*f_.beside->product);
  beside_->plan_deferred_loops();
  pieces_ = pieces_beside(e_.machine, f_.beside->product->kernel, f_.kernel);
}

/// Loops other than that of the rows have one step each.
void ContractKernel::plan_deferred_loops() {
  plan_loops();
  for (const auto& [variable, size] : outer_) variables_[static_cast<size_t>(variable)] = e_.i64(0);
}

int64_t ContractKernel::deferred_width() const { return tile_width(static_cast<int64_t>(registers_of(chains_[0]))); }

/// Piece `number` of this thread's tiles, which begin with `first_tile`.
ContractKernel::Piece ContractKernel::piece(llvm::Value* number, llvm::Value* first_tile, int64_t pieces,
                                            llvm::Value* memory) {
  Piece piece;
  llvm::Value* tile = e_.add(first_tile, e_.CreateUDiv(number, e_.i64(pieces)));
  llvm::Value* part = e_.CreateURem(number, e_.i64(pieces));
  const int64_t depth = chains_[0][0].depth.constant(), most = (depth + pieces - 1) / pieces;
  piece.block = e_.CreateUDiv(tile, e_.i64(deferred_tiles()));
  piece.first_register = e_.mul(e_.CreateURem(tile, e_.i64(deferred_tiles())), e_.i64(deferred_width()));
  piece.begin = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.mul(part, e_.i64(most)), e_.i64(depth));
  piece.end = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.add(piece.begin, e_.i64(most)), e_.i64(depth));
  piece.is_last = e_.CreateICmpEQ(part, e_.i64(pieces - 1));
  llvm::Type* type = register_of(chains_[0]);
  for (int64_t i = 0; i < kDeferredRows * deferred_width(); ++i)
    piece.sums.push_back(e_.CreateLoad(type, register_in(memory, chains_[0], e_.i64(i))));
  return piece;
}

/// The product as it is in a tile that is some registers wide.
std::pair<TileFrame, Contraction> ContractKernel::piece_tile(const Piece& piece) {
  TileFrame tile = tile_frame();
  tile.vectors = deferred_width();
  tile.first_register = piece.first_register;
  Contraction c = chains_[0][0];
  c.gates = 1;
  return {tile, c};
}

void ContractKernel::end_piece(const Piece& piece, const Emitter::Carried& sums, llvm::Value* memory) {
  const Chain& chain = chains_[0];
  const auto address = [&](llvm::Value* number) { return register_in(memory, chain, number); };
  for (size_t i = 0; i < sums.size(); ++i) e_.CreateStore(sums[i], address(e_.i64(static_cast<int64_t>(i))));
  e_.when(piece.is_last, [&] {
    const int64_t width = deferred_width();
    for (int64_t t = 0; t < deferred_tiles(); ++t) {
      e_.when(e_.CreateICmpEQ(piece.first_register, e_.i64(t * width)), [&] {
        e_.loop(e_.i64(0), e_.i64(kDeferredRows), 1, [&](llvm::Value* row) {
          for (int64_t w = 0; w < width; ++w) {
            const ir::Value* sum = chain.back().result((t * width + w) / vectors_);
            llvm::Value* column = e_.i64((t * width + w) % vectors_ * lanes_);
            llvm::Value* at = address(e_.add(e_.mul(row, e_.i64(width)), e_.i64(w)));
            llvm::Value* value = e_.CreateLoad(register_of(chain), at);
            e_.CreateStore(llvm::Constant::getNullValue(value->getType()), at);  // the next tile begins with that
            write(
                row, e_.add(e_.mul(piece.block, e_.i64(block_)), column),
                [&](Evaluator& evaluate) { evaluate.bind(sum, identity_coordinates(domain_.size()), value); }, sum);
          }
        });
      });
    }
  });
}

/// Rows of the product beside, while this kernel's own is summed in `parts` parts, of which this is number `part`.
OtherSums ContractKernel::sums_beside(llvm::Value* part, llvm::Value* parts) {
  ContractKernel& product = *beside_;
  llvm::Value *phase = f_.beside->phase, *memory = f_.beside->memory;
  const int64_t depth = product.chains_[0][0].depth.constant(), most = (depth + pieces_ - 1) / pieces_;
  OtherSums others;
  others.registers = kDeferredRows * product.deferred_width();
  others.most = most;
  others.grain = std::gcd(most, depth);
  llvm::Value* number = e_.add(e_.mul(phase, visits_), visit_);
  const int64_t tiles = product.deferred_tiles() * product.blocks();
  const auto tiles_before = [&](llvm::Value* block) {  // threads share them as they do this kernel's blocks
    return e_.CreateUDiv(e_.mul(block, e_.i64(tiles)), e_.i64(blocks()));
  };
  llvm::Value* first_tile = tiles_before(first_block_);
  llvm::Value* own_tiles = e_.CreateSub(tiles_before(e_.add(first_block_, visits_)), first_tile);
  llvm::Value* numbers = e_.mul(own_tiles, e_.i64(pieces_));
  others.wanted = e_.CreateAnd(e_.CreateICmpSGE(phase, e_.i64(0)), e_.CreateICmpSLT(number, numbers));
  const auto piece = std::make_shared<Piece>();
  others.begin = [=, this, &product] {
    *piece = product.piece(number, first_tile, pieces_, memory);
    llvm::Value* terms = e_.CreateSub(piece->end, piece->begin);
    const auto bound = [&](llvm::Value* of) { return e_.add(piece->begin, e_.CreateUDiv(e_.mul(terms, of), parts)); };
    llvm::Value* behind = e_.add(part, e_.i64(1));
    piece->is_last = e_.CreateAnd(piece->is_last, e_.CreateICmpEQ(behind, parts));
    return OtherSums::Terms{bound(part), bound(behind), piece->sums};
  };
  others.add_term = [=, this, &product](llvm::Value* k, Emitter::Carried& sums) {
    const auto [tile, c] = product.piece_tile(*piece);
    codegen::add_term(tile, c, deferred_rows(e_), piece->block, k, sums);
  };
  others.end = [=, &product](const Emitter::Carried& sums) { product.end_piece(*piece, sums, memory); };
  return others;
}

}  // namespace seqc::codegen
