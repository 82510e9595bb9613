// Makes a failing function small enough to read.
#include <fmt/format.h>

#include "ir/clone.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "tests/support/random_graph.h"

namespace seqc::test {
namespace {

using ir::Function;
using ir::Op;
using ir::Opcode;

/// Ops of a block and of its regions that are no terminators, the last ones first.
void collect(const ir::Block& block, std::vector<Op*>& ops) {
  const auto list = block.op_list();
  for (auto it = list.rbegin(); it != list.rend(); ++it) {
    for (size_t i = 0; i < (*it)->region_count(); ++i) collect((*it)->region(i), ops);
    if (*it != block.terminator()) ops.push_back(*it);
  }
}

std::vector<Op*> ops_of(const Function& function) {
  std::vector<Op*> ops;
  collect(function.body(), ops);
  return ops;
}

void clean(Function& function) {
  passes::PassContext context;
  passes::eliminate_dead_code(function, context);
  function.erase_unused_constants();
}

/// Only output i.
void keep_output(Function& function, size_t i) {
  function.body().terminator()->set_operands({function.body().terminator()->operand(i)});
  function.output_names = {function.output_names[i]};
}

/// The op's results become arguments of the function, or one of its operands of the same type.
void replace(Function& function, Op& op, bool by_operand) {
  for (size_t i = 0; i < op.result_count(); ++i) {
    ir::Value* substitute = nullptr;
    for (ir::Value* operand : op.operands())
      if (by_operand && operand->type() == op.result(i)->type()) substitute = operand;
    if (!substitute)
      substitute =
          function.body().add_argument(op.result(i)->type(), fmt::format("x{}", function.body().argument_count()));
    op.result(i)->replace_all_uses_with(substitute);
  }
}

}  // namespace

std::unique_ptr<Function> minimise(const Function& function, const std::function<bool(const Function&)>& fails) {
  auto best = ir::clone(function);
  /// Takes over what `change` makes of the best so far, if that still fails.
  const auto attempt = [&](const auto& change) {
    auto changed = ir::clone(*best);
    change(*changed);
    clean(*changed);
    if (!ir::verify(*changed).empty() || !fails(*changed)) return false;
    best = std::move(changed);
    return true;
  };
  for (size_t i = 0; i < function.output_names.size(); ++i)
    if (attempt([&](Function& f) { keep_output(f, i); })) break;
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (size_t i = 0; i < ops_of(*best).size(); ++i) {
      const size_t before = ops_of(*best).size();
      for (const bool by_operand : {true, false})
        if (attempt([&](Function& f) { replace(f, *ops_of(f)[i], by_operand); }) && ops_of(*best).size() < before) {
          smaller = true;
          break;
        }
    }
  }
  return best;
}

}  // namespace seqc::test
