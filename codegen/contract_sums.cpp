#include "codegen/contract_sums_llvm.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "ir/error.h"

namespace seqc::codegen {

Contraction read_contraction(const ir::Op& op, const ir::Block& kernel) {
  const auto& attr = op.as<ir::ContractAttr>();
  Contraction c{};
  c.ops = {&op};
  c.spec = ir::parse_contract_spec(attr.spec);
  c.block = attr.lanes;
  c.gates = static_cast<int64_t>(op.result_count());
  const size_t rank = op.result()->shape().size();
  Coordinates at;
  for (const char label : c.spec.lhs) {
    const size_t position = c.spec.out.find(label);
    at.push_back({Dim(0), static_cast<int>(position == std::string::npos ? rank : position), Dim(1)});
  }
  auto lhs = buffer_access(op.operand(0), at, kernel, rank + 1);
  SEQC_CHECK(lhs, "contract kernel: the left operand has no affine address");
  c.lhs = {*lhs};
  c.depth = op.operand(0)->shape()[c.spec.lhs.find(c.spec.summed[0])];
  c.in_place = is_defined_inside(op.operand(1), kernel);
  const ir::Value* weights = c.in_place ? op.operand(1)->op()->operand(0) : op.operand(1);
  const std::string labels = c.in_place ? c.spec.rhs : c.spec.batch;
  Coordinates first(weights->shape().size());
  for (size_t i = 0; i < labels.size(); ++i)
    if (c.spec.batch.find(labels[i]) != std::string::npos)
      first[i].variable = static_cast<int>(c.spec.out.find(labels[i]));
  c.weights = *buffer_access(weights, first, kernel, rank + 1);
  if (c.in_place) {
    c.line_step = row_major_strides(weights->shape())[labels.find(c.spec.summed[0])];
    c.block_step = Dim(c.block);
  } else {
    c.line_step = Dim(c.block * c.gates);
    c.block_step = ir::ceildiv(c.depth, Dim(c.group())) * Dim(c.group()) * c.line_step;
  }
  return c;
}

bool share_weights(const Contraction& a, const Contraction& b) {
  return a.op().operand(1) == b.op().operand(1) && a.op().attr() == b.op().attr() &&
         a.op().operand(0)->type() == b.op().operand(0)->type();
}

namespace {

class Products {
 public:
  Products(const TileFrame& tile, const Contraction& c, const std::vector<llvm::Value*>& rows)
      : f_(tile.f), e_(tile.f.e), tile_(tile), c_(c), type_(c.type()) {
    for (llvm::Value* row : rows)
      for (const Access& lhs : c.lhs) factors_.push_back({row, &lhs});
    vector_ = vector_of(register_type(e_.getContext(), type_), tile.lanes);
    registers_ = static_cast<size_t>(c.gates * tile.vectors);
    const auto is_bytes = [](const Access& lhs) {
      return lhs.buffer->dtype() == ir::DType::u8 && !is_immediate(lhs.buffer) && lhs.strides.back() == Dim(1);
    };
    dots_ = c.stored() == ir::DType::i8 && c.group() == 4 && has_byte_dots(e_, tile.lanes) &&
            std::all_of(c.lhs.begin(), c.lhs.end(), is_bytes);
  }

