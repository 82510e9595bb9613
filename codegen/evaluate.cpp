#include "codegen/kernel_llvm.h"
#include "codegen/point_ops_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {

using ir::Dim;
using ir::Opcode;

bool is_immediate(const ir::Value* value) {
  return value->is_constant() && value->rank() == 0 && ir::is_arithmetic(value->dtype());
}

llvm::Constant* immediate(Emitter& e, const ir::Value* value) {
  const ir::Tensor& tensor = value->constant();
  llvm::Type* type = register_type(e.getContext(), value->dtype());
  if (ir::is_float(value->dtype())) return llvm::ConstantFP::get(type, tensor.real(0));
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(tensor.integer(0)), true);
}

llvm::Value* Evaluator::spread(llvm::Value* value) {
  return value->getType()->isVectorTy() ? value : e_.splat(value, point_.lanes);
}

llvm::Value* Evaluator::all_lanes() const {
  if (point_.mask) return point_.mask;
  return e_.splat(e_.getTrue(), point_.lanes);
}

namespace {

/// True for ops whose result is exact in the type of its operands.
bool is_exact(const ir::Op& op) {
  switch (op.code()) {
    case Opcode::Neg:
    case Opcode::Abs:
    case Opcode::Sign:
    case Opcode::Floor:
    case Opcode::Ceil:
    case Opcode::Round:
    case Opcode::Copy:
    case Opcode::Min:
    case Opcode::Max:
    case Opcode::Select: return true;
    default: return false;
  }
}

}  // namespace

llvm::Value* Evaluator::rounded(llvm::Value* value, ir::DType type) {
  if (type != ir::DType::f16 && type != ir::DType::bf16) return value;
  return e_.from_memory(e_.to_memory(value, type), type);
}

void Evaluator::bind(const ir::Value* value, const Coordinates& at, llvm::Value* result) {
  memo_[value].push_back({at, rounded(result, value->dtype())});
}

llvm::Value* Evaluator::value(const ir::Value* value, const Coordinates& at) {
  for (const auto& [known, result] : memo_[value])
    if (known == at) return result;
  llvm::Value* result = nullptr;
  if (is_defined_inside(value, frame_.region())) {
    result = compute(*value->op(), at);
  } else if (is_immediate(value)) {
    result = e_.splat(immediate(e_, value), point_.lanes);
  } else {
    result = load(value, address(value, at));
  }
  memo_[value].push_back({at, result});
  return result;
}

llvm::Value* Evaluator::operand(const ir::Op& op, size_t i, const Coordinates& at) {
  return value(op.operand(i), broadcast_coordinates(at, op.result()->shape(), op.operand(i)->shape()));
}

llvm::Value* Evaluator::compute(const ir::Op& op, const Coordinates& at) {
  if (op.code() == Opcode::Select && op.operand(0) == assumed_.first) {
    const ir::Value* chosen = op.operand(assumed_.second ? 1 : 2);
    return value(chosen, broadcast_coordinates(at, op.result()->shape(), chosen->shape()));
  }
  if (op.code() == Opcode::Mul)
    if (llvm::Value* product = product_of_quotients(op, at)) return product;
  if (is_elementwise(op.code())) {
    std::vector<llvm::Value*> operands;
    for (size_t i = 0; i < op.operands().size(); ++i) operands.push_back(operand(op, i, at));
    llvm::Value* result = emit_point_op(e_, op, operands);
    return is_exact(op) ? result : rounded(result, op.result()->dtype());
  }
  switch (op.code()) {
    case Opcode::Transpose:
    case Opcode::Broadcast:
    case Opcode::Slice: return value(op.operand(0), operand_coordinates(op, at));
    case Opcode::Iota: return iota(op, at);
    case Opcode::Pad: return pad(op, at);
    case Opcode::Gather: return gather(op, at);
    case Opcode::GatherElements: return gather_elements(op, at);
    case Opcode::GatherNd: return gather_nd(op, at);
    default: break;
  }
  internal_error(__FILE__, __LINE__, "opcode", fmt::format("{} inside a kernel", op.info().mnemonic));
}

