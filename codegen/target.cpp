#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/TargetParser/SubtargetFeature.h>

#include <algorithm>
#include <mutex>

#include "codegen/target_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeAllTargetInfos();
    llvm::InitializeAllTargets();
    llvm::InitializeAllTargetMCs();
    llvm::InitializeAllAsmPrinters();
    llvm::InitializeAllAsmParsers();  // of the processor check, see cpu_check.cpp
  });
}

std::string host_features() {
  llvm::SubtargetFeatures features;
  for (const auto& feature : llvm::sys::getHostCPUFeatures()) features.AddFeature(feature.first(), feature.second);
  return features.getString();
}

/// LLVM warns on stderr about unknown names and goes on; here they are errors.
void check_names(const llvm::Target& target, const std::string& triple, const Target& wanted) {
  std::unique_ptr<llvm::MCSubtargetInfo> info(target.createMCSubtargetInfo(triple, "", ""));
  if (!wanted.cpu.empty() && wanted.cpu != "native" && !info->isCPUStringValid(wanted.cpu))
    fail(ErrorKind::BadInput, "--target-cpu: got \"{}\", which LLVM does not know for {}; see `llc -mcpu=help`",
         wanted.cpu, triple);
  std::vector<std::string> features;
  llvm::SubtargetFeatures list(wanted.features);
  for (const std::string& feature : list.getFeatures()) {
    const llvm::StringRef bare = llvm::SubtargetFeatures::StripFlag(feature);
    bool known = llvm::SubtargetFeatures::hasFlag(feature);
    if (known) {
      known = false;
      for (const auto& entry : info->getAllProcessorFeatures()) known = known || bare == entry.Key;
    }
    if (!known)
      fail(ErrorKind::BadInput, "--target-features: got \"{}\", expected +name or -name of a feature of {}", feature,
           triple);
  }
}

bool is_one_of(llvm::StringRef cpu, std::initializer_list<llvm::StringRef> names) {
  return std::find(names.begin(), names.end(), cpu) != names.end();
}

/// What LLVM does not tell of a processor. Measured on AMD's alone; to be held against Intel's manuals.
void describe_core(llvm::StringRef cpu, bool wide, Machine& result) {
  if (is_one_of(cpu, {"znver5", "icelake-client", "icelake-server", "tigerlake", "rocketlake", "alderlake",
                      "raptorlake", "sapphirerapids", "emeraldrapids", "graniterapids", "graniterapids-d"}))
    result.first_cache = 48 << 10;
  if (wide && is_one_of(cpu, {"znver5", "skylake-avx512", "cascadelake", "cooperlake", "icelake-server",
                              "sapphirerapids", "emeraldrapids", "graniterapids", "graniterapids-d"}))
    result.fma_units = 2;
  if (cpu == "znver5") result.load_stride = 1 << 10;  // measured: with 2 KB, the second cache gives half as much
}

}  // namespace

std::unique_ptr<llvm::TargetMachine> make_target_machine(const Target& target) {
  initialize_llvm();
  const bool host_triple = target.triple.empty();
  const std::string triple = host_triple ? llvm::sys::getProcessTriple() : llvm::Triple::normalize(target.triple);
  std::string message;
  const llvm::Target* backend = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!backend) fail(ErrorKind::BadInput, "--target: got \"{}\": {}", target.triple, message);
  check_names(*backend, triple, target);
  const bool native = host_triple && (target.cpu.empty() || target.cpu == "native");
  const std::string cpu = native ? llvm::sys::getHostCPUName().str() : target.cpu;
  std::string features = native ? host_features() : "";
  if (!target.features.empty()) features += (features.empty() ? "" : ",") + target.features;
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;  // only explicit fma: results must not depend on the selector
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      triple, cpu, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
}

Machine describe_machine(const llvm::TargetMachine& machine, const Target& target) {
  const llvm::MCSubtargetInfo& info = *machine.getMCSubtargetInfo();
  Machine result;
  result.triple = machine.getTargetTriple();
  result.worth_sharing = target.worth_sharing;
  const auto has = [&](const char* feature) { return info.checkFeatures(feature); };
  if (result.triple.isX86()) {
    const bool wide = has("+avx512f") && has("+avx512vl") && has("+avx512bw") && has("+avx512dq");
    result.vector_lanes = wide ? 16 : has("+avx2") ? 8 : 4;
    result.vector_registers = wide ? 32 : 16;
    result.has_fma = has("+fma") || has("+avx512f");
    result.has_scale = wide;
    result.has_f16 = has("+f16c") || has("+avx512f");
    result.has_byte_dots = wide ? has("+avx512vnni") : has("+avxvnni");
    result.has_byte_pairs = true;
    describe_core(machine.getTargetCPU(), wide, result);
  } else if (result.triple.isAArch64()) {
    result.vector_registers = 32;
    result.has_fma = true;
    result.has_f16 = true;
  }
  return result;
}

std::string describe_target(const llvm::TargetMachine& machine, const Target& target) {
  std::string text = machine.getTargetTriple().str();
  text += " " + (machine.getTargetCPU().empty() ? std::string("generic") : machine.getTargetCPU().str());
  if (!target.features.empty()) text += " " + target.features;
  return text;
}

TargetInfo describe(const Target& target) {
  const auto machine = make_target_machine(target);
  const Machine info = describe_machine(*machine, target);
  return {info.vector_lanes, info.vector_registers, info.fma_units,
          info.first_cache,  info.has_byte_dots,    describe_target(*machine, target)};
}

void optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  module.setTargetTriple(machine.getTargetTriple().str());
  module.setDataLayout(machine.createDataLayout());
  for (llvm::Function& function : module) {
    if (function.isDeclaration() || function.hasFnAttribute("target-cpu")) continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    // The vectors are chosen by seqc: the selector must not split them.
    function.addFnAttr("min-legal-vector-width", "512");
    function.addFnAttr("prefer-vector-width", "512");
  }
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(cgscc);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, cgscc, modules);
  llvm::ModulePassManager passes;
  constexpr const char* kPasses =
      "function(early-cse,loop-mssa(licm),instcombine<no-verify-fixpoint>,early-cse,simplifycfg)";
  if (auto error = builder.parsePassPipeline(passes, kPasses))
    internal_error(__FILE__, __LINE__, "passes", llvm::toString(std::move(error)));
  passes.run(module, modules);
}

}  // namespace seqc::codegen
