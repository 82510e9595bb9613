/// What the generators of the kernel kinds share: the function being filled, and evaluation of values at an index.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "codegen/access.h"
#include "codegen/emit_llvm.h"
#include "codegen/meetings.h"

namespace seqc::codegen {

using ir::Dim;

struct Frame;

/// Rows of a product that a kernel of a scan's step makes besides its own (see deferred.h).
struct Beside {
  Frame* product;       ///< its buffers begin at the rows that are made in this step and those around it
  llvm::Value* phase;   ///< i64: how many steps before this one had to do with these rows
  llvm::Value* memory;  ///< sums that are not complete
};

/// A kernel function under construction.
struct Frame {
  Emitter& e;
  const ir::Op& kernel;
  std::map<const ir::Value*, llvm::Value*> pointers;  ///< buffers that the kernel reads; its results
  Emitter::Symbols symbols;
  llvm::Value* thread;  ///< i64, 0 <= thread < threads
  llvm::Value* threads;
  llvm::Value* step;                     ///< i64, of the innermost scan or loop; 0 outside
  std::string* loops = nullptr;          ///< where to say what the generator decided; null: nowhere
  std::vector<llvm::Value*> ahead = {};  ///< arrays that the next step reads from far, to be asked for meanwhile
  int64_t ahead_lines = 0;               ///< cache lines of each
  std::vector<size_t> far_results = {};  ///< those that are written where no step has been before
  /// What other threads may still be writing: before anything else is read or written, all have to have arrived (wait_for).
  std::optional<Meeting> meeting = {};
  llvm::Value* workspace = nullptr;  ///< of the call, for a meeting
  llvm::Function* wait = nullptr;
  llvm::Value* rows = nullptr;  ///< i64: how many rows a product makes of those that it has; null: all
  const Beside* beside = nullptr;

  const ir::Block& region() const { return kernel.region(); }
  const std::vector<ir::Value*>& yielded() const { return region().terminator()->operands(); }
  llvm::Value* dim(const ir::Dim& d) { return e.dim(d, symbols); }
};

/// The state of a kernel's loops at one point of its code.
struct LoopPoint {
  std::vector<llvm::Value*> variables;  ///< i64 of the first lane; null: merged into the following variable
  int lane_variable = -1;               ///< the variable that grows by one from lane to lane
  int64_t lanes = 1;
  llvm::Value* mask = nullptr;  ///< <lanes x i1>: which lanes exist; null: all
};

/// Scalar constants are part of the code; all other constants are buffers.
bool is_immediate(const ir::Value* value);
/// The constant in its register type.
llvm::Constant* immediate(Emitter& e, const ir::Value* value);

/// Evaluates values of a kernel at one point of its loops, each once.
class Evaluator {
 public:
  Evaluator(Frame& frame, LoopPoint point) : frame_(frame), e_(frame.e), point_(std::move(point)) {}

  /// Gives a value computed elsewhere (a contraction's accumulator) for its own coordinates.
  void bind(const ir::Value* value, const Coordinates& at, llvm::Value* result);
  /// Takes the condition of selects as known in all lanes: only the chosen operand is computed.
  void assume(const ir::Value* condition, bool holds) { assumed_ = {condition, holds}; }
  /// `value` (register type, `lanes` wide) at `at`.
  llvm::Value* value(const ir::Value* value, const Coordinates& at);
  /// Stores `value` (register type) into a buffer.
  void store(llvm::Value* value, const ir::Value* buffer, const Access& access);

 private:
  /// An address: elements behind the buffer's start for lane 0, and how they go on over the lanes.
  struct Address {
    llvm::Value* first;
    llvm::Value* by_lane = nullptr;  ///< i64 a lane, added to first; null: lane * step
    ir::Dim step = 0;
  };

  llvm::Value* compute(const ir::Op& op, const Coordinates& at);
  llvm::Value* operand(const ir::Op& op, size_t i, const Coordinates& at);
  llvm::Value* product_of_quotients(const ir::Op& op, const Coordinates& at);
  /// f16 and bf16 live in f32 registers: what an op computes there is rounded at once, so that it does not matter which
  /// ops share a kernel.
  llvm::Value* rounded(llvm::Value* value, ir::DType type);
  llvm::Value* load(const ir::Value* buffer, const Address& address);
  Address address(const ir::Value* buffer, const Coordinates& at);
  Address address(const Access& access);
  llvm::Value* lane_addresses(llvm::Value* base, ir::DType type, const Address& address);
  llvm::Value* all_lanes() const;

