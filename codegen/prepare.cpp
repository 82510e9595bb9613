// The function `prepare` of a compiled model: checks a call before it runs. It trusts nothing that a caller may get wrong,
// and runs on any processor of the architecture.
#include <algorithm>
#include <optional>
#include <set>

#include "codegen/program_llvm.h"
#include "ir/error.h"
#include "ir/named_dims.h"
#include "runtime/seqc.h"

namespace seqc::codegen {
namespace {

using ir::Dim;
using ir::Opcode;

/// No dim of an input may be larger, no tensor and no workspace may have more bytes.
constexpr int64_t kLargestDim = int64_t{1} << 40, kMostBytes = int64_t{1} << 46;
/// Larger than any dim that prepare accepts.
constexpr int64_t kFar = int64_t{1} << 41;

/// The sizes of the axes that an op picks elements of by index, each with the number of indices.
std::vector<std::pair<Dim, Dim>> indexed_axes(const ir::Op& op) {
  std::vector<std::pair<Dim, Dim>> axes;
  const bool by_tuple = op.code() == Opcode::GatherNd || op.code() == Opcode::ScatterNd;
  if (op.code() == Opcode::Gather || op.code() == Opcode::GatherElements)
    axes.emplace_back(op.operand(0)->shape()[static_cast<size_t>(op.as<ir::AxisAttr>().axis)],
                      element_count(op.operand(1)->shape()));
  if (!by_tuple) return axes;
  const size_t first = op.code() == Opcode::GatherNd ? static_cast<size_t>(op.as<ir::GatherNdAttr>().batch_dims) : 0;
  const ir::Shape& indices = op.operand(1)->shape();
  for (int64_t i = 0; i < indices.back().constant(); ++i)
    axes.emplace_back(op.operand(0)->shape()[first + static_cast<size_t>(i)], element_count(indices));
  return axes;
}

/// Expressions that must be >= 0 for every slice to lie inside its operand, as far as that depends on named dims. An empty
/// slice may start anywhere. Branches of an `if` may not be taken, so their slices are left out.
/// Indices want an axis with elements; inside loops that may take no step they are left out.
std::vector<Dim> slice_bounds(const ir::Block& block, bool in_loop = false) {
  std::vector<Dim> bounds;
  const auto add = [&](const Dim& bound) {
    if (!provably_nonnegative(bound) && std::find(bounds.begin(), bounds.end(), bound) == bounds.end())
      bounds.push_back(bound);
  };
  for (const ir::Op* op : block.op_list()) {
    if (op->code() == ir::Opcode::Slice) {
      const auto& attr = op->as<ir::SliceAttr>();
      for (size_t i = 0; i < attr.sizes.size(); ++i) {
        const Dim& size = attr.sizes[i];
        const Dim last = attr.starts[i] + (size - Dim(1)) * Dim(attr.steps[i]);
        add(size);
        if (size == Dim(0)) continue;
        // A slice that may be empty says nothing of its ends then: size 0 lifts both bounds.
        const Dim slack = size.is_constant() ? Dim(0) : max(Dim(1) - size, Dim(0)) * Dim(kFar);
        const Dim& end = op->operand(0)->shape()[i];
        for (const Dim& at : {attr.starts[i], last}) {
          add(at + slack);
          add(end - Dim(1) - at + slack);
        }
      }
    }
    if (!in_loop)
      for (const auto& [size, indices] : indexed_axes(*op)) {
        const Dim slack =
            indices.is_constant() ? Dim(indices == Dim(0) ? kFar : 0) : max(Dim(1) - indices, Dim(0)) * Dim(kFar);
        add(size - Dim(1) + slack);
      }
    if (op->code() == ir::Opcode::If) continue;
    const bool loops = in_loop || op->code() == Opcode::Scan || op->code() == Opcode::Loop;
    for (size_t i = 0; i < op->region_count(); ++i)
      for (const Dim& bound : slice_bounds(op->region(i), loops)) add(bound);
  }
  return bounds;
}

/// The sizes in bytes of all values, as far as they depend on named dims; each once.
std::set<Dim> value_sizes(const ir::Block& block) {
  std::set<Dim> sizes;
  const auto add = [&](const ir::Value* value) {
    const Dim bytes = ir::element_count(value->shape()) * Dim(static_cast<int64_t>(ir::size_of(value->dtype())));
    if (!bytes.is_constant()) sizes.insert(bytes);
  };
  for (size_t i = 0; i < block.argument_count(); ++i) add(block.argument(i));
  ir::walk(block, [&](const ir::Op* op) {
    for (size_t i = 0; i < op->result_count(); ++i) add(op->result(i));
    for (size_t r = 0; r < op->region_count(); ++r)
      for (size_t i = 0; i < op->region(r).argument_count(); ++i) add(op->region(r).argument(i));
  });
  return sizes;
}

class PrepareGenerator {
 public:
  PrepareGenerator(llvm::Module& module, const ir::Function& function, const Machine& machine,
                   const ProgramOptions& options)
      : context_(module.getContext()), abi_(context_), function_(function), bounds_(function), options_(options) {
    llvm::Type *pointer = llvm::PointerType::getUnqual(context_), *i32 = llvm::Type::getInt32Ty(context_);
    prepare_ = llvm::Function::Create(llvm::FunctionType::get(i32, {pointer, pointer, pointer}, false),
                                      llvm::Function::InternalLinkage, "prepare", module);
    make_baseline(*prepare_, options.needs);
    e_.emplace(llvm::BasicBlock::Create(context_, "entry", prepare_), machine);
    inputs_ = prepare_->getArg(0);
    outputs_ = prepare_->getArg(1);
  }

