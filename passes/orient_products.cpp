#include <fmt/format.h>

#include <optional>

#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// "kr,kc->rc" with k, r and c each one label, and the two sides each with its own label last: both can be read line by line.
std::optional<ContractSpec> sum_of_outer_products(const Op* op) {
  if (op->code() != Opcode::Contract || op->result_count() != 1 || op->as<ContractAttr>().lanes != 0)
    return std::nullopt;
  if (op->operand(0)->dtype() != op->operand(1)->dtype() || !is_float(op->operand(0)->dtype())) return std::nullopt;
  ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  const bool simple = spec.batch.empty() && spec.rows.size() == 1 && spec.columns.size() == 1 &&
                      spec.summed.size() == 1 && spec.out == spec.rows + spec.columns;
  if (!simple || spec.lhs.back() != spec.rows[0] || spec.rhs.back() != spec.columns[0]) return std::nullopt;
  return spec;
}

/// Lanes that columns of one side or the other would fill, as a share of all that their registers have.
double filled(int64_t columns, int64_t vector) {
  return static_cast<double>(columns) / static_cast<double>((columns + vector - 1) / vector * vector);
}

/// Whether the rows of the result would fill registers better than its columns do, and by more than turning the result
/// costs.
bool is_better_turned(const Op* op, int64_t vector) {
  const Shape& shape = op->result()->shape();
  const Dim& depth = op->operand(0)->shape()[0];
  if (!shape[0].is_constant() || !shape[1].is_constant() || shape[1].constant() == 0) return false;
  const int64_t rows = shape[0].constant(), columns = shape[1].constant();
  if (rows % vector != 0 || filled(columns, vector) > 0.9) return false;
  constexpr int64_t kDeep = 32;
  return !depth.is_constant() || depth.constant() >= kDeep;
}

/// Where a product is added to a carry of the scan around it, and used for nothing else.
struct Carried {
  Op *scan, *add;
  size_t carry;
};

std::optional<Carried> carried(const Op* op) {
  Op* scan = op->parent()->parent_op();
  const auto& users = op->result()->users();
  if (!scan || scan->code() != Opcode::Scan || users.size() != 1 || users[0]->code() != Opcode::Add ||
      users[0]->parent() != op->parent())
    return std::nullopt;
  Op* add = users[0];
  const Value* before = add->operand(add->operand(0) == op->result() ? 1 : 0);
  const auto& yielded = op->parent()->terminator()->operands();
  for (size_t k = 0; k < static_cast<size_t>(scan->as<ScanAttr>().carries); ++k)
    if (op->parent()->argument(k) == before && yielded[k] == add->result() && before->users().size() == 1 &&
        add->result()->users().size() == 1 && before->type() == op->result()->type())
      return Carried{scan, add, k};
  return std::nullopt;
}

void replace_use(Op* user, const Value* old, Value* value) {
  for (size_t i = 0; i < user->operands().size(); ++i)
    if (user->operand(i) == old) user->set_operand(i, value);
}

/// Lets all who read a matrix read its transpose.
void transpose_behind(Value* value) {
  const std::vector<Op*> readers = value->users();
  Builder b = Builder::before(next_op(value->op()));
  Value* turned = b.transpose(value, {1, 0});
  for (Op* reader : readers) replace_use(reader, value, turned);
}

void turn(Op* op, const ContractSpec& spec, Remarks* remarks) {
  const auto sum = carried(op);
  const Shape& shape = op->result()->shape();
  const Type type{op->result()->dtype(), {shape[1], shape[0]}};
  if (remarks)
    remarks->did(
        op, "is computed with its rows as columns",
        fmt::format("{} columns would leave lanes of registers empty, {} fill them", shape[1].str(), shape[0].str()));
  op->set_operands({op->operand(1), op->operand(0)});
  op->set_attr(ContractAttr{.spec = spec.rhs + "," + spec.lhs + "->" + spec.columns + spec.rows, .columns = {}});
  op->result()->set_type(type);
  if (!sum) return transpose_behind(op->result());
  Builder b = Builder::before(sum->scan);
  sum->scan->set_operand(sum->carry, b.transpose(sum->scan->operand(sum->carry), {1, 0}));
  op->parent()->argument(sum->carry)->set_type(type);
  sum->add->result()->set_type(type);
  sum->scan->result(sum->carry)->set_type(type);
  transpose_behind(sum->scan->result(sum->carry));
}

}  // namespace

/// Turns sums of outer products, which derivatives by weights are, so that their columns fill registers: of 28 inputs
/// and 128 units the units become the lanes. What a scan adds up is turned back behind it. Before: canonicalize-contractions.
/// After: fuse-gates. Exact: sums keep their order.
bool orient_products(Function& f, PassContext& context) {
  bool changed = false;
  for (Op* op : find_ops(f.body(), [](const Op* op) { return sum_of_outer_products(op).has_value(); })) {
    const int64_t vector = context.vector_lanes / (op->result()->dtype() == DType::f64 ? 2 : 1);
    if (vector < 2 || !is_better_turned(op, vector)) continue;
    turn(op, *sum_of_outer_products(op), context.remarks);
    changed = true;
  }
  return changed;
}

}  // namespace seqc::passes
