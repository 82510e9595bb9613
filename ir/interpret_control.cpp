// Blocks, regions and control ops: an environment of values, and what scan, loop, if and kernel do with it.
#include <algorithm>
#include <unordered_map>

#include "ir/interpret_ops.h"

namespace seqc::ir::interp {
namespace {

class Run {
 public:
  explicit Run(DimBindings dims, const Observer* observer) : dims_(std::move(dims)), observer_(observer) {}

  /// Binds the block's arguments and evaluates its ops; returns the operands of its terminator.
  Tensors block(const Block& block, Tensors arguments) {
    SEQC_CHECK(arguments.size() == block.argument_count(), "a block of {} arguments is given {}",
               block.argument_count(), arguments.size());
    for (size_t i = 0; i < arguments.size(); ++i) set(block.argument(i), std::move(arguments[i]));
    for (const auto& op : block.ops()) {
      if (op->code() == Opcode::Yield || op->code() == Opcode::Return) return operands(*op);
      Tensors results = this->op(*op);
      SEQC_CHECK(results.size() == op->result_count(), "{} gave {} results, expected {}", op->info().mnemonic,
                 results.size(), op->result_count());
      if (observer_ && observer_->op && !block.parent_op()) observer_->op(*op, results);
      for (size_t i = 0; i < results.size(); ++i) set(op->result(i), std::move(results[i]));
    }
    internal_error(__FILE__, __LINE__, "terminator", "a block without yield or return was interpreted");
  }

 private:
  const Tensor& get(const Value* value) const {
    if (value->is_constant()) return value->constant();
    const auto it = values_.find(value);
    SEQC_CHECK(it != values_.end(), "%{} is used before it has a value", value->name());
    return it->second;
  }

  /// Holds the tensor against the value's type, as far as that has numbers or names. A value has them wrong when an
  /// op's shape rule and its interpretation differ, or when dims that a model declares equal are not.
  void set(const Value* value, Tensor tensor) {
    const Type& type = value->type();
    bool fits = type.dtype == tensor.dtype() && type.rank() == tensor.rank();
    for (size_t i = 0; fits && i < type.shape.size(); ++i) {
      const Dim& dim = type.shape[i];
      if (dim.is_constant()) {
        fits = dim.constant() == tensor.shape()[i];
      } else if (dim.is_symbol()) {
        const auto bound = dims_.find(dim.symbol_name());
        fits = bound == dims_.end() || bound->second == tensor.shape()[i];
      }
    }
    if (!fits) {
      const std::string where = value->op() ? value->op()->location() : "";
      fail(ErrorKind::BadInput, "{}: {} %{}: got {}, expected {}", where.empty() ? "interpreter" : where,
           value->op() ? value->op()->info().mnemonic : "argument", value->name(), tensor.type_str(), type.str());
    }
    values_.insert_or_assign(value, std::move(tensor));
  }

  Tensors operands(const Op& op) const {
    Tensors result;
    for (const Value* operand : op.operands()) result.push_back(get(operand));
    return result;
  }

  Tensors op(const Op& op) {
    switch (op.code()) {
      case Opcode::Scan: return scan(op);
      case Opcode::Loop: return loop(op);
      case Opcode::If: return block(op.region(get(op.operand(0)).integer(0) != 0 ? 0 : 1), {});
      case Opcode::Kernel: return block(op.region(), {});
      case Opcode::BindDim: return {bind_dim(op)};
      case Opcode::Gradient:
        fail(ErrorKind::Unsupported, "{}: gradient: the pass differentiate must write it out first", op.location());
      case Opcode::Yield:
      case Opcode::Return: break;  // handled by block
#define SEQC_EVALUATED_Unary(id) case Opcode::id:
#define SEQC_EVALUATED_Binary(id) case Opcode::id:
#define SEQC_EVALUATED_Ternary(id) case Opcode::id:
#define SEQC_EVALUATED_Leaf(id) case Opcode::id:
#define SEQC_EVALUATED_Move(id) case Opcode::id:
#define SEQC_EVALUATED_Reduce(id) case Opcode::id:
#define SEQC_EVALUATED_Control(id)
#define SEQC_OP(id, mnemonic, cls, ...) SEQC_EVALUATED_##cls(id)
#include "ir/ops.def"
#undef SEQC_OP
        return evaluate(op, operands(op), dims_);
    }
    internal_error(__FILE__, __LINE__, "control", std::string(op.info().mnemonic));
  }