  llvm::Function* run(const Dim& workspace_bytes, llvm::Function* missing_feature) {
    if (!options_.needs.features.empty()) require(e_->CreateIsNull(e_->CreateCall(missing_feature)), SEQC_BAD_CPU, 0);
    check_types();
    symbols_ = load_symbols(*e_, function_, abi_, inputs_);
    check_shapes();
    describe_outputs();
    for (const Dim& bound : slice_bounds(function_.body())) {
      if (bounds_.varies(bound)) continue;  // only a run can tell
      const Checked value = evaluate(bound);
      require(e_->CreateAnd(e_->CreateNot(value.fault), e_->CreateICmpSGE(value.value, e_->i64(0))), SEQC_TOO_SMALL, 0);
    }
    for (const Dim& bytes : value_sizes(function_.body()))
      require_below(evaluate(bounds_.upper(bytes)), kMostBytes, SEQC_TOO_LARGE);
    const Checked total = evaluate(workspace_bytes);
    require_below(total, kMostBytes, SEQC_TOO_LARGE);
    for (size_t i = 0; i < function_.body().argument_count(); ++i) check_value(i);
    e_->CreateStore(total.value, prepare_->getArg(2));
    e_->CreateRet(e_->getInt32(SEQC_OK));
    return prepare_;
  }

 private:
  // --- checks -------------------------------------------------------------------------------------------------------

  void require(llvm::Value* condition, int code, size_t input) {
    auto* bad = llvm::BasicBlock::Create(context_, "bad", prepare_);
    auto* good = llvm::BasicBlock::Create(context_, "good", prepare_);
    e_->CreateCondBr(condition, good, bad);
    e_->SetInsertPoint(bad);
    e_->CreateRet(e_->getInt32(static_cast<uint32_t>(code) | static_cast<uint32_t>(input) << 8));
    e_->SetInsertPoint(good);
  }

