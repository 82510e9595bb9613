#include "ir/clone.h"

namespace seqc::ir {

std::unique_ptr<Function> clone(const Function& function) {
  auto result = std::make_unique<Function>(function.name);
  result->output_names = function.output_names;
  ValueMap map;
  for (const auto& constant : function.constants())
    map[constant.get()] = result->constant(constant->constant(), constant->name());
  const Block& body = function.body();
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const Value* argument = body.argument(i);
    Value* copied = map[argument] = result->body().add_argument(argument->type(), argument->name());
    if (argument->is_parameter()) result->make_parameter(copied, argument->initial());
  }
  clone_ops(body, result->body(), nullptr, map, true);
  return result;
}

}  // namespace seqc::ir