  /// Carries go from step to step; scanned values are cut along their leading dim, emitted ones stacked along theirs.
  Tensors scan(const Op& op) {
    const auto& attr = op.as<ScanAttr>();
    const int64_t length = attr.length.evaluate(dims_);
    const auto carries = static_cast<size_t>(attr.carries);
    Tensors state = operands(op);
    const Tensors scanned(state.begin() + attr.carries, state.end());
    state.resize(carries);
    for (const Tensor& value : scanned)
      if (value.shape()[0] != length)
        fail(ErrorKind::BadInput, "{}: scan: got scanned {}, expected leading dim {} = {}", op.location(),
             value.type_str(), attr.length.str(), length);

    Tensors emitted = emitted_values(op, carries, length);
    for (int64_t t = 0; t < length; ++t) {
      const int64_t at = attr.reverse ? length - 1 - t : t;
      Tensors arguments = std::move(state);
      for (const Tensor& value : scanned) arguments.push_back(element(value, at));
      state = block(op.region(), std::move(arguments));
      if (observer_ && observer_->step) observer_->step(op, t, state);
      for (size_t i = 0; i < emitted.size(); ++i) set_element(emitted[i], at, state[carries + i]);
      state.resize(carries);
    }
    state.insert(state.end(), emitted.begin(), emitted.end());
    return state;
  }

  /// As a scan, while the condition holds; emitted values have room for the most steps.
  Tensors loop(const Op& op) {
    Tensors state = operands(op);
    int64_t count = state[0].integer(0);
    bool condition = state[1].integer(0) != 0;
    state.erase(state.begin(), state.begin() + 2);
    const size_t carries = state.size();
    Tensors emitted;
    if (const Dim& at_most = op.as<LoopAttr>().at_most; !(at_most == Dim(-1))) {
      const int64_t rows = at_most.evaluate(dims_);
      count = std::min(count, rows);
      emitted = emitted_values(op, carries + 1, rows);
    }
    for (int64_t step = 0; step < count && condition; ++step) {
      state.insert(state.begin(), Tensor::scalar_int(DType::i64, step));
      state = block(op.region(), std::move(state));
      condition = state[0].integer(0) != 0;
      state.erase(state.begin());
      for (size_t i = 0; i < emitted.size(); ++i) set_element(emitted[i], step, state[carries + i]);
      state.resize(carries);
    }
    state.insert(state.end(), emitted.begin(), emitted.end());
    return state;
  }

  /// Zeros (or empty strings) for what a region yields from its operand `first` on, `rows` of each.
  Tensors emitted_values(const Op& op, size_t first, int64_t rows) const {
    const auto& yielded = op.region().terminator()->operands();
    Tensors emitted;
    for (size_t i = first; i < yielded.size(); ++i) {
      Sizes shape = evaluate_shape(yielded[i]->shape(), dims_);
      shape.insert(shape.begin(), rows);
      emitted.emplace_back(yielded[i]->dtype(), shape);
    }
    return emitted;
  }

  Tensor bind_dim(const Op& op) {
    const auto& attr = op.as<BindDimAttr>();
    const int64_t most = attr.at_most.evaluate(dims_);
    const int64_t size = std::clamp<int64_t>(get(op.operand(0)).integer(0), 0, std::max<int64_t>(most, 0));
    dims_[attr.name] = size;
    return Tensor::scalar_int(DType::i64, size);
  }

  /// x[i], and its assignment.
  static Tensor element(const Tensor& x, int64_t i) {
    const Sizes shape(x.shape().begin() + 1, x.shape().end());
    Tensor result = copy_view(x, i * product(shape), shape, row_major_strides(shape));
    result.keep_strings_of(x);
    return result;
  }
  static void set_element(Tensor& x, int64_t i, const Tensor& value) {
    store_view(x, i * value.count(), row_major_strides(value.shape()), value);
    x.keep_strings_of(value);
  }

  DimBindings dims_;
  const Observer* observer_;
  std::unordered_map<const Value*, Tensor> values_;
};

}  // namespace

Tensors run_function(const Function& function, const Tensors& inputs, const DimBindings& dims,
                     const Observer* observer) {
  return Run(dims, observer).block(function.body(), inputs);
}

}  // namespace seqc::ir::interp
