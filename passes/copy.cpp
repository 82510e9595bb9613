#include "passes/copy.h"

namespace seqc::passes {

std::unique_ptr<ir::Function> copy_of(const ir::Function& function) {
  auto result = std::make_unique<ir::Function>(function.name);
  result->output_names = function.output_names;
  ir::ValueMap map;
  for (const auto& constant : function.constants())
    map[constant.get()] = result->constant(constant->constant(), constant->name());
  const ir::Block& body = function.body();
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const ir::Value* argument = body.argument(i);
    ir::Value* copied = map[argument] = result->body().add_argument(argument->type(), argument->name());
    if (argument->is_parameter()) result->make_parameter(copied, argument->initial());
  }
  ir::clone_ops(body, result->body(), nullptr, map, true);
  return result;
}

}  // namespace seqc::passes
