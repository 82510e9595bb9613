// The functions of runtime/seqc_stream.h, written out for one model.
#include "codegen/stream_entry_llvm.h"
#include "ir/error.h"
#include "runtime/seqc_stream.h"

namespace seqc::codegen {
namespace {

using ir::Dim;

/// A state's memory: id, rows, which half is the current one, position; then two halves, used in turn.
constexpr int64_t kHeaderBytes = SEQC_ALIGNMENT;
enum HeaderField : int64_t { kId, kRows, kCurrent, kPosition };
constexpr uint64_t kTensorBytes = sizeof(seqc_tensor);

class StreamEntries {
 public:
  StreamEntries(llvm::Module& module, const ir::Function& function, const StreamDescription& stream,
                const Machine& machine, const ProgramOptions& options)
      : module_(module),
        context_(module.getContext()),
        function_(function),
        stream_(stream),
        machine_(machine),
        options_(options),
        abi_(context_),
        pointer_(llvm::PointerType::getUnqual(context_)),
        i32_(llvm::Type::getInt32Ty(context_)),
        i64_(llvm::Type::getInt64Ty(context_)) {
    Dim offset(0);
    for (size_t i = 0; i < stream.states.size(); ++i) {
      const ir::Type& type = state_type(i);
      for (const Dim& dim : type.shape)
        if (!dim.is_constant() && !(dim.is_symbol() && dim.symbol_name() == stream.rows))
          fail(ErrorKind::BadInput, "stream: state \"{}\" is {}; {} needs a number when the library is built",
               function.body().argument(stream.inputs.size() + i)->name(), type.str(), dim.str());
      offsets_.push_back(offset);
      const Dim bytes = ir::element_count(type.shape) * Dim(static_cast<int64_t>(ir::size_of(type.dtype)));
      offset = offset + ir::ceildiv(bytes, Dim(SEQC_ALIGNMENT)) * Dim(SEQC_ALIGNMENT);
    }
    half_ = offset;
  }

  void run() {
    llvm::Function* size = emit_state_size();
    llvm::Function* init = emit_init();
    llvm::Function* prepare = emit_prepare();
    llvm::Function* step = emit_step();
    emit_description(size, init, prepare, step);
  }

 private:
  const ir::Type& state_type(size_t i) const { return function_.body().argument(stream_.inputs.size() + i)->type(); }

  llvm::Function* define(const std::string& name, llvm::Type* result, std::vector<llvm::Type*> arguments) {
    auto* function = llvm::Function::Create(llvm::FunctionType::get(result, std::move(arguments), false),
                                            llvm::Function::ExternalLinkage, options_.name + "_" + name, module_);
    make_baseline(*function, options_.needs);
    return function;
  }
  Emitter begin(llvm::Function* function) {
    return Emitter(llvm::BasicBlock::Create(context_, "entry", function), machine_);
  }
  Emitter::Symbols symbols(llvm::Value* rows) const {
    return stream_.rows.empty() ? Emitter::Symbols{} : Emitter::Symbols{{stream_.rows, rows}};
  }
  llvm::Value* header(Emitter& e, llvm::Value* state, HeaderField field) {
    return e.CreateInBoundsGEP(i64_, state, e.i64(field));
  }
  llvm::Value* bytes_behind(Emitter& e, llvm::Value* base, llvm::Value* bytes) {
    return e.CreateInBoundsGEP(e.getInt8Ty(), base, bytes);
  }
  llvm::Value* tensor(Emitter& e, llvm::Value* list, size_t i) {
    return e.CreateInBoundsGEP(abi_.tensor, list, e.i64(static_cast<int64_t>(i)));
  }
  void copy_tensor(Emitter& e, llvm::Value* to, llvm::Value* from) {
    e.CreateMemCpy(to, llvm::Align(8), from, llvm::Align(8), kTensorBytes);
  }

  llvm::Function* emit_state_size() {
    llvm::Function* function = define("state_size", i64_, {i64_});
    Emitter e = begin(function);
    e.CreateRet(e.add(e.i64(kHeaderBytes), e.mul(e.i64(2), e.dim(half_, symbols(function->getArg(0))))));
    return function;
  }

