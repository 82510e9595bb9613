#include <llvm-c/Core.h>

#include <set>

#include "codegen/code_key_llvm.h"
#include "codegen/digest.h"
#include "codegen/revision.h"
#include "ir/error.h"
#include "ir/printer.h"

namespace seqc::codegen {
namespace {

/// Fields behind their lengths, so that no two lists of fields look alike.
class Fields {
 public:
  void add(std::string_view field) {
    text_ += fmt::format("{}:", field.size());
    text_ += field;
  }
  std::string digest() const { return codegen::digest(text_); }

 private:
  std::string text_;
};

void collect_constants(const ir::Block& block, std::set<const ir::Value*>& seen, std::vector<const ir::Value*>& found) {
  for (const ir::Op* op : block.op_list()) {
    for (const ir::Value* operand : op->operands())
      if (operand->is_constant() && seen.insert(operand).second) found.push_back(operand);
    for (size_t i = 0; i < op->region_count(); ++i) collect_constants(op->region(i), seen, found);
  }
}

}  // namespace

std::string generator_version() {
  unsigned major = 0, minor = 0, patch = 0;
  LLVMGetVersion(&major, &minor, &patch);
  return fmt::format("seqc {} {} LLVM {}.{}.{}", kVersion, kSourceDigest, major, minor, patch);
}

std::string code_key(const ir::Function& function, const Target& target, const llvm::TargetMachine& machine,
                     const ProgramOptions& options, const std::string& version) {
  SEQC_CHECK(!options.embed_constants, "code with its constants inside has no key");
  Fields fields;
  fields.add(version);
  fields.add(machine.getTargetTriple().str());
  fields.add(machine.getTargetCPU());
  fields.add(machine.getTargetFeatureString());
  fields.add(std::to_string(target.worth_sharing));
  fields.add(options.name);
  fields.add(options.target);
  fields.add(options.library_entry ? "library entry" : "");
  fields.add(options.told.outputs ? "announces outputs" : "");
  fields.add(options.told.kernels ? "tells of kernels" : "");
  fields.add(fmt::format("{}", fmt::join(options.needs.features, ",")));
  fields.add(std::to_string(options.fixed.size()));
  for (const auto& [name, tensor] : options.fixed) {
    fields.add(name);
    fields.add(tensor.type_str());
    fields.add({reinterpret_cast<const char*>(tensor.bytes()), tensor.byte_size()});
  }
  fields.add(ir::print(function, {.constant_values = false}));
  return fields.digest();
}

std::vector<const ir::Value*> constants_of(const ir::Function& function) {
  std::set<const ir::Value*> seen;
  std::vector<const ir::Value*> found;
  collect_constants(function.body(), seen, found);
  return found;
}

}  // namespace seqc::codegen