// --- addresses ---------------------------------------------------------------------------------------------------

llvm::Value* Evaluator::index(const Coordinate& at) {
  llvm::Value* offset = frame_.dim(at.offset);
  if (at.computed) {
    if (at.offset == Dim(0) && at.coefficient == Dim(1)) return at.computed;
    llvm::Value* scale = frame_.dim(at.coefficient);
    if (!at.computed->getType()->isVectorTy()) return e_.add(offset, e_.mul(at.computed, scale));
    return e_.CreateAdd(e_.CreateMul(at.computed, spread(scale)), spread(offset));
  }
  if (at.variable < 0) return offset;
  SEQC_CHECK(point_.variables[at.variable], "index of a merged loop variable");
  llvm::Value* scale = frame_.dim(at.coefficient);
  llvm::Value* first = e_.add(offset, e_.mul(point_.variables[at.variable], scale));
  if (at.variable != point_.lane_variable || point_.lanes == 1) return first;
  return e_.CreateAdd(spread(first), e_.CreateMul(e_.lane_numbers(point_.lanes), spread(scale)));
}

Evaluator::Address Evaluator::address(const ir::Value* buffer, const Coordinates& at) {
  const auto strides = row_major_strides(buffer->shape());
  Access affine{buffer, Dim(0), std::vector<Dim>(point_.variables.size(), Dim(0))};
  std::vector<size_t> computed;
  for (size_t i = 0; i < at.size(); ++i) {
    if (at[i].computed) {
      computed.push_back(i);
      continue;
    }
    affine.offset = affine.offset + strides[i] * at[i].offset;
    if (at[i].variable >= 0)
      affine.strides[at[i].variable] = affine.strides[at[i].variable] + strides[i] * at[i].coefficient;
  }
  Address result = address(affine);
  for (const size_t i : computed) {
    llvm::Value* position = index(at[i]);
    llvm::Value* stride = frame_.dim(strides[i]);
    if (!position->getType()->isVectorTy()) {
      result.first = e_.add(result.first, e_.mul(position, stride));
      continue;
    }
    llvm::Value* term = e_.CreateMul(position, spread(stride));
    result.by_lane = result.by_lane ? e_.CreateAdd(result.by_lane, term) : term;
  }
  if (result.by_lane && !(result.step == Dim(0)))
    result.by_lane =
        e_.CreateAdd(result.by_lane, e_.CreateMul(e_.lane_numbers(point_.lanes), spread(frame_.dim(result.step))));
  return result;
}

Evaluator::Address Evaluator::address(const Access& access) {
  Address result{frame_.dim(access.offset)};
  for (size_t v = 0; v < access.strides.size(); ++v) {
    if (access.strides[v] == Dim(0) || !point_.variables[v]) continue;
    result.first = e_.add(result.first, e_.mul(point_.variables[v], frame_.dim(access.strides[v])));
    if (static_cast<int>(v) == point_.lane_variable && point_.lanes > 1) result.step = access.strides[v];
  }
  return result;
}

llvm::Value* Evaluator::lane_addresses(llvm::Value* base, ir::DType type, const Address& address) {
  llvm::Value* offsets = address.by_lane;
  if (!offsets) offsets = e_.CreateMul(e_.lane_numbers(point_.lanes), spread(frame_.dim(address.step)));
  return e_.element_address(e_.element_address(base, type, address.first), type, offsets);
}