  Emitter::Carried add(llvm::Value* block, const Depth& depth, Emitter::Carried sums) {
    panel_ = panel(block);
    const bool all = !depth.end;
    llvm::Value *begin = all ? e_.i64(0) : depth.begin, *end = all ? f_.dim(c_.depth) : depth.end;
    constexpr size_t kProducts = 48;               // of one pass through the loop over k, about
    const int64_t width = dots_ ? c_.group() : 1;  // k of a step
    const auto least = static_cast<size_t>(c_.group() / width);
    const auto fitting = static_cast<size_t>(e_.machine.load_stride / bytes_of_line());
    const size_t most = std::min(kProducts / products_of_one(sums), fitting);
    const auto unroll = static_cast<int64_t>(std::bit_floor(std::clamp<size_t>(most, least, 8)));
    const OtherSums* others = tile_.others;              // of the first loop
    const auto run = [&](int64_t steps, int64_t wide) {  // as often as that many steps of `wide` k fit
      const int64_t at_once = steps * wide;
      llvm::Value* whole = end;
      if (all && c_.depth.is_constant())
        whole = e_.i64(c_.depth.constant() / at_once * at_once);
      else if (depth.grain % at_once != 0)
        whole = e_.CreateSub(end, e_.CreateURem(e_.CreateSub(end, begin), e_.i64(at_once)));
      const auto pass = [&](llvm::Value* k, Emitter::Carried& next) {
        if (depth.ahead && at_once > 1) prefetch_weights(depth, e_.CreateSub(k, begin), at_once);
        if (tile_.each_pass && steps == unroll && c_.depth.is_constant())
          tile_.each_pass(e_.CreateUDiv(k, e_.i64(at_once)), c_.depth.constant() / at_once);
        for (int64_t u = 0; u < steps; ++u) {
          llvm::Value* at = e_.add(k, e_.i64(u * wide));
          const bool aligned = at_once % c_.group() == 0;
          llvm::Value* in_group = aligned ? e_.i64(u * wide % c_.group()) : e_.CreateURem(at, e_.i64(c_.group()));
          step(at, in_group, wide > 1, next);
        }
      };
      if (others) begin = add_others(*std::exchange(others, nullptr), begin, whole, at_once, pass, !all, sums);
      sums = e_.loop(begin, whole, at_once, sums, [&](llvm::Value* k, const Emitter::Carried& carried) {
        auto next = carried;
        pass(k, next);
        return next;
      });
      begin = whole;
    };
    run(unroll, width);
    if (dots_ && unroll > 1) run(1, width);
    if (unroll * width > 1) run(1, 1);
    return sums;
  }

  void add_one(llvm::Value* block, llvm::Value* k, Emitter::Carried& sums) {
    panel_ = panel(block);
    step(k, e_.i64(0), false, sums);
  }

 private:
  /// Of the weights of one k, in front of those of the next.
  int64_t bytes_of_line() const {
    const auto bytes = static_cast<int64_t>(registers_) * tile_.lanes * static_cast<int64_t>(ir::size_of(c_.stored()));
    return std::max<int64_t>(1, bytes);
  }

  /// Multiply-adds that come with one k, about.
  size_t products_of_one(const Emitter::Carried& sums) const {
    const bool others = tile_.others && c_.depth.is_constant();
    return sums.size() +
           (others ? static_cast<size_t>(tile_.others->registers * tile_.others->most / c_.depth.constant()) : 0);
  }

