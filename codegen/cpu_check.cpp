#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/MC/MCSubtargetInfo.h>

#include <array>

#include "codegen/cpu_check_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {
namespace {

// --- what can be asked -------------------------------------------------------------------------------------------

/// Where a feature is told: a bit of a word that `Words` reads.
struct Feature {
  const char* name;  ///< LLVM's
  int word;
  int bit;
  int state = 0;  ///< what the operating system must save, as in XCR0
};

// Registers of cpuid, and XCR0. Source: Intel SDM volume 2 (CPUID), AMD APM volume 3 (appendix E).
enum X86Word { k1Ecx, k7Ebx, k7Ecx, k7Edx, k71Eax, kExtendedEcx, kXcr0, kX86Words };
constexpr int kYmm = 0x6, kZmm = 0xe6;
constexpr Feature kX86[] = {{"sse3", k1Ecx, 0},
                            {"ssse3", k1Ecx, 9},
                            {"sse4.1", k1Ecx, 19},
                            {"sse4.2", k1Ecx, 20},
                            {"movbe", k1Ecx, 22},
                            {"popcnt", k1Ecx, 23},
                            {"avx", k1Ecx, 28, kYmm},
                            {"f16c", k1Ecx, 29, kYmm},
                            {"fma", k1Ecx, 12, kYmm},
                            {"bmi", k7Ebx, 3},
                            {"avx2", k7Ebx, 5, kYmm},
                            {"bmi2", k7Ebx, 8},
                            {"lzcnt", kExtendedEcx, 5},
                            {"sse4a", kExtendedEcx, 6},
                            {"xop", kExtendedEcx, 11, kYmm},
                            {"fma4", kExtendedEcx, 16, kYmm},
                            {"tbm", kExtendedEcx, 21},
                            {"gfni", k7Ecx, 8},
                            {"avxvnni", k71Eax, 4, kYmm},
                            {"avxifma", k71Eax, 23, kYmm},
                            {"avx512f", k7Ebx, 16, kZmm},
                            {"avx512dq", k7Ebx, 17, kZmm},
                            {"avx512ifma", k7Ebx, 21, kZmm},
                            {"avx512cd", k7Ebx, 28, kZmm},
                            {"avx512bw", k7Ebx, 30, kZmm},
                            {"avx512vl", k7Ebx, 31, kZmm},
                            {"avx512vbmi", k7Ecx, 1, kZmm},
                            {"avx512vbmi2", k7Ecx, 6, kZmm},
                            {"avx512vnni", k7Ecx, 11, kZmm},
                            {"avx512bitalg", k7Ecx, 12, kZmm},
                            {"avx512vpopcntdq", k7Ecx, 14, kZmm},
                            {"avx512fp16", k7Edx, 23, kZmm},
                            {"avx512bf16", k71Eax, 5, kZmm}};

// Linux's AT_HWCAP and AT_HWCAP2 (asm/hwcap.h).
enum ArmWord { kHwcap, kHwcap2, kArmWords };
constexpr Feature kArm[] = {{"lse", kHwcap, 8},      {"fullfp16", kHwcap, 10},  {"rdm", kHwcap, 12},
                            {"jsconv", kHwcap, 13},  {"complxnum", kHwcap, 14}, {"rcpc", kHwcap, 15},
                            {"dotprod", kHwcap, 20}, {"sve", kHwcap, 22},       {"fp16fml", kHwcap, 23},
                            {"sve2", kHwcap2, 1},    {"i8mm", kHwcap2, 13},     {"bf16", kHwcap2, 14}};

llvm::ArrayRef<Feature> known(llvm::Triple::ArchType arch) {
  if (arch == llvm::Triple::x86_64) return kX86;
  if (arch == llvm::Triple::aarch64) return kArm;
  return {};
}

// --- asking --------------------------------------------------------------------------------------------------------

class CheckGenerator {
 public:
  explicit CheckGenerator(llvm::Function& function)
      : context_(function.getContext()),
        function_(function),
        e_(llvm::BasicBlock::Create(context_, "entry", &function)) {}

