#include <algorithm>
#include <bit>
#include <tuple>

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

  ir::DType stored() const { return weights.buffer->dtype(); }
  int64_t group() const { return op->as<ir::ContractAttr>().group; }  // consecutive k side by side
  Dim weight_row() const { return Dim(block * gates); }               // elements a k
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
    find_mask();
    row_loops(0);
  }

 private:
  /// Rows of the tile's loop: numbers begin .. end-1, or places begin .. end-1 of a list of i32 row numbers.
  struct Rows {
    llvm::Value *begin, *end;
    llvm::Value* list = nullptr;
  };

  Contraction read(const ir::Op& op) const;
  void plan_loops();
  void find_mask();
  bool avoids_contractions(const ir::Value* value, const ir::Value* mask) const;
  void row_loops(size_t depth);
  void tiles();
  void row_chunks(const Rows& rows, const Rows& blocks);
  void blocks(const Rows& rows, const Rows& blocks);
  std::pair<Rows, Rows> partition(const Rows& rows);
  void row_tiles(const Rows& rows, llvm::Value* block);
  void tile(const Rows& rows, llvm::Value* at, int64_t count, llvm::Value* block);
  std::vector<llvm::Value*> accumulate(const Contraction& c, const std::vector<llvm::Value*>& rows, llvm::Value* block);
  void epilogue(const std::vector<llvm::Value*>& accumulators, llvm::Value* row, llvm::Value* vector,
                llvm::Value* block);
  void prefetch_epilogue(const std::vector<llvm::Value*>& rows, llvm::Value* block);
  llvm::Value* kept_in_memory(const std::vector<llvm::Value*>& registers);
  void epilogue_from_memory(const std::vector<llvm::Value*>& sums, const Rows& rows, llvm::Value* at, int64_t count,
                            llvm::Value* block);
  void masked_row(llvm::Value* row, llvm::Value* block);
  void write(llvm::Value* row, llvm::Value* first, const std::function<void(Evaluator&)>& prepare);
  llvm::Value* lhs_address(const Contraction& c, llvm::Value* row, llvm::Value* k);
  llvm::Value* lhs_element(const Contraction& c, llvm::Value* row, llvm::Value* k);
  bool has_dots(const Contraction& c) const;
  llvm::Value* row_number(const Rows& rows, llvm::Value* at);
  int64_t tile_rows() const;
  int64_t chunk_rows() const;
  int64_t tile_registers() const;

  Frame& f_;
  Emitter& e_;
  std::vector<Contraction> contractions_;
  ir::Shape domain_;
  int columns_;  // the column variable
  int64_t lanes_, vectors_;
  std::vector<Access> outputs_, epilogue_reads_;
  std::vector<std::pair<int, Dim>> outer_;  // loops around the tiles: variable and size
  int row_ = -1;                            // the variable of the tile's rows; -1: one row
  Dim row_count_ = 1;
  const ir::Value* mask_ = nullptr;  // false for rows whose products nobody needs
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
  c.depth = op.operand(0)->shape()[c.spec.lhs.find(c.spec.summed[0])];
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
  const size_t epilogue = accesses.size();
  for (const ir::Value* value : f_.yielded()) {
    const bool affine = collect_accesses(value, identity_coordinates(rank), f_.region(), rank, accesses);
    SEQC_CHECK(affine, "contract kernel: the epilogue reads an address that is not affine");
  }
  epilogue_reads_.assign(accesses.begin() + static_cast<ptrdiff_t>(epilogue), accesses.end());
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
  llvm::Value* count = f_.dim(ir::ceildiv(domain_[columns_], Dim(contractions_[0].block)));
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
  row_chunks(rows, {block_begin, block_end});
}

/// Rows of the left operand that stay in cache while all blocks of weights pass by.
int64_t ContractKernel::chunk_rows() const {
  constexpr int64_t kElements = 64 << 10, kMostRows = 192;
  int64_t depth = 1;
  for (const Contraction& c : contractions_) depth = std::max(depth, c.depth.is_constant() ? c.depth.constant() : 512);
  const int64_t rows = std::min(kMostRows, std::max<int64_t>(24, kElements / depth));
  return std::max<int64_t>(1, rows / tile_rows()) * tile_rows();
}

