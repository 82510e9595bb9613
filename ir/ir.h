/// The IR: SSA values with static types, ops from one table, structured regions; functions and modules of them.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ir/attributes.h"
#include "ir/tensor.h"
#include "ir/type.h"

namespace seqc::ir {

enum class Opcode : uint8_t {
#define SEQC_OP(id, mnemonic, cls, attr, lo, hi, doc) id,
#include "ir/ops.def"
#undef SEQC_OP
};

enum class OpClass { Unary, Binary, Ternary, Leaf, Move, Reduce, Control };

struct OpInfo {
  std::string_view mnemonic;
  OpClass op_class;
  int min_operands, max_operands;  ///< max -1: any number
  std::string_view meaning;
  Attr default_attr;  ///< an attribute of the right alternative
};

inline constexpr int kOpcodeCount = 0
#define SEQC_OP(id, mnemonic, cls, attr, lo, hi, doc) +1
#include "ir/ops.def"
#undef SEQC_OP
    ;

const OpInfo& info(Opcode code);
/// True for ops computed element by element with NumPy broadcasting.
bool is_elementwise(Opcode code);

class Op;
class Block;
class Function;

/// An SSA value: the result of an op, an argument of a block, or a constant. Identified by its address.
/// A parameter is an argument of a function that has a value to start with: a weight that training changes. Passes see an
/// argument like any other, so that nothing is folded into it and two of equal value stay two.
class Value {
 public:
  const Type& type() const { return type_; }
  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  int64_t rank() const { return type_.rank(); }
  void set_type(Type type) { type_ = std::move(type); }

  /// A hint for readers; printing makes names unique.
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  Op* op() const { return op_; }           ///< the defining op, null for arguments and constants
  Block* block() const { return block_; }  ///< the block whose argument this is, else null
  int index() const { return index_; }     ///< position among results or arguments
  bool is_constant() const { return constant_ != nullptr; }
  const Tensor& constant() const { return *constant_; }
  bool is_parameter() const { return initial_ != nullptr; }
  const Tensor& initial() const { return *initial_; }  ///< of a parameter

  /// The ops that use this value, once for each use.
  const std::vector<Op*>& users() const { return users_; }
  bool unused() const { return users_.empty(); }
  void replace_all_uses_with(Value* other);

 private:
  friend class Op;
  friend class Block;
  friend class Function;
  Value() = default;

  Type type_;
  std::string name_;
  Op* op_ = nullptr;
  Block* block_ = nullptr;
  int index_ = 0;
  std::shared_ptr<const Tensor> constant_, initial_;
  std::vector<Op*> users_;
};

/// One operation; owned by its block.
class Op {
 public:
  ~Op();
  Opcode code() const { return code_; }
  const OpInfo& info() const { return ir::info(code_); }

  const std::vector<Value*>& operands() const { return operands_; }
  Value* operand(size_t i) const { return operands_[i]; }
  void set_operand(size_t i, Value* value);
  void set_operands(std::vector<Value*> values);

  size_t result_count() const { return results_.size(); }
  Value* result(size_t i = 0) const { return results_[i].get(); }
  Value* add_result(Type type, std::string name = "");
  /// Removes an unused result.
  void erase_result(size_t i);
  bool unused() const;  ///< no result is used

  const Attr& attr() const { return attr_; }
  void set_attr(Attr attr) { attr_ = std::move(attr); }
  template <class A>
  const A& as() const {
    return std::get<A>(attr_);
  }

  size_t region_count() const { return regions_.size(); }
  Block& region(size_t i = 0) const { return *regions_[i]; }
  Block& add_region();

  Block* parent() const { return parent_; }
  /// The source this op comes from (ONNX node name); for error messages.
  const std::string& location() const { return location_; }
  void set_location(std::string location) { location_ = std::move(location); }

  void erase();  ///< removes and destroys; results must be unused
  void move_before(Op* other);
  void move_to_end(Block& block);

 private:
  friend class Block;
  Op(Opcode code, Attr attr) : code_(code), attr_(std::move(attr)) {}

  Opcode code_;
  Attr attr_;
  std::vector<Value*> operands_;
  std::vector<std::unique_ptr<Value>> results_;
  std::vector<std::unique_ptr<Block>> regions_;
  Block* parent_ = nullptr;
  std::list<std::unique_ptr<Op>>::iterator position_;
  std::string location_;
};

/// A straight list of ops with arguments, ended by yield or return. Ops may use values of enclosing blocks.
class Block {
 public:
  ~Block();
  Value* add_argument(Type type, std::string name = "");
  size_t argument_count() const { return arguments_.size(); }
  Value* argument(size_t i) const { return arguments_[i].get(); }
  void erase_argument(size_t i);  ///< removes an unused argument

  using Ops = std::list<std::unique_ptr<Op>>;
  const Ops& ops() const { return ops_; }
  bool empty() const { return ops_.empty(); }
  /// The last op; null while the block is being built.
  Op* terminator() const;
  /// A snapshot of the ops, for walks that change the block.
  std::vector<Op*> op_list() const;

  /// Creates an op without results before `before` (null: at the end). `Builder` is the convenient way.
  Op* create(Opcode code, std::vector<Value*> operands, Attr attr, Op* before = nullptr);

  Op* parent_op() const { return parent_op_; }  ///< null for a function's body
  Function* function() const;

 private:
  friend class Op;
  friend class Function;
  Ops ops_;
  std::vector<std::unique_ptr<Value>> arguments_;
  Op* parent_op_ = nullptr;
  Function* function_ = nullptr;
};

/// A function: arguments are the model's inputs and parameters, the return op's operands its outputs.
class Function {
 public:
  explicit Function(std::string name);
  ~Function();

  std::string name;
  std::vector<std::string> output_names;  ///< one for each operand of the return op

  Block& body() { return *body_; }
  const Block& body() const { return *body_; }

  /// A constant value, usable in any block of this function. Equal tensors share one value.
  Value* constant(Tensor tensor, std::string name = "");
  /// All constants in order of creation, used or not.
  const std::vector<std::unique_ptr<Value>>& constants() const { return constants_; }
  void erase_unused_constants();

  /// A new last argument with a value to start with. Distinct from all others, whatever their values.
  Value* parameter(Tensor initial, std::string name);
  /// Makes an argument of the body a parameter; its type must be the tensor's.
  void make_parameter(Value* argument, Tensor initial);
  std::vector<Value*> parameters() const;
  /// Makes every parameter a constant of its initial value: what trains no more.
  void freeze_parameters();

 private:
  std::vector<std::unique_ptr<Value>> constants_;
  std::multimap<uint64_t, Value*> constants_by_hash_;
  std::unique_ptr<Block> body_;
};

struct Module {
  std::vector<std::unique_ptr<Function>> functions;
};

/// Visits every op of a block and of the regions inside, an op before its regions' ops.
template <class F>
void walk(const Block& block, F&& visit) {
  for (Op* op : block.op_list()) {
    visit(op);
    for (size_t i = 0; i < op->region_count(); ++i) walk(op->region(i), visit);
  }
}

/// Clones ops with operands mapped through `map` (values not in it are shared); fills `map` with the new results.
using ValueMap = std::map<const Value*, Value*>;
Op* clone(const Op& op, Block& into, Op* before, ValueMap& map);
/// Clones all ops of `from` (arguments must be mapped already), the terminator only if asked for.
void clone_ops(const Block& from, Block& into, Op* before, ValueMap& map, bool with_terminator);

/// True if `value` is an argument or result of `block` or of a region inside it; false for constants.
bool is_defined_inside(const Value* value, const Block& block);

}  // namespace seqc::ir