llvm::Value* Evaluator::load(const ir::Value* buffer, const Address& address) {
  const auto found = frame_.pointers.find(buffer);
  SEQC_CHECK(found != frame_.pointers.end(), "kernel reads a value that is no buffer ({})", buffer->name());
  llvm::Value* base = found->second;
  const ir::DType type = buffer->dtype();
  llvm::Type* element = memory_type(e_.getContext(), type);
  llvm::Type* vector = vector_of(element, point_.lanes);
  const llvm::Align align(ir::size_of(type));
  if (!address.by_lane && (address.step == Dim(0) || point_.lanes == 1)) {
    llvm::Value* one = e_.CreateAlignedLoad(element, e_.element_address(base, type, address.first), align);
    return e_.splat(e_.from_memory(one, type), point_.lanes);
  }
  llvm::Value* loaded = nullptr;
  if (!address.by_lane && address.step == Dim(1)) {
    llvm::Value* from = e_.element_address(base, type, address.first);
    loaded = point_.mask ? static_cast<llvm::Value*>(e_.CreateMaskedLoad(vector, from, align, point_.mask,
                                                                         llvm::Constant::getNullValue(vector)))
                         : e_.CreateAlignedLoad(vector, from, align);
  } else {
    loaded = e_.CreateMaskedGather(vector, lane_addresses(base, type, address), align, all_lanes(),
                                   llvm::Constant::getNullValue(vector));
  }
  return e_.from_memory(loaded, type);
}

void Evaluator::store(llvm::Value* value, const ir::Value* buffer, const Access& access) {
  llvm::Value* base = frame_.pointers.at(buffer);
  const ir::DType type = buffer->dtype();
  const llvm::Align align(ir::size_of(type));
  llvm::Value* stored = e_.to_memory(value, type);
  const Address to = address(access);
  if (point_.lanes == 1) {
    e_.CreateAlignedStore(stored, e_.element_address(base, type, to.first), align);
  } else if (to.step == Dim(1)) {
    llvm::Value* at = e_.element_address(base, type, to.first);
    if (point_.mask)
      e_.CreateMaskedStore(stored, at, align, point_.mask);
    else
      e_.CreateAlignedStore(stored, at, align);
  } else {
    e_.CreateMaskedScatter(stored, lane_addresses(base, type, to), align, all_lanes());
  }
}

// --- index ops that compute addresses ----------------------------------------------------------------------------

llvm::Value* Evaluator::iota(const ir::Op& op, const Coordinates& at) {
  llvm::Value* position = spread(index(at[0]));
  const ir::DType type = op.result()->dtype();
  llvm::Type* target = vector_of(register_type(e_.getContext(), type), point_.lanes);
  return ir::is_float(type) ? rounded(e_.CreateSIToFP(position, target), type)
                            : e_.CreateIntCast(position, target, true);
}

/// A negative index counts from the end; what is still outside is clamped.
llvm::Value* Evaluator::wrap_index(llvm::Value* index, const Dim& size) {
  llvm::Value* count = frame_.dim(size);
  if (index->getType()->isVectorTy()) count = spread(count);
  llvm::Value* zero = llvm::Constant::getNullValue(index->getType());
  llvm::Value* last = e_.CreateSub(count, llvm::ConstantInt::get(index->getType(), 1));
  llvm::Value* wrapped = e_.CreateSelect(e_.CreateICmpSLT(index, zero), e_.CreateAdd(index, count), index);
  wrapped = e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, wrapped, last);
  return e_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, wrapped, zero);
}

llvm::Value* Evaluator::loaded_index(const ir::Value* indices, const Coordinates& at, const Dim& size) {
  llvm::Value* loaded = value(indices, at);
  // An index that is the same in all lanes keeps addresses scalar, and with them whole-vector loads.
  bool uniform = point_.lanes > 1;
  for (const Coordinate& c : at)
    uniform = uniform && c.variable != point_.lane_variable && !(c.computed && c.computed->getType()->isVectorTy());
  if (uniform) loaded = e_.CreateExtractElement(loaded, uint64_t{0});
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(loaded->getType());
  llvm::Type* wide = vector_of(e_.getInt64Ty(), vector ? vector->getNumElements() : 1);
  return wrap_index(e_.CreateIntCast(loaded, wide, ir::is_signed_integer(indices->dtype())), size);
}

