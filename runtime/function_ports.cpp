#include "runtime/function_ports.h"

namespace seqc::runtime {

std::vector<Port> inputs_of(const ir::Function& function) {
  std::vector<Port> result;
  for (size_t i = 0; i < function.body().argument_count(); ++i) {
    const ir::Value* argument = function.body().argument(i);
    result.push_back({argument->name(), argument->type()});
  }
  return result;
}

std::vector<Port> outputs_of(const ir::Function& function) {
  std::vector<Port> result;
  for (const ir::Value* value : function.body().terminator()->operands())
    result.push_back({function.output_names[result.size()], value->type()});
  return result;
}

}  // namespace seqc::runtime
