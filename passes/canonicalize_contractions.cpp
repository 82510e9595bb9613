#include <algorithm>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/infer.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

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

/// An operand whose labels stand in groups, and what to call each dim that a group has become.
struct Grouped {
  Value* value;
  std::string labels;
};

/// Each group of labels of `value` becomes one dim, called as `names` says (of size 1 and in front, if the group is empty);
/// labels in no group stay. Nothing moves if each group stands together in its order; else the groups move to the end.
Grouped group_dims(Builder& b, Value* value, const std::string& labels, const std::vector<std::string>& groups,
                   const std::string& names) {
  const auto in_place = [&](const std::string& group) { return labels.find(group) != std::string::npos; };
  const auto group_of = [&](char label) {
    return static_cast<size_t>(
        std::find_if(groups.begin(), groups.end(),
                     [&](const std::string& group) { return group.find(label) != std::string::npos; }) -
        groups.begin());
  };
  std::string order = labels;
  if (!std::all_of(groups.begin(), groups.end(), in_place)) {
    order.erase(std::remove_if(order.begin(), order.end(), [&](char c) { return group_of(c) < groups.size(); }),
                order.end());
    for (const std::string& group : groups) order += group;
  }
  Value* permuted = reorder(b, value, labels, order);
  Grouped grouped;
  Shape shape;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!groups[g].empty()) continue;
    grouped.labels += names[g];
    shape.push_back(Dim(1));
  }
  for (size_t i = 0; i < order.size();) {
    const size_t g = group_of(order[i]);
    Dim size = permuted->shape()[i];
    grouped.labels += g < groups.size() ? names[g] : order[i];
    for (const size_t end = i + (g < groups.size() ? groups[g].size() : 1); ++i < end;)
      size = size * permuted->shape()[i];
    shape.push_back(size);
  }
  grouped.value = b.reshape(permuted, std::move(shape));
  return grouped;
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

  const Grouped lhs = group_dims(b, op->operand(0), spec.lhs, {spec.summed}, {summed});
  std::vector<Value*> operands = {lhs.value};
  std::string rhs;
  for (size_t i = 1; i < op->operands().size(); ++i) {
    const Grouped grouped = group_dims(b, op->operand(i), spec.rhs, {spec.columns, spec.summed}, {column, summed});
    operands.push_back(grouped.value);
    rhs = grouped.labels;
  }
  const std::string text = lhs.labels + "," + rhs + "->" + leading + column;
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
/// around it, so that code generation knows one form: "<batch,rows,k>,<batch,column,k>-><batch,rows>column", the labels of
/// an operand in any order.
/// Before: pack-weights. After: hoist-projections, fuse-gates (which compare specs). Exact: sums keep their order.
bool canonicalize_contractions(Function& f, PassContext&) {
  const std::vector<Op*> open = find_ops(f.body(), [](const Op* op) {
    return op->code() == Opcode::Contract && op->as<ContractAttr>().lanes == 0 &&
           !is_canonical(parse_contract_spec(op->as<ContractAttr>().spec));
  });
  for (Op* op : open) {
    const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
    if (spec.columns.empty() && !spec.rows.empty() && op->result_count() == 1) swap_operands(op);
    if (!is_canonical(parse_contract_spec(op->as<ContractAttr>().spec))) rewrite(op);
  }
  return !open.empty();
}

}  // namespace seqc::passes
