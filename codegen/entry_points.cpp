#include <algorithm>

#include "codegen/program_llvm.h"
#include "ir/error.h"
#include "ir/named_dims.h"
#include "runtime/seqc.h"

namespace seqc::codegen {

using ir::Dim;

AbiTypes::AbiTypes(llvm::LLVMContext& context) {
  llvm::Type* pointer = llvm::PointerType::getUnqual(context);
  llvm::Type *i32 = llvm::Type::getInt32Ty(context), *i64 = llvm::Type::getInt64Ty(context);
  tensor = llvm::StructType::get(context, {pointer, i32, i32, llvm::ArrayType::get(i64, SEQC_MAX_RANK)});
  port = llvm::StructType::get(context, {pointer, i32, i32, llvm::ArrayType::get(pointer, SEQC_MAX_RANK)});
  threads = llvm::StructType::get(context, {i32, pointer, pointer});
  model = llvm::StructType::get(context, {i32, i32, i32, pointer, pointer, pointer, pointer, pointer, pointer});
}

namespace {

/// Larger than any dim that prepare accepts.
constexpr int64_t kFar = int64_t{1} << 41;

llvm::Value* field_address(Emitter& e, const AbiTypes& abi, llvm::Value* tensors, size_t tensor, uint32_t field) {
  return e.CreateInBoundsGEP(abi.tensor, tensors, {e.getInt32(static_cast<uint32_t>(tensor)), e.getInt32(field)});
}

/// Expressions that must be >= 0 for every slice to lie inside its operand, as far as that depends on named dims. An empty
/// slice may start anywhere. Branches of an `if` may not be taken, so their slices are left out.
std::vector<Dim> slice_bounds(const ir::Block& block) {
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
    if (op->code() == ir::Opcode::If) continue;
    for (size_t i = 0; i < op->region_count(); ++i)
      for (const Dim& bound : slice_bounds(op->region(i))) add(bound);
  }
  return bounds;
}

}  // namespace

llvm::Value* shape_address(Emitter& e, const AbiTypes& abi, llvm::Value* tensors, size_t tensor, size_t axis) {
  return e.CreateInBoundsGEP(
      abi.tensor, tensors,
      {e.getInt32(static_cast<uint32_t>(tensor)), e.getInt32(3), e.getInt32(static_cast<uint32_t>(axis))});
}

Emitter::Symbols load_symbols(Emitter& e, const ir::Function& function, const AbiTypes& abi, llvm::Value* inputs) {
  Emitter::Symbols symbols;
  const ir::Block& body = function.body();
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const ir::Shape& shape = body.argument(i)->shape();
    for (size_t axis = 0; axis < shape.size(); ++axis)
      if (shape[axis].is_symbol() && !symbols.count(shape[axis].symbol_name()))
        symbols[shape[axis].symbol_name()] =
            e.CreateLoad(e.getInt64Ty(), shape_address(e, abi, inputs, i, axis), shape[axis].symbol_name());
  }
  return symbols;
}

llvm::Function* emit_prepare(llvm::Module& module, const ir::Function& function, const Machine& machine,
                             const Dim& workspace_bytes) {
  llvm::LLVMContext& context = module.getContext();
  const AbiTypes abi(context);
  llvm::Type *pointer = llvm::PointerType::getUnqual(context), *i32 = llvm::Type::getInt32Ty(context);
  auto* prepare = llvm::Function::Create(llvm::FunctionType::get(i32, {pointer, pointer, pointer}, false),
                                         llvm::Function::InternalLinkage, "prepare", module);
  llvm::Value *inputs = prepare->getArg(0), *outputs = prepare->getArg(1), *bytes = prepare->getArg(2);
  Emitter e(llvm::BasicBlock::Create(context, "entry", prepare), machine);

  const auto require = [&](llvm::Value* condition, int code, size_t input) {
    auto* bad = llvm::BasicBlock::Create(context, "bad", prepare);
    auto* good = llvm::BasicBlock::Create(context, "good", prepare);
    e.CreateCondBr(condition, good, bad);
    e.SetInsertPoint(bad);
    e.CreateRet(e.getInt32(static_cast<uint32_t>(code) | static_cast<uint32_t>(input) << 8));
    e.SetInsertPoint(good);
  };
  const ir::Block& body = function.body();
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const ir::Value* argument = body.argument(i);
    const auto equals = [&](uint32_t field, int64_t value) {
      return e.CreateICmpEQ(e.CreateLoad(e.getInt32Ty(), field_address(e, abi, inputs, i, field)),
                            e.getInt32(static_cast<uint32_t>(value)));
    };
    require(equals(1, static_cast<int64_t>(argument->dtype())), SEQC_BAD_DTYPE, i);
    require(equals(2, argument->rank()), SEQC_BAD_RANK, i);
  }
  const auto symbols = load_symbols(e, function, abi, inputs);
  constexpr int64_t kLargestDim = int64_t{1} << 40;
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const ir::Shape& shape = body.argument(i)->shape();
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      llvm::Value* got = e.CreateLoad(e.getInt64Ty(), shape_address(e, abi, inputs, i, axis));
      require(e.CreateAnd(e.CreateICmpEQ(got, e.dim(shape[axis], symbols)), e.CreateICmpULT(got, e.i64(kLargestDim))),
              SEQC_BAD_SHAPE, i);
    }
  }
  const ir::DimBounds bounds(function);
  const auto& returned = body.terminator()->operands();
  for (size_t i = 0; i < returned.size(); ++i) {
    const ir::Type& type = returned[i]->type();
    e.CreateStore(e.getInt32(static_cast<uint32_t>(type.dtype)), field_address(e, abi, outputs, i, 1));
    e.CreateStore(e.getInt32(static_cast<uint32_t>(type.rank())), field_address(e, abi, outputs, i, 2));
    for (size_t axis = 0; axis < type.shape.size(); ++axis)
      e.CreateStore(e.dim(bounds.upper(type.shape[axis]), symbols), shape_address(e, abi, outputs, i, axis));
  }
  for (const Dim& bound : slice_bounds(body))
    if (!bounds.varies(bound)) require(e.CreateICmpSGE(e.dim(bound, symbols), e.i64(0)), SEQC_TOO_SMALL, 0);
  llvm::Value* total = e.dim(workspace_bytes, symbols);
  require(e.CreateICmpULT(total, e.i64(int64_t{1} << 46)), SEQC_TOO_LARGE, 0);
  e.CreateStore(total, bytes);
  e.CreateRet(e.getInt32(SEQC_OK));
  return prepare;
}