  /// The first passes through a loop from `begin` to `end`, of `at_once` k each, together with terms of the other sums; the
  /// k behind them.
  llvm::Value* add_others(const OtherSums& others, llvm::Value* begin, llvm::Value* end, int64_t at_once,
                          const std::function<void(llvm::Value* k, Emitter::Carried& sums)>& pass, bool depth_in_parts,
                          Emitter::Carried& sums) {
    const int64_t passes = c_.depth.is_constant() ? c_.depth.constant() / at_once : 0;
    const int64_t each = passes == 0 ? others.most : (others.most + passes - 1) / passes;
    const auto own = static_cast<ptrdiff_t>(sums.size());
    sums.push_back(begin);
    llvm::Value* once = e_.CreateZExt(others.wanted, e_.getInt64Ty());
    sums = e_.loop(e_.i64(0), once, 1, std::move(sums), [&](llvm::Value*, const Emitter::Carried& before) {
      OtherSums::Terms terms = others.begin();
      llvm::Value* count = e_.CreateUDiv(e_.CreateSub(terms.end, terms.begin), e_.i64(each));
      llvm::Value* fitting = e_.CreateUDiv(e_.CreateSub(end, begin), e_.i64(at_once));
      count = e_.CreateBinaryIntrinsic(llvm::Intrinsic::umin, count, fitting);
      Emitter::Carried all(before.begin(), before.begin() + own);
      all.insert(all.end(), terms.sums.begin(), terms.sums.end());
      all.push_back(terms.begin);
      llvm::Value* k_behind = e_.add(begin, e_.mul(count, e_.i64(at_once)));
      all = e_.loop(begin, k_behind, at_once, std::move(all), [&](llvm::Value* k, const Emitter::Carried& carried) {
        Emitter::Carried next(carried.begin(), carried.begin() + own);
        Emitter::Carried other(carried.begin() + own, carried.end() - 1);
        pass(k, next);
        for (int64_t i = 0; i < each; ++i) others.add_term(e_.add(carried.back(), e_.i64(i)), other);
        next.insert(next.end(), other.begin(), other.end());
        next.push_back(e_.add(carried.back(), e_.i64(each)));
        return next;
      });
      const auto add_one = [&](llvm::Value* k, const Emitter::Carried& carried) {
        auto next = carried;
        others.add_term(k, next);
        return next;
      };
      Emitter::Carried complete(all.begin() + own, all.end() - 1);
      const bool all_fit = passes > 0 && others.grain % each == 0 && !depth_in_parts;
      others.end(all_fit ? complete : e_.loop(all.back(), terms.end, 1, complete, add_one));
      all.resize(static_cast<size_t>(own));
      all.push_back(k_behind);
      return all;
    });
    llvm::Value* k_behind = sums.back();
    sums.pop_back();
    return k_behind;
  }

  /// What weights are multiplied with: a row of a left-hand side.
  struct Factor {
    llvm::Value* row;
    const Access* lhs;
  };

  /// The weights of a block of columns.
  llvm::Value* panel(llvm::Value* block) {
    llvm::Value* start = f_.dim(c_.weights.offset);
    for (int v = 0; v < tile_.columns; ++v)
      if (tile_.variables[v] && !(c_.weights.strides[v] == Dim(0)))
        start = e_.add(start, e_.mul(tile_.variables[v], f_.dim(c_.weights.strides[v])));
    start = e_.add(start, e_.mul(block, f_.dim(c_.block_step)));
    if (tile_.first_register) start = e_.add(start, e_.mul(tile_.first_register, e_.i64(tile_.lanes)));
    return e_.element_address(f_.pointers.at(c_.weights.buffer), c_.stored(), start);
  }

  /// One cache line a pass through the loop over k, which has come `done` elements far.
  void prefetch_weights(const Depth& depth, llvm::Value* done, int64_t at_once) {
    constexpr int64_t kLine = 64;
    llvm::Value* passes = e_.CreateUDiv(e_.CreateSub(depth.end, depth.begin), e_.i64(at_once));
    llvm::Value* line = e_.add(e_.mul(depth.ahead, passes), e_.CreateUDiv(done, e_.i64(at_once)));
    llvm::Value* end = e_.element_address(panel_, c_.stored(), e_.mul(depth.end, f_.dim(c_.line_step)));
    llvm::Value* address = e_.CreateGEP(e_.getInt8Ty(), end, e_.mul(line, e_.i64(kLine)));
    e_.CreateIntrinsic(llvm::Intrinsic::prefetch, {e_.getPtrTy()},
                       {address, e_.getInt32(0), e_.getInt32(2), e_.getInt32(1)});
  }

  /// What of the address does not depend on the loops outside this tile is left to LLVM to hoist.
  llvm::Value* lhs_address(const Factor& factor, llvm::Value* k) {
    const Access& lhs = *factor.lhs;
    llvm::Value* offset = f_.dim(lhs.offset);
    const size_t k_variable = lhs.strides.size() - 1;
    for (size_t v = 0; v < lhs.strides.size(); ++v) {
      llvm::Value* at = v == k_variable ? k : static_cast<int>(v) == tile_.row ? factor.row : tile_.variables[v];
      if (at && !(lhs.strides[v] == Dim(0))) offset = e_.add(offset, e_.mul(at, f_.dim(lhs.strides[v])));
    }
    return e_.element_address(f_.pointers.at(lhs.buffer), lhs.buffer->dtype(), offset);
  }

