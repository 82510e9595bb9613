#include "ir/infer.h"

#include <algorithm>
#include <set>

#include "ir/error.h"

namespace seqc::ir {
namespace {

template <class... Args>
[[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::BadInput, fmt::format(format, std::forward<Args>(args)...));
}

void need(bool condition, const std::string& message) {
  if (!condition) throw Error(ErrorKind::BadInput, message);
}

void need_rank(const Value* value, int64_t rank) {
  need(value->rank() == rank, fmt::format("got {}, expected rank {}", value->type().str(), rank));
}

void need_axis(int64_t axis, int64_t rank) {
  need(axis >= 0 && axis < rank, fmt::format("got axis {}, expected 0 <= axis < {}", axis, rank));
}

void need_count(size_t got, size_t expected, const char* what) {
  need(got == expected, fmt::format("got {} {}, expected {}", got, what, expected));
}

void need_same_dtype(const Op& op) {
  for (const Value* operand : op.operands())
    need(operand->dtype() == op.operand(0)->dtype(), fmt::format("got {} and {}, expected operands of one element type",
                                                                 op.operand(0)->type().str(), operand->type().str()));
}

/// Strings are moved, never computed with.
void need_arithmetic(DType type) { need(is_arithmetic(type), fmt::format("is not defined for {}", name(type))); }
void need_number(DType type) {
  need(is_arithmetic(type) && type != DType::boolean, fmt::format("is not defined for {}", name(type)));
}

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

using LabelSizes = std::map<char, Dim>;

void bind_labels(const std::string& labels, const Value* value, LabelSizes& sizes) {
  need(labels.size() == value->shape().size(), fmt::format("got {} for labels \"{}\"", value->type().str(), labels));
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto [it, inserted] = sizes.try_emplace(labels[i], value->shape()[i]);
    need(inserted || it->second == value->shape()[i],
         fmt::format("label {} is {} and {}", labels[i], it->second.str(), value->shape()[i].str()));
  }
}

/// Sizes of all labels of a contraction; for packed ones the columns come from the attribute.
LabelSizes contract_sizes(const Op& op, const ContractSpec& spec) {
  const auto& attr = op.as<ContractAttr>();
  LabelSizes sizes;
  bind_labels(spec.lhs, op.operand(0), sizes);
  if (attr.lanes == 0) {
    for (size_t i = 1; i < op.operands().size(); ++i) bind_labels(spec.rhs, op.operand(i), sizes);
  } else {
    need_count(attr.columns.size(), spec.columns.size(), "columns");
    for (size_t i = 0; i < spec.columns.size(); ++i) sizes[spec.columns[i]] = attr.columns[i];
  }
  return sizes;
}

void need_group(int64_t group, DType weights) {
  need(group == 1 || (group > 1 && group * static_cast<int64_t>(size_of(weights)) == 4),
       fmt::format("got groups of {} {}, expected 1 or as many as fill 32 bits", group, name(weights)));
}

std::vector<Type> infer_contract(const Op& op) {
  const auto& attr = op.as<ContractAttr>();
  const ContractSpec spec = parse_contract_spec(attr.spec);
  const DType type = op.operand(0)->dtype();
  need_number(type);
  const size_t weights = attr.lanes > 0 ? 1 : op.operands().size() - 1;
  for (size_t i = 1; i <= weights; ++i) {
    need(op.operand(i)->dtype() == op.operand(1)->dtype(),
         fmt::format("got {} and {}, expected right-hand sides of one element type", op.operand(1)->type().str(),
                     op.operand(i)->type().str()));
    need(contract_type(type, op.operand(i)->dtype()).has_value(),
         fmt::format("got {} and {}, expected operands of one element type, f32 with f16, bf16 or i8, or u8 with i8",
                     op.operand(0)->type().str(), op.operand(i)->type().str()));
  }
  const LabelSizes sizes = contract_sizes(op, spec);
  Shape shape;
  for (const char label : spec.out) shape.push_back(sizes.at(label));
  size_t results = weights;
  if (attr.lanes > 0) {
    const Value* packed = op.operand(1);
    need_group(attr.group, packed->dtype());
    need(packed->rank() >= 3 && packed->shape().back().is_constant() &&
             packed->shape().back().constant() % (attr.lanes * attr.group) == 0,
         fmt::format("got packed weights {}, expected [batch..., block, k{}, w*{}]", packed->type().str(),
                     attr.group == 1 ? "" : fmt::format("/{}", attr.group), attr.lanes * attr.group));
    results = static_cast<size_t>(packed->shape().back().constant() / (attr.lanes * attr.group));
    constexpr size_t kMostResults = 1024;
    need(results <= kMostResults,
         fmt::format("got packed weights of {} results, expected no more than {}", results, kMostResults));
  }
  const Type result{*contract_type(type, op.operand(1)->dtype()), shape};
  if (attr.lanes > 0 && op.operands().size() > 2) {
    need_count(op.operands().size(), 2 + results, "operands of a packed contraction that begins with sums");
    for (size_t i = 2; i < op.operands().size(); ++i)
      need(op.operand(i)->type() == result,
           fmt::format("got sums {} to begin with, expected {}", op.operand(i)->type().str(), result.str()));
  }
  return std::vector<Type>(results, result);
}

Type infer_pack(const Op& op) {
  const auto& attr = op.as<ContractAttr>();
  const ContractSpec spec = parse_contract_spec(attr.spec);
  need_same_dtype(op);
  need_arithmetic(op.operand(0)->dtype());
  need(attr.lanes > 0, "expected lanes > 0");
  LabelSizes sizes;
  for (const Value* operand : op.operands()) bind_labels(spec.rhs, operand, sizes);
  Shape shape;
  for (const char label : spec.batch) shape.push_back(sizes.at(label));
  Dim columns(1), summed(1);
  for (const char label : spec.columns) columns = columns * sizes.at(label);
  for (const char label : spec.summed) summed = summed * sizes.at(label);
  shape.push_back(ceildiv(columns, Dim(attr.lanes)));
  need_group(attr.group, op.operand(0)->dtype());
  shape.push_back(ceildiv(summed, Dim(attr.group)));
  shape.push_back(Dim(attr.lanes * attr.group * static_cast<int64_t>(op.operands().size())));
  return {op.operand(0)->dtype(), std::move(shape)};
}

Type infer_conv(const Op& op) {
  const auto& attr = op.as<ConvAttr>();
  const Value *x = op.operand(0), *w = op.operand(1);
  need_same_dtype(op);
  need_arithmetic(x->dtype());
  need(x->rank() >= 3, fmt::format("got {}, expected [N,C,spatial...]", x->type().str()));
  need_rank(w, x->rank());
  const size_t spatial = x->shape().size() - 2;
  for (const auto* field : {&attr.strides, &attr.dilations, &attr.input_dilations, &attr.pads_lo, &attr.pads_hi})
    need_count(field->size(), spatial, "entries of a spatial attribute");
  need(attr.groups >= 1, "expected groups >= 1");
  need(w->shape()[1] * Dim(attr.groups) == x->shape()[1],
       fmt::format("got {} and {}, expected input channels = groups ({}) * kernel channels", x->type().str(),
                   w->type().str(), attr.groups));
  need(mod(w->shape()[0], Dim(attr.groups)) == Dim(0),
       fmt::format("got {} output channels, expected a multiple of groups ({})", w->shape()[0].str(), attr.groups));
  Shape shape = {x->shape()[0], w->shape()[0]};
  for (size_t i = 0; i < spatial; ++i) {
    const Dim& window = w->shape()[i + 2];
    need(window.is_constant(), fmt::format("got kernel {}, expected numeric spatial dims", w->type().str()));
    shape.push_back(window_output(x->shape()[i + 2], window.constant(), attr.strides[i], attr.dilations[i],
                                  attr.input_dilations[i], attr.pads_lo[i], attr.pads_hi[i]));
  }
  return {x->dtype(), std::move(shape)};
}

Type infer_reduce_window(const Op& op) {
  const auto& attr = op.as<WindowAttr>();
  const Value* x = op.operand(0);
  const size_t spatial = attr.window.size();
  need_arithmetic(x->dtype());
  need(x->shape().size() >= spatial, fmt::format("got {} for {} spatial dims", x->type().str(), spatial));
  for (const auto* field : {&attr.strides, &attr.dilations, &attr.pads_lo, &attr.pads_hi})
    need_count(field->size(), spatial, "entries of a spatial attribute");
  Shape shape = x->shape();
  for (size_t i = 0; i < spatial; ++i) {
    Dim& dim = shape[shape.size() - spatial + i];
    dim = window_output(dim, attr.window[i], attr.strides[i], attr.dilations[i], 1, attr.pads_lo[i], attr.pads_hi[i]);
  }
  return {x->dtype(), std::move(shape)};
}

// --- control -----------------------------------------------------------------------------------------------------

const std::vector<Value*>& yielded(const Op& op, size_t region) {
  need(op.region_count() > region && op.region(region).terminator() != nullptr, "expected a region that ends in yield");
  return op.region(region).terminator()->operands();
}

void need_carry(size_t i, const Value* yielded, const Value* initial) {
  need(yielded->type() == initial->type(), fmt::format("carry {} starts as {} and is yielded as {}; expected one type",
                                                       i, initial->type().str(), yielded->type().str()));
}

std::vector<Type> infer_scan(const Op& op) {
  const auto& attr = op.as<ScanAttr>();
  const auto& values = yielded(op, 0);
  const auto carries = static_cast<size_t>(attr.carries);
  need(op.operands().size() >= carries && values.size() >= carries,
       fmt::format("got {} operands and {} yielded values for {} carries", op.operands().size(), values.size(),
                   carries));
  need_count(op.region().argument_count(), op.operands().size(), "region arguments");
  std::vector<Type> types;
  for (size_t i = 0; i < op.operands().size(); ++i) {
    const Value *operand = op.operand(i), *argument = op.region().argument(i);
    Type expected = operand->type();
    if (i < carries) {
      need_carry(i, values[i], operand);
      types.push_back(operand->type());
    } else {
      need(operand->rank() > 0 && operand->shape()[0] == attr.length,
           fmt::format("got scanned {}, expected leading dim {}", operand->type().str(), attr.length.str()));
      expected.shape.erase(expected.shape.begin());
    }
    need(argument->type() == expected,
         fmt::format("region argument {} is {}, expected {}", i, argument->type().str(), expected.str()));
  }
  for (size_t i = carries; i < values.size(); ++i) {
    Shape shape = values[i]->shape();
    shape.insert(shape.begin(), attr.length);
    types.push_back({values[i]->dtype(), std::move(shape)});
  }
  return types;
}

std::vector<Type> infer_loop(const Op& op) {
  const auto& values = yielded(op, 0);
  const Type count{DType::i64, {}}, condition{DType::boolean, {}};
  need(op.operand(0)->type() == count, fmt::format("got trip count {}, expected i64[]", op.operand(0)->type().str()));
  need(op.operand(1)->type() == condition,
       fmt::format("got condition {}, expected bool[]", op.operand(1)->type().str()));
  need_count(op.region().argument_count(), op.operands().size() - 1, "region arguments");
  const size_t carries = op.operands().size() - 2;
  need(values.size() >= carries + 1,
       fmt::format("got {} yielded values, expected a condition and {} carries", values.size(), carries));
  const Dim& at_most = op.as<LoopAttr>().at_most;
  need(values.size() == carries + 1 || !(at_most == Dim(-1)),
       "emits values, expected at_most, the most steps it takes");
  need(values[0]->type() == condition,
       fmt::format("got yielded condition {}, expected bool[]", values[0]->type().str()));
  need(op.region().argument(0)->type() == count, "expected the first region argument to be the step, i64[]");
  std::vector<Type> types;
  for (size_t i = 2; i < op.operands().size(); ++i) {
    need_carry(i - 2, values[i - 1], op.operand(i));
    need_carry(i - 2, op.region().argument(i - 1), op.operand(i));
    types.push_back(op.operand(i)->type());
  }
  for (size_t i = carries + 1; i < values.size(); ++i) {
    Shape shape = values[i]->shape();
    shape.insert(shape.begin(), at_most);
    types.push_back({values[i]->dtype(), std::move(shape)});
  }
  return types;
}

Type infer_bind_dim(const Op& op) {
  const auto& attr = op.as<BindDimAttr>();
  const Type size{DType::i64, {}};
  need(op.operand(0)->type() == size, fmt::format("got size {}, expected i64[]", op.operand(0)->type().str()));
  need(!attr.name.empty() && Dim::parse(attr.name).is_symbol(),
       fmt::format("got name \"{}\", expected the name of a dim", attr.name));
  need(!(attr.at_most.is_constant() && attr.at_most.constant() < 0),
       fmt::format("got at_most {}, expected >= 0", attr.at_most.str()));
  return size;
}

std::vector<Type> infer_gradient(const Op& op) {
  std::vector<Type> types;
  for (const Value* operand : op.operands()) {
    need(is_float(operand->dtype()), fmt::format("got {}, expected floats", operand->type().str()));
    types.push_back(operand->type());
  }
  types.erase(types.begin());
  return types;
}

std::vector<Type> infer_if(const Op& op) {
  need(op.operand(0)->type() == Type{DType::boolean, {}},
       fmt::format("got condition {}, expected bool[]", op.operand(0)->type().str()));
  const auto &then_values = yielded(op, 0), &else_values = yielded(op, 1);
  need_count(else_values.size(), then_values.size(), "values of the second region");
  std::vector<Type> types;
  for (size_t i = 0; i < then_values.size(); ++i) {
    need(then_values[i]->type() == else_values[i]->type(),
         fmt::format("result {} is {} in one region and {} in the other; expected one type", i,
                     then_values[i]->type().str(), else_values[i]->type().str()));
    types.push_back(then_values[i]->type());
  }
  return types;
}

std::vector<Type> infer_kernel(const Op& op) {
  std::vector<Type> types;
  for (const Value* value : yielded(op, 0)) types.push_back(value->type());
  return types;
}

}  // namespace