  llvm::Value* index(const Coordinate& at);  ///< i64, scalar when equal in all lanes
  llvm::Value* spread(llvm::Value* value);   ///< splat if scalar
  static Coordinate computed(llvm::Value* index) { return {Dim(0), -1, Dim(1), index}; }
  llvm::Value* wrap_index(llvm::Value* index, const ir::Dim& size);

  llvm::Value* iota(const ir::Op& op, const Coordinates& at);
  llvm::Value* pad(const ir::Op& op, const Coordinates& at);
  llvm::Value* gather(const ir::Op& op, const Coordinates& at);
  llvm::Value* gather_elements(const ir::Op& op, const Coordinates& at);
  llvm::Value* gather_nd(const ir::Op& op, const Coordinates& at);
  llvm::Value* loaded_index(const ir::Value* indices, const Coordinates& at, const ir::Dim& size);

  Frame& frame_;
  Emitter& e_;
  LoopPoint point_;
  std::pair<const ir::Value*, bool> assumed_ = {nullptr, false};
  std::map<const ir::Value*, std::vector<std::pair<Coordinates, llvm::Value*>>> memo_;
};

/// All buffer reads of `value` at `at`, if all of them have affine addresses; else false.
bool collect_accesses(const ir::Value* value, const Coordinates& at, const ir::Block& kernel, size_t variables,
                      std::vector<Access>& out);

/// For each loop variable, whether one loop can run over it and the next together, at all `accesses`.
std::vector<bool> mergeable(const std::vector<ir::Dim>& sizes, const std::vector<Access>& accesses);

/// The part [first, second) of [0, size) that falls to this thread, in pieces of `grain`.
std::pair<llvm::Value*, llvm::Value*> thread_share(Frame& f, llvm::Value* size, int64_t grain);

/// Loops over `size` elements from `begin` to `end`, `lanes` at a time; the body gets the first index and the mask (null
/// where all lanes exist).
void lane_loop(Emitter& e, const ir::Dim& size, llvm::Value* begin, llvm::Value* end, int64_t lanes,
               const std::function<void(llvm::Value*, llvm::Value*)>& body);

/// Lanes to use for a loop over `size` elements.
int64_t choose_lanes(const Machine& machine, const ir::Dim& size);

/// Writes `values` of shape `domain` at their own index into buffers; `outputs` gives buffer and access of each.
struct MapOutput {
  const ir::Value* value;
  const ir::Value* buffer;
  Access access;
};
void emit_map_nest(Frame& f, const ir::Shape& domain, const std::vector<MapOutput>& outputs);

/// The value that leaves any other unchanged under `kind`, and the reduction of two values (register types).
llvm::Value* neutral_element(Emitter& e, ir::ReduceKind kind, ir::DType type, int64_t lanes);
llvm::Value* combine(Emitter& e, ir::ReduceKind kind, ir::DType type, llvm::Value* a, llvm::Value* b);

/// A contraction's weights: their element types in memory and in the registers that are multiplied, and how many
/// consecutive k of a column stand side by side.
struct WeightTypes {
  ir::DType stored, multiplied;
  int64_t group;
  bool in_place;  ///< lines may begin anywhere, not only at whole cache lines
};
/// Register number `vector` of a line of packed weights (see Opcode::Pack), converted: those for number `k` (i64) of the
/// group that the line holds.
llvm::Value* load_weights(Emitter& e, llvm::Value* line, const WeightTypes& types, int64_t vector, int64_t lanes,
                          llvm::Value* k);

/// The words of 32 bits that hold a group, as they stand in memory.
llvm::Value* load_weight_words(Emitter& e, llvm::Value* line, const WeightTypes& types, int64_t vector, int64_t lanes);
/// From the register of one type to that of another that holds all its values; f16 and bf16 are in f32 registers already.
llvm::Value* convert_element(Emitter& e, llvm::Value* value, ir::DType from, ir::DType to);

/// Sums of four products of bytes: in each lane sum + x0*w0 + x1*w1 + x2*w2 + x3*w3, where x are unsigned and w signed
/// bytes of words of 32 bits, in arithmetic that does not saturate. has_byte_dots: whether the target has instructions.
bool has_byte_dots(const Emitter& e, int64_t lanes);
llvm::Value* byte_dots(Emitter& e, llvm::Value* sum, llvm::Value* x, llvm::Value* weights, int64_t lanes);

// One generator a kind; each fills the frame's function.
void emit_map(Frame& f);
void emit_contract(Frame& f);
void emit_reduce(Frame& f);
void emit_window(Frame& f);
void emit_move(Frame& f);
void emit_arg_sort(Frame& f, const ir::Op& op);  // parts of emit_move
void emit_positions(Frame& f, const ir::Op& op);

}  // namespace seqc::codegen