llvm::Value* Evaluator::gather(const ir::Op& op, const Coordinates& at) {
  const ir::Value *x = op.operand(0), *indices = op.operand(1);
  const int64_t axis = op.as<ir::AxisAttr>().axis;
  const auto behind = at.begin() + axis + indices->rank();
  const Coordinates index_at(at.begin() + axis, behind);
  Coordinates from(at.begin(), at.begin() + axis);
  from.push_back(computed(loaded_index(indices, index_at, x->shape()[axis])));
  from.insert(from.end(), behind, at.end());
  return value(x, from);
}

llvm::Value* Evaluator::gather_elements(const ir::Op& op, const Coordinates& at) {
  const int64_t axis = op.as<ir::AxisAttr>().axis;
  Coordinates from = at;
  from[axis] = computed(loaded_index(op.operand(1), at, op.operand(0)->shape()[axis]));
  return value(op.operand(0), from);
}

llvm::Value* Evaluator::gather_nd(const ir::Op& op, const Coordinates& at) {
  const ir::Value *x = op.operand(0), *indices = op.operand(1);
  const int64_t batch = op.as<ir::GatherNdAttr>().batch_dims;
  const int64_t depth = indices->shape().back().constant();
  const int64_t tuple_dims = indices->rank() - 1;
  Coordinates from(at.begin(), at.begin() + batch);
  Coordinates index_at(at.begin(), at.begin() + tuple_dims);
  index_at.push_back({});
  for (int64_t k = 0; k < depth; ++k) {
    index_at.back().offset = Dim(k);
    from.push_back(computed(loaded_index(indices, index_at, x->shape()[batch + k])));
  }
  from.insert(from.end(), at.begin() + tuple_dims, at.end());
  return value(x, from);
}

llvm::Value* Evaluator::pad(const ir::Op& op, const Coordinates& at) {
  const auto& attr = op.as<ir::PadAttr>();
  const ir::Shape& shape = op.operand(0)->shape();
  Coordinates from = at;
  llvm::Value* inside = nullptr;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (attr.lo[i] == Dim(0) && attr.hi[i] == Dim(0)) continue;
    from[i].offset = at[i].offset - attr.lo[i];
    llvm::Value* position = index(from[i]);
    const auto constant = [&](int64_t v) { return llvm::ConstantInt::getSigned(position->getType(), v); };
    llvm::Value* size = frame_.dim(shape[i]);
    if (position->getType()->isVectorTy()) size = spread(size);
    llvm::Value *last = e_.CreateSub(size, constant(1)), *zero = constant(0);
    const auto clamp = [&](llvm::Value* v) {
      return e_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, e_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, v, last),
                                      zero);
    };
    switch (attr.mode) {
      case ir::PadMode::Constant: {
        llvm::Value* here = e_.CreateAnd(e_.CreateICmpSGE(position, zero), e_.CreateICmpSLT(position, size));
        here = here->getType()->isVectorTy() ? here : e_.splat(here, point_.lanes);
        inside = inside ? e_.CreateAnd(inside, here) : here;
        position = clamp(position);
        break;
      }
      case ir::PadMode::Edge: position = clamp(position); break;
      case ir::PadMode::Wrap: {
        llvm::Value* r = e_.CreateSRem(position, size);
        position = e_.CreateSelect(e_.CreateICmpSLT(r, zero), e_.CreateAdd(r, size), r);
        break;
      }
      case ir::PadMode::Reflect: {
        // Folding by the period 2*(size-1), as often as the padding is longer than the tensor.
        llvm::Value* period =
            e_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, e_.CreateMul(last, constant(2)), constant(1));
        llvm::Value* r = e_.CreateSRem(position, period);
        r = e_.CreateSelect(e_.CreateICmpSLT(r, zero), e_.CreateAdd(r, period), r);
        position = clamp(e_.CreateSelect(e_.CreateICmpSGT(r, last), e_.CreateSub(period, r), r));
        break;
      }
    }
    from[i] = computed(position);
  }
  llvm::Value* result = value(op.operand(0), from);
  return inside ? e_.CreateSelect(inside, result, value(op.operand(1), {})) : result;
}

}  // namespace seqc::codegen
