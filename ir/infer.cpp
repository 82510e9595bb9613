#include <algorithm>
#include <set>

#include "ir/infer_rules.h"

namespace seqc::ir {
namespace {
// --- elementwise -------------------------------------------------------------------------------------------------

enum class Domain { Moved /* strings as well */, Any, Number, Float, Integer, Bits /* bool or integer */ };

Domain domain(Opcode code) {
  switch (code) {
    case Opcode::Neg:
    case Opcode::Abs:
    case Opcode::Sign:
    case Opcode::Add:
    case Opcode::Sub:
    case Opcode::Mul:
    case Opcode::Div:
    case Opcode::Pow:
    case Opcode::Min:
    case Opcode::Max:
    case Opcode::Rem:
    case Opcode::Mod: return Domain::Number;
    case Opcode::Not:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor: return Domain::Bits;
    case Opcode::Shl:
    case Opcode::Shr: return Domain::Integer;
    case Opcode::Copy:
    case Opcode::Select: return Domain::Moved;
    case Opcode::Cast:
    case Opcode::Eq:
    case Opcode::Ne:
    case Opcode::Lt:
    case Opcode::Le:
    case Opcode::Gt:
    case Opcode::Ge: return Domain::Any;
    default: return Domain::Float;  // the remaining elementwise ops are functions of real numbers
  }
}

bool in_domain(DType type, Domain domain) {
  switch (domain) {
    case Domain::Moved: return true;
    case Domain::Any: return is_arithmetic(type);
    case Domain::Number: return is_arithmetic(type) && type != DType::boolean;
    case Domain::Float: return is_float(type);
    case Domain::Integer: return is_integer(type);
    case Domain::Bits: return is_integer(type) || type == DType::boolean;
  }
  return false;
}

bool yields_bool(Opcode code) {
  switch (code) {
    case Opcode::Eq:
    case Opcode::Ne:
    case Opcode::Lt:
    case Opcode::Le:
    case Opcode::Gt:
    case Opcode::Ge:
    case Opcode::IsNan:
    case Opcode::IsInf: return true;
    default: return false;
  }
}

Type infer_elementwise(const Op& op) {
  Shape shape = op.operand(0)->shape();
  for (size_t i = 1; i < op.operands().size(); ++i) shape = broadcast_shapes(shape, op.operand(i)->shape());
  size_t first = 0;
  if (op.code() == Opcode::Select) {
    need(op.operand(0)->dtype() == DType::boolean,
         fmt::format("got condition {}, expected bool", op.operand(0)->type().str()));
    first = 1;
  }
  const DType type = op.operand(first)->dtype();
  for (size_t i = first; i < op.operands().size(); ++i)
    need(op.operand(i)->dtype() == type, fmt::format("got {} and {}, expected one element type",
                                                     op.operand(first)->type().str(), op.operand(i)->type().str()));
  need(in_domain(type, domain(op.code())), fmt::format("is not defined for {}", name(type)));
  if (op.code() == Opcode::Cast) {
    need_arithmetic(op.as<CastAttr>().to);
    return {op.as<CastAttr>().to, std::move(shape)};
  }
  return {yields_bool(op.code()) ? DType::boolean : type, std::move(shape)};
}

// --- data movement -----------------------------------------------------------------------------------------------

Type infer_broadcast(const Value* x, const Shape& shape) {
  need(static_cast<int64_t>(shape.size()) >= x->rank(),
       fmt::format("got {} broadcast to {}, expected no smaller rank", x->type().str(), str(shape)));
  const size_t shift = shape.size() - x->shape().size();
  for (size_t i = 0; i < x->shape().size(); ++i)
    need(x->shape()[i] == Dim(1) || x->shape()[i] == shape[i + shift],
         fmt::format("got {} broadcast to {}, expected equal dims or 1", x->type().str(), str(shape)));
  return {x->dtype(), shape};
}

Type infer_transpose(const Value* x, const std::vector<int64_t>& perm) {
  need_count(perm.size(), x->shape().size(), "entries of perm");
  std::vector<bool> seen(perm.size());
  Shape shape;
  for (const int64_t axis : perm) {
    need_axis(axis, x->rank());
    need(!seen[axis], fmt::format("perm names axis {} twice", axis));
    seen[axis] = true;
    shape.push_back(x->shape()[axis]);
  }
  return {x->dtype(), std::move(shape)};
}

Type infer_slice(const Value* x, const SliceAttr& attr) {
  const size_t rank = x->shape().size();
  need_count(attr.starts.size(), rank, "starts");
  need_count(attr.sizes.size(), rank, "sizes");
  need_count(attr.steps.size(), rank, "steps");
  for (size_t i = 0; i < rank; ++i) {
    need(attr.steps[i] != 0, "got step 0, expected another");
    const Dim last = attr.starts[i] + (attr.sizes[i] - Dim(1)) * Dim(attr.steps[i]);
    const Dim &size = x->shape()[i], &start = attr.starts[i];
    // Only what is certainly wrong is refused: bounds over names may hold without a proof.
    const auto outside = [&](const Dim& at) {
      return at.is_constant() && (at.constant() < 0 || (size.is_constant() && at.constant() >= size.constant()));
    };
    const bool empty = attr.sizes[i] == Dim(0);
    need(!(attr.sizes[i].is_constant() && attr.sizes[i].constant() < 0) &&
             (empty || (!outside(start) && !outside(last))),
         fmt::format("got start {} size {} step {} in axis {} of {}, which is out of range", start.str(),
                     attr.sizes[i].str(), attr.steps[i], i, x->type().str()));
  }
  return {x->dtype(), attr.sizes};
}

Type infer_concat(const Op& op) {
  need_same_dtype(op);
  const auto axis = op.as<AxisAttr>().axis;
  Shape shape = op.operand(0)->shape();
  need_axis(axis, op.operand(0)->rank());
  for (size_t i = 1; i < op.operands().size(); ++i) {
    const Value* part = op.operand(i);
    need_rank(part, op.operand(0)->rank());
    for (int64_t k = 0; k < part->rank(); ++k)
      need(k == axis || part->shape()[k] == shape[k],
           fmt::format("got {} and {}, expected equal dims besides axis {}", op.operand(0)->type().str(),
                       part->type().str(), axis));
    shape[axis] = shape[axis] + part->shape()[axis];
  }
  return {op.operand(0)->dtype(), std::move(shape)};
}

Type infer_pad(const Op& op) {
  const auto& attr = op.as<PadAttr>();
  const Value* x = op.operand(0);
  need_same_dtype(op);
  need_rank(op.operand(1), 0);
  need_count(attr.lo.size(), x->shape().size(), "entries of lo");
  need_count(attr.hi.size(), x->shape().size(), "entries of hi");
  Shape shape;
  for (size_t i = 0; i < attr.lo.size(); ++i) {
    for (const Dim& pad : {attr.lo[i], attr.hi[i]})
      need(!pad.is_constant() || pad.constant() >= 0, fmt::format("got padding {}, expected >= 0", pad.str()));
    shape.push_back(attr.lo[i] + x->shape()[i] + attr.hi[i]);
  }
  return {x->dtype(), std::move(shape)};
}

void need_indices(const Value* indices) {
  need(is_integer(indices->dtype()), fmt::format("got indices {}, expected integers", indices->type().str()));
}

Type infer_gather(const Op& op) {
  const Value *x = op.operand(0), *indices = op.operand(1);
  const int64_t axis = op.as<AxisAttr>().axis;
  need_axis(axis, x->rank());
  need_indices(indices);
  Shape shape(x->shape().begin(), x->shape().begin() + axis);
  shape.insert(shape.end(), indices->shape().begin(), indices->shape().end());
  shape.insert(shape.end(), x->shape().begin() + axis + 1, x->shape().end());
  return {x->dtype(), std::move(shape)};
}

Type infer_gather_elements(const Op& op) {
  const Value *x = op.operand(0), *indices = op.operand(1);
  need_axis(op.as<AxisAttr>().axis, x->rank());
  need_rank(indices, x->rank());
  need_indices(indices);
  return {x->dtype(), indices->shape()};
}

/// The dims that each index tuple of GatherND/ScatterND selects.
Shape indexed_slice(const Value* x, const Value* indices, int64_t batch_dims) {
  need_indices(indices);
  need(batch_dims >= 0 && indices->rank() > batch_dims && indices->shape().back().is_constant(),
       fmt::format("got indices {}, expected a numeric last dim", indices->type().str()));
  const int64_t depth = indices->shape().back().constant() + batch_dims;
  need(depth <= x->rank(),
       fmt::format("got index tuples of {} for {}", indices->shape().back().str(), x->type().str()));
  return Shape(x->shape().begin() + depth, x->shape().end());
}

Type infer_gather_nd(const Op& op) {
  const Value *x = op.operand(0), *indices = op.operand(1);
  const int64_t batch_dims = op.as<GatherNdAttr>().batch_dims;
  const Shape rest = indexed_slice(x, indices, batch_dims);
  Shape shape(indices->shape().begin(), indices->shape().end() - 1);
  for (int64_t i = 0; i < batch_dims; ++i)
    need(shape[i] == x->shape()[i],
         fmt::format("got batch dims of {} and {}, expected equal ones", x->type().str(), indices->type().str()));
  shape.insert(shape.end(), rest.begin(), rest.end());
  return {x->dtype(), std::move(shape)};
}

Type infer_scatter_nd(const Op& op) {
  const Value *x = op.operand(0), *indices = op.operand(1), *updates = op.operand(2);
  const Shape rest = indexed_slice(x, indices, 0);
  if (op.as<ScatterAttr>().kind != ScatterKind::Set) need_arithmetic(x->dtype());
  Shape shape(indices->shape().begin(), indices->shape().end() - 1);
  shape.insert(shape.end(), rest.begin(), rest.end());
  need(updates->dtype() == x->dtype() && updates->shape() == shape,
       fmt::format("got updates {}, expected {}", updates->type().str(), Type{x->dtype(), shape}.str()));
  return x->type();
}

Type infer_positions(const Op& op) {
  const Dim& length = op.as<PositionsAttr>().length;
  need_rank(op.operand(0), 1);
  need(op.operand(0)->dtype() == DType::boolean, fmt::format("got {}, expected bool", op.operand(0)->type().str()));
  need(!(length.is_constant() && length.constant() < 0), fmt::format("got length {}, expected >= 0", length.str()));
  return {DType::i64, {length}};
}

Type infer_arg_sort(const Op& op) {
  const Value* x = op.operand(0);
  need(x->rank() >= 2, fmt::format("got {}, expected [..., rows, elements]", x->type().str()));
  need_arithmetic(x->dtype());
  return {DType::i64, Shape(x->shape().begin(), x->shape().end() - 1)};
}

// --- reductions --------------------------------------------------------------------------------------------------

Type infer_reduce(const Op& op) {
  const Value* x = op.operand(0);
  const auto& axes = op.as<ReduceAttr>().axes;
  need(std::is_sorted(axes.begin(), axes.end()) && std::adjacent_find(axes.begin(), axes.end()) == axes.end(),
       "expected sorted, distinct axes");
  need_number(x->dtype());
  Shape shape;
  for (const int64_t axis : axes) need_axis(axis, x->rank());
  for (int64_t i = 0; i < x->rank(); ++i)
    if (!std::binary_search(axes.begin(), axes.end(), i)) shape.push_back(x->shape()[i]);
  return {x->dtype(), std::move(shape)};
}

}  // namespace

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  const Shape &longer = a.size() >= b.size() ? a : b, &shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = result[i + shift];
    if (dim == shorter[i] || shorter[i] == Dim(1)) continue;
    if (!(dim == Dim(1))) bad("got shapes {} and {}, expected dims that are equal or 1", str(a), str(b));
    dim = shorter[i];
  }
  return result;
}
std::vector<Type> infer(const Op& op) {
  const OpInfo& row = op.info();
  const auto count = static_cast<int>(op.operands().size());
  need(count >= row.min_operands && (row.max_operands < 0 || count <= row.max_operands),
       fmt::format("got {} operands, expected {}{}", count, row.min_operands,
                   row.max_operands == row.min_operands ? "" : " or more"));
  need(op.attr().index() == row.default_attr.index(), "has the attributes of another op");
  if (is_elementwise(op.code())) return {infer_elementwise(op)};
  switch (op.code()) {
    case Opcode::Iota:
      need_arithmetic(op.as<IotaAttr>().type);
      need(!(op.as<IotaAttr>().length.is_constant() && op.as<IotaAttr>().length.constant() < 0),
           fmt::format("got length {}, expected >= 0", op.as<IotaAttr>().length.str()));
      return {{op.as<IotaAttr>().type, {op.as<IotaAttr>().length}}};
    case Opcode::Dims: return {{DType::i64, {Dim(static_cast<int64_t>(op.as<DimsAttr>().value.size()))}}};
    case Opcode::Reshape: {
      const Shape& shape = op.as<ShapeAttr>().shape;
      need(element_count(shape) == element_count(op.operand(0)->shape()),
           fmt::format("got {} reshaped to {}, expected equal counts", op.operand(0)->type().str(), str(shape)));
      return {{op.operand(0)->dtype(), shape}};
    }
    case Opcode::Broadcast: return {infer_broadcast(op.operand(0), op.as<ShapeAttr>().shape)};
    case Opcode::Transpose: return {infer_transpose(op.operand(0), op.as<TransposeAttr>().perm)};
    case Opcode::Slice: return {infer_slice(op.operand(0), op.as<SliceAttr>())};
    case Opcode::Concat: return {infer_concat(op)};
    case Opcode::Pad: return {infer_pad(op)};
    case Opcode::Gather: return {infer_gather(op)};
    case Opcode::GatherElements: return {infer_gather_elements(op)};
    case Opcode::GatherNd: return {infer_gather_nd(op)};
    case Opcode::ScatterNd: return {infer_scatter_nd(op)};
    case Opcode::Positions: return {infer_positions(op)};
    case Opcode::ArgSort: return {infer_arg_sort(op)};
    case Opcode::Reduce: return {infer_reduce(op)};
    case Opcode::Contract: return infer_contract(op);
    case Opcode::Pack: return {infer_pack(op)};
    case Opcode::Conv: return {infer_conv(op)};
    case Opcode::ReduceWindow: return {infer_reduce_window(op)};
    case Opcode::Scan: return infer_scan(op);
    case Opcode::Loop: return infer_loop(op);
    case Opcode::If: return infer_if(op);
    case Opcode::BindDim: return {infer_bind_dim(op)};
    case Opcode::Gradient: return infer_gradient(op);
    case Opcode::Kernel: return infer_kernel(op);
    case Opcode::Yield:
    case Opcode::Return: return {};
    default: break;
  }
  internal_error(__FILE__, __LINE__, "opcode", fmt::format("{} has no shape rule", row.mnemonic));
}

}  // namespace seqc::ir
