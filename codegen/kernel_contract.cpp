#include <algorithm>

#include "codegen/kernel_llvm.h"
#include "ir/error.h"
#include "ir/infer.h"

namespace seqc::codegen {
namespace {

/// One contraction of a kernel with its packed weights (see Opcode::Pack): accumulators for `rows` rows by
/// `gates * vectors` registers, one chain of fused multiply-adds over k each.
struct Contraction {
  const ir::Op* op;
  ir::ContractSpec spec;
  Access lhs;      // the last variable is k
  Access weights;  // element 0 of a block's row; variables as in the result
  Dim depth;       // summed elements
  int64_t block;   // columns of a block
  int64_t gates;

  Dim weight_row() const { return Dim(block * gates); }
};

/// Generates a kernel of one or more contractions over one domain, with their epilogue.
class ContractKernel {
 public:
  explicit ContractKernel(Frame& f) : f_(f), e_(f.e) {
    for (const ir::Op* op : f.region().op_list())
      if (op->code() == ir::Opcode::Contract) contractions_.push_back(read(*op));
    domain_ = contractions_[0].op->result()->shape();
    columns_ = static_cast<int>(domain_.size()) - 1;
    lanes_ = std::min(e_.machine.vector_lanes, contractions_[0].block);
    if (f.kernel.result()->dtype() == ir::DType::f64)
      lanes_ = std::max<int64_t>(1, std::min(lanes_, e_.machine.vector_lanes / 2));
    vectors_ = contractions_[0].block / lanes_;
  }

  void emit() {
    plan_loops();
    row_loops(0);
  }

 private:
  Contraction read(const ir::Op& op) const;
  void plan_loops();
  void row_loops(size_t depth);
  void tiles();
  void row_tiles(llvm::Value* block, llvm::Value* begin, llvm::Value* end);
  void tile(llvm::Value* row, int64_t rows, llvm::Value* block);
  std::vector<llvm::Value*> accumulate(const Contraction& c, llvm::Value* row, int64_t rows, llvm::Value* block);
  void epilogue(const std::vector<std::vector<llvm::Value*>>& accumulators, llvm::Value* row, int64_t rows,
                llvm::Value* block);
  llvm::Value* lhs_element(const Contraction& c, llvm::Value* row, llvm::Value* k);
  int64_t tile_rows() const;

