#include "ir/ir.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"

namespace seqc::ir {

const OpInfo& info(Opcode code) {
  static const std::array<OpInfo, kOpcodeCount> kTable = {{
#define SEQC_OP(id, mnemonic, cls, attr, lo, hi, doc) {mnemonic, OpClass::cls, lo, hi, doc, attr{}},
#include "ir/ops.def"
#undef SEQC_OP
  }};
  return kTable[static_cast<size_t>(code)];
}

bool is_elementwise(Opcode code) { return info(code).op_class <= OpClass::Ternary; }

// --- values ------------------------------------------------------------------------------------------------------

void Value::replace_all_uses_with(Value* other) {
  SEQC_CHECK(other != this, "value {} replaced by itself", name_);
  const auto users = users_;
  for (Op* user : users)
    for (size_t i = 0; i < user->operands().size(); ++i)
      if (user->operand(i) == this) user->set_operand(i, other);
  if (other->name_.empty()) other->name_ = name_;
}

// --- ops ---------------------------------------------------------------------------------------------------------

Op::~Op() {
  regions_.clear();
  set_operands({});
}

void Op::set_operand(size_t i, Value* value) {
  auto& users = operands_[i]->users_;
  users.erase(std::find(users.begin(), users.end(), this));
  operands_[i] = value;
  value->users_.push_back(this);
}

void Op::set_operands(std::vector<Value*> values) {
  for (Value* old : operands_) {
    auto& users = old->users_;
    users.erase(std::find(users.begin(), users.end(), this));
  }
  operands_ = std::move(values);
  for (Value* value : operands_) value->users_.push_back(this);
}

Value* Op::add_result(Type type, std::string name) {
  std::unique_ptr<Value> value(new Value);
  value->type_ = std::move(type);
  value->name_ = std::move(name);
  value->op_ = this;
  value->index_ = static_cast<int>(results_.size());
  results_.push_back(std::move(value));
  return results_.back().get();
}

void Op::erase_result(size_t i) {
  SEQC_CHECK(results_[i]->unused(), "erasing a used result of {}", info().mnemonic);
  results_.erase(results_.begin() + static_cast<ptrdiff_t>(i));
  for (size_t k = 0; k < results_.size(); ++k) results_[k]->index_ = static_cast<int>(k);
}

bool Op::unused() const {
  return std::all_of(results_.begin(), results_.end(), [](const auto& result) { return result->unused(); });
}

Block& Op::add_region() {
  regions_.push_back(std::make_unique<Block>());
  regions_.back()->parent_op_ = this;
  return *regions_.back();
}

void Op::erase() {
  SEQC_CHECK(unused(), "erasing {} whose results are used", info().mnemonic);
  parent_->ops_.erase(position_);
}

void Op::move_before(Op* other) {
  other->parent_->ops_.splice(other->position_, parent_->ops_, position_);
  parent_ = other->parent_;
}

void Op::move_to_end(Block& block) {
  block.ops_.splice(block.ops_.end(), parent_->ops_, position_);
  parent_ = &block;
}

// --- blocks ------------------------------------------------------------------------------------------------------

Block::~Block() {
  // Users before definitions, so that no op outlives a value that it refers to.
  while (!ops_.empty()) ops_.pop_back();
}

Value* Block::add_argument(Type type, std::string name) {
  std::unique_ptr<Value> value(new Value);
  value->type_ = std::move(type);
  value->name_ = std::move(name);
  value->block_ = this;
  value->index_ = static_cast<int>(arguments_.size());
  arguments_.push_back(std::move(value));
  return arguments_.back().get();
}

void Block::erase_argument(size_t i) {
  SEQC_CHECK(arguments_[i]->unused(), "erasing a used argument");
  arguments_.erase(arguments_.begin() + static_cast<ptrdiff_t>(i));
  for (size_t k = 0; k < arguments_.size(); ++k) arguments_[k]->index_ = static_cast<int>(k);
}

Op* Block::terminator() const {
  if (ops_.empty()) return nullptr;
  Op* last = ops_.back().get();
  return last->code() == Opcode::Yield || last->code() == Opcode::Return ? last : nullptr;
}

std::vector<Op*> Block::op_list() const {
  std::vector<Op*> list;
  list.reserve(ops_.size());
  for (const auto& op : ops_) list.push_back(op.get());
  return list;
}

Op* Block::create(Opcode code, std::vector<Value*> operands, Attr attr, Op* before) {
  std::unique_ptr<Op> op(new Op(code, std::move(attr)));
  op->parent_ = this;
  op->set_operands(std::move(operands));
  Op* raw = op.get();
  raw->position_ = ops_.insert(before ? before->position_ : ops_.end(), std::move(op));
  return raw;
}

Function* Block::function() const {
  const Block* block = this;
  while (block->parent_op_) block = block->parent_op_->parent();
  return block->function_;
}

// --- functions ---------------------------------------------------------------------------------------------------

Function::Function(std::string function_name) : name(std::move(function_name)), body_(std::make_unique<Block>()) {
  body_->function_ = this;
}

Function::~Function() { body_.reset(); }

namespace {

/// Equal for tensors that are identical. Of large ones only a sample counts: few have the same, and those are compared.
uint64_t sample_hash(const Tensor& tensor) {
  constexpr size_t kWords = 64;
  if (tensor.dtype() == DType::string || tensor.byte_size() <= kWords * sizeof(uint64_t)) return tensor.hash();
  const size_t stride = (tensor.byte_size() - sizeof(uint64_t)) / (kWords - 1);
  Tensor sample(DType::u64, {static_cast<int64_t>(kWords)});
  for (size_t i = 0; i < kWords; ++i)
    std::memcpy(sample.mutable_bytes() + i * sizeof(uint64_t), tensor.bytes() + i * stride, sizeof(uint64_t));
  return sample.hash() ^ std::hash<std::string>()(tensor.type_str());
}

}  // namespace

Value* Function::constant(Tensor tensor, std::string constant_name) {
  const uint64_t hash = sample_hash(tensor);
  for (auto [it, end] = constants_by_hash_.equal_range(hash); it != end; ++it)
    if (it->second->constant().identical(tensor)) return it->second;
  std::unique_ptr<Value> value(new Value);
  value->type_.dtype = tensor.dtype();
  value->type_.shape.assign(tensor.shape().begin(), tensor.shape().end());
  value->name_ = std::move(constant_name);
  value->constant_ = std::make_shared<const Tensor>(std::move(tensor));
  constants_by_hash_.emplace(hash, value.get());
  constants_.push_back(std::move(value));
  return constants_.back().get();
}

void Function::erase_unused_constants() {
  std::erase_if(constants_by_hash_, [](const auto& entry) { return entry.second->unused(); });
  std::erase_if(constants_, [](const auto& value) { return value->unused(); });
}

Value* Function::parameter(Tensor initial, std::string parameter_name) {
  const Type type{initial.dtype(), Shape(initial.shape().begin(), initial.shape().end())};
  Value* argument = body_->add_argument(type, std::move(parameter_name));
  make_parameter(argument, std::move(initial));
  return argument;
}

void Function::make_parameter(Value* argument, Tensor initial) {
  SEQC_CHECK(argument->block_ == body_.get(), "parameter {} is no argument of the function", argument->name());
  argument->initial_ = std::make_shared<const Tensor>(std::move(initial));
}

std::vector<Value*> Function::parameters() const {
  std::vector<Value*> result;
  for (size_t i = 0; i < body_->argument_count(); ++i)
    if (body_->argument(i)->is_parameter()) result.push_back(body_->argument(i));
  return result;
}

void Function::freeze_parameters() {
  for (size_t i = body_->argument_count(); i-- > 0;) {
    Value* argument = body_->argument(i);
    if (!argument->is_parameter()) continue;
    if (!argument->unused()) argument->replace_all_uses_with(constant(argument->initial(), argument->name()));
    body_->erase_argument(i);
  }
}

// --- cloning -----------------------------------------------------------------------------------------------------

Op* clone(const Op& op, Block& into, Op* before, ValueMap& map) {
  std::vector<Value*> operands;
  for (Value* operand : op.operands()) {
    const auto it = map.find(operand);
    operands.push_back(it == map.end() ? operand : it->second);
  }
  Op* copy = into.create(op.code(), std::move(operands), op.attr(), before);
  copy->set_location(op.location());
  for (size_t i = 0; i < op.result_count(); ++i)
    map[op.result(i)] = copy->add_result(op.result(i)->type(), op.result(i)->name());
  for (size_t i = 0; i < op.region_count(); ++i) {
    const Block& from = op.region(i);
    Block& region = copy->add_region();
    for (size_t k = 0; k < from.argument_count(); ++k)
      map[from.argument(k)] = region.add_argument(from.argument(k)->type(), from.argument(k)->name());
    clone_ops(from, region, nullptr, map, true);
  }
  return copy;
}

void clone_ops(const Block& from, Block& into, Op* before, ValueMap& map, bool with_terminator) {
  for (const Op* op : from.op_list())
    if (with_terminator || op != from.terminator()) clone(*op, into, before, map);
}

bool is_defined_inside(const Value* value, const Block& block) {
  const Block* at = value->op() ? value->op()->parent() : value->block();
  while (at && at != &block) at = at->parent_op() ? at->parent_op()->parent() : nullptr;
  return at == &block;
}

}  // namespace seqc::ir
