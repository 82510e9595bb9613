#include "codegen/access.h"

#include "ir/error.h"

namespace seqc::codegen {

using ir::Dim;

Coordinates identity_coordinates(size_t rank) {
  Coordinates at(rank);
  for (size_t i = 0; i < rank; ++i) at[i].variable = static_cast<int>(i);
  return at;
}

Coordinates broadcast_coordinates(const Coordinates& at, const ir::Shape& result, const ir::Shape& operand) {
  Coordinates mapped(operand.size());
  const size_t shift = result.size() - operand.size();
  for (size_t i = 0; i < operand.size(); ++i)
    if (operand[i] == result[i + shift]) mapped[i] = at[i + shift];
  return mapped;
}

Coordinates operand_coordinates(const ir::Op& op, const Coordinates& at) {
  const ir::Shape& shape = op.operand(0)->shape();
  switch (op.code()) {
    case ir::Opcode::Transpose: {
      Coordinates mapped(shape.size());
      const auto& perm = op.as<ir::TransposeAttr>().perm;
      for (size_t i = 0; i < perm.size(); ++i) mapped[perm[i]] = at[i];
      return mapped;
    }
    case ir::Opcode::Broadcast: return broadcast_coordinates(at, op.result()->shape(), shape);
    case ir::Opcode::Slice: {
      const auto& attr = op.as<ir::SliceAttr>();
      Coordinates mapped = at;
      for (size_t i = 0; i < mapped.size(); ++i) {
        mapped[i].offset = attr.starts[i] + Dim(attr.steps[i]) * at[i].offset;
        mapped[i].coefficient = Dim(attr.steps[i]) * at[i].coefficient;
      }
      return mapped;
    }
    default: break;
  }
  internal_error(__FILE__, __LINE__, "opcode", fmt::format("{} has no affine address", op.info().mnemonic));
}

std::vector<Dim> row_major_strides(const ir::Shape& shape) {
  std::vector<Dim> strides(shape.size(), Dim(1));
  for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

std::optional<Access> buffer_access(const ir::Value* value, const Coordinates& at, const ir::Block& kernel,
                                    size_t variables) {
  if (is_defined_inside(value, kernel)) {
    const ir::Op& op = *value->op();
    switch (op.code()) {
      case ir::Opcode::Transpose:
      case ir::Opcode::Broadcast:
      case ir::Opcode::Slice: return buffer_access(op.operand(0), operand_coordinates(op, at), kernel, variables);
      default: return std::nullopt;
    }
  }
  Access access{value, Dim(0), std::vector<Dim>(variables, Dim(0))};
  const auto strides = row_major_strides(value->shape());
  for (size_t i = 0; i < at.size(); ++i) {
    access.offset = access.offset + strides[i] * at[i].offset;
    if (at[i].variable >= 0)
      access.strides[at[i].variable] = access.strides[at[i].variable] + strides[i] * at[i].coefficient;
  }
  return access;
}

}  // namespace seqc::codegen
