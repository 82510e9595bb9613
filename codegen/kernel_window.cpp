#include "codegen/kernel_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

using ir::DType;

/// Generates sliding windows (convolution, pooling): loops over the result with lanes over its last dim, inside them
/// loops over the window. Convolution computes several output channels at once from each input element that it reads.
class WindowKernel {
 public:
  explicit WindowKernel(Frame& f) : f_(f), e_(f.e) {
    for (const ir::Op* op : f.region().op_list())
      if (op->code() == ir::Opcode::Conv || op->code() == ir::Opcode::ReduceWindow) op_ = op;
    type_ = op_->result()->dtype();
    domain_ = op_->result()->shape();
    input_ = op_->operand(0)->shape();
    if (op_->code() == ir::Opcode::Conv) {
      const auto& attr = op_->as<ir::ConvAttr>();
      conv_ = true;
      strides_ = attr.strides, dilations_ = attr.dilations, input_dilations_ = attr.input_dilations;
      pads_lo_ = attr.pads_lo, pads_hi_ = attr.pads_hi;
      const ir::Shape& w = op_->operand(1)->shape();
      for (size_t i = 2; i < w.size(); ++i) window_.push_back(w[i].constant());
      group_channels_ = w[1];
      group_outputs_ = ir::floordiv(w[0], Dim(attr.groups));
      const bool blocks = group_outputs_.is_constant() && group_outputs_.constant() % kChannels == 0;
      block_ = blocks ? kChannels : 1;
    } else {
      const auto& attr = op_->as<ir::WindowAttr>();
      strides_ = attr.strides, dilations_ = attr.dilations, window_ = attr.window;
      input_dilations_.assign(window_.size(), 1);
      pads_lo_ = attr.pads_lo, pads_hi_ = attr.pads_hi;
      kind_ = attr.kind;
    }
    lead_ = domain_.size() - window_.size();
    point_.variables.assign(domain_.size(), nullptr);
  }

  void emit() { result_loops(0); }

 private:
  static constexpr int64_t kChannels = 4;
  using Values = std::vector<llvm::Value*>;

  void result_loops(size_t depth) {
    const bool innermost = depth + 1 == domain_.size();
    const int64_t grain = conv_ && depth == 1 ? block_ : 1;
    const int64_t lanes = innermost ? choose_lanes(e_.machine, domain_[depth]) : 1;
    llvm::Value *begin = e_.i64(0), *end = f_.dim(domain_[depth]);
    size_t split = 0;
    while (split + 1 < domain_.size() && domain_[split] == Dim(1)) ++split;
    if (depth == split) std::tie(begin, end) = thread_share(f_, end, innermost ? lanes : grain);
    if (!innermost) {
      e_.loop(begin, end, grain, [&](llvm::Value* i) {
        point_.variables[depth] = i;
        result_loops(depth + 1);
      });
      return;
    }
    lane_loop(e_, domain_[depth], begin, end, lanes, [&](llvm::Value* i, llvm::Value* mask) {
      point_.variables[depth] = i;
      point_.lane_variable = static_cast<int>(depth);
      point_.lanes = lanes;
      point_.mask = mask;
      element();
    });
    point_.lanes = 1;
    point_.mask = nullptr;
  }

  void element() {
    const Coordinates identity = identity_coordinates(domain_.size());
    const Values sums = conv_ ? convolve() : Values{pool()};
    const Access dense{nullptr, Dim(0), row_major_strides(domain_)};
    for (size_t j = 0; j < sums.size(); ++j) {
      LoopPoint point = point_;
      if (conv_) point.variables[1] = e_.add(point_.variables[1], e_.i64(static_cast<int64_t>(j)));
      Evaluator evaluate(f_, point);
      evaluate.bind(op_->result(), identity, sums[j]);
      for (size_t i = 0; i < f_.yielded().size(); ++i)
        evaluate.store(evaluate.value(f_.yielded()[i], identity), f_.kernel.result(i), dense);
    }
  }

  /// Where an input element lies, and whether it exists.
  struct Position {
    llvm::Value* offset;                 // elements, scalar part
    llvm::Value* lane_offset = nullptr;  // a lane, when lanes are not `step` apart
    int64_t step = 0;
    llvm::Value* exists = nullptr;  // a lane; null: certainly all
  };

