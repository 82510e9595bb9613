#include "codegen/kernel_llvm.h"
#include "ir/error.h"
#include "ir/infer.h"

namespace seqc::codegen {
namespace {

void emit_concat(Frame& f, const ir::Op& op) {
  const auto strides = row_major_strides(op.result()->shape());
  const int64_t axis = op.as<ir::AxisAttr>().axis;
  Dim start(0);
  for (const ir::Value* part : op.operands()) {
    emit_map_nest(f, part->shape(), {{part, f.kernel.result(), {nullptr, start * strides[axis], strides}}});
    start = start + part->shape()[axis];
  }
}

void emit_dims(Frame& f, const ir::Op& op) {
  f.e.when(f.e.CreateICmpEQ(f.thread, f.e.i64(0)), [&] {
    const ir::Shape& values = op.as<ir::DimsAttr>().value;
    for (size_t i = 0; i < values.size(); ++i)
      f.e.CreateStore(f.dim(values[i]), f.e.element_address(f.pointers.at(f.kernel.result()), ir::DType::i64,
                                                            f.e.i64(static_cast<int64_t>(i))));
  });
}

/// The layout of Opcode::Pack: [batch..., block, k / group, gate, lane, k % group].
void emit_pack(Frame& f, const ir::Op& op) {
  Emitter& e = f.e;
  const auto& attr = op.as<ir::ContractAttr>();
  const ir::ContractSpec spec = ir::parse_contract_spec(attr.spec);
  const ir::Value* packed = f.kernel.result();
  const ir::DType type = packed->dtype();
  const size_t batch = spec.batch.size();
  // Variables: the batch dims, then column, k.
  const int column = static_cast<int>(batch), k_variable = column + 1;
  Coordinates at;
  for (const char label : spec.rhs) {
    const size_t b = spec.batch.find(label);
    at.push_back({Dim(0),
                  b != std::string::npos    ? static_cast<int>(b)
                  : label == spec.summed[0] ? k_variable
                                            : column,
                  Dim(1)});
  }
  const Dim columns = op.operand(0)->shape()[spec.rhs.find(spec.columns[0])];
  const Dim depth = op.operand(0)->shape()[spec.rhs.find(spec.summed[0])];
  const auto gates = static_cast<int64_t>(op.operands().size());
  const int64_t lanes = std::min(e.machine.vector_lanes, attr.lanes);
  const int64_t group = attr.group;
  const bool ragged = !columns.is_constant() || columns.constant() % attr.lanes != 0;
  const bool odd = !depth.is_constant() || depth.constant() % group != 0;
  const auto packed_strides = row_major_strides(packed->shape());

  LoopPoint point;
  point.variables.assign(batch + 2, nullptr);
  point.lane_variable = column;
  point.lanes = lanes;
  // The lanes for one k, as they stand in memory; zeros behind the last k, which is read in their place.
  const auto lanes_at = [&](int64_t g, llvm::Value* k) {
    point.variables[k_variable] =
        odd ? e.CreateBinaryIntrinsic(llvm::Intrinsic::smin, k, e.CreateSub(f.dim(depth), e.i64(1))) : k;
    llvm::Value* loaded = Evaluator(f, point).value(op.operand(g), at);
    llvm::Value* zero = llvm::Constant::getNullValue(loaded->getType());
    if (point.mask) loaded = e.CreateSelect(point.mask, loaded, zero);
    if (odd) loaded = e.CreateSelect(e.CreateICmpSLT(k, f.dim(depth)), loaded, zero);
    return e.to_memory(loaded, type);
  };
  // The elements of a group are the bytes of a word of 32 bits.
  llvm::Type* words = vector_of(e.getInt32Ty(), lanes);
  const auto grouped = [&](int64_t g, llvm::Value* k) {
    if (group == 1) return lanes_at(g, k);
    llvm::Value* word = llvm::Constant::getNullValue(words);
    for (int64_t i = 0; i < group; ++i) {
      llvm::Value* part = e.CreateZExt(lanes_at(g, e.add(k, e.i64(i))), words);
      word = e.CreateOr(word, e.CreateShl(part, llvm::ConstantInt::get(words, static_cast<uint64_t>(32 / group * i))));
    }
    return word;
  };
  const auto line = [&](llvm::Value* start, llvm::Value* block, llvm::Value* k) {
    for (int64_t g = 0; g < gates; ++g) {
      for (int64_t v = 0; v < attr.lanes; v += lanes) {
        llvm::Value* first = e.add(e.mul(block, e.i64(attr.lanes)), e.i64(v));
        point.variables[column] = first;
        point.mask = nullptr;
        if (ragged)
          point.mask = e.CreateICmpSLT(e.lane_numbers(lanes), e.splat(e.CreateSub(f.dim(columns), first), lanes));
        llvm::Value* stored = grouped(g, k);
        llvm::Value* to =
            e.element_address(f.pointers.at(packed), type, e.add(start, e.i64((g * attr.lanes + v) * group)));
        e.CreateAlignedStore(stored, to, llvm::Align(ir::size_of(type)));
      }
    }
  };
  const auto share = thread_share(f, f.dim(packed->shape()[batch]), 1);
  const std::function<void(size_t, llvm::Value*)> nest = [&](size_t d, llvm::Value* start) {
    if (d < batch) {
      e.loop(e.i64(0), f.dim(packed->shape()[d]), 1, [&](llvm::Value* i) {
        point.variables[d] = i;
        nest(d + 1, e.add(start, e.mul(i, f.dim(packed_strides[d]))));
      });
      return;
    }
    e.loop(share.first, share.second, 1, [&](llvm::Value* block) {
      e.loop(e.i64(0), f.dim(packed->shape()[batch + 1]), 1, [&](llvm::Value* i) {
        llvm::Value* at_block = e.add(start, e.mul(block, f.dim(packed_strides[batch])));
        line(e.add(at_block, e.mul(i, f.dim(packed_strides[batch + 1]))), block, e.mul(i, e.i64(group)));
      });
    });
  };
  nest(0, e.i64(0));
}

llvm::Value* scattered(Emitter& e, ir::ScatterKind kind, ir::DType type, llvm::Value* old, llvm::Value* update) {
  switch (kind) {
    case ir::ScatterKind::Set: return update;
    case ir::ScatterKind::Add: return combine(e, ir::ReduceKind::Sum, type, old, update);
    case ir::ScatterKind::Mul: return combine(e, ir::ReduceKind::Prod, type, old, update);
    case ir::ScatterKind::Max: return combine(e, ir::ReduceKind::Max, type, old, update);
    case ir::ScatterKind::Min: return combine(e, ir::ReduceKind::Min, type, old, update);
  }
  internal_error(__FILE__, __LINE__, "kind", "unknown scatter");
}

/// Updates come in order, so that repeated indices have one meaning: one thread does it all.
void emit_scatter(Frame& f, const ir::Op& op) {
  Emitter& e = f.e;
  const ir::Value *x = op.operand(0), *indices = op.operand(1), *updates = op.operand(2);
  const ir::DType type = x->dtype();
  const auto strides = row_major_strides(x->shape());
  const int64_t depth = indices->shape().back().constant();
  Dim rows(1), slice(1);
  for (int64_t i = 0; i + 1 < indices->rank(); ++i) rows = rows * indices->shape()[i];
  for (int64_t i = depth; i < x->rank(); ++i) slice = slice * x->shape()[i];

  const auto update_row = [&](llvm::Value* row) {
    llvm::Value* start = e.i64(0);
    for (int64_t k = 0; k < depth; ++k) {
      llvm::Type* stored = memory_type(e.getContext(), indices->dtype());
      llvm::Value* from =
          e.element_address(f.pointers.at(indices), indices->dtype(), e.add(e.mul(row, e.i64(depth)), e.i64(k)));
      llvm::Value* index =
          e.CreateIntCast(e.CreateLoad(stored, from), e.getInt64Ty(), ir::is_signed_integer(indices->dtype()));
      llvm::Value* size = f.dim(x->shape()[k]);
      index = e.CreateSelect(e.CreateICmpSLT(index, e.i64(0)), e.CreateAdd(index, size), index);
      index = e.CreateBinaryIntrinsic(llvm::Intrinsic::smin, index, e.CreateSub(size, e.i64(1)));
      index = e.CreateBinaryIntrinsic(llvm::Intrinsic::smax, index, e.i64(0));
      start = e.add(start, e.mul(index, f.dim(strides[k])));
    }
    e.loop(e.i64(0), f.dim(slice), 1, [&](llvm::Value* j) {
      llvm::Type* element = memory_type(e.getContext(), type);
      llvm::Value* to = e.element_address(f.pointers.at(f.kernel.result()), type, e.add(start, j));
      llvm::Value* from = e.element_address(f.pointers.at(updates), type, e.add(e.mul(row, f.dim(slice)), j));
      llvm::Value* old = e.from_memory(e.CreateLoad(element, to), type);
      llvm::Value* update = e.from_memory(e.CreateLoad(element, from), type);
      e.CreateStore(e.to_memory(scattered(e, op.as<ir::ScatterAttr>().kind, type, old, update), type), to);
    });
  };
  e.when(e.CreateICmpEQ(f.thread, e.i64(0)), [&] {
    Frame alone = f;
    alone.thread = e.i64(0);
    alone.threads = e.i64(1);
    emit_map_nest(alone, x->shape(), {{x, f.kernel.result(), {nullptr, Dim(0), strides}}});
    e.loop(e.i64(0), f.dim(rows), 1, update_row);
  });
}

}  // namespace

void emit_move(Frame& f) {
  const ir::Op& op = *f.region().op_list().front();
  switch (op.code()) {
    case ir::Opcode::Concat: return emit_concat(f, op);
    case ir::Opcode::ArgSort: return emit_arg_sort(f, op);
    case ir::Opcode::Dims: return emit_dims(f, op);
    case ir::Opcode::Positions: return emit_positions(f, op);
    case ir::Opcode::Pack: return emit_pack(f, op);
    case ir::Opcode::ScatterNd: return emit_scatter(f, op);
    default: break;
  }
  internal_error(__FILE__, __LINE__, "opcode", fmt::format("{} as a move kernel", op.info().mnemonic));
}

}  // namespace seqc::codegen
