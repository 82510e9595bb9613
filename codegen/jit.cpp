#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/ExecutionEngine/Orc/ThreadSafeModule.h>
#include <llvm/Support/MemoryBuffer.h>

#include <algorithm>
#include <cstring>

#include "codegen/code_key_llvm.h"
#include "codegen/object_llvm.h"
#include "codegen/program_llvm.h"
#include "codegen/target_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

/// An object file, and for each constant_symbol(i) that it leaves open the number of the constant in constants_of.
struct Code {
  std::string object;
  std::vector<uint32_t> constants;
  bool stored = false;
};

/// Code in this process's memory, with the constants that it reads.
class JitModel : public CompiledModel {
 public:
  JitModel(std::unique_ptr<llvm::orc::LLJIT> jit, const seqc_model* model, const Code& code,
           std::vector<ir::Tensor> constants)
      : constants_(std::move(constants)),
        jit_(std::move(jit)),
        model_(model),
        code_bytes_(code.object.size()),
        stored_(code.stored) {}
  const seqc_model& model() const override { return *model_; }
  size_t code_bytes() const override { return code_bytes_; }
  bool from_store() const override { return stored_; }

 private:
  std::vector<ir::Tensor> constants_;
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  const seqc_model* model_;
  size_t code_bytes_;
  bool stored_;
};

template <class T>
T unwrap(llvm::Expected<T> value) {
  if (!value) internal_error(__FILE__, __LINE__, "jit", llvm::toString(value.takeError()));
  return std::move(*value);
}

void unwrap(llvm::Error error) {
  if (error) internal_error(__FILE__, __LINE__, "jit", llvm::toString(std::move(error)));
}

Code generate(const ir::Function& function, const Target& target, llvm::TargetMachine& machine,
              const ProgramOptions& options, const std::vector<const ir::Value*>& constants) {
  llvm::LLVMContext context;
  Program program = generate_program(context, function, describe_machine(machine, target), options);
  const auto object = emit_object(*program.module, machine);
  Code code{std::string(object.data(), object.size()), {}};
  std::map<const ir::Value*, uint32_t> numbers;
  for (const ir::Value* constant : constants) numbers.emplace(constant, static_cast<uint32_t>(numbers.size()));
  for (const ir::Value* constant : program.externals) code.constants.push_back(numbers.at(constant));
  return code;
}

// --- code as bytes: how many constants, their numbers, the object file -----------------------------------------------

std::string pack(const Code& code) {
  std::vector<uint32_t> words = {static_cast<uint32_t>(code.constants.size())};
  words.insert(words.end(), code.constants.begin(), code.constants.end());
  return std::string(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint32_t)) + code.object;
}

/// Nothing for bytes that were not packed for this many constants.
std::optional<Code> unpack(const std::string& bytes, size_t constants) {
  uint32_t count = 0;
  if (bytes.size() < sizeof count) return {};
  std::memcpy(&count, bytes.data(), sizeof count);
  const size_t object = (size_t{count} + 1) * sizeof count;
  if (bytes.size() < object) return {};
  Code code{bytes.substr(object), std::vector<uint32_t>(count), true};
  std::memcpy(code.constants.data(), bytes.data() + sizeof count, count * sizeof count);
  const bool good =
      std::all_of(code.constants.begin(), code.constants.end(), [&](uint32_t i) { return i < constants; });
  return good ? std::optional(std::move(code)) : std::nullopt;
}

Code load_or_generate(const ir::Function& function, const Target& target, llvm::TargetMachine& machine,
                      const ProgramOptions& options, const std::vector<const ir::Value*>& constants, CodeStore* store) {
  // Fixed values of strings would be pointers of this process.
  const bool movable = std::all_of(options.fixed.begin(), options.fixed.end(),
                                   [](const auto& input) { return ir::is_arithmetic(input.second.dtype()); });
  if (!store || !movable) return generate(function, target, machine, options, constants);
  const std::string key = code_key(function, target, machine, options);
  if (const auto bytes = store->load(key))
    if (auto code = unpack(*bytes, constants.size())) return std::move(*code);
  Code code = generate(function, target, machine, options, constants);
  store->save(key, pack(code));
  return code;
}

}  // namespace

std::unique_ptr<CompiledModel> compile(const ir::Function& function, const Target& target, const FixedValues& fixed,
                                       CodeStore* store, Told told) {
  const auto machine = make_target_machine(target);
  ProgramOptions options;
  options.target = describe_target(*machine, target);
  options.embed_constants = false;
  // Code for this very processor need not ask whether it is here.
  const bool native =
      target.triple.empty() && (target.cpu.empty() || target.cpu == "native") && target.features.empty();
  options.needs = native ? CpuNeeds{machine->getTargetTriple().getArch(), {}} : cpu_needs(*machine);
  options.fixed = fixed;
  options.told = told;
  const std::vector<const ir::Value*> all = constants_of(function);
  const Code code = load_or_generate(function, target, *machine, options, all, store);

  auto jit = unwrap(llvm::orc::LLJITBuilder()
                        .setJITTargetMachineBuilder(llvm::orc::JITTargetMachineBuilder(machine->getTargetTriple()))
                        .create());
  std::vector<ir::Tensor> constants;
  llvm::orc::SymbolMap symbols;
  for (const uint32_t number : code.constants) {
    const std::string name = constant_symbol(constants.size());
    constants.push_back(all[number]->constant());  // shares the bytes, so their address stays
    symbols[jit->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(constants.back().bytes()),
                                           llvm::JITSymbolFlags::Exported};
  }
  if (!symbols.empty()) unwrap(jit->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))));
  unwrap(jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(code.object, options.name)));
  auto entry = unwrap(jit->lookup(options.name + "_model"));
  const seqc_model* model = entry.toPtr<const seqc_model* (*)()>()();
  if (const char* missing = model->missing_feature())
    fail(ErrorKind::BadInput, "--target-cpu: got {}, which needs {}; this processor lacks it", options.target, missing);
  return std::make_unique<JitModel>(std::move(jit), model, code, std::move(constants));
}

}  // namespace seqc::codegen