  llvm::Function* emit_init() {
    llvm::Function* function = define("init", llvm::Type::getVoidTy(context_), {pointer_, i64_});
    Emitter e = begin(function);
    llvm::Value *state = function->getArg(0), *rows = function->getArg(1);
    const auto names = symbols(rows);
    llvm::Value* all = e.add(e.i64(kHeaderBytes), e.mul(e.i64(2), e.dim(half_, names)));
    e.CreateMemSet(state, e.getInt8(0), all, llvm::Align(8));
    e.CreateStore(e.i64(static_cast<int64_t>(stream_.id)), header(e, state, kId));
    e.CreateStore(rows, header(e, state, kRows));
    for (size_t i = 0; i < stream_.states.size(); ++i) {
      const ir::Tensor& initial = stream_.states[i].initial;
      const bool zero = std::all_of(initial.bytes(), initial.bytes() + initial.byte_size(),
                                    [](std::byte byte) { return byte == std::byte{0}; });
      if (zero) continue;
      llvm::Value* base = bytes_behind(e, state, e.add(e.i64(kHeaderBytes), e.dim(offsets_[i], names)));
      fill(e, base, constant(initial), initial, state_type(i).shape, names, 0, e.i64(0), e.i64(0));
    }
    e.CreateRetVoid();
    return function;
  }

  /// for each index of the state's axes from `axis` on: state[to] = initial[from], both in elements.
  void fill(Emitter& e, llvm::Value* base, llvm::Value* data, const ir::Tensor& initial, const ir::Shape& shape,
            const Emitter::Symbols& names, size_t axis, llvm::Value* to, llvm::Value* from) {
    if (axis == shape.size()) {
      llvm::Type* type = e.getIntNTy(static_cast<unsigned>(8 * ir::size_of(initial.dtype())));
      e.CreateStore(e.CreateLoad(type, e.CreateInBoundsGEP(type, data, from)), e.CreateInBoundsGEP(type, base, to));
      return;
    }
    llvm::Value* size = e.dim(shape[axis], names);
    const int64_t own = initial.rank() == 0 ? 1 : initial.shape()[axis];
    e.loop(e.i64(0), size, 1, [&](llvm::Value* i) {
      llvm::Value* further = own == 1 ? e.mul(from, e.i64(own)) : e.add(e.mul(from, e.i64(own)), i);
      fill(e, base, data, initial, shape, names, axis + 1, e.add(e.mul(to, size), i), further);
    });
  }

  llvm::Constant* constant(const ir::Tensor& value) {
    const llvm::ArrayRef<uint8_t> bytes(reinterpret_cast<const uint8_t*>(value.bytes()), value.byte_size());
    auto* array = llvm::ConstantDataArray::get(context_, bytes);
    auto* global =
        new llvm::GlobalVariable(module_, array->getType(), true, llvm::GlobalValue::PrivateLinkage, array, "initial");
    global->setAlignment(llvm::Align(8));
    return global;
  }

  /// A call of the model: its lists of tensors.
  struct Call {
    llvm::Value *inputs, *outputs;
    llvm::Value* hops;  ///< null where there is no time
  };

