// Which room writes which op; the compiler lists an op that has none.
#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

void GraphWriter::write(const ir::Block& block) {
  for (const auto& op : block.ops())
    if (op.get() != block.terminator() && model_.is_needed(op.get())) write_op(*op);
}

void GraphWriter::write_op(const Op& op) {
  set_op(&op);
  switch (op.code()) {
    case Opcode::Neg:
    case Opcode::Abs:
    case Opcode::Sign:
    case Opcode::Floor:
    case Opcode::Ceil:
    case Opcode::Round:
    case Opcode::Sqrt:
    case Opcode::Exp:
    case Opcode::Expm1:
    case Opcode::Log:
    case Opcode::Log1p:
    case Opcode::Sin:
    case Opcode::Cos:
    case Opcode::Tan:
    case Opcode::Asin:
    case Opcode::Acos:
    case Opcode::Atan:
    case Opcode::Sinh:
    case Opcode::Cosh:
    case Opcode::Asinh:
    case Opcode::Acosh:
    case Opcode::Atanh:
    case Opcode::Tanh:
    case Opcode::Sigmoid:
    case Opcode::Erf:
    case Opcode::Not:
    case Opcode::IsNan:
    case Opcode::IsInf:
    case Opcode::Cast:
    case Opcode::Copy:
    case Opcode::Add:
    case Opcode::Sub:
    case Opcode::Mul:
    case Opcode::Div:
    case Opcode::Pow:
    case Opcode::Min:
    case Opcode::Max:
    case Opcode::Rem:
    case Opcode::Mod:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor:
    case Opcode::Shl:
    case Opcode::Shr:
    case Opcode::Eq:
    case Opcode::Ne:
    case Opcode::Lt:
    case Opcode::Le:
    case Opcode::Gt:
    case Opcode::Ge:
    case Opcode::Select:
    case Opcode::Fma: return export_elementwise(*this, op);
    case Opcode::Iota:
    case Opcode::Dims:
    case Opcode::Reshape:
    case Opcode::Broadcast:
    case Opcode::Transpose:
    case Opcode::Slice:
    case Opcode::Concat:
    case Opcode::Pad:
    case Opcode::Positions:
    case Opcode::ArgSort: return export_movement(*this, op);
    case Opcode::Gather:
    case Opcode::GatherElements:
    case Opcode::GatherNd:
    case Opcode::ScatterNd: return export_gather(*this, op);
    case Opcode::Reduce:
    case Opcode::Contract: return export_reduction(*this, op);
    case Opcode::Conv:
    case Opcode::ReduceWindow: return export_window(*this, op);
    case Opcode::Scan:
      if (const RecurrentMatch* match = model_.recurrent(&op)) return export_recurrent(*this, op, *match);
      return export_control(*this, op);
    case Opcode::Loop:
    case Opcode::If:
    case Opcode::BindDim: return export_control(*this, op);
    case Opcode::Gradient: unsupported("a gradient that is not written out yet", "run the pass differentiate first");
    case Opcode::Pack:
    case Opcode::Kernel: unsupported("it is made for one machine", "export the function as it was before the passes");
    case Opcode::Yield:
    case Opcode::Return: return;  // written by whoever writes the block
  }
}

}  // namespace seqc::frontend
