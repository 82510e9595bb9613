/// Where the frames of a stream are in a value of the model, and how far they have come; rules share this.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "passes/streaming/streaming.h"

namespace seqc::passes::streaming {

/// What a value of the whole model is to a stream.
struct Flow {
  enum class Kind {
    Fixed,    ///< the same at every step
    Frames,   ///< something for each frame
    Latest,   ///< follows from all frames so far
    Lengths,  ///< free of frames, and depends on how many there are: rebuilt where frames meet it
  } kind = Kind::Fixed;

  // Of Frames. Axis `axis` of the value holds outer * frames * inner elements, in this order. After h hops,
  // max(rate*h - late, 0) frames are there, while the whole model has `lead` more of them in front, which hold `fill`, and
  // `tail` more behind, which later frames would change.
  int64_t axis = 0;
  ir::Dim outer = 1, inner = 1;
  int64_t rate = 1, late = 0, lead = 0, tail = 0;
  std::optional<double> fill = {};
  const ir::Op* ahead = nullptr;  ///< who made the tail

  bool is_frames() const { return kind == Kind::Frames; }
  bool plain() const { return outer == ir::Dim(1) && inner == ir::Dim(1); }
  bool same_pace(const Flow& other) const {
    return rate == other.rate && late == other.late && lead == other.lead && tail == other.tail && fill == other.fill &&
           outer == other.outer && inner == other.inner;
  }
};

/// A value of the whole model as the step has it.
struct Streamed {
  Flow flow;
  ir::Value* value = nullptr;  ///< null for Lengths
};

/// Thrown when frames must come in larger groups; make_stream begins anew with them.
struct LargerHop {
  int64_t hop;
};

/// A window that slides over the frames of an operand.
struct Window {
  int64_t size = 1, stride = 1;  ///< the size with dilation: first to last frame
  int64_t lo = 0, hi = 0;        ///< frames of padding
  double fill = 0;               ///< what they hold
};

/// Axes of inputs where time is, by the input's name.
using TimeAxes = std::map<std::string, int64_t>;
/// What StreamOptions::time says, or what is found. Throws as make_stream does.
TimeAxes find_time_axes(const ir::Function& function, const StreamOptions& options);

/// Writes the step function: one rule an op.
class Rewriter {
 public:
  Rewriter(const ir::Function& whole, const StreamOptions& options, const TimeAxes& axes, int64_t hop);
  SteppedModel run();

 private:
  // --- values --------------------------------------------------------------------------------------------------------
  const Flow& flow(const ir::Value* value) const;
  ir::Value* mapped(const ir::Value* value);
  bool flow_known(const ir::Value* value) const { return value->is_constant() || streamed_.contains(value); }
  void set(const ir::Value* value, Flow flow, ir::Value* streamed);
  /// The frames of the whole value, as its type says.
  static ir::Dim whole_frames(const ir::Value* value, const Flow& flow);
  /// The frames that a step has of it.
  ir::Dim count(const Flow& flow);
  /// Frames after `hops`.
  static int64_t frames_after(const Flow& flow, int64_t hops);
  /// Whether the number of frames a step is the same from the first on.
  static bool steady(const Flow& flow) { return flow.late == 0; }
  /// The frames' elements along the axis in the step.
  ir::Dim size(const Flow& flow) { return flow.outer * count(flow) * flow.inner; }
  bool mentions_time(const ir::Op* op) const;
  bool mentions_time(const ir::Shape& shape) const;
  /// `value` (Fixed or Lengths), whose dim `axis` is as long as the whole has frames, for the frames of a step.
  ir::Value* along_time(const ir::Op* op, const ir::Value* value, int64_t axis, const ir::Dim& frames);
  [[noreturn]] void refuse(const ir::Op* op, const std::string& why) const;
  /// Refuses frames in front that only some ops know.
  void need_no_lead(const ir::Op* op, const Flow& flow) const;

  // --- rules ---------------------------------------------------------------------------------------------------------
  void visit(const ir::Op* op);
  void without_frames(const ir::Op* op, Flow::Kind kind);
  void elementwise(const ir::Op* op);
  void broadcast(const ir::Op* op);
  void reshape(const ir::Op* op);
  void transpose(const ir::Op* op);
  void slice(const ir::Op* op);
  void concat(const ir::Op* op);
  void pad(const ir::Op* op);
  void gather(const ir::Op* op);
  void arg_sort(const ir::Op* op);
  void reduce(const ir::Op* op);
  void contract(const ir::Op* op);
  void convolve(const ir::Op* op);
  void reduce_window(const ir::Op* op);
  void scan(const ir::Op* op);
  void scan_over_time(const ir::Op* op);
  void finish();
  /// Writes `op` with operands of the step and another attribute.
  void emit(const ir::Op* op, Flow flow, const std::vector<ir::Value*>& operands, ir::Attr attr);

  // --- time ----------------------------------------------------------------------------------------------------------
  /// The flow behind a window, and in `frames` the frames that its positions in this step lie over.
  Flow slide(const ir::Op* op, const ir::Value* operand, const Window& window, ir::Value*& frames);
  void latest(const ir::Op* op, const ir::Value* operand, int64_t size);
  /// `state` and `now` joined along `axis`; the last `keep` frames of that are the next state.
  ir::Value* delay_line(const ir::Op* op, ir::Value* now, int64_t axis, int64_t keep, double fill,
                        const std::string& what);
  ir::Value* carry(const ir::Op* scan, size_t i);
  ir::Value* add_state(const std::string& name, ir::Type type, ir::Tensor initial, const std::string& source);
  ir::Value* started();
  int64_t rows_axis(const ir::Shape& shape) const;

  const ir::Function& whole_;
  const StreamOptions& options_;
  const TimeAxes& axes_;
  int64_t hop_;
  SteppedModel plan_;
  ir::Builder b_;
  std::map<const ir::Value*, Streamed> streamed_;
  std::string whole_time_;     ///< the name of the whole's time, if it has one
  int64_t whole_length_ = -1;  ///< the number of frames that the whole is made for, if it is fixed
  int64_t other_length_ = -1;  ///< of another input
  ir::Dim hops_, before_;      ///< of this step, and before it
  std::vector<ir::Value*> state_arguments_, next_states_;
  std::map<std::string, ir::Value*> bound_;                          ///< inputs that are states
  std::map<std::pair<const ir::Op*, size_t>, size_t> carry_states_;  ///< carry of a scan: its state's number
  ir::Value* started_ = nullptr;
  std::set<std::string> names_;
};

/// The element that all of a value are, as far as constants and movement tell; nothing if they differ.
std::optional<double> splat_of(const ir::Value* value);

}  // namespace seqc::passes::streaming