  void check_types() {
    const ir::Block& body = function_.body();
    for (size_t i = 0; i < body.argument_count(); ++i) {
      const auto equals = [&](uint32_t field, int64_t value) {
        return e_->CreateICmpEQ(e_->CreateLoad(e_->getInt32Ty(), field_address(inputs_, i, field)),
                                e_->getInt32(static_cast<uint32_t>(value)));
      };
      require(equals(1, static_cast<int64_t>(body.argument(i)->dtype())), SEQC_BAD_DTYPE, i);
      require(equals(2, body.argument(i)->rank()), SEQC_BAD_RANK, i);
    }
  }

  void check_shapes() {
    const ir::Block& body = function_.body();
    for (size_t i = 0; i < body.argument_count(); ++i) {
      const ir::Shape& shape = body.argument(i)->shape();
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        llvm::Value* got = e_->CreateLoad(e_->getInt64Ty(), shape_address(inputs_, i, axis));
        const Checked want = evaluate(shape[axis]);
        llvm::Value* fits = e_->CreateICmpULT(got, e_->i64(kLargestDim));
        fits = e_->CreateAnd(fits, e_->CreateNot(want.fault));
        require(e_->CreateAnd(fits, e_->CreateICmpEQ(got, want.value)), SEQC_BAD_SHAPE, i);
      }
    }
  }

  void describe_outputs() {
    const auto& returned = function_.body().terminator()->operands();
    for (size_t i = 0; i < returned.size(); ++i) {
      const ir::Type& type = returned[i]->type();
      e_->CreateStore(e_->getInt32(static_cast<uint32_t>(type.dtype)), field_address(outputs_, i, 1));
      e_->CreateStore(e_->getInt32(static_cast<uint32_t>(type.rank())), field_address(outputs_, i, 2));
      for (size_t axis = 0; axis < type.shape.size(); ++axis) {
        const Checked size = evaluate(bounds_.upper(type.shape[axis]));
        require_below(size, kMostBytes, SEQC_TOO_LARGE);
        e_->CreateStore(size.value, shape_address(outputs_, i, axis));
      }
    }
  }

  /// An input of one value: its data is there and has these bytes.
  void check_value(size_t i) {
    const auto fixed = options_.fixed.find(function_.body().argument(i)->name());
    if (fixed == options_.fixed.end() || fixed->second.byte_size() == 0) return;
    const ir::Tensor& value = fixed->second;
    llvm::Value* data = e_->CreateLoad(e_->getPtrTy(), field_address(inputs_, i, 0));
    require(e_->CreateIsNotNull(data), SEQC_BAD_VALUE, i);
    const llvm::ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t*>(value.bytes()), value.byte_size());
    auto* array = llvm::ConstantDataArray::get(context_, bytes);
    auto* expected = new llvm::GlobalVariable(*prepare_->getParent(), array->getType(), true,
                                              llvm::GlobalValue::PrivateLinkage, array, "value");
    const auto load = [&](llvm::Value* from, llvm::Value* at) {
      return e_->CreateLoad(e_->getInt8Ty(), e_->CreateInBoundsGEP(e_->getInt8Ty(), from, at));
    };
    llvm::Value* different =
        e_->loop(e_->i64(0), e_->i64(static_cast<int64_t>(bytes.size())), 1, {e_->getInt8(0)},
                 [&](llvm::Value* at, const Emitter::Carried& carried) -> Emitter::Carried {
                   return {e_->CreateOr(carried[0], e_->CreateXor(load(data, at), load(expected, at)))};
                 })[0];
    require(e_->CreateICmpEQ(different, e_->getInt8(0)), SEQC_BAD_VALUE, i);
  }

  // --- dims -----------------------------------------------------------------------------------------------------------

  /// A number, and whether an overflow or a division by zero made it meaningless.
  struct Checked {
    llvm::Value* value;
    llvm::Value* fault;
  };

  void require_below(const Checked& number, int64_t limit, int code) {
    require(e_->CreateAnd(e_->CreateNot(number.fault), e_->CreateICmpSLT(number.value, e_->i64(limit))), code, 0);
  }

  Checked constant(int64_t value) { return {e_->i64(value), e_->getFalse()}; }

