#include "ir/builder.h"
#include "ir/error.h"
#include "ir/infer.h"
#include "passes/pass.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A letter that `spec` does not use yet.
char fresh_label(const std::string& used) {
  for (char c = 'A'; c <= 'z'; ++c)
    if (std::isalpha(static_cast<unsigned char>(c)) && used.find(c) == std::string::npos) return c;
  internal_error(__FILE__, __LINE__, "labels", "a contraction uses all letters");
}

/// Dims of `value` (labelled by `from`) permuted into the order `to`.
Value* reorder(Builder& b, Value* value, const std::string& from, const std::string& to) {
  std::vector<int64_t> perm;
  for (const char label : to) perm.push_back(static_cast<int64_t>(from.find(label)));
  return b.transpose(value, std::move(perm));
}

/// Permutes `value` into groups of labels and merges each of the last `merged` groups into one dim.
Value* group_dims(Builder& b, Value* value, const std::string& from, const std::vector<std::string>& groups,
                  size_t merged) {
  std::string order;
  for (const auto& group : groups) order += group;
  Value* permuted = reorder(b, value, from, order);
  Shape shape;
  size_t at = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    Dim product(1);
    for (size_t i = 0; i < groups[g].size(); ++i, ++at) {
      if (g + merged < groups.size())
        shape.push_back(permuted->shape()[at]);
      else
        product = product * permuted->shape()[at];
    }
    if (g + merged >= groups.size()) shape.push_back(product);
  }
  return b.reshape(permuted, std::move(shape));
}

bool is_canonical(const ContractSpec& spec) {
  return spec.columns.size() == 1 && spec.summed.size() == 1 && spec.out.back() == spec.columns[0];
}

void rewrite(Op* op) {
  Builder b = Builder::before(op);
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  const std::string leading = [&] {  // batch and row labels in the result's order
    std::string labels;
    for (const char c : spec.out)
      if (spec.columns.find(c) == std::string::npos) labels += c;
    return labels;
  }();
  const char column = fresh_label(spec.str()), summed = fresh_label(spec.str() + column);

  std::vector<Value*> operands = {group_dims(b, op->operand(0), spec.lhs, {spec.batch + spec.rows, spec.summed}, 1)};
  for (size_t i = 1; i < op->operands().size(); ++i)
    operands.push_back(group_dims(b, op->operand(i), spec.rhs, {spec.batch, spec.columns, spec.summed}, 2));
  const std::string text =
      spec.batch + spec.rows + summed + "," + spec.batch + column + summed + "->" + leading + column;
  Op* product = b.create(Opcode::Contract, std::move(operands), ContractAttr{.spec = text, .columns = {}});

  for (size_t i = 0; i < op->result_count(); ++i) {
    Shape split;  // [leading..., columns...]
    for (const char label : leading + spec.columns) split.push_back(op->result(i)->shape()[spec.out.find(label)]);
    Value* result = reorder(b, b.reshape(product->result(i), std::move(split)), leading + spec.columns, spec.out);
    op->result(i)->replace_all_uses_with(result);
  }
  op->erase();
}

/// A matrix times a vector has its only free labels on the left; code generation wants them on the right. Sums run in the
/// order in which the right-hand side has their labels, so the matrix takes over the vector's.
void swap_operands(Op* op) {
  Builder b = Builder::before(op);
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  const auto converted = [&](Value* x) {  // as it is, unless the operands have two types
    return op->operand(0)->dtype() == op->operand(1)->dtype() ? x : b.cast(x, op->result()->dtype());
  };
  std::string lhs = spec.lhs;
  size_t next = 0;
  for (char& label : lhs)
    if (spec.summed.find(label) != std::string::npos) label = spec.summed[next++];
  Value *vector = converted(op->operand(1)), *matrix = converted(reorder(b, op->operand(0), spec.lhs, lhs));
  op->set_operands({vector, matrix});
  op->set_attr(ContractAttr{.spec = spec.rhs + "," + lhs + "->" + spec.out, .columns = {}});
}

}  // namespace

/// Gives every contraction one column label (last in the result) and one summed label, by transposing and reshaping
/// around it, so that code generation knows one form: "<batch,rows,k>,<batch,column,k>-><batch,rows>column".
/// Before: pack-weights. After: hoist-projections, fuse-gates (which compare specs). Exact: sums keep their order.
bool canonicalize_contractions(Function& f, PassContext&) {
  std::vector<Op*> open;  // rewriting erases them, which a walk does not survive
  walk(f.body(), [&](Op* op) {
    if (op->code() == Opcode::Contract && op->as<ContractAttr>().lanes == 0 &&
        !is_canonical(parse_contract_spec(op->as<ContractAttr>().spec)))
      open.push_back(op);
  });
  for (Op* op : open) {
    const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
    if (spec.columns.empty() && !spec.rows.empty() && op->result_count() == 1) swap_operands(op);
    if (!is_canonical(parse_contract_spec(op->as<ContractAttr>().spec))) rewrite(op);
  }
  return !open.empty();
}

}  // namespace seqc::passes
