#include "codegen/object_llvm.h"

#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Support/raw_ostream.h>

#include "codegen/target_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {

llvm::SmallVector<char, 0> emit_object(llvm::Module& module, llvm::TargetMachine& machine, bool as_text) {
  std::string problems;
  llvm::raw_string_ostream stream(problems);
  SEQC_CHECK(!llvm::verifyModule(module, &stream), "generated LLVM IR is invalid: {}", problems);
  optimize(module, machine);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  const auto kind = as_text ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  SEQC_CHECK(!machine.addPassesToEmitFile(passes, out, nullptr, kind), "the target emits no files of this kind");
  passes.run(module);
  return bytes;
}

}  // namespace seqc::codegen
