#include <algorithm>
#include <functional>
#include <limits>

#include "codegen/kernel_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

using ir::DType;
using ir::ReduceKind;

/// The value that leaves the other operand of the reduction unchanged.
llvm::Constant* neutral(Emitter& e, ReduceKind kind, DType type) {
  llvm::Type* element = register_type(e.getContext(), type);
  const auto real = [&](double value) { return llvm::ConstantFP::get(element, value); };
  const auto integer = [&](const llvm::APInt& value) { return llvm::ConstantInt::get(e.getContext(), value); };
  const auto bits = static_cast<unsigned>(8 * ir::size_of(type));
  const bool with_sign = ir::is_signed_integer(type);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case ReduceKind::Sum: return llvm::Constant::getNullValue(element);
    case ReduceKind::Prod:
      return ir::is_float(type) ? real(1) : static_cast<llvm::Constant*>(llvm::ConstantInt::get(element, 1));
    case ReduceKind::Max:
      if (ir::is_float(type)) return real(-kInfinity);
      return integer(with_sign ? llvm::APInt::getSignedMinValue(bits) : llvm::APInt::getMinValue(bits));
    case ReduceKind::Min:
      if (ir::is_float(type)) return real(kInfinity);
      return integer(with_sign ? llvm::APInt::getSignedMaxValue(bits) : llvm::APInt::getMaxValue(bits));
  }
  internal_error(__FILE__, __LINE__, "kind", "unknown reduction");
}

}  // namespace

llvm::Value* neutral_element(Emitter& e, ReduceKind kind, DType type, int64_t lanes) {
  return e.splat(neutral(e, kind, type), lanes);
}

llvm::Value* combine(Emitter& e, ReduceKind kind, DType type, llvm::Value* a, llvm::Value* b) {
  const bool real = ir::is_float(type), with_sign = ir::is_signed_integer(type);
  switch (kind) {
    case ReduceKind::Sum: return real ? e.CreateFAdd(a, b) : e.CreateAdd(a, b);
    case ReduceKind::Prod: return real ? e.CreateFMul(a, b) : e.CreateMul(a, b);
    case ReduceKind::Max:
    case ReduceKind::Min: {
      const bool larger = kind == ReduceKind::Max;
      if (!real) {
        const auto id = with_sign ? (larger ? llvm::Intrinsic::smax : llvm::Intrinsic::smin)
                                  : (larger ? llvm::Intrinsic::umax : llvm::Intrinsic::umin);
        return e.CreateBinaryIntrinsic(id, a, b);
      }
      // Of +0 and -0 the first one stays, as for the ops min and max.
      llvm::Value* ordered = larger ? e.CreateFCmpOGT(b, a) : e.CreateFCmpOLT(b, a);
      return e.CreateSelect(e.CreateFCmpUNO(b, b), b, e.CreateSelect(ordered, b, a));
    }
  }
  internal_error(__FILE__, __LINE__, "kind", "unknown reduction");
}

namespace {

/// Generates a reduction: loops over the result, inside them loops over the reduced dims. Lanes run over the result's
/// last dim when the operand's last dim stays, else over the operand's last dim; their partial results are then
/// combined in a fixed tree.
class ReduceKernel {
 public:
  explicit ReduceKernel(Frame& f) : f_(f), e_(f.e) {
    for (const ir::Op* op : f.region().op_list())
      if (op->code() == ir::Opcode::Reduce) reduce_ = op;
    const auto& attr = reduce_->as<ir::ReduceAttr>();
    kind_ = attr.kind;
    type_ = reduce_->result()->dtype();
    const ir::Shape& from = reduce_->operand(0)->shape();
    kept_ = reduce_->result()->shape().size();
    // Variables: first the result's dims, then the reduced ones.
    int kept = 0;
    for (size_t i = 0; i < from.size(); ++i) {
      const bool reduced = std::binary_search(attr.axes.begin(), attr.axes.end(), static_cast<int64_t>(i));
      const int variable = reduced ? static_cast<int>(kept_ + reduced_sizes_.size()) : kept++;
      if (reduced) reduced_sizes_.push_back(from[i]);
      operand_at_.push_back({Dim(0), variable, Dim(1)});
    }
    across_ = !from.empty() && !attr.axes.empty() && attr.axes.back() + 1 == static_cast<int64_t>(from.size());
    point_.variables.assign(kept_ + reduced_sizes_.size(), nullptr);
  }

  void emit() { result_loops(0); }