  Position position(llvm::Value* offset, const Values& window_at) {
    Position result{offset};
    const auto strides = row_major_strides(input_);
    for (size_t i = 0; i < window_.size(); ++i) {
      const size_t d = lead_ + i;
      const bool lane_dim = d + 1 == domain_.size() && point_.lanes > 1;
      llvm::Value* at =
          e_.add(e_.add(e_.mul(point_.variables[d], e_.i64(strides_[i])), e_.mul(window_at[i], e_.i64(dilations_[i]))),
                 e_.i64(-pads_lo_[i]));
      const bool safe = pads_lo_[i] <= 0 && pads_hi_[i] <= 0 && input_dilations_[i] == 1;
      if (lane_dim && !(safe || input_dilations_[i] == 1)) {
        dilated_lanes(result, at, i);
        continue;
      }
      if (lane_dim) result.step = strides_[i];
      if (!safe) check(result, at, i, lane_dim);
      if (input_dilations_[i] > 1) at = e_.CreateSDiv(at, e_.i64(input_dilations_[i]));
      result.offset = e_.add(result.offset, e_.mul(at, f_.dim(strides[d])));
    }
    return result;
  }

  void require(Position& p, llvm::Value* condition) {
    if (!condition->getType()->isVectorTy()) condition = e_.splat(condition, point_.lanes);
    p.exists = p.exists ? e_.CreateAnd(p.exists, condition) : condition;
  }

  void check(Position& p, llvm::Value* at, size_t i, bool lane_dim) {
    llvm::Value* lanes = at;
    if (lane_dim)
      lanes = e_.CreateAdd(e_.splat(at, point_.lanes),
                           e_.CreateMul(e_.lane_numbers(point_.lanes), e_.splat(e_.i64(strides_[i]), point_.lanes)));
    require_inside(p, lanes, i);
  }

  void require_inside(Position& p, llvm::Value* at, size_t i) {
    const bool vector = at->getType()->isVectorTy();
    const auto spread = [&](llvm::Value* v) { return vector ? e_.splat(v, point_.lanes) : v; };
    const Dim size = (input_[lead_ + i] - Dim(1)) * Dim(input_dilations_[i]) + Dim(1);
    // One unsigned comparison covers both ends.
    require(p, e_.CreateICmpULT(at, spread(f_.dim(ir::max(size, Dim(0))))));
    if (input_dilations_[i] > 1)
      require(p, e_.CreateICmpEQ(e_.CreateSRem(at, spread(e_.i64(input_dilations_[i]))), spread(e_.i64(0))));
  }

  /// Lanes along a dilated input: every lane has an address of its own.
  void dilated_lanes(Position& p, llvm::Value* at, size_t i) {
    llvm::Value* lanes =
        e_.CreateAdd(e_.splat(at, point_.lanes),
                     e_.CreateMul(e_.lane_numbers(point_.lanes), e_.splat(e_.i64(strides_[i]), point_.lanes)));
    require_inside(p, lanes, i);
    p.lane_offset = e_.CreateSDiv(lanes, e_.splat(e_.i64(input_dilations_[i]), point_.lanes));
  }

  /// Input elements, `absent` where there are none.
  llvm::Value* load(const Position& p, llvm::Value* absent) {
    llvm::Type* element = memory_type(e_.getContext(), type_);
    llvm::Type* vector = vector_of(element, point_.lanes);
    const llvm::Align align(ir::size_of(type_));
    llvm::Value* exists = p.exists;
    if (point_.mask) exists = exists ? e_.CreateAnd(exists, point_.mask) : point_.mask;
    llvm::Value* from = e_.element_address(f_.pointers.at(op_->operand(0)), type_, p.offset);
    llvm::Value* loaded = nullptr;
    llvm::Value* zero = llvm::Constant::getNullValue(vector);
    if (point_.lanes == 1) {
      if (!exists) return e_.from_memory(e_.CreateAlignedLoad(element, from, align), type_);
      // An absent element is read from the start of the buffer instead and then replaced.
      llvm::Value* safe = e_.CreateSelect(exists, from, f_.pointers.at(op_->operand(0)));
      loaded = e_.CreateAlignedLoad(element, safe, align);
    } else if (!p.lane_offset && p.step == 1) {
      loaded = exists ? static_cast<llvm::Value*>(e_.CreateMaskedLoad(vector, from, align, exists, zero))
                      : e_.CreateAlignedLoad(vector, from, align);
    } else {
      llvm::Value* offsets = p.lane_offset;
      if (!offsets) offsets = e_.CreateMul(e_.lane_numbers(point_.lanes), e_.splat(e_.i64(p.step), point_.lanes));
      if (!exists) exists = e_.splat(e_.getTrue(), point_.lanes);
      loaded = e_.CreateMaskedGather(vector, e_.element_address(from, type_, offsets), align, exists, zero);
    }
    llvm::Value* value = e_.from_memory(loaded, type_);
    return p.exists ? e_.CreateSelect(p.exists, value, absent) : value;
  }