void ContractKernel::row_chunks(const Rows& rows, const Rows& all) {
  const int64_t chunk = chunk_rows();
  if (row_ < 0 || (row_count_.is_constant() && row_count_.constant() <= chunk)) {
    blocks(rows, all);
    return;
  }
  e_.loop(rows.begin, rows.end, chunk, [&](llvm::Value* begin) {
    llvm::Value* end = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.add(begin, e_.i64(chunk)), rows.end);
    blocks({begin, end}, all);
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
    row_tiles(live, block);
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
int64_t ContractKernel::tile_registers() const {
  int64_t widest = 1;
  for (const Contraction& c : contractions_) widest = std::max(widest, c.gates * vectors_);
  return widest;
}

/// As many rows as their accumulators, one weight register and one broadcast each leave registers for; a known number
/// of rows is cut into tiles of about equal size.
int64_t ContractKernel::tile_rows() const {
  if (row_ < 0 || row_count_ == Dim(1)) return 1;
  const int64_t most = std::max<int64_t>(1, (e_.machine.vector_registers - 1) / (tile_registers() + 1));
  if (!row_count_.is_constant() || row_count_.constant() == 0 || mask_) return most;
  const int64_t count = (row_count_.constant() + most - 1) / most;
  return (row_count_.constant() + count - 1) / count;
}

void ContractKernel::row_tiles(const Rows& rows, llvm::Value* block) {
  const int64_t most = tile_rows();
  if (most == 1) {
    e_.loop(rows.begin, rows.end, 1, [&](llvm::Value* at) { tile(rows, at, 1, block); });
    return;
  }
  llvm::Value* rest = e_.CreateSub(rows.end, e_.CreateURem(e_.CreateSub(rows.end, rows.begin), e_.i64(most)));
  e_.loop(rows.begin, rest, most, [&](llvm::Value* at) { tile(rows, at, most, block); });
  std::vector<int64_t> sizes;
  if (row_count_.is_constant() && !rows.list)
    sizes = {row_count_.constant() % most};
  else
    for (auto size = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(most - 1))); size > 0; size /= 2)
      sizes.push_back(size);
  for (const int64_t size : sizes) {
    if (size == 0) continue;
    llvm::Value* fits = e_.CreateICmpSLE(e_.add(rest, e_.i64(size)), rows.end);
    e_.when(fits, [&] { tile(rows, rest, size, block); });
    rest = e_.CreateSelect(fits, e_.add(rest, e_.i64(size)), rest);
  }
}

void ContractKernel::tile(const Rows& rows, llvm::Value* at, int64_t count, llvm::Value* block) {
  std::vector<llvm::Value*> numbers;
  for (int64_t r = 0; r < count; ++r) numbers.push_back(row_number(rows, e_.add(at, e_.i64(r))));
  if (count > 1) {
    prefetch_epilogue(numbers, block);
    std::vector<llvm::Value*> sums;
    for (const Contraction& c : contractions_) sums.push_back(kept_in_memory(accumulate(c, numbers, block)));
    epilogue_from_memory(sums, rows, at, count, block);
    return;
  }
  std::vector<std::vector<llvm::Value*>> accumulators;
  for (const Contraction& c : contractions_) accumulators.push_back(accumulate(c, numbers, block));
  for (int64_t v = 0; v < vectors_; ++v) {
    std::vector<llvm::Value*> vector;
    for (size_t i = 0; i < contractions_.size(); ++i)
      for (int64_t g = 0; g < contractions_[i].gates; ++g) vector.push_back(accumulators[i][g * vectors_ + v]);
    epilogue(vector, numbers[0], e_.i64(v), block);
  }
}

/// Whether groups of k are products of bytes that stand side by side.
bool ContractKernel::has_dots(const Contraction& c) const {
  const bool bytes = c.lhs.buffer->dtype() == ir::DType::u8 && c.stored() == ir::DType::i8 && c.group() == 4;
  return bytes && !is_immediate(c.lhs.buffer) && c.lhs.strides[domain_.size()] == Dim(1) && has_byte_dots(e_, lanes_);
}

/// What of the address does not depend on the loops outside this tile is left to LLVM to hoist.
llvm::Value* ContractKernel::lhs_address(const Contraction& c, llvm::Value* row, llvm::Value* k) {
  llvm::Value* offset = f_.dim(c.lhs.offset);
  const size_t k_variable = domain_.size();
  for (size_t v = 0; v < c.lhs.strides.size(); ++v) {
    llvm::Value* at = v == k_variable ? k : static_cast<int>(v) == row_ ? row : variables_[v];
    if (at && !(c.lhs.strides[v] == Dim(0))) offset = e_.add(offset, e_.mul(at, f_.dim(c.lhs.strides[v])));
  }
  return e_.element_address(f_.pointers.at(c.lhs.buffer), c.lhs.buffer->dtype(), offset);
}

llvm::Value* ContractKernel::lhs_element(const Contraction& c, llvm::Value* row, llvm::Value* k) {
  if (is_immediate(c.lhs.buffer)) return immediate(e_, c.lhs.buffer);
  const ir::DType type = c.lhs.buffer->dtype();
  llvm::Value* element =
      e_.CreateAlignedLoad(memory_type(e_.getContext(), type), lhs_address(c, row, k), llvm::Align(ir::size_of(type)));
  return convert_element(e_, e_.from_memory(element, type), type, c.op->result()->dtype());
}

