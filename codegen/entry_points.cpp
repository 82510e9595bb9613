#include <fmt/format.h>

#include "codegen/program_llvm.h"
#include "ir/named_dims.h"
#include "runtime/seqc.h"

namespace seqc::codegen {

using ir::Dim;

AbiTypes::AbiTypes(llvm::LLVMContext& context) {
  llvm::Type* pointer = llvm::PointerType::getUnqual(context);
  llvm::Type *i32 = llvm::Type::getInt32Ty(context), *i64 = llvm::Type::getInt64Ty(context);
  tensor = llvm::StructType::get(context, {pointer, i32, i32, llvm::ArrayType::get(i64, SEQC_MAX_RANK)});
  port = llvm::StructType::get(context, {pointer, i32, i32, llvm::ArrayType::get(pointer, SEQC_MAX_RANK), pointer});
  threads = llvm::StructType::get(context, {i32, pointer, pointer});
  model =
      llvm::StructType::get(context, {i32, i32, i32, pointer, pointer, pointer, pointer, pointer, pointer, pointer});
}

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

llvm::Constant* text_constant(llvm::Module& module, const std::string& value) {
  auto* data = llvm::ConstantDataArray::getString(module.getContext(), value);
  auto* global =
      new llvm::GlobalVariable(module, data->getType(), true, llvm::GlobalValue::PrivateLinkage, data, "text");
  global->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
  return global;
}

namespace {

/// The bytes of a tensor, aligned for any element type.
llvm::Constant* data(llvm::Module& module, const ir::Tensor& tensor) {
  const llvm::ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t*>(tensor.bytes()), tensor.byte_size());
  auto* array = llvm::ConstantDataArray::get(module.getContext(), bytes);
  auto* global =
      new llvm::GlobalVariable(module, array->getType(), true, llvm::GlobalValue::PrivateLinkage, array, "value");
  global->setAlignment(llvm::Align(8));
  return global;
}

llvm::Constant* ports(llvm::Module& module, const AbiTypes& abi,
                      const std::vector<std::pair<std::string, ir::Type>>& list, const ir::DimBounds& bounds,
                      const FixedValues& fixed) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type *i32 = llvm::Type::getInt32Ty(context), *pointer = llvm::PointerType::getUnqual(context);
  std::vector<llvm::Constant*> entries;
  for (const auto& [name, type] : list) {
    std::vector<llvm::Constant*> dims;
    for (const Dim& dim : type.shape)
      dims.push_back(text_constant(
          module, bounds.varies(dim) ? fmt::format("{}<={}", dim.str(), bounds.upper(dim).str()) : dim.str()));
    dims.resize(SEQC_MAX_RANK, llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context)));
    const auto value = fixed.find(name);
    llvm::Constant* bytes = llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context));
    if (value != fixed.end()) bytes = data(module, value->second);
    entries.push_back(llvm::ConstantStruct::get(
        abi.port, {text_constant(module, name), llvm::ConstantInt::get(i32, static_cast<uint64_t>(type.dtype)),
                   llvm::ConstantInt::get(i32, static_cast<uint64_t>(type.rank())),
                   llvm::ConstantArray::get(llvm::ArrayType::get(pointer, SEQC_MAX_RANK), dims), bytes}));
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
      abi.model,
      {number(SEQC_ABI_VERSION), number(inputs.size()), number(outputs.size()), text_constant(module, options.name),
       text_constant(module, options.target), ports(module, abi, inputs, bounds, options.fixed),
       ports(module, abi, outputs, bounds, {}), entries.prepare, entries.run, entries.missing_feature});
  auto* model = new llvm::GlobalVariable(module, abi.model, true, llvm::GlobalValue::PrivateLinkage, description,
                                         options.name + "_description");
  std::vector<std::string> names = {options.name + "_model"};
  if (options.library_entry) names.push_back("seqc_library_model");
  for (const std::string& name : names) {
    auto* getter =
        llvm::Function::Create(llvm::FunctionType::get(pointer, false), llvm::Function::ExternalLinkage, name, module);
    make_baseline(*getter, options.needs);
    llvm::IRBuilder<>(llvm::BasicBlock::Create(context, "entry", getter)).CreateRet(model);
  }
}

}  // namespace seqc::codegen
