// What each op does with tensors: one exhaustive switch, so that the compiler lists an op without a meaning.
#include "ir/interpreter.h"

#include "ir/interpret_ops.h"

namespace seqc::ir {
namespace interp {

Sizes evaluate_shape(const Shape& shape, const DimBindings& dims) {
  Sizes sizes;
  for (const Dim& dim : shape) sizes.push_back(dim.is_constant() ? dim.constant() : dim.evaluate(dims));
  return sizes;
}

namespace {

Tensor evaluate_elementwise(const Op& op, const Tensors& in) {
  if (op.code() == Opcode::Copy) return in[0];
  if (op.code() == Opcode::Cast) return cast(in[0], op.as<CastAttr>().to);
  if (in.size() == 1) return unary(op.code(), in[0]);
  if (in.size() == 2) return binary(op.code(), in[0], in[1]);
  return ternary(op.code(), in[0], in[1], in[2]);
}

Tensors evaluate_op(const Op& op, const Tensors& in, const DimBindings& dims) {
  const auto sizes = [&](const Shape& shape) { return evaluate_shape(shape, dims); };
  switch (op.code()) {
// Elementwise ops by their class, from the table; the switches in interpret_unary.cpp and interpret_binary.cpp list them.
#define SEQC_CASE_Unary(id) case Opcode::id:
#define SEQC_CASE_Binary(id) case Opcode::id:
#define SEQC_CASE_Ternary(id) case Opcode::id:
#define SEQC_CASE_Leaf(id)
#define SEQC_CASE_Move(id)
#define SEQC_CASE_Reduce(id)
#define SEQC_CASE_Control(id)
#define SEQC_OP(id, mnemonic, cls, ...) SEQC_CASE_##cls(id)
#include "ir/ops.def"
#undef SEQC_OP
    return {evaluate_elementwise(op, in)};
    case Opcode::Iota: return {iota(sizes({op.as<IotaAttr>().length})[0], op.as<IotaAttr>().type)};
    case Opcode::Dims: {
      const Sizes values = sizes(op.as<DimsAttr>().value);
      return {Tensor::i64({static_cast<int64_t>(values.size())}, values)};
    }
    case Opcode::Reshape: return {reshape(in[0], sizes(op.as<ShapeAttr>().shape))};
    case Opcode::Broadcast: return {broadcast_to(in[0], sizes(op.as<ShapeAttr>().shape))};
    case Opcode::Transpose: return {transpose(in[0], op.as<TransposeAttr>())};
    case Opcode::Slice: {
      const auto& attr = op.as<SliceAttr>();
      return {slice(in[0], sizes(attr.starts), sizes(attr.sizes), attr.steps)};
    }
    case Opcode::Concat: return {concat(in, op.as<AxisAttr>().axis)};
    case Opcode::Pad: {
      const auto& attr = op.as<PadAttr>();
      return {pad(in[0], in[1], sizes(attr.lo), sizes(attr.hi), attr.mode)};
    }
    case Opcode::Gather: return {gather(in[0], in[1], op.as<AxisAttr>().axis)};
    case Opcode::GatherElements: return {gather_elements(in[0], in[1], op.as<AxisAttr>().axis)};
    case Opcode::GatherNd: return {gather_nd(in[0], in[1], op.as<GatherNdAttr>().batch_dims)};
    case Opcode::ScatterNd: return {scatter_nd(in[0], in[1], in[2], op.as<ScatterAttr>().kind)};
    case Opcode::Positions: return {positions(in[0], sizes({op.as<PositionsAttr>().length})[0])};
    case Opcode::ArgSort: return {arg_sort(in[0], op.as<ArgSortAttr>().descending)};
    case Opcode::Reduce: return {reduce(in[0], op.as<ReduceAttr>())};
    case Opcode::Contract: return contract(in, op.as<ContractAttr>(), dims);
    case Opcode::Pack: return {pack(in, op.as<ContractAttr>())};
    case Opcode::Conv: return {conv(in[0], in[1], op.as<ConvAttr>())};
    case Opcode::ReduceWindow: return {reduce_window(in[0], op.as<WindowAttr>())};
    case Opcode::Scan:
    case Opcode::Loop:
    case Opcode::If:
    case Opcode::BindDim:
    case Opcode::Gradient:
    case Opcode::Kernel:
    case Opcode::Yield:
    case Opcode::Return: break;
  }
  internal_error(__FILE__, __LINE__, "evaluate", fmt::format("{} has regions or ends one", op.info().mnemonic));
}

}  // namespace
}  // namespace interp

std::vector<Tensor> evaluate(const Op& op, const std::vector<Tensor>& operands, const DimBindings& dims) {
  SEQC_CHECK(operands.size() == op.operands().size(), "{} is given {} operands, expected {}", op.info().mnemonic,
             operands.size(), op.operands().size());
  try {
    std::vector<Tensor> results = interp::evaluate_op(op, operands, dims);
    for (Tensor& result : results)  // strings are moved, never made
      if (result.dtype() == DType::string)
        for (const Tensor& operand : operands) result.keep_strings_of(operand);
    return results;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::Internal) throw;
    const std::string& place = op.location();
    throw Error(error.kind(),
                fmt::format("{}{}{}: {}", place, place.empty() ? "" : ": ", op.info().mnemonic, error.what()));
  }
}

namespace {

/// The inputs, and the initial values of parameters in their places.
std::vector<Tensor> with_parameters(const Function& function, const std::vector<Tensor>& inputs) {
  const Block& body = function.body();
  const size_t parameters = function.parameters().size();
  if (parameters == 0 || inputs.size() + parameters != body.argument_count()) return inputs;
  std::vector<Tensor> all;
  auto input = inputs.begin();
  for (size_t i = 0; i < body.argument_count(); ++i)
    all.push_back(body.argument(i)->is_parameter() ? body.argument(i)->initial() : *input++);
  return all;
}

}  // namespace

std::vector<Tensor> interpret(const Function& function, const std::vector<Tensor>& inputs, const Observer* observer) {
  const std::vector<Tensor> all = with_parameters(function, inputs);
  return interp::run_function(function, all, bind_dims(function, all), observer);
}

}  // namespace seqc::ir