  void run(const CpuNeeds& needs) {
    auto* cache = new llvm::GlobalVariable(*function_.getParent(), e_.getInt64Ty(), false,
                                           llvm::GlobalValue::PrivateLinkage, e_.getInt64(0), "cpu_check");
    auto* answer = e_.CreateAlignedLoad(e_.getInt64Ty(), cache, llvm::Align(8));  // 0: not asked yet, 1: all there
    answer->setAtomic(llvm::AtomicOrdering::Monotonic);
    auto *ask = block("ask"), *know = block("know");
    e_.CreateCondBr(e_.CreateICmpEQ(answer, e_.getInt64(0)), ask, know);
    e_.SetInsertPoint(know);
    e_.CreateRet(e_.CreateSelect(e_.CreateICmpEQ(answer, e_.getInt64(1)), llvm::ConstantPointerNull::get(e_.getPtrTy()),
                                 e_.CreateIntToPtr(answer, e_.getPtrTy())));
    e_.SetInsertPoint(ask);
    const std::vector<llvm::Value*> words = needs.arch == llvm::Triple::x86_64 ? x86_words() : arm_words();
    llvm::Value* result = e_.getInt64(1);
    // From the last one on, so that the first missing one is told.
    for (auto it = needs.features.rbegin(); it != needs.features.rend(); ++it)
      for (const Feature& feature : known(needs.arch))
        if (*it == feature.name) result = e_.CreateSelect(has(feature, words), result, name(feature));
    e_.CreateAlignedStore(result, cache, llvm::Align(8))->setAtomic(llvm::AtomicOrdering::Monotonic);
    e_.CreateRet(e_.CreateSelect(e_.CreateICmpEQ(result, e_.getInt64(1)), llvm::ConstantPointerNull::get(e_.getPtrTy()),
                                 e_.CreateIntToPtr(result, e_.getPtrTy())));
  }

 private:
  llvm::BasicBlock* block(const char* name) { return llvm::BasicBlock::Create(context_, name, &function_); }

  llvm::Value* name(const Feature& feature) {
    return e_.CreatePtrToInt(e_.CreateGlobalString(feature.name, "feature"), e_.getInt64Ty());
  }

  llvm::Value* has(const Feature& feature, const std::vector<llvm::Value*>& words) {
    const auto all_set = [&](llvm::Value* word, uint64_t mask) {
      llvm::Value* bits = llvm::ConstantInt::get(word->getType(), mask);
      return e_.CreateICmpEQ(e_.CreateAnd(word, bits), bits);
    };
    llvm::Value* result = all_set(words[feature.word], uint64_t{1} << feature.bit);
    if (feature.state != 0) result = e_.CreateAnd(result, all_set(words[kXcr0], static_cast<uint64_t>(feature.state)));
    return result;
  }

  /// eax, ebx, ecx, edx of a leaf.
  std::array<llvm::Value*, 4> cpuid(uint32_t leaf, uint32_t subleaf) {
    llvm::Type* word = e_.getInt32Ty();
    auto* type =
        llvm::FunctionType::get(llvm::StructType::get(context_, {word, word, word, word}), {word, word}, false);
    auto* code = llvm::InlineAsm::get(type, "cpuid",
                                      "={eax},={ebx},={ecx},={edx},{eax},{ecx},~{dirflag},~{fpsr},~{flags}", true);
    llvm::Value* all = e_.CreateCall(type, code, {e_.getInt32(leaf), e_.getInt32(subleaf)});
    std::array<llvm::Value*, 4> registers{};
    for (unsigned i = 0; i < 4; ++i) registers[i] = e_.CreateExtractValue(all, i);
    return registers;
  }

  /// What `read` gives when the condition holds, else zeros.
  template <class F>
  std::vector<llvm::Value*> when(llvm::Value* condition, size_t count, const F& read) {
    llvm::BasicBlock* before = e_.GetInsertBlock();
    auto *then = block("read"), *after = block("go_on");
    e_.CreateCondBr(condition, then, after);
    e_.SetInsertPoint(then);
    const std::vector<llvm::Value*> values = read();
    llvm::BasicBlock* end = e_.GetInsertBlock();
    e_.CreateBr(after);
    e_.SetInsertPoint(after);
    std::vector<llvm::Value*> results;
    for (size_t i = 0; i < count; ++i) {
      auto* phi = e_.CreatePHI(e_.getInt32Ty(), 2);
      phi->addIncoming(e_.getInt32(0), before);
      phi->addIncoming(values[i], end);
      results.push_back(phi);
    }
    return results;
  }

