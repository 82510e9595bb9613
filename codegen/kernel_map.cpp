#include <algorithm>
#include <bit>

#include "codegen/kernel_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {

using ir::Dim;

bool collect_accesses(const ir::Value* value, const Coordinates& at, const ir::Block& kernel, size_t variables,
                      std::vector<Access>& out) {
  if (is_immediate(value)) return true;
  if (is_defined_inside(value, kernel) && is_elementwise(value->op()->code())) {
    const ir::Op& op = *value->op();
    return std::all_of(op.operands().begin(), op.operands().end(), [&](const ir::Value* operand) {
      return collect_accesses(operand, broadcast_coordinates(at, op.result()->shape(), operand->shape()), kernel,
                              variables, out);
    });
  }
  if (is_defined_inside(value, kernel) &&
      (value->op()->code() == ir::Opcode::Contract || value->op()->code() == ir::Opcode::Conv ||
       value->op()->code() == ir::Opcode::ReduceWindow))
    return true;  // bound by the generator of its kind
  if (is_defined_inside(value, kernel) && value->op()->info().op_class == ir::OpClass::Move &&
      (value->op()->code() == ir::Opcode::Transpose || value->op()->code() == ir::Opcode::Broadcast ||
       value->op()->code() == ir::Opcode::Slice))
    return collect_accesses(value->op()->operand(0), operand_coordinates(*value->op(), at), kernel, variables, out);
  auto access = buffer_access(value, at, kernel, variables);
  if (!access) return false;
  out.push_back(std::move(*access));
  return true;
}

std::vector<bool> mergeable(const std::vector<Dim>& sizes, const std::vector<Access>& accesses) {
  std::vector<bool> merged(sizes.size(), false);
  for (size_t v = 0; v + 1 < sizes.size(); ++v)
    merged[v] = std::all_of(accesses.begin(), accesses.end(), [&](const Access& access) {
      return access.strides[v] == access.strides[v + 1] * sizes[v + 1];
    });
  return merged;
}

std::pair<llvm::Value*, llvm::Value*> thread_share(Frame& f, llvm::Value* size, int64_t grain) {
  Emitter& e = f.e;
  llvm::Value* pieces = grain == 1 ? size : e.CreateUDiv(e.add(size, e.i64(grain - 1)), e.i64(grain));
  const auto bound = [&](llvm::Value* thread) {
    llvm::Value* piece = e.CreateUDiv(e.mul(pieces, thread), f.threads);
    return e.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e.mul(piece, e.i64(grain)), size);
  };
  return {bound(f.thread), bound(e.add(f.thread, e.i64(1)))};
}

int64_t choose_lanes(const Machine& machine, const Dim& size) {
  if (!size.is_constant()) return machine.vector_lanes;
  const auto count = static_cast<uint64_t>(std::max<int64_t>(1, size.constant()));
  return std::min(machine.vector_lanes, static_cast<int64_t>(std::bit_ceil(count)));
}

void lane_loop(Emitter& e, const Dim& size, llvm::Value* begin, llvm::Value* end, int64_t lanes,
               const std::function<void(llvm::Value*, llvm::Value*)>& body) {
  if (lanes == 1 || (size.is_constant() && size.constant() % lanes == 0)) {
    e.loop(begin, end, lanes, [&](llvm::Value* i) { body(i, nullptr); });
    return;
  }
  const auto mask_at = [&](llvm::Value* i) {
    return e.CreateICmpSLT(e.lane_numbers(lanes), e.splat(e.CreateSub(end, i), lanes));
  };
  if (size.is_constant() && size.constant() < lanes) {
    e.when(e.CreateICmpSLT(begin, end), [&] { body(begin, mask_at(begin)); });
    return;
  }
  llvm::Value* whole = e.CreateSub(end, e.CreateURem(e.CreateSub(end, begin), e.i64(lanes)));
  e.loop(begin, whole, lanes, [&](llvm::Value* i) { body(i, nullptr); });
  e.when(e.CreateICmpSLT(whole, end), [&] { body(whole, mask_at(whole)); });
}

namespace {

/// Loops that are left after merging: the variable that stands for each and its size.
struct Loop {
  int variable;
  Dim size;
};

std::vector<Loop> loops_of(const ir::Shape& domain, const std::vector<bool>& merged) {
  std::vector<Loop> loops;
  Dim size(1);
  for (size_t v = 0; v < domain.size(); ++v) {
    size = size * domain[v];
    if (merged[v]) continue;
    loops.push_back({static_cast<int>(v), size});
    size = Dim(1);
  }
  return loops;
}

}  // namespace

void emit_map_nest(Frame& f, const ir::Shape& domain, const std::vector<MapOutput>& outputs) {
  const size_t rank = domain.size();
  const Coordinates identity = identity_coordinates(rank);
  std::vector<Access> accesses;
  bool affine = true;
  for (const MapOutput& output : outputs) {
    accesses.push_back(output.access);
    affine = affine && collect_accesses(output.value, identity, f.region(), rank, accesses);
  }
  const auto merged = affine ? mergeable(domain, accesses) : std::vector<bool>(rank, false);
  const auto loops = loops_of(domain, merged);

  LoopPoint point;
  point.variables.assign(rank, nullptr);
  const auto write = [&] {
    Evaluator evaluate(f, point);
    for (const MapOutput& output : outputs)
      evaluate.store(evaluate.value(output.value, identity), output.buffer, output.access);
  };
  if (loops.empty()) {  // a scalar
    f.e.when(f.e.CreateICmpEQ(f.thread, f.e.i64(0)), write);
    return;
  }
  const int64_t lanes = choose_lanes(f.e.machine, loops.back().size);
  size_t split = 0;  // the loop whose steps the threads share
  while (split + 1 < loops.size() && loops[split].size == Dim(1)) ++split;
  if (f.loops) {
    *f.loops = fmt::format("loops over {} element(s)", loops[0].size.str());
    for (size_t i = 1; i < loops.size(); ++i) *f.loops += fmt::format(" x {}", loops[i].size.str());
    *f.loops += fmt::format(", {} lanes at a time; threads share the {}", lanes,
                            split + 1 == loops.size() ? "elements" : fmt::format("first {}", loops[split].size.str()));
  }
  const std::function<void(size_t)> nest = [&](size_t depth) {
    const bool innermost = depth + 1 == loops.size();
    llvm::Value *begin = f.e.i64(0), *end = f.dim(loops[depth].size);
    if (depth == split) std::tie(begin, end) = thread_share(f, end, innermost ? lanes : 1);
    const int variable = loops[depth].variable;
    if (!innermost) {
      f.e.loop(begin, end, 1, [&](llvm::Value* i) {
        point.variables[variable] = i;
        nest(depth + 1);
      });
      return;
    }
    point.lane_variable = variable;
    point.lanes = lanes;
    lane_loop(f.e, loops[depth].size, begin, end, lanes, [&](llvm::Value* i, llvm::Value* mask) {
      point.variables[variable] = i;
      point.mask = mask;
      write();
    });
  };
  nest(0);
}

void emit_map(Frame& f) {
  const auto& yielded = f.yielded();
  const ir::Shape& domain = yielded[0]->shape();
  Access dense{nullptr, Dim(0), row_major_strides(domain)};
  std::vector<MapOutput> outputs;
  for (size_t i = 0; i < yielded.size(); ++i) outputs.push_back({yielded[i], f.kernel.result(i), dense});
  emit_map_nest(f, domain, outputs);
}

}  // namespace seqc::codegen