 private:
  static constexpr int64_t kChains = 4;

  void result_loops(size_t depth) {
    const ir::Shape& domain = reduce_->result()->shape();
    if (depth == kept_) {  // every dim of the result has its own loop
      if (kept_ == 0)
        e_.when(e_.CreateICmpEQ(f_.thread, e_.i64(0)), [&] { element(); });
      else
        element();
      return;
    }
    const bool lanes_here = !across_ && depth + 1 == kept_;
    point_.lanes = lanes_here ? choose_lanes(e_.machine, domain[depth]) : 1;
    llvm::Value *begin = e_.i64(0), *end = f_.dim(domain[depth]);
    if (depth == split()) std::tie(begin, end) = thread_share(f_, end, point_.lanes);
    if (!lanes_here) {
      e_.loop(begin, end, 1, [&](llvm::Value* i) {
        point_.variables[depth] = i;
        result_loops(depth + 1);
      });
      return;
    }
    // Several vectors at a time, so that sums need not wait for each other and rows are read in longer pieces, then one.
    const int64_t lanes = point_.lanes, at_once = kChains * lanes;
    const auto vectors = [&](llvm::Value* i, llvm::Value* mask, int64_t count) {
      point_.variables[depth] = i;
      point_.lane_variable = static_cast<int>(depth);
      point_.lanes = lanes;
      point_.mask = mask;
      columns(depth, count);
    };
    if (!domain[depth].is_constant() || domain[depth].constant() >= at_once) {
      llvm::Value* rest = e_.CreateSub(end, e_.CreateURem(e_.CreateSub(end, begin), e_.i64(at_once)));
      e_.loop(begin, rest, at_once, [&](llvm::Value* i) { vectors(i, nullptr, kChains); });
      begin = rest;
    }
    lane_loop(e_, domain[depth], begin, end, lanes, [&](llvm::Value* i, llvm::Value* mask) { vectors(i, mask, 1); });
  }

  /// `count` vectors of the result, side by side along its last dim.
  void columns(size_t last, int64_t count) {
    const LoopPoint outside = point_;
    const auto at = [&](int64_t c) { return e_.add(outside.variables[last], e_.i64(c * outside.lanes)); };
    Emitter::Carried sums(static_cast<size_t>(count), neutral_element(e_, kind_, type_, outside.lanes));
    const std::function<Emitter::Carried(size_t, Emitter::Carried)> loops = [&](size_t depth, Emitter::Carried before) {
      if (depth < reduced_sizes_.size()) {
        return e_.loop(e_.i64(0), f_.dim(reduced_sizes_[depth]), 1, before,
                       [&](llvm::Value* i, const Emitter::Carried& carried) {
                         point_.variables[kept_ + depth] = i;
                         return loops(depth + 1, carried);
                       });
      }
      for (int64_t c = 0; c < count; ++c) {
        point_.variables[last] = at(c);
        Evaluator evaluate(f_, point_);
        llvm::Value*& sum = before[static_cast<size_t>(c)];
        sum = combine(e_, kind_, type_, sum, evaluate.value(reduce_->operand(0), operand_at_));
      }
      return before;
    };
    sums = loops(0, std::move(sums));
    for (int64_t c = 0; c < count; ++c) {
      point_ = outside;
      point_.variables[last] = at(c);
      epilogue(sums[static_cast<size_t>(c)]);
    }
    point_ = outside;
  }

  size_t split() const {
    const ir::Shape& domain = reduce_->result()->shape();
    size_t at = 0;
    while (at + 1 < kept_ && domain[at] == Dim(1)) ++at;
    return at;
  }

  /// One element of the result: reduce, then the epilogue.
  void element() {
    const LoopPoint outside = point_;
    const int64_t lanes = across_ ? choose_lanes(e_.machine, reduced_sizes_.back()) : 1;
    llvm::Value* result = reduced_loops(0, neutral_element(e_, kind_, type_, lanes), lanes);
    if (across_) result = fold_lanes(result, lanes);
    point_ = outside;
    epilogue(result);
  }

  void epilogue(llvm::Value* result) {
    LoopPoint point = point_;
    point.variables.resize(kept_);
    Evaluator evaluate(f_, point);
    evaluate.bind(reduce_->result(), identity_coordinates(kept_), result);
    const Access dense{nullptr, Dim(0), row_major_strides(reduce_->result()->shape())};
    for (size_t i = 0; i < f_.yielded().size(); ++i)
      evaluate.store(evaluate.value(f_.yielded()[i], identity_coordinates(kept_)), f_.kernel.result(i), dense);
  }