  Checked with_overflow(llvm::Intrinsic::ID op, const Checked& a, const Checked& b) {
    llvm::Value* pair = e_->CreateBinaryIntrinsic(op, a.value, b.value);
    llvm::Value* fault = e_->CreateOr(e_->CreateOr(a.fault, b.fault), e_->CreateExtractValue(pair, 1));
    return {e_->CreateExtractValue(pair, 0), fault};
  }

  Checked evaluate(const Dim& dim) {
    if (dim.is_constant()) return constant(dim.constant());
    Checked sum = constant(0);
    for (const auto& term : dim.terms()) {
      Checked product = constant(term.coefficient);
      for (const auto& atom : term.atoms)
        product = with_overflow(llvm::Intrinsic::smul_with_overflow, product, evaluate(*atom));
      sum = with_overflow(llvm::Intrinsic::sadd_with_overflow, sum, product);
    }
    return sum;
  }

  Checked evaluate(const Dim::Atom& atom) {
    if (atom.kind == ir::AtomKind::Symbol) {
      const auto it = symbols_.find(atom.name);
      SEQC_CHECK(it != symbols_.end(), "dim {} is not bound in generated code", atom.name);
      return {it->second, e_->getFalse()};
    }
    const Checked a = evaluate(atom.a), b = evaluate(atom.b);
    llvm::Value* fault = e_->CreateOr(a.fault, b.fault);
    switch (atom.kind) {
      case ir::AtomKind::Symbol: break;
      case ir::AtomKind::Min: return {e_->CreateBinaryIntrinsic(llvm::Intrinsic::smin, a.value, b.value), fault};
      case ir::AtomKind::Max: return {e_->CreateBinaryIntrinsic(llvm::Intrinsic::smax, a.value, b.value), fault};
      case ir::AtomKind::FloorDiv:
      case ir::AtomKind::Mod: {
        // Division traps on a zero divisor and on overflow: a faulty operand is replaced.
        fault = e_->CreateOr(fault, e_->CreateICmpEQ(b.value, e_->i64(0)));
        llvm::Value* dividend = e_->CreateSelect(fault, e_->i64(0), a.value);
        llvm::Value* divisor = e_->CreateSelect(fault, e_->i64(1), b.value);
        llvm::Value* quotient = e_->floor_div(dividend, divisor);
        if (atom.kind == ir::AtomKind::FloorDiv) return {quotient, fault};
        return {e_->CreateSub(dividend, e_->CreateMul(quotient, divisor)), fault};
      }
    }
    internal_error(__FILE__, __LINE__, "atom", "unknown kind of dim");
  }

  // --- addresses ------------------------------------------------------------------------------------------------------

  llvm::Value* field_address(llvm::Value* tensors, size_t tensor, uint32_t field) {
    return e_->CreateInBoundsGEP(abi_.tensor, tensors,
                                 {e_->getInt32(static_cast<uint32_t>(tensor)), e_->getInt32(field)});
  }

  llvm::Value* shape_address(llvm::Value* tensors, size_t tensor, size_t axis) {
    return codegen::shape_address(*e_, abi_, tensors, tensor, axis);
  }

  llvm::LLVMContext& context_;
  const AbiTypes abi_;
  const ir::Function& function_;
  const ir::DimBounds bounds_;
  const ProgramOptions& options_;
  llvm::Function* prepare_ = nullptr;
  std::optional<Emitter> e_;
  llvm::Value *inputs_ = nullptr, *outputs_ = nullptr;
  Emitter::Symbols symbols_;
};

}  // namespace

llvm::Function* emit_prepare(llvm::Module& module, const ir::Function& function, const Machine& machine,
                             const ProgramOptions& options, const Dim& workspace_bytes,
                             llvm::Function* missing_feature) {
  return PrepareGenerator(module, function, machine, options).run(workspace_bytes, missing_feature);
}

}  // namespace seqc::codegen