/// One register a row, gate and vector, in this order.
std::vector<llvm::Value*> ContractKernel::accumulate(const Contraction& c, const std::vector<llvm::Value*>& rows,
                                                     llvm::Value* block) {
  const ir::DType type = c.op->result()->dtype();
  llvm::Type* element = register_type(e_.getContext(), type);
  llvm::Type* vector = vector_of(element, lanes_);
  const auto registers = static_cast<size_t>(c.gates * vectors_);

  llvm::Value* start = f_.dim(c.weights.offset);
  for (int v = 0; v < columns_; ++v)
    if (variables_[v] && !(c.weights.strides[v] == Dim(0)))
      start = e_.add(start, e_.mul(variables_[v], f_.dim(c.weights.strides[v])));
  llvm::Value* depth = f_.dim(c.depth);
  const Dim rounded_depth = ir::ceildiv(c.depth, Dim(c.group())) * Dim(c.group());
  start = e_.add(start, e_.mul(block, f_.dim(rounded_depth * c.weight_row())));
  llvm::Value* panel = e_.element_address(f_.pointers.at(c.weights.buffer), c.stored(), start);

  const auto product = [&](llvm::Value* x, llvm::Value* w, llvm::Value* sum) -> llvm::Value* {
    if (!ir::is_float(type)) return e_.CreateAdd(sum, e_.CreateMul(x, w));
    if (e_.machine.has_fma) return e_.CreateIntrinsic(llvm::Intrinsic::fma, {vector}, {x, w, sum});
    return e_.CreateFAdd(sum, e_.CreateFMul(x, w));
  };
  // Of the two factors of a tile the fewer stay in registers, the others come one by one.
  // With `dots` a step sums over the four k of a group.
  const auto step = [&](llvm::Value* k, llvm::Value* in_group, bool dots, std::vector<llvm::Value*> sums) {
    llvm::Value* first = c.group() == 1 ? k : e_.CreateSub(k, in_group);
    llvm::Value* line = e_.element_address(panel, c.stored(), e_.mul(first, f_.dim(c.weight_row())));
    const WeightTypes types{c.stored(), dots ? c.stored() : type, c.group()};
    const auto weight = [&](size_t v) {
      const auto number = static_cast<int64_t>(v);
      return dots ? load_weight_words(e_, line, types, number, lanes_)
                  : load_weights(e_, line, types, number, lanes_, in_group);
    };
    const auto element = [&](size_t r) {
      return e_.splat(dots ? e_.CreateAlignedLoad(e_.getInt32Ty(), lhs_address(c, rows[r], k), llvm::Align(1))
                           : lhs_element(c, rows[r], k),
                      lanes_);
    };
    const bool hold_weights = registers < rows.size();
    std::vector<llvm::Value*> held;
    for (size_t i = 0; i < (hold_weights ? registers : rows.size()); ++i)
      held.push_back(hold_weights ? weight(i) : element(i));
    for (size_t i = 0; i < (hold_weights ? rows.size() : registers); ++i) {
      llvm::Value* other = hold_weights ? element(i) : weight(i);
      for (size_t j = 0; j < held.size(); ++j) {
        llvm::Value*& sum = hold_weights ? sums[i * registers + j] : sums[j * registers + i];
        llvm::Value *x = hold_weights ? other : held[j], *w = hold_weights ? held[j] : other;
        sum = dots ? byte_dots(e_, sum, x, w, lanes_) : product(x, w, sum);
      }
    }
    return sums;
  };

  Emitter::Carried sums(rows.size() * registers, llvm::Constant::getNullValue(vector));
  constexpr size_t kProducts = 48;  // of one pass through the loop over k, about
  const bool dots = has_dots(c);
  const int64_t width = dots ? c.group() : 1;  // k of a step
  const auto least = static_cast<size_t>(c.group() / width);
  const auto unroll = static_cast<int64_t>(std::bit_floor(std::clamp<size_t>(kProducts / sums.size(), least, 8)));
  llvm::Value* done = e_.i64(0);
  const auto run_steps = [&](int64_t steps, int64_t wide) {  // as often as that many steps of `wide` k fit
    const int64_t at_once = steps * wide;
    llvm::Value* whole = c.depth.is_constant() ? e_.i64(c.depth.constant() / at_once * at_once)
                                               : e_.CreateSub(depth, e_.CreateURem(depth, e_.i64(at_once)));
    sums = e_.loop(done, whole, at_once, sums, [&](llvm::Value* k, const Emitter::Carried& carried) {
      auto next = carried;
      for (int64_t u = 0; u < steps; ++u) {
        llvm::Value* at = e_.add(k, e_.i64(u * wide));
        const bool aligned = at_once % c.group() == 0;
        llvm::Value* in_group = aligned ? e_.i64(u * wide % c.group()) : e_.CreateURem(at, e_.i64(c.group()));
        next = step(at, in_group, wide > 1, std::move(next));
      }
      return next;
    });
    done = whole;
  };
  run_steps(unroll, width);
  if (dots && unroll > 1) run_steps(1, width);
  run_steps(1, 1);
  return sums;
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
  const Dim& count = domain_[columns_];
  if (count.is_constant() && count.constant() % contractions_[0].block == 0) return masked_write(nullptr);
  llvm::Value* left = e_.CreateSub(f_.dim(count), first);
  if (lanes_ == 1) return e_.when(e_.CreateICmpSGT(left, e_.i64(0)), [&] { masked_write(nullptr); });
  masked_write(e_.CreateICmpSLT(e_.lane_numbers(lanes_), e_.splat(left, lanes_)));
}

