/// From a function in kernel form to native code: just in time, or ahead of time into files.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"
#include "runtime/abi.h"
#include "runtime/seqc.h"

namespace seqc::codegen {

/// The machine to generate code for.
struct Target {
  std::string triple;    ///< empty: the host's
  std::string cpu;       ///< as in LLVM's -mcpu; empty: the host's (or the baseline, when the triple is another one)
  std::string features;  ///< "+avx2,-fma" in LLVM's names, on top of the CPU's
  /// Operations of a kernel, for each f32 lane, from which on threads save more by sharing it than they lose by waiting
  /// for each other; smaller ones run on one thread. 0: all is shared, however small.
  int64_t worth_sharing = 768;
};

/// What passes need to know of a target.
struct TargetInfo {
  int64_t vector_lanes;  ///< f32 elements of a vector register
  int64_t vector_registers;
  int64_t fma_units;        ///< full vectors that a core multiplies and adds in a cycle; 1 where that is not known
  int64_t first_cache;      ///< bytes of a core's first data cache; 32 KB where that is not known
  bool has_byte_dots;       ///< sums four products of bytes in one instruction
  std::string description;  ///< "x86_64-pc-linux-gnu znver4", for people
};

/// Throws Error(BadInput) for a triple, CPU or feature that LLVM does not know.
TargetInfo describe(const Target& target);

/// A compiled function, ready to run in this process. Immutable; may be used by many threads.
class CompiledModel {
 public:
  virtual ~CompiledModel() = default;
  virtual const seqc_model& model() const = 0;
  virtual size_t code_bytes() const = 0;
  /// True if the code came from a CodeStore.
  virtual bool from_store() const = 0;
};

/// Where compiled code is kept from one process to the next. Keys are hexadecimal digits. Nothing here throws.
class CodeStore {
 public:
  virtual ~CodeStore() = default;
  /// What was saved under `key`, or nothing.
  virtual std::optional<std::string> load(const std::string& key) noexcept = 0;
  virtual void save(const std::string& key, std::string_view code) noexcept = 0;
};

/// Inputs whose values the function takes for granted, by name: `prepare` refuses others.
using FixedValues = std::map<std::string, ir::Tensor>;

using runtime::KernelListener;
using runtime::OutputListener;
/// What a KernelListener is told of: the kernels, scans, loops and ifs of `function` (in kernel form) in program order, each
/// in front of what it holds.
std::vector<const ir::Op*> profiled_ops(const ir::Function& function);

/// What a run can tell while it goes on. Without, nothing of it is in the code.
struct Told {
  bool outputs = false;  ///< to an OutputListener
  bool kernels = false;  ///< to a KernelListener
};
/// All outputs of `function` (in kernel form) in the order in which it announces them to an OutputListener.
std::vector<int32_t> announced_order(const ir::Function& function);

/// Compiles `function` (in kernel form, see passes/pipeline.cpp; it must outlive nothing: all is copied).
/// With a store, code that lies there is linked and not generated again; the results are the same bits.
/// Throws Error(BadInput) for a target whose instructions this processor lacks.
std::unique_ptr<CompiledModel> compile(const ir::Function& function, const Target& target = {},
                                       const FixedValues& fixed = {}, CodeStore* store = nullptr, Told told = {});

enum class EmitKind { SharedLibrary, StaticLibrary, Object, Assembly, Llvm };

struct EmittedFile {
  std::string path;
  size_t bytes;
};

/// Writes one file of the given kind, whole or not at all. `name` prefixes the exported symbols (`NAME_model`) and must
/// be a C identifier. Throws Error(BadInput) when the file cannot be written.
EmittedFile emit(const ir::Function& function, const Target& target, EmitKind kind, const std::string& name,
                 const std::string& path, const FixedValues& fixed = {});

/// The text of the C header that belongs to a built library.
std::string c_header(const ir::Function& function, const std::string& name, const FixedValues& fixed = {});

}  // namespace seqc::codegen