  Frame& f_;
  Emitter& e_;
  std::vector<Contraction> contractions_;
  ir::Shape domain_;
  int columns_;  // the column variable
  int64_t lanes_, vectors_;
  std::vector<Access> outputs_;
  std::vector<std::pair<int, Dim>> outer_;  // loops around the tiles: variable and size
  int row_ = -1;                            // the variable of the tile's rows; -1: one row
  Dim row_count_ = 1;
  std::vector<llvm::Value*> variables_;
};

Contraction ContractKernel::read(const ir::Op& op) const {
  const auto& attr = op.as<ir::ContractAttr>();
  Contraction c{&op,        ir::parse_contract_spec(attr.spec),     {}, {}, {},
                attr.lanes, static_cast<int64_t>(op.result_count())};
  const size_t rank = op.result()->shape().size();
  Coordinates at;
  for (const char label : c.spec.lhs) {
    const size_t position = c.spec.out.find(label);
    at.push_back({Dim(0), static_cast<int>(position == std::string::npos ? rank : position), Dim(1)});
  }
  auto lhs = buffer_access(op.operand(0), at, f_.region(), rank + 1);
  SEQC_CHECK(lhs, "contract kernel: the left operand has no affine address");
  c.lhs = *lhs;
  const ir::Shape& packed = op.operand(1)->shape();
  c.depth = packed[packed.size() - 2];
  Coordinates batch(packed.size());
  for (size_t i = 0; i < c.spec.batch.size(); ++i)
    batch[i].variable = static_cast<int>(c.spec.out.find(c.spec.batch[i]));
  c.weights = *buffer_access(op.operand(1), batch, f_.region(), rank + 1);
  return c;
}

/// Row dims that all reads and writes traverse alike become one loop, the tile's rows.
void ContractKernel::plan_loops() {
  const size_t rank = domain_.size();
  std::vector<Access> accesses;
  const Access dense{nullptr, Dim(0), row_major_strides(domain_)};
  for (size_t i = 0; i < f_.yielded().size(); ++i) outputs_.push_back(dense);
  accesses.push_back(dense);
  for (const ir::Value* value : f_.yielded()) {
    const bool affine = collect_accesses(value, identity_coordinates(rank), f_.region(), rank, accesses);
    SEQC_CHECK(affine, "contract kernel: the epilogue reads an address that is not affine");
  }
  for (const Contraction& c : contractions_) {
    accesses.push_back(c.lhs);
    accesses.push_back(c.weights);
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
    const bool batch = std::any_of(contractions_.begin(), contractions_.end(), [&](const Contraction& c) {
      return !(c.weights.strides[outer_[i].first] == Dim(0));
    });
    if (batch) continue;
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

/// Threads share the rows when there are many, else the blocks of columns.
void ContractKernel::tiles() {
  llvm::Value* blocks = f_.dim(ir::ceildiv(domain_[columns_], Dim(contractions_[0].block)));
  llvm::Value* rows = f_.dim(row_count_);
  auto [block_begin, block_end] = thread_share(f_, blocks, 1);
  llvm::Value *row_begin = e_.i64(0), *row_end = rows;
  if (row_ >= 0 && !(row_count_ == Dim(1))) {
    const auto share = thread_share(f_, rows, tile_rows());
    llvm::Value* many = e_.CreateICmpSGE(rows, e_.mul(f_.threads, e_.i64(2 * tile_rows())));
    block_begin = e_.CreateSelect(many, e_.i64(0), block_begin);
    block_end = e_.CreateSelect(many, blocks, block_end);
    row_begin = e_.CreateSelect(many, share.first, row_begin);
    row_end = e_.CreateSelect(many, share.second, row_end);
  }
  e_.loop(block_begin, block_end, 1, [&](llvm::Value* block) { row_tiles(block, row_begin, row_end); });
}

/// As many rows as their accumulators, one weight register and one broadcast each leave registers for.
int64_t ContractKernel::tile_rows() const {
  if (row_ < 0 || row_count_ == Dim(1)) return 1;
  int64_t widest = 1;
  for (const Contraction& c : contractions_) widest = std::max(widest, c.gates * vectors_);
  const int64_t rows = std::max<int64_t>(1, (e_.machine.vector_registers - 1) / (widest + 1));
  return row_count_.is_constant() ? std::max<int64_t>(1, std::min(rows, row_count_.constant())) : rows;
}

void ContractKernel::row_tiles(llvm::Value* block, llvm::Value* begin, llvm::Value* end) {
  const int64_t rows = tile_rows();
  if (rows == 1) {
    e_.loop(begin, end, 1, [&](llvm::Value* row) { tile(row, 1, block); });
    return;
  }
  llvm::Value* whole = e_.CreateSub(end, e_.CreateURem(e_.CreateSub(end, begin), e_.i64(rows)));
  e_.loop(begin, whole, rows, [&](llvm::Value* row) { tile(row, rows, block); });
  e_.loop(whole, end, 1, [&](llvm::Value* row) { tile(row, 1, block); });
}

void ContractKernel::tile(llvm::Value* row, int64_t rows, llvm::Value* block) {
  std::vector<std::vector<llvm::Value*>> accumulators;
  for (const Contraction& c : contractions_) accumulators.push_back(accumulate(c, row, rows, block));
  epilogue(accumulators, row, rows, block);
}

/// The address part of the left operand that does not depend on the loops outside this tile is left to LLVM to hoist.
llvm::Value* ContractKernel::lhs_element(const Contraction& c, llvm::Value* row, llvm::Value* k) {
  if (is_immediate(c.lhs.buffer)) return immediate(e_, c.lhs.buffer);
  llvm::Value* offset = f_.dim(c.lhs.offset);
  const size_t k_variable = domain_.size();
  for (size_t v = 0; v < c.lhs.strides.size(); ++v) {
    llvm::Value* at = v == k_variable ? k : static_cast<int>(v) == row_ ? row : variables_[v];
    if (at && !(c.lhs.strides[v] == Dim(0))) offset = e_.add(offset, e_.mul(at, f_.dim(c.lhs.strides[v])));
  }
  const ir::DType type = c.lhs.buffer->dtype();
  llvm::Value* address = e_.element_address(f_.pointers.at(c.lhs.buffer), type, offset);
  llvm::Value* element =
      e_.CreateAlignedLoad(memory_type(e_.getContext(), type), address, llvm::Align(ir::size_of(type)));
  return e_.from_memory(element, type);
}

std::vector<llvm::Value*> ContractKernel::accumulate(const Contraction& c, llvm::Value* row, int64_t rows,
                                                     llvm::Value* block) {
  const ir::DType type = c.op->result()->dtype();
  llvm::Type* element = register_type(e_.getContext(), type);
  llvm::Type* vector = vector_of(element, lanes_);
  llvm::Type* stored = vector_of(memory_type(e_.getContext(), type), lanes_);
  const int64_t registers = c.gates * vectors_;
  const llvm::Align align(std::min<size_t>(64, static_cast<size_t>(lanes_) * ir::size_of(type)));

  llvm::Value* start = f_.dim(c.weights.offset);
  for (int v = 0; v < columns_; ++v)
    if (variables_[v] && !(c.weights.strides[v] == Dim(0)))
      start = e_.add(start, e_.mul(variables_[v], f_.dim(c.weights.strides[v])));
  llvm::Value* depth = f_.dim(c.depth);
  start = e_.add(start, e_.mul(block, f_.dim(c.depth * c.weight_row())));
  llvm::Value* panel = e_.element_address(f_.pointers.at(c.weights.buffer), type, start);

  const auto step = [&](llvm::Value* k, std::vector<llvm::Value*> sums) {
    std::vector<llvm::Value*> x;
    for (int64_t r = 0; r < rows; ++r) x.push_back(e_.splat(lhs_element(c, e_.add(row, e_.i64(r)), k), lanes_));
    llvm::Value* line = e_.element_address(panel, type, e_.mul(k, f_.dim(c.weight_row())));
    for (int64_t v = 0; v < registers; ++v) {
      llvm::Value* at = e_.element_address(line, type, e_.i64(v * lanes_));
      llvm::Value* w = e_.from_memory(e_.CreateAlignedLoad(stored, at, align), type);
      for (int64_t r = 0; r < rows; ++r) {
        llvm::Value*& sum = sums[r * registers + v];
        if (!ir::is_float(type))
          sum = e_.CreateAdd(sum, e_.CreateMul(x[r], w));
        else if (e_.machine.has_fma)
          sum = e_.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {x[r], w, sum});
        else
          sum = e_.CreateFAdd(sum, e_.CreateFMul(x[r], w));
      }
    }
    return sums;
  };

  Emitter::Carried sums(rows * registers, llvm::Constant::getNullValue(vector));
  constexpr int64_t kUnroll = 4;
  llvm::Value* whole = c.depth.is_constant() ? e_.i64(c.depth.constant() / kUnroll * kUnroll)
                                             : e_.CreateSub(depth, e_.CreateURem(depth, e_.i64(kUnroll)));
  sums = e_.loop(e_.i64(0), whole, kUnroll, sums, [&](llvm::Value* k, const Emitter::Carried& carried) {
    auto next = carried;
    for (int64_t u = 0; u < kUnroll; ++u) next = step(e_.add(k, e_.i64(u)), std::move(next));
    return next;
  });
  return e_.loop(whole, depth, 1, sums,
                 [&](llvm::Value* k, const Emitter::Carried& carried) { return step(k, carried); });
}

void ContractKernel::epilogue(const std::vector<std::vector<llvm::Value*>>& accumulators, llvm::Value* row,
                              int64_t rows, llvm::Value* block) {
  const Coordinates identity = identity_coordinates(domain_.size());
  const Dim& count = domain_[columns_];
  const int64_t width = contractions_[0].block;
  const bool ragged = !count.is_constant() || count.constant() % width != 0;
  const auto write = [&](int64_t r, int64_t v, llvm::Value* first, llvm::Value* mask) {
    LoopPoint point{variables_, columns_, lanes_, mask};
    if (row_ >= 0) point.variables[row_] = e_.add(row, e_.i64(r));
    point.variables[columns_] = first;
    point.variables.resize(domain_.size());
    Evaluator evaluate(f_, point);
    for (size_t i = 0; i < contractions_.size(); ++i) {
      const Contraction& c = contractions_[i];
      for (int64_t g = 0; g < c.gates; ++g)
        evaluate.bind(c.op->result(g), identity, accumulators[i][(r * c.gates + g) * vectors_ + v]);
    }
    for (size_t i = 0; i < outputs_.size(); ++i)
      evaluate.store(evaluate.value(f_.yielded()[i], identity), f_.kernel.result(i), outputs_[i]);
  };
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < vectors_; ++v) {
      llvm::Value* first = e_.add(e_.mul(block, e_.i64(width)), e_.i64(v * lanes_));
      if (!ragged) {
        write(r, v, first, nullptr);
        continue;
      }
      llvm::Value* left = e_.CreateSub(f_.dim(count), first);
      if (lanes_ == 1) {
        e_.when(e_.CreateICmpSGT(left, e_.i64(0)), [&] { write(r, v, first, nullptr); });
        continue;
      }
      write(r, v, first, e_.CreateICmpSLT(e_.lane_numbers(lanes_), e_.splat(left, lanes_)));
    }
  }
}

}  // namespace

void emit_contract(Frame& f) { ContractKernel(f).emit(); }

}  // namespace seqc::codegen