  /// Checks state and frames, and lists what the model takes and gives; returns a status where something is wrong.
  Call begin_call(Emitter& e, llvm::Value* state, llvm::Value* inputs, llvm::Value* outputs) {
    llvm::Function* function = e.GetInsertBlock()->getParent();
    const size_t input_count = stream_.inputs.size(), output_count = stream_.outputs.size();
    const size_t states = stream_.states.size();
    llvm::Value* in = e.CreateAlloca(abi_.tensor, e.i64(static_cast<int64_t>(input_count + states + 1)));
    llvm::Value* out = e.CreateAlloca(abi_.tensor, e.i64(static_cast<int64_t>(output_count + states)));
    const auto return_if = [&](llvm::Value* wrong, int32_t status) {
      auto* bad = llvm::BasicBlock::Create(context_, "bad", function);
      auto* good = llvm::BasicBlock::Create(context_, "good", function);
      e.CreateCondBr(wrong, bad, good);
      e.SetInsertPoint(bad);
      e.CreateRet(e.getInt32(static_cast<uint32_t>(status)));
      e.SetInsertPoint(good);
    };
    const auto load = [&](HeaderField field) { return e.CreateLoad(i64_, header(e, state, field)); };
    return_if(e.CreateICmpNE(load(kId), e.i64(static_cast<int64_t>(stream_.id))),
              SEQC_BAD_VALUE | static_cast<int32_t>(input_count) << 8);
    for (size_t i = 0; i < input_count; ++i) copy_tensor(e, tensor(e, in, i), tensor(e, inputs, i));
    for (size_t i = 0; i < output_count; ++i) copy_tensor(e, tensor(e, out, i), tensor(e, outputs, i));
    llvm::Value* hops = nullptr;
    for (size_t i = 0; i < input_count && !hops; ++i) {
      const int64_t axis = stream_.inputs[i].time_axis;
      if (axis < 0) continue;
      llvm::Value* frames = e.CreateLoad(i64_, shape_address(e, abi_, in, i, static_cast<size_t>(axis)));
      const auto status = static_cast<int32_t>(SEQC_BAD_SHAPE | static_cast<int32_t>(i) << 8);
      return_if(e.CreateICmpSLT(frames, e.i64(stream_.hop)), status);
      if (stream_.hop > 1) return_if(e.CreateICmpNE(e.CreateSRem(frames, e.i64(stream_.hop)), e.i64(0)), status);
      hops = stream_.hop > 1 ? e.CreateSDiv(frames, e.i64(stream_.hop)) : frames;
    }
    llvm::Value *rows = load(kRows), *current = load(kCurrent);
    const auto names = symbols(rows);
    llvm::Value* half = e.dim(half_, names);
    llvm::Value* base = bytes_behind(e, state, e.i64(kHeaderBytes));
    llvm::Value* from = bytes_behind(e, base, e.mul(current, half));
    llvm::Value* to = bytes_behind(e, base, e.mul(e.CreateSub(e.i64(1), current), half));
    for (size_t i = 0; i < states; ++i) {
      llvm::Value* offset = e.dim(offsets_[i], names);
      const ir::Type& type = state_type(i);
      llvm::Value* own = tensor(e, in, input_count + i);
      e.CreateStore(bytes_behind(e, from, offset), own);
      e.CreateStore(e.getInt32(static_cast<uint32_t>(type.dtype)), e.CreateStructGEP(abi_.tensor, own, 1));
      e.CreateStore(e.getInt32(static_cast<uint32_t>(type.rank())), e.CreateStructGEP(abi_.tensor, own, 2));
      for (size_t axis = 0; axis < type.shape.size(); ++axis)
        e.CreateStore(e.dim(type.shape[axis], names), shape_address(e, abi_, in, input_count + i, axis));
      e.CreateStore(bytes_behind(e, to, offset), tensor(e, out, output_count + i));
    }
    if (stream_.warm_up > 0) {
      llvm::Value* own = tensor(e, in, input_count + states);
      e.CreateStore(state, own);  // never read
      e.CreateStore(e.getInt32(SEQC_U8), e.CreateStructGEP(abi_.tensor, own, 1));
      e.CreateStore(e.getInt32(1), e.CreateStructGEP(abi_.tensor, own, 2));
      e.CreateStore(load(kPosition), shape_address(e, abi_, in, input_count + states, 0));
    }
    return {in, out, hops};
  }

  /// One of the model's functions.
  llvm::Value* model_function(Emitter& e, unsigned field) {
    llvm::Value* model = module_.getNamedGlobal(options_.name + "_description");
    return e.CreateLoad(pointer_, e.CreateStructGEP(abi_.model, model, field));
  }
  static constexpr unsigned kPrepareField = 7, kRunField = 8;