  llvm::Value* reduced_loops(size_t depth, llvm::Value* initial, int64_t lanes) {
    if (depth == reduced_sizes_.size()) {
      Evaluator evaluate(f_, point_);
      return combine(e_, kind_, type_, initial, evaluate.value(reduce_->operand(0), operand_at_));
    }
    const Dim& size = reduced_sizes_[depth];
    const size_t variable = kept_ + depth;
    llvm::Value* end = f_.dim(size);
    if (depth + 1 < reduced_sizes_.size() || !across_ || lanes == 1) {
      return e_.loop(e_.i64(0), end, 1, {initial}, [&](llvm::Value* i, const Emitter::Carried& carried) {
        point_.variables[variable] = i;
        return Emitter::Carried{reduced_loops(depth + 1, carried[0], lanes)};
      })[0];
    }
    point_.lane_variable = static_cast<int>(variable);
    point_.lanes = lanes;
    llvm::Value* whole = e_.CreateSub(end, e_.CreateURem(end, e_.i64(lanes)));
    point_.mask = nullptr;
    // Several vectors at a time, so that sums need not wait for each other, then one.
    llvm::Value *begin = e_.i64(0), *sums = initial;
    if (!size.is_constant() || size.constant() >= 2 * kChains * lanes) {
      llvm::Value* end_of_many = e_.CreateSub(end, e_.CreateURem(end, e_.i64(kChains * lanes)));
      Emitter::Carried chains(kChains, neutral_element(e_, kind_, type_, lanes));
      chains[0] = initial;
      chains = e_.loop(begin, end_of_many, kChains * lanes, chains, [&](llvm::Value* i, Emitter::Carried carried) {
        for (int64_t c = 0; c < kChains; ++c) {
          point_.variables[variable] = e_.add(i, e_.i64(c * lanes));
          carried[static_cast<size_t>(c)] = reduced_loops(depth + 1, carried[static_cast<size_t>(c)], lanes);
        }
        return carried;
      });
      while (chains.size() > 1) {
        for (size_t c = 0; c < chains.size() / 2; ++c)
          chains[c] = combine(e_, kind_, type_, chains[2 * c], chains[2 * c + 1]);
        chains.resize(chains.size() / 2);
      }
      begin = end_of_many;
      sums = chains[0];
    }
    sums = e_.loop(begin, whole, lanes, {sums}, [&](llvm::Value* i, const Emitter::Carried& carried) {
      point_.variables[variable] = i;
      return Emitter::Carried{reduced_loops(depth + 1, carried[0], lanes)};
    })[0];
    if (size.is_constant() && size.constant() % lanes == 0) return sums;
    // The rest of the row, absent lanes left as they are. The loop runs once at most.
    llvm::Value* mask = e_.CreateICmpSLT(e_.lane_numbers(lanes), e_.splat(e_.CreateSub(end, whole), lanes));
    return e_.loop(whole, end, lanes, {sums}, [&](llvm::Value* i, const Emitter::Carried& carried) {
      point_.variables[variable] = i;
      point_.mask = mask;
      llvm::Value* combined = reduced_loops(depth + 1, carried[0], lanes);
      return Emitter::Carried{e_.CreateSelect(mask, combined, carried[0])};
    })[0];
  }

  llvm::Value* fold_lanes(llvm::Value* vector, int64_t lanes) {
    while (lanes > 1) {
      lanes /= 2;
      std::vector<int> low, high;
      for (int64_t i = 0; i < lanes; ++i)
        low.push_back(static_cast<int>(i)), high.push_back(static_cast<int>(i + lanes));
      llvm::Value *a = e_.CreateShuffleVector(vector, low), *b = e_.CreateShuffleVector(vector, high);
      if (lanes == 1) a = e_.CreateExtractElement(a, uint64_t{0}), b = e_.CreateExtractElement(b, uint64_t{0});
      vector = combine(e_, kind_, type_, a, b);
    }
    return vector;
  }

  Frame& f_;
  Emitter& e_;
  const ir::Op* reduce_ = nullptr;
  ReduceKind kind_;
  DType type_;
  size_t kept_;
  std::vector<Dim> reduced_sizes_;
  Coordinates operand_at_;
  bool across_;  // lanes run over a reduced dim
  LoopPoint point_;
};

}  // namespace

void emit_reduce(Frame& f) { ReduceKernel(f).emit(); }

}  // namespace seqc::codegen