  Values window_loops(size_t depth, Values& at, Values carried,
                      const std::function<Values(const Values&, Values)>& body) {
    if (depth == window_.size()) return body(at, std::move(carried));
    return e_.loop(e_.i64(0), e_.i64(window_[depth]), 1, std::move(carried),
                   [&](llvm::Value* k, const Emitter::Carried& inner) {
                     at[depth] = k;
                     return window_loops(depth + 1, at, inner, body);
                   });
  }

  Values convolve() {
    llvm::Type* vector = vector_of(register_type(e_.getContext(), type_), point_.lanes);
    llvm::Value* zero = llvm::Constant::getNullValue(vector);
    const auto x_strides = row_major_strides(input_), w_strides = row_major_strides(op_->operand(1)->shape());
    llvm::Value* m = point_.variables[1];
    llvm::Value* group = e_.CreateUDiv(m, f_.dim(group_outputs_));
    llvm::Value* batch = e_.mul(point_.variables[0], f_.dim(x_strides[0]));
    return e_.loop(
        e_.i64(0), f_.dim(group_channels_), 1, Values(block_, zero),
        [&](llvm::Value* c, const Emitter::Carried& carried) {
          llvm::Value* channel = e_.add(e_.mul(group, f_.dim(group_channels_)), c);
          llvm::Value* offset = e_.add(batch, e_.mul(channel, f_.dim(x_strides[1])));
          Values at(window_.size());
          return window_loops(0, at, carried, [&](const Values& k, Values sums) {
            llvm::Value* x = load(position(offset, k), zero);
            llvm::Value* w_at = e_.mul(c, f_.dim(w_strides[1]));
            for (size_t i = 0; i < k.size(); ++i) w_at = e_.add(w_at, e_.mul(k[i], f_.dim(w_strides[2 + i])));
            for (int64_t j = 0; j < block_; ++j) {
              llvm::Value* row = e_.mul(e_.add(m, e_.i64(j)), f_.dim(w_strides[0]));
              llvm::Value* address = e_.element_address(f_.pointers.at(op_->operand(1)), type_, e_.add(row, w_at));
              llvm::Value* w = e_.from_memory(
                  e_.CreateAlignedLoad(memory_type(e_.getContext(), type_), address, llvm::Align(ir::size_of(type_))),
                  type_);
              sums[j] = multiply_add(x, e_.splat(w, point_.lanes), sums[j]);
            }
            return sums;
          });
        });
  }

  llvm::Value* multiply_add(llvm::Value* a, llvm::Value* b, llvm::Value* sum) {
    if (!ir::is_float(type_)) return e_.CreateAdd(sum, e_.CreateMul(a, b));
    if (e_.machine.has_fma) return e_.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, sum});
    return e_.CreateFAdd(sum, e_.CreateFMul(a, b));
  }

  llvm::Value* pool() {
    llvm::Value* neutral = neutral_element(e_, kind_, type_, point_.lanes);
    const auto strides = row_major_strides(input_);
    llvm::Value* offset = e_.i64(0);
    for (size_t d = 0; d < lead_; ++d) offset = e_.add(offset, e_.mul(point_.variables[d], f_.dim(strides[d])));
    Values at(window_.size());
    return window_loops(0, at, {neutral}, [&](const Values& k, Values carried) {
      return Values{combine(e_, kind_, type_, carried[0], load(position(offset, k), neutral))};
    })[0];
  }

  Frame& f_;
  Emitter& e_;
  const ir::Op* op_ = nullptr;
  DType type_;
  bool conv_ = false;
  ir::ReduceKind kind_ = ir::ReduceKind::Sum;
  ir::Shape domain_, input_;
  size_t lead_;  // dims before the spatial ones
  std::vector<int64_t> window_, strides_, dilations_, input_dilations_, pads_lo_, pads_hi_;
  Dim group_channels_, group_outputs_;
  int64_t block_ = 1;  // output channels computed together
  LoopPoint point_;
};

}  // namespace

void emit_window(Frame& f) { WindowKernel(f).emit(); }

}  // namespace seqc::codegen