  /// The left-hand side's element in all lanes, or its group of four bytes.
  llvm::Value* element(const Factor& factor, llvm::Value* k, bool dots) {
    const ir::Value* buffer = factor.lhs->buffer;
    if (is_immediate(buffer)) return e_.splat(immediate(e_, buffer), tile_.lanes);
    const ir::DType stored = buffer->dtype();
    llvm::Value* address = lhs_address(factor, k);
    if (dots) return e_.splat(e_.CreateAlignedLoad(e_.getInt32Ty(), address, llvm::Align(1)), tile_.lanes);
    llvm::Value* loaded =
        e_.CreateAlignedLoad(memory_type(e_.getContext(), stored), address, llvm::Align(ir::size_of(stored)));
    return e_.splat(convert_element(e_, e_.from_memory(loaded, stored), stored, type_), tile_.lanes);
  }

  llvm::Value* product(llvm::Value* x, llvm::Value* w, llvm::Value* sum) {
    if (!ir::is_float(type_)) return e_.CreateAdd(sum, e_.CreateMul(x, w));
    if (e_.machine.has_fma) return e_.CreateIntrinsic(llvm::Intrinsic::fma, {vector_}, {x, w, sum});
    return e_.CreateFAdd(sum, e_.CreateFMul(x, w));
  }

  /// The products of one k, or with `dots` of a group's four. Of the two factors of a tile the fewer stay in registers,
  /// the others come one by one.
  void step(llvm::Value* k, llvm::Value* in_group, bool dots, Emitter::Carried& sums) {
    llvm::Value* first = c_.group() == 1 ? k : e_.CreateSub(k, in_group);
    llvm::Value* line = e_.element_address(panel_, c_.stored(), e_.mul(first, f_.dim(c_.line_step)));
    const WeightTypes types{c_.stored(), dots ? c_.stored() : type_, c_.group(), c_.in_place};
    const auto weight = [&](size_t v) {
      const auto number = static_cast<int64_t>(v);
      return dots ? load_weight_words(e_, line, types, number, tile_.lanes)
                  : load_weights(e_, line, types, number, tile_.lanes, in_group);
    };
    const bool hold_weights = registers_ < factors_.size();
    std::vector<llvm::Value*> held;
    for (size_t i = 0; i < (hold_weights ? registers_ : factors_.size()); ++i)
      held.push_back(hold_weights ? weight(i) : element(factors_[i], k, dots));
    for (size_t i = 0; i < (hold_weights ? factors_.size() : registers_); ++i) {
      llvm::Value* other = hold_weights ? element(factors_[i], k, dots) : weight(i);
      for (size_t j = 0; j < held.size(); ++j) {
        llvm::Value*& sum = hold_weights ? sums[i * registers_ + j] : sums[j * registers_ + i];
        llvm::Value *x = hold_weights ? other : held[j], *w = hold_weights ? held[j] : other;
        sum = dots ? byte_dots(e_, sum, x, w, tile_.lanes) : product(x, w, sum);
      }
    }
  }

  Frame& f_;
  Emitter& e_;
  const TileFrame& tile_;
  const Contraction& c_;
  std::vector<Factor> factors_;
  const ir::DType type_;
  llvm::Type* vector_;
  size_t registers_;  // of a factor
  bool dots_;         // groups of k are products of bytes that stand side by side
  llvm::Value* panel_ = nullptr;
};

}  // namespace

Emitter::Carried add_products(const TileFrame& tile, const Contraction& c, const std::vector<llvm::Value*>& rows,
                              llvm::Value* block, const Depth& depth, Emitter::Carried sums) {
  return Products(tile, c, rows).add(block, depth, std::move(sums));
}

void add_term(const TileFrame& tile, const Contraction& c, const std::vector<llvm::Value*>& rows, llvm::Value* block,
              llvm::Value* k, Emitter::Carried& sums) {
  Products(tile, c, rows).add_one(block, k, sums);
}

}  // namespace seqc::codegen
