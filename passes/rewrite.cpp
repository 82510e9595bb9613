#include "passes/rewrite.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "ir/error.h"

namespace seqc::passes {

using namespace ir;

bool is_terminator(const Op* op) { return op->code() == Opcode::Yield || op->code() == Opcode::Return; }

bool is_splat(const Value* value, double number) {
  while (value->op() && (value->op()->code() == Opcode::Broadcast || value->op()->code() == Opcode::Reshape))
    value = value->op()->operand(0);
  if (!value->is_constant()) return false;
  const Tensor& tensor = value->constant();
  if (tensor.count() == 0 || tensor.count() > 4096 || !is_arithmetic(tensor.dtype())) return false;
  const Tensor wanted = Tensor::scalar(tensor.dtype(), number);
  const size_t size = size_of(tensor.dtype());
  for (int64_t i = 0; i < tensor.count(); ++i)
    if (std::memcmp(tensor.bytes() + static_cast<size_t>(i) * size, wanted.bytes(), size) != 0) return false;
  return true;
}

const Tensor* single_element(const Value* value) {
  return value->is_constant() && value->constant().count() == 1 ? &value->constant() : nullptr;
}

Op* defining(const Value* value, Opcode code) {
  Op* op = value->op();
  return op && op->code() == code ? op : nullptr;
}

Op* next_op(const Op* op) {
  const auto ops = op->parent()->op_list();
  return *(std::find(ops.begin(), ops.end(), op) + 1);
}

void replace_op(Op* op, const std::vector<Value*>& values) {
  SEQC_CHECK(values.size() == op->result_count(), "{} replaced by {} values", op->info().mnemonic, values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    SEQC_CHECK(values[i]->type() == op->result(i)->type(), "{}: a result {} replaced by {}", op->info().mnemonic,
               op->result(i)->type().str(), values[i]->type().str());
    op->result(i)->replace_all_uses_with(values[i]);
  }
  op->erase();
}

std::vector<Value*> inline_region(Block& region, const std::vector<Value*>& arguments, Op* before) {
  for (size_t i = 0; i < arguments.size(); ++i)
    if (!region.argument(i)->unused()) region.argument(i)->replace_all_uses_with(arguments[i]);
  const Op* terminator = region.terminator();
  for (Op* op : region.op_list())
    if (op != terminator) op->move_before(before);
  return terminator->operands();
}

int64_t count_ops(const Block& block) {
  int64_t count = 0;
  for (const auto& op : block.ops()) {
    ++count;
    for (size_t i = 0; i < op->region_count(); ++i) count += count_ops(op->region(i));
  }
  return count;
}

char unused_label(const std::string& used, char preferred) {
  if (used.find(preferred) == std::string::npos) return preferred;
  for (char c = 'A'; c <= 'z'; ++c)
    if (std::isalpha(static_cast<unsigned char>(c)) && used.find(c) == std::string::npos) return c;
  internal_error(__FILE__, __LINE__, "labels", "a contraction uses all letters");
}

}  // namespace seqc::passes