// --- public ------------------------------------------------------------------------------------------------------

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

std::optional<DType> contract_type(DType x, DType weights) {
  if (x == weights) return x;
  if (x == DType::u8 && weights == DType::i8) return DType::i32;
  const bool compressed = weights == DType::f16 || weights == DType::bf16 || weights == DType::i8;
  return x == DType::f32 && compressed ? std::optional(x) : std::nullopt;
}

ContractSpec parse_contract_spec(const std::string& text) {
  ContractSpec spec;
  const size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow)
    bad("got spec \"{}\", expected the form \"ni,ji->nj\"", text);
  spec.lhs = text.substr(0, comma);
  spec.rhs = text.substr(comma + 1, arrow - comma - 1);
  spec.out = text.substr(arrow + 2);
  const auto has = [](const std::string& labels, char c) { return labels.find(c) != std::string::npos; };
  for (const auto* labels : {&spec.lhs, &spec.rhs, &spec.out}) {
    const std::set<char> distinct(labels->begin(), labels->end());
    if (distinct.size() != labels->size()) bad("spec \"{}\" repeats a label within one operand", text);
    for (const char c : *labels)
      if (!std::isalpha(static_cast<unsigned char>(c))) bad("got label '{}' in spec \"{}\", expected letters", c, text);
  }
  for (const char c : spec.out) {
    const bool left = has(spec.lhs, c), right = has(spec.rhs, c);
    if (!left && !right) bad("spec \"{}\": label {} of the result is in no operand", text, c);
    (left && right ? spec.batch : left ? spec.rows : spec.columns) += c;
  }
  for (const char c : spec.rhs)
    if (!has(spec.out, c)) spec.summed += c;
  for (const char c : spec.lhs + spec.summed)
    if (!has(spec.out, c) && !(has(spec.lhs, c) && has(spec.rhs, c)))
      bad("spec \"{}\": label {} is in one operand only; reduce it first", text, c);
  return spec;
}

Dim window_output(const Dim& size, int64_t window, int64_t stride, int64_t dilation, int64_t input_dilation,
                  int64_t pad_lo, int64_t pad_hi) {
  need(window >= 1 && stride >= 1 && dilation >= 1 && input_dilation >= 1, "expected windows, strides, dilations >= 1");
  const Dim padded = (size - Dim(1)) * Dim(input_dilation) + Dim(1 + pad_lo + pad_hi);
  // An input shorter than the window has no position for it.
  return max(floordiv(padded - Dim((window - 1) * dilation + 1), Dim(stride)) + Dim(1), Dim(0));
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
