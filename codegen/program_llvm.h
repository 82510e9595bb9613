/// The whole of a compiled model as one LLVM module: kernels, the function that runs them, the ABI's entry points.
#pragma once

#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codegen/codegen.h"
#include "codegen/cpu_check_llvm.h"
#include "codegen/emit_llvm.h"
#include "codegen/schedule.h"

namespace seqc::codegen {

struct ProgramOptions {
  std::string name = "model";   ///< prefix of the exported symbols
  std::string target;           ///< text of seqc_model::target
  bool embed_constants = true;  ///< constants become data of the module; else external symbols, see Program::externals
  bool library_entry = false;   ///< also export seqc_library_model
  CpuNeeds needs = {};          ///< what seqc_model::missing_feature asks for
  FixedValues fixed = {};       ///< inputs of one value
  Told told = {};
  Schedule* schedule = nullptr;  ///< filled with what is decided; has no part in the code
};

struct Program {
  std::unique_ptr<llvm::Module> module;
  /// The constants whose bytes symbols name that the module leaves open: constant_symbol(i) those of externals[i].
  std::vector<const ir::Value*> externals;
};

std::string constant_symbol(size_t number);

/// Generates the module for `function` (in kernel form). It exports `<name>_model`.
Program generate_program(llvm::LLVMContext& context, const ir::Function& function, const Machine& machine,
                         const ProgramOptions& options);

/// Emits a model's description and its functions prepare and run (see runtime/seqc.h); parts of generate_program.
struct EntryPoints {
  llvm::Function* prepare;
  llvm::Function* run;
  llvm::Function* missing_feature;
};
void emit_model_description(llvm::Module& module, const ir::Function& function, const ProgramOptions& options,
                            const EntryPoints& entries);
llvm::Function* emit_prepare(llvm::Module& module, const ir::Function& function, const Machine& machine,
                             const ProgramOptions& options, const ir::Dim& workspace_bytes,
                             llvm::Function* missing_feature);
llvm::Function* emit_run(llvm::Module& module, const ir::Function& function, const Machine& machine,
                         const ProgramOptions& options, llvm::Function* body);

/// A private constant: the text and a NUL.
llvm::Constant* text_constant(llvm::Module& module, const std::string& value);

/// Layouts of the C structs in runtime/seqc.h.
struct AbiTypes {
  explicit AbiTypes(llvm::LLVMContext& context);
  llvm::StructType* tensor;   // data, dtype, rank, shape
  llvm::StructType* port;     // name, dtype, rank, dims, value
  llvm::StructType* threads;  // count, pool, run
  llvm::StructType* model;
};

/// Where tensor number `tensor` of a list has its size in `axis`.
llvm::Value* shape_address(Emitter& e, const AbiTypes& abi, llvm::Value* tensors, size_t tensor, size_t axis);

/// Reads the named dims of `function` from the shapes of `inputs`.
Emitter::Symbols load_symbols(Emitter& e, const ir::Function& function, const AbiTypes& abi, llvm::Value* inputs);

}  // namespace seqc::codegen