  std::vector<llvm::Value*> x86_words() {
    std::vector<llvm::Value*> words(kX86Words);
    llvm::Value* last_leaf = cpuid(0, 0)[0];
    words[k1Ecx] = cpuid(1, 0)[2];
    const auto seven = when(e_.CreateICmpUGE(last_leaf, e_.getInt32(7)), 4, [&]() -> std::vector<llvm::Value*> {
      const auto first = cpuid(7, 0);
      const auto second = when(e_.CreateICmpUGE(first[0], e_.getInt32(1)), 1,
                               [&] { return std::vector<llvm::Value*>{cpuid(7, 1)[0]}; });
      return {first[1], first[2], first[3], second[0]};
    });
    words[k7Ebx] = seven[0], words[k7Ecx] = seven[1], words[k7Edx] = seven[2], words[k71Eax] = seven[3];
    constexpr uint32_t kExtended = 0x80000001;
    words[kExtendedEcx] = when(e_.CreateICmpUGE(cpuid(kExtended - 1, 0)[0], e_.getInt32(kExtended)), 1,
                               [&] { return std::vector<llvm::Value*>{cpuid(kExtended, 0)[2]}; })[0];
    constexpr uint32_t kOsxsave = 1u << 27;
    words[kXcr0] = when(e_.CreateICmpNE(e_.CreateAnd(words[k1Ecx], e_.getInt32(kOsxsave)), e_.getInt32(0)), 1, [&] {
      llvm::Type* word = e_.getInt32Ty();
      auto* type = llvm::FunctionType::get(llvm::StructType::get(context_, {word, word}), {word}, false);
      auto* code = llvm::InlineAsm::get(type, "xgetbv", "={eax},={edx},{ecx},~{dirflag},~{fpsr},~{flags}", true);
      return std::vector<llvm::Value*>{e_.CreateExtractValue(e_.CreateCall(type, code, {e_.getInt32(0)}), 0)};
    })[0];
    return words;
  }

  std::vector<llvm::Value*> arm_words() {
    constexpr uint64_t kAtHwcap = 16, kAtHwcap2 = 26;
    const auto getauxval = function_.getParent()->getOrInsertFunction("getauxval", e_.getInt64Ty(), e_.getInt64Ty());
    return {e_.CreateCall(getauxval, {e_.getInt64(kAtHwcap)}), e_.CreateCall(getauxval, {e_.getInt64(kAtHwcap2)})};
  }

  llvm::LLVMContext& context_;
  llvm::Function& function_;
  llvm::IRBuilder<> e_;
};

}  // namespace

CpuNeeds cpu_needs(const llvm::TargetMachine& machine) {
  const llvm::Triple& triple = machine.getTargetTriple();
  CpuNeeds needs{triple.getArch(), {}};
  if (triple.getArch() == llvm::Triple::aarch64 && !triple.isOSLinux()) return needs;
  for (const Feature& feature : known(triple.getArch()))
    if (machine.getMCSubtargetInfo()->checkFeatures(std::string("+") + feature.name))
      needs.features.emplace_back(feature.name);
  return needs;
}

void make_baseline(llvm::Function& function, const CpuNeeds& needs) {
  if (known(needs.arch).empty()) return;
  function.addFnAttr("target-cpu", needs.arch == llvm::Triple::x86_64 ? "x86-64" : "generic");
  function.addFnAttr("target-features", "");
}

llvm::Function* emit_missing_feature(llvm::Module& module, const CpuNeeds& needs) {
  llvm::LLVMContext& context = module.getContext();
  llvm::Type* pointer = llvm::PointerType::getUnqual(context);
  auto* function = llvm::Function::Create(llvm::FunctionType::get(pointer, false), llvm::Function::InternalLinkage,
                                          "missing_feature", module);
  make_baseline(*function, needs);
  if (needs.features.empty())
    llvm::IRBuilder<>(llvm::BasicBlock::Create(context, "entry", function))
        .CreateRet(llvm::ConstantPointerNull::get(llvm::PointerType::getUnqual(context)));
  else
    CheckGenerator(*function).run(needs);
  return function;
}

}  // namespace seqc::codegen
