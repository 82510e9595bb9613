#include <algorithm>
#include <bit>

#include "ir/builder.h"
#include "ir/error.h"
#include "passes/pass.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Columns of one block of the packed weights, for `results` contractions that run together. One row fills at least `least`
/// accumulators if four vectors a result are enough for that, and as few more as a power of two allows: more of narrow
/// blocks is still in the first cache when the next step walks back over them, and less is left to do behind the last of
/// them. Of many rows each should fill about four, since a tall tile of rows reads its weights least often. Not with more
/// padding than a quarter; fewer columns than a vector get a block of their own power of two.
int64_t choose_lanes(const Dim& columns, size_t results, bool one_row, size_t least, DType type,
                     const PassContext& context) {
  const int64_t vector =
      std::max<int64_t>(1, type == DType::f64 || size_of(type) == 8 ? context.vector_lanes / 2 : context.vector_lanes);
  constexpr size_t kMost = 4;
  auto vectors = static_cast<int64_t>(one_row ? std::bit_ceil(std::min(kMost, (least + results - 1) / results))
                                              : std::bit_floor(std::max<size_t>(1, kMost / results)));
  if (!columns.is_constant()) return vector * vectors;
  const int64_t count = std::max<int64_t>(1, columns.constant());
  if (count < vector) return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(count)));
  const auto padded = [&](int64_t lanes) { return (count + lanes - 1) / lanes * lanes; };
  while (vectors > 1 && padded(vector * vectors) * 4 > padded(vector) * 5) vectors /= 2;
  return vector * vectors;
}

/// Consecutive k of a column side by side: two of bf16, since a shift makes f32 of the lower half of 32 bits and a mask
/// of the upper; four of i8 for a product of integers, as dot products of bytes want them.
int64_t choose_group(DType type, DType weights) {
  if (weights == DType::bf16) return 2;
  return weights == DType::i8 && type == DType::i32 ? 4 : 1;
}

/// How many accumulators one row of a product fills at least, see choose_lanes. Two FMA pipes of latency four want about
/// eight independent chains: with five, two to four products have six or eight. Fewer are enough where all products around
/// it need more weights in each step than stay in the first cache, and this one takes them as they come, without a
/// conversion. If one full vector is multiplied in a cycle, four are, if two threads together can keep the weights in their
/// first caches, else three, since the chains then wait for the weights and not for each other. If it is two, three chains
/// fall behind, and for the lines that are still in the first cache four do; but two products take four in all, as wider
/// blocks of them leave no registers for rows that are made besides (see codegen/deferred.h).
size_t least_accumulators(const Op* product, const PassContext& context) {
  const DType type = product->result()->dtype(), stored = product->operand(1)->dtype();
  if (stored != type && choose_group(type, stored) != 4) return 5;
  Dim bytes(0);
  for (const Op* op : product->parent()->op_list()) {
    if (op->code() != Opcode::Contract) continue;
    for (size_t i = 1; i < op->operands().size(); ++i)
      bytes =
          bytes + element_count(op->operand(i)->shape()) * Dim(static_cast<int64_t>(size_of(op->operand(i)->dtype())));
  }
  if (!bytes.is_constant() || bytes.constant() <= context.first_cache) return 5;
  if (context.fma_units > 1) return product->result_count() > 2 ? 5 : 4;
  return bytes.constant() <= 2 * context.first_cache ? 4 : 3;
}

/// The op of `block` or of an enclosing block before which values used in `block` can be computed once for all steps.
Op* outermost_point(Op* op, const std::vector<Value*>& values) {
  while (Op* parent = op->parent()->parent_op()) {
    const bool repeats = parent->code() == Opcode::Scan || parent->code() == Opcode::Loop;
    const Block& block = *op->parent();
    const bool inside =
        std::any_of(values.begin(), values.end(), [&](const Value* value) { return is_defined_inside(value, block); });
    if (!repeats || inside) break;
    op = parent;
  }
  return op;
}

/// Rows that share one set of weights.
Dim row_count(const Op& op, const ContractSpec& spec) {
  Dim rows(1);
  for (size_t i = 0; i < spec.out.size(); ++i)
    if (spec.rows.find(spec.out[i]) != std::string::npos) rows = rows * op.result()->shape()[i];
  return rows;
}

void pack(Op* op, const PassContext& context) {
  const auto attr = op->as<ContractAttr>();
  const ContractSpec spec = parse_contract_spec(attr.spec);
  SEQC_CHECK(spec.columns.size() == 1, "contraction \"{}\" is not canonical", attr.spec);
  const Dim columns = op->result()->shape().back();
  const std::vector<Value*> weights(op->operands().begin() + 1, op->operands().end());
  ContractAttr packed = attr;
  const bool one_row = row_count(*op, spec) == Dim(1);
  packed.lanes =
      choose_lanes(columns, weights.size(), one_row, least_accumulators(op, context), op->result()->dtype(), context);
  packed.group = choose_group(op->result()->dtype(), weights[0]->dtype());

  Builder b = Builder::before(outermost_point(op, weights));
  b.set_location(op->location());
  Value* block = b.emit(Opcode::Pack, weights, packed);
  block->set_name(weights[0]->name().empty() ? "" : weights[0]->name() + "_packed");
  packed.columns = {columns};
  op->set_operands({op->operand(0), block});
  op->set_attr(packed);
}

}  // namespace

/// Lays the right-hand sides of each contraction out as [column block][k][gate][lane], or, where elements are small, as
/// [column block][k / group][gate][lane][k % group]: the order in which the generated code reads them: once, in sequence. Constant weights are then packed at build time by fold.
/// After: canonicalize-contractions, fuse-gates. Exact.
bool pack_weights(Function& f, PassContext& context) {
  bool changed = false;
  walk(f.body(), [&](Op* op) {
    if (op->code() != Opcode::Contract || op->as<ContractAttr>().lanes != 0) return;
    pack(op, context);
    changed = true;
  });
  return changed;
}

}  // namespace seqc::passes
