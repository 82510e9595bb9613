#include "codegen/schedule.h"

#include "codegen/program_llvm.h"
#include "codegen/sharing_llvm.h"
#include "codegen/target_llvm.h"

namespace seqc::codegen {

Schedule schedule(const ir::Function& function, const Target& target) {
  const auto target_machine = make_target_machine(target);
  const Machine machine = describe_machine(*target_machine, target);
  Schedule result;
  result.shared_from = worth_meeting(machine);
  ProgramOptions options;
  options.embed_constants = false;
  options.schedule = &result;
  llvm::LLVMContext context;
  generate_program(context, function, machine, options);
  return result;
}

}  // namespace seqc::codegen
