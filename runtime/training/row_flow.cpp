#include "runtime/training/row_flow.h"

#include <algorithm>

#include "ir/builder.h"
#include "ir/error.h"
#include "runtime/training/row_rules.h"

namespace seqc::training {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;
using Kind = RowFlow::Kind;

namespace {

/// Elements that belong to a row where it is one index of `axis`.
Dim inner_of(const Shape& shape, const RowAxis& rows) {
  return *rows.stride * ir::element_count(Shape(shape.begin() + rows.axis + 1, shape.end()));
}

/// The elements of a row among the numbers that a counter of all elements gives: said by the shape that they get.
Dim inner_of_counter(const Op* op, const std::string& rows) {
  std::vector<const Value*> values = {op->result()};
  for (size_t i = 0; i < values.size(); ++i)
    for (const Op* user : values[i]->users()) {
      if (ir::is_elementwise(user->code()) && user->result()->shape() == op->result()->shape()) {
        values.push_back(user->result());
      } else if (user->code() == Opcode::Reshape) {
        const auto axis = row_axis(user, user->result(), std::nullopt, rows);
        const Shape& shape = user->result()->shape();
        if (axis && shape[static_cast<size_t>(axis->axis)] == Dim::symbol(rows))
          return inner_of(shape, {axis->axis, Dim(1)});
      }
    }
  if (!(op->as<ir::IotaAttr>().length == Dim::symbol(rows)))
    refuse_rows(op, "it numbers the rows of the batch in a way that is not known");
  return 1;
}

}  // namespace

RowFlows::RowFlows(ir::Function& f, const std::vector<Value*>& wanted, std::string rows)
    : f_(f), rows_(std::move(rows)), wanted_(wanted) {
  // Ops that are wanted; those in regions are with the op around them.
  std::vector<const Value*> open(wanted.begin(), wanted.end());
  while (!open.empty()) {
    const Value* value = open.back();
    open.pop_back();
    Op* op = value->op();
    while (op && op->parent() != &f.body()) op = op->parent()->parent_op();
    if (!op || needed_[op]) continue;
    needed_[op] = true;
    open.insert(open.end(), op->operands().begin(), op->operands().end());
    for (size_t i = 0; i < op->region_count(); ++i)
      ir::walk(op->region(i),
               [&](const Op* inner) { open.insert(open.end(), inner->operands().begin(), inner->operands().end()); });
  }
  bool found = false;
  for (size_t i = 0; i < f.body().argument_count(); ++i) {
    const Value* argument = f.body().argument(i);
    RowFlow flow{.from_data = !argument->is_parameter(), .from_parameters = argument->is_parameter()};
    if (has_rows(argument)) {
      const auto at = std::find(argument->shape().begin(), argument->shape().end(), Dim::symbol(rows_));
      if (at == argument->shape().end())
        fail(ErrorKind::Unsupported, "several ranks: input \"{}\" is {}, expected \"{}\" as a dim of its own",
             argument->name(), argument->type().str(), rows_);
      flow.kind = Kind::Rows;
      flow.inner = ir::element_count(Shape(at + 1, argument->shape().end()));
      found = true;
    }
    flows_[argument] = flow;
  }
  if (!found)
    fail(ErrorKind::Unsupported,
         "several ranks: no input of the model has a dim \"{}\" that counts the rows of a batch, by which they are "
         "shared "
         "out; name it in TrainerOptions::rows",
         rows_);
  enter(f.body(), false);
}

bool RowFlows::has_rows(const Dim& dim) const { return mentions(dim, rows_); }

bool RowFlows::has_rows(const Value* value) const {
  return std::any_of(value->shape().begin(), value->shape().end(), [&](const Dim& dim) { return has_rows(dim); });
}

const RowFlow& RowFlows::of(const Value* value) const {
  static const RowFlow constant;
  const auto it = flows_.find(value);
  return it == flows_.end() ? constant : it->second;
}

void RowFlows::enter(ir::Block& block, bool inside) {
  for (Op* op : block.op_list())
    if (op != f_.body().terminator() && (inside || needed_[op])) visit(op, inside);
}

/// What comes in together: sums anywhere make it Total, else rows anywhere make it Rows.
RowFlow RowFlows::inputs_of(const Op* op) const {
  RowFlow flow;
  bool rows = false, sums = false;
  const auto add = [&](const Value* value) {
    const RowFlow& of_value = of(value);
    rows = rows || of_value.kind == Kind::Rows;
    sums = sums || of_value.kind == Kind::Sum || of_value.kind == Kind::Total;
    flow.from_data = flow.from_data || of_value.from_data;
    flow.from_parameters = flow.from_parameters || of_value.from_parameters;
  };
  for (const Value* value : op->operands()) add(value);
  for (size_t i = 0; i < op->region_count(); ++i)
    ir::walk(op->region(i), [&](const Op* inner) {
      for (const Value* value : inner->operands()) add(value);
      for (size_t k = 0; k < inner->result_count(); ++k) rows = rows || has_rows(inner->result(k));
      if (inner->code() == Opcode::Dims || inner->code() == Opcode::Iota) flow.from_data = true;
    });
  for (size_t i = 0; i < op->result_count(); ++i) rows = rows || has_rows(op->result(i));
  if (rows && sums) refuse_rows(op, "rows of the batch meet a sum over all rows, as in normalisation over a batch");
  flow.kind = sums ? Kind::Total : rows ? Kind::Rows : Kind::Common;
  return flow;
}

void RowFlows::visit(Op* op, bool inside) {
  if (op->code() == Opcode::Yield) return;
  RowFlow flow = inputs_of(op);
  if (op->code() == Opcode::Dims) {
    const auto& value = op->as<ir::DimsAttr>().value;
    if (std::any_of(value.begin(), value.end(), [&](const Dim& dim) { return has_rows(dim); })) sizes_.push_back(op);
    flow.from_data = true;
  } else if (op->code() == Opcode::Iota && flow.kind == Kind::Rows) {
    flow.inner = inner_of_counter(op, rows_);
    flow.from_data = true;
    counters_.push_back(op);
  } else if (flow.kind == Kind::Rows && op->region_count() > 0) {
    return visit_regions(op, flow);
  } else if (flow.kind == Kind::Rows) {
    if (op->code() == Opcode::BindDim) refuse_rows(op, "a size that rows of the batch decide");
    const auto axis =
        result_rows(op, [&](const Value* value) { return row_axis(op, value, of(value).inner, rows_); }, rows_);
    // What a row is found with among the rows that are here counts those alone.
    if (op->code() == Opcode::GatherNd)
      if (const auto from = row_axis(op, op->operand(0), std::nullopt, rows_))
        std::erase(counters_, own_row_counter(op, from->axis));
    for (size_t i = 0; i < op->result_count(); ++i) {
      RowFlow own = flow;
      if (axis && axis->stride) own.inner = inner_of(op->result(i)->shape(), *axis);
      if (!axis) {
        if (inside) refuse_rows(op, "a sum over rows of the batch within a loop");
        if (has_rows(op->result(i))) refuse_rows(op, "rows of the batch meet in it");
        own.kind = Kind::Sum;
        sums_.push_back(op->result(i));
      }
      flows_[op->result(i)] = own;
    }
    return;
  }
  for (size_t i = 0; i < op->result_count(); ++i) flows_[op->result(i)] = flow;
}

// Rows that enter a region, and those that go round in it, lie along an axis of their own.
void RowFlows::visit_regions(Op* op, RowFlow flow) {
  if (op->code() != Opcode::Scan && op->code() != Opcode::If && op->code() != Opcode::Loop)
    refuse_rows(op, "what it does to the rows of a batch is not known");
  if (op->code() == Opcode::Scan && has_rows(op->as<ir::ScanAttr>().length))
    refuse_rows(op, "its steps are rows of the batch");
  const auto alone = [&](const Value* value) {
    RowFlow own = flow;
    own.kind = has_rows(value) ? Kind::Rows : Kind::Common;
    if (own.kind == Kind::Rows) {
      const RowAxis axis = *row_axis(op, value, std::nullopt, rows_);
      if (!(value->shape()[static_cast<size_t>(axis.axis)] == Dim::symbol(rows_)))
        refuse_rows(op, "rows of the batch are merged with something else, " + value->type().str());
      own.inner = inner_of(value->shape(), {axis.axis, Dim(1)});
    }
    return own;
  };
  const auto check = [&](const Value* value) {
    const RowFlow &got = of(value), want = alone(value);
    if (got.kind == Kind::Rows && got.inner && !(*got.inner == *want.inner))
      refuse_rows(op, "rows of the batch are not in their order, " + value->type().str());
  };
  for (const Value* value : op->operands()) check(value);
  for (size_t i = 0; i < op->region_count(); ++i) {
    ir::Block& block = op->region(i);
    for (size_t k = 0; k < block.argument_count(); ++k) flows_[block.argument(k)] = alone(block.argument(k));
    enter(block, true);
    for (const Value* value : block.terminator()->operands()) check(value);
  }
  for (size_t i = 0; i < op->result_count(); ++i) flows_[op->result(i)] = alone(op->result(i));
}

std::vector<Value*> RowFlows::commons() const {
  std::vector<Value*> result;
  const auto add = [&](Value* value) {
    const RowFlow& flow = of(value);
    if (flow.kind == Kind::Common && flow.from_data && !flow.from_parameters &&
        std::find(result.begin(), result.end(), value) == result.end())
      result.push_back(value);
  };
  for (Op* op : f_.body().op_list()) {
    const auto it = needed_.find(op);
    if (it == needed_.end() || !it->second) continue;
    const RowFlow flow = inputs_of(op);
    if (flow.kind == Kind::Rows || (flow.kind == Kind::Common && !flow.from_parameters)) continue;
    for (Value* value : op->operands()) add(value);
    for (size_t i = 0; i < op->region_count(); ++i)
      ir::walk(op->region(i), [&](const Op* inner) {
        for (Value* value : inner->operands())
          if (!ir::is_defined_inside(value, op->region(i))) add(value);
      });
  }
  for (Value* value : wanted_) add(value);
  return result;
}

std::vector<Value*> RowFlows::sums_of(const Value* value) const {
  std::vector<Value*> result;
  std::map<const Value*, bool> seen;
  std::vector<const Value*> open = {value};
  while (!open.empty()) {
    const Value* next = open.back();
    open.pop_back();
    if (seen[next]) continue;
    seen[next] = true;
    if (of(next).kind == Kind::Sum) result.push_back(const_cast<Value*>(next));
    if (of(next).kind != Kind::Total || !next->op()) continue;
    const Op* op = next->op();
    open.insert(open.end(), op->operands().begin(), op->operands().end());
    for (size_t i = 0; i < op->region_count(); ++i)
      ir::walk(op->region(i),
               [&](const Op* inner) { open.insert(open.end(), inner->operands().begin(), inner->operands().end()); });
  }
  return result;
}

void RowFlows::count_all_rows(const Dim& all, const Dim& before) {
  for (Op* op : sizes_) {
    ir::DimsAttr attr = op->as<ir::DimsAttr>();
    for (Dim& dim : attr.value) dim = dim.substitute({{rows_, all}});
    op->set_attr(attr);
  }
  // Element number `outer * I*N + i` of the rows here is number `outer * I*all + I*before + i` of all.
  for (Op* op : counters_) {
    const auto& attr = op->as<ir::IotaAttr>();
    const Dim inner = inner_of_counter(op, rows_), width = inner * Dim::symbol(rows_);
    const Dim outer = ir::floordiv(attr.length, width);
    ir::Builder b = ir::Builder::before(op);
    const auto number = [&](const Dim& dim) { return b.cast(b.reshape(b.dims({dim}), {}), attr.type); };
    ir::Value* within = b.add(b.iota(width, attr.type), number(inner * before));
    ir::Value* blocks = b.mul(b.iota(outer, attr.type), number(inner * all));
    ir::Value* numbers = b.add(b.reshape(blocks, {outer, Dim(1)}), b.reshape(within, {Dim(1), width}));
    op->result()->replace_all_uses_with(b.reshape(numbers, {attr.length}));
    op->erase();
  }
  counters_.clear();
}

}  // namespace seqc::training