  llvm::Value* call_prepare(Emitter& e, const Call& call, llvm::Value* bytes) {
    auto* type = llvm::FunctionType::get(i32_, {pointer_, pointer_, pointer_}, false);
    return e.CreateCall(type, model_function(e, kPrepareField), {call.inputs, call.outputs, bytes});
  }
  void return_unless_ok(Emitter& e, llvm::Value* status) {
    llvm::Function* function = e.GetInsertBlock()->getParent();
    auto* bad = llvm::BasicBlock::Create(context_, "refused", function);
    auto* good = llvm::BasicBlock::Create(context_, "fits", function);
    e.CreateCondBr(e.CreateICmpNE(status, e.getInt32(SEQC_OK)), bad, good);
    e.SetInsertPoint(bad);
    e.CreateRet(status);
    e.SetInsertPoint(good);
  }
  void give_outputs(Emitter& e, const Call& call, llvm::Value* outputs) {
    for (size_t i = 0; i < stream_.outputs.size(); ++i)
      copy_tensor(e, tensor(e, outputs, i), tensor(e, call.outputs, i));
  }

  llvm::Function* emit_prepare() {
    llvm::Function* function = define("prepare", i32_, {pointer_, pointer_, pointer_, pointer_});
    Emitter e = begin(function);
    llvm::Value *outputs = function->getArg(2), *bytes = function->getArg(3);
    const Call call = begin_call(e, function->getArg(0), function->getArg(1), outputs);
    return_unless_ok(e, call_prepare(e, call, bytes));
    if (stream_.warm_up > 0) {  // outputs are largest behind the warm-up, the workspace here or there
      llvm::Value* now = e.CreateLoad(i64_, bytes);
      const size_t position = stream_.inputs.size() + stream_.states.size();
      e.CreateStore(e.i64(stream_.warm_up), shape_address(e, abi_, call.inputs, position, 0));
      return_unless_ok(e, call_prepare(e, call, bytes));
      e.CreateStore(e.CreateBinaryIntrinsic(llvm::Intrinsic::umax, now, e.CreateLoad(i64_, bytes)), bytes);
    }
    give_outputs(e, call, outputs);
    e.CreateRet(e.getInt32(SEQC_OK));
    return function;
  }

  llvm::Function* emit_step() {
    llvm::Function* function = define("step", i32_, {pointer_, pointer_, pointer_, pointer_, pointer_});
    Emitter e = begin(function);
    llvm::Value *state = function->getArg(0), *outputs = function->getArg(2);
    llvm::Value* bytes = e.CreateAlloca(i64_);
    const Call call = begin_call(e, state, function->getArg(1), outputs);
    return_unless_ok(e, call_prepare(e, call, bytes));
    auto* run = llvm::FunctionType::get(e.getVoidTy(), {pointer_, pointer_, pointer_, pointer_}, false);
    e.CreateCall(run, model_function(e, kRunField),
                 {call.inputs, call.outputs, function->getArg(3), function->getArg(4)});
    give_outputs(e, call, outputs);
    llvm::Value* current = header(e, state, kCurrent);
    e.CreateStore(e.CreateSub(e.i64(1), e.CreateLoad(i64_, current)), current);
    if (stream_.warm_up > 0 && call.hops) {
      llvm::Value* position = header(e, state, kPosition);
      e.CreateStore(e.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e.add(e.CreateLoad(i64_, position), call.hops),
                                            e.i64(stream_.warm_up)),
                    position);
    }
    e.CreateRet(e.getInt32(SEQC_OK));
    return function;
  }

  // --- the description -----------------------------------------------------------------------------------------------