namespace {

/// A private constant string.
llvm::Constant* text(llvm::Module& module, const std::string& value) {
  auto* data = llvm::ConstantDataArray::getString(module.getContext(), value);
  auto* global =
      new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "text");
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  return global;
}

llvm::Constant* ports(llvm::Module& module, const AbiTypes& abi,
                      const std::vector<std::pair<std::string, ir::Type>>& list, const ir::DimBounds& bounds) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type *i32 = llvm::Type::getInt32Ty(context), *pointer = llvm::PointerType::getUnqual(context);
  std::vector<llvm::Constant*> entries;
  for (const auto& [name, type] : list) {
    std::vector<llvm::Constant*> dims;
    for (const Dim& dim : type.shape)
      dims.push_back(
          text(module, bounds.varies(dim) ? fmt::format("{}<={}", dim.str(), bounds.upper(dim).str()) : dim.str()));
    dims.resize(SEQC_MAX_RANK, llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context)));
    entries.push_back(llvm::ConstantStruct::get(
        abi.port, {text(module, name), llvm::ConstantInt::get(i32, static_cast<uint64_t>(type.dtype)),
                   llvm::ConstantInt::get(i32, static_cast<uint64_t>(type.rank())),
                   llvm::ConstantArray::get(llvm::ArrayType::get(pointer, SEQC_MAX_RANK), dims)}));
  }
  auto* array_type = llvm::ArrayType::get(abi.port, entries.size());
  return new llvm::GlobalVariable(module, array_type, true, llvm::GlobalValue::PrivateLinkage,
                                  llvm::ConstantArray::get(array_type, entries), "ports");
}

}  // namespace

void emit_model_description(llvm::Module& module, const ir::Function& function, const ProgramOptions& options,
                            const EntryPoints& entries) {
  llvm::LLVMContext& context = module.getContext();
  const AbiTypes abi(context);
  llvm::Type *i32 = llvm::Type::getInt32Ty(context), *pointer = llvm::PointerType::getUnqual(context);
  std::vector<std::pair<std::string, ir::Type>> inputs, outputs;
  const ir::Block& body = function.body();
  for (size_t i = 0; i < body.argument_count(); ++i)
    inputs.emplace_back(body.argument(i)->name(), body.argument(i)->type());
  for (size_t i = 0; i < body.terminator()->operands().size(); ++i)
    outputs.emplace_back(function.output_names[i], body.terminator()->operand(i)->type());
  const ir::DimBounds bounds(function);
  const auto number = [&](uint64_t value) { return llvm::ConstantInt::get(i32, value); };
  auto* description = llvm::ConstantStruct::get(
      abi.model, {number(SEQC_ABI_VERSION), number(inputs.size()), number(outputs.size()), text(module, options.name),
                  text(module, options.target), ports(module, abi, inputs, bounds), ports(module, abi, outputs, bounds),
                  entries.prepare, entries.run});
  auto* model = new llvm::GlobalVariable(module, abi.model, true, llvm::GlobalValue::PrivateLinkage, description,
                                         options.name + "_description");
  std::vector<std::string> names = {options.name + "_model"};
  if (options.library_entry) names.push_back("seqc_library_model");
  for (const std::string& name : names) {
    auto* getter =
        llvm::Function::Create(llvm::FunctionType::get(pointer, false), llvm::Function::ExternalLinkage, name, module);
    llvm::IRBuilder<>(llvm::BasicBlock::Create(context, "entry", getter)).CreateRet(model);
  }
}

}  // namespace seqc::codegen