/// `accumulators`: one register a contraction's gate, of one row and vector.
void ContractKernel::epilogue(const std::vector<llvm::Value*>& accumulators, llvm::Value* row, llvm::Value* vector,
                              llvm::Value* block) {
  llvm::Value* first = e_.add(e_.mul(block, e_.i64(contractions_[0].block)), e_.mul(vector, e_.i64(lanes_)));
  write(row, first, [&](Evaluator& evaluate) {
    if (mask_) evaluate.assume(mask_, true);
    size_t i = 0;
    for (const Contraction& c : contractions_)
      for (int64_t g = 0; g < c.gates; ++g)
        evaluate.bind(c.op->result(g), identity_coordinates(domain_.size()), accumulators[i++]);
  });
}

/// What the epilogue reads of each row comes from far away (the projections of all steps): it is asked for in time.
void ContractKernel::prefetch_epilogue(const std::vector<llvm::Value*>& rows, llvm::Value* block) {
  llvm::Value* first = e_.mul(block, e_.i64(contractions_[0].block));
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

llvm::Value* ContractKernel::kept_in_memory(const std::vector<llvm::Value*>& registers) {
  llvm::BasicBlock& entry = e_.GetInsertBlock()->getParent()->getEntryBlock();
  auto* type = llvm::ArrayType::get(registers[0]->getType(), registers.size());
  llvm::Value* memory = llvm::IRBuilder<>(&entry, entry.begin()).CreateAlloca(type);
  for (size_t i = 0; i < registers.size(); ++i)
    e_.CreateStore(registers[i], e_.CreateConstInBoundsGEP2_64(type, memory, 0, i));
  return memory;
}

/// Several rows leave no registers for an epilogue in place: the sums rest in memory, and one loop finishes them all.
void ContractKernel::epilogue_from_memory(const std::vector<llvm::Value*>& sums, const Rows& rows, llvm::Value* at,
                                          int64_t count, llvm::Value* block) {
  e_.loop(e_.i64(0), e_.i64(count), 1, [&](llvm::Value* r) {
    llvm::Value* row = row_number(rows, e_.add(at, r));
    e_.loop(e_.i64(0), e_.i64(vectors_), 1, [&](llvm::Value* v) {
      std::vector<llvm::Value*> vector;
      for (size_t i = 0; i < contractions_.size(); ++i) {
        const Contraction& c = contractions_[i];
        llvm::Type* type = vector_of(register_type(e_.getContext(), c.op->result()->dtype()), lanes_);
        for (int64_t g = 0; g < c.gates; ++g) {
          llvm::Value* gate = e_.add(e_.mul(r, e_.i64(c.gates)), e_.i64(g));
          llvm::Value* index = e_.add(e_.mul(gate, e_.i64(vectors_)), v);
          vector.push_back(e_.CreateLoad(type, e_.CreateInBoundsGEP(type, sums[i], index)));
        }
      }
      epilogue(vector, row, v, block);
    });
  });
}

/// A block of a row whose products nobody needs.
void ContractKernel::masked_row(llvm::Value* row, llvm::Value* block) {
  e_.loop(e_.i64(0), e_.i64(vectors_), 1, [&](llvm::Value* v) {
    llvm::Value* first = e_.add(e_.mul(block, e_.i64(contractions_[0].block)), e_.mul(v, e_.i64(lanes_)));
    write(row, first, [&](Evaluator& evaluate) { evaluate.assume(mask_, false); });
  });
}

}  // namespace

void emit_contract(Frame& f) { ContractKernel(f).emit(); }

}  // namespace seqc::codegen