  llvm::Constant* number32(int64_t value) { return llvm::ConstantInt::get(i32_, static_cast<uint64_t>(value)); }
  llvm::Constant* number64(int64_t value) { return llvm::ConstantInt::get(i64_, static_cast<uint64_t>(value)); }
  llvm::Constant* null() { return llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context_)); }

  llvm::Constant* list(llvm::StructType* type, const std::vector<llvm::Constant*>& entries) {
    auto* array = llvm::ArrayType::get(type, entries.size());
    return new llvm::GlobalVariable(module_, array, true, llvm::GlobalValue::PrivateLinkage,
                                    llvm::ConstantArray::get(array, entries), "stream_ports");
  }
  llvm::Constant* ports(const std::vector<StreamDescription::Port>& ports) {
    auto* type = llvm::StructType::get(context_, {i32_, i32_, i64_, i64_});
    std::vector<llvm::Constant*> entries;
    for (const auto& port : ports)
      entries.push_back(llvm::ConstantStruct::get(
          type, {number32(port.time_axis), number32(0), number64(port.per_hop), number64(port.late)}));
    return list(type, entries);
  }
  llvm::Constant* states() {
    auto* shape_type = llvm::ArrayType::get(i64_, SEQC_MAX_RANK);
    auto* type = llvm::StructType::get(context_, {i32_, i32_, abi_.tensor});
    std::vector<llvm::Constant*> entries;
    for (const auto& state : stream_.states) {
      std::vector<llvm::Constant*> shape;
      for (const int64_t size : state.initial.shape()) shape.push_back(number64(size));
      shape.resize(SEQC_MAX_RANK, number64(0));
      auto* initial = llvm::ConstantStruct::get(
          abi_.tensor, {constant(state.initial), number32(static_cast<int64_t>(state.initial.dtype())),
                        number32(state.initial.rank()), llvm::ConstantArray::get(shape_type, shape)});
      entries.push_back(llvm::ConstantStruct::get(type, {number32(state.rows_axis), number32(0), initial}));
    }
    return list(type, entries);
  }

  void emit_description(llvm::Function* size, llvm::Function* init, llvm::Function* prepare, llvm::Function* step) {
    const auto text = [&](const std::string& name) { return name.empty() ? null() : text_constant(module_, name); };
    auto* type =
        llvm::StructType::get(context_, {i32_, i32_, i32_, i32_, i64_, i64_, i64_, pointer_, pointer_, pointer_,
                                         pointer_, pointer_, pointer_, pointer_, pointer_, pointer_, pointer_});
    const auto count = [&](size_t n) { return number32(static_cast<int64_t>(n)); };
    auto* value = llvm::ConstantStruct::get(
        type, {number32(SEQC_ABI_VERSION), count(stream_.inputs.size()), count(stream_.outputs.size()),
               count(stream_.states.size()), number64(stream_.hop), number64(stream_.warm_up),
               number64(static_cast<int64_t>(stream_.id)), text(stream_.time), text(stream_.rows),
               module_.getNamedGlobal(options_.name + "_description"), ports(stream_.inputs), ports(stream_.outputs),
               states(), size, init, prepare, step});
    auto* description = new llvm::GlobalVariable(module_, type, true, llvm::GlobalValue::PrivateLinkage, value,
                                                 options_.name + "_stream_description");
    std::vector<std::string> names = {options_.name + "_stream"};
    if (options_.library_entry) names.push_back("seqc_library_stream");
    for (const std::string& name : names) {
      auto* getter = llvm::Function::Create(llvm::FunctionType::get(pointer_, false), llvm::Function::ExternalLinkage,
                                            name, module_);
      make_baseline(*getter, options_.needs);
      llvm::IRBuilder<>(llvm::BasicBlock::Create(context_, "entry", getter)).CreateRet(description);
    }
  }

  llvm::Module& module_;
  llvm::LLVMContext& context_;
  const ir::Function& function_;
  const StreamDescription& stream_;
  const Machine& machine_;
  const ProgramOptions& options_;
  AbiTypes abi_;
  llvm::Type *pointer_, *i32_, *i64_;
  std::vector<Dim> offsets_;
  Dim half_ = 0;
};

}  // namespace

void emit_stream_entries(llvm::Module& module, const ir::Function& function, const StreamDescription& stream,
                         const Machine& machine, const ProgramOptions& options) {
  StreamEntries(module, function, stream, machine, options).run();
}

}  // namespace seqc::codegen
