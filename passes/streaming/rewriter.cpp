// What the rules of streaming share: values of the step, states, the walk over the ops.
#include <algorithm>

#include "ir/error.h"
#include "ir/named_dims.h"
#include "passes/rewrite.h"
#include "passes/streaming/flow.h"

namespace seqc::passes::streaming {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;
using Kind = Flow::Kind;

namespace {

/// A name for the frames of a step that no dim has.
std::string fresh_name(const ir::Function& f, std::string name) {
  std::set<std::string> taken;
  for (size_t i = 0; i < f.body().argument_count(); ++i)
    for (const Dim& dim : f.body().argument(i)->shape()) dim.collect_symbols(taken);
  ir::walk(f.body(), [&](const Op* op) { taken.merge(ir::symbols_of(*op)); });
  while (taken.contains(name)) name += "_";
  return name;
}

bool is_named(const std::vector<std::pair<std::string, std::string>>& states, const std::string& input) {
  return std::any_of(states.begin(), states.end(), [&](const auto& state) { return state.first == input; });
}

}  // namespace

Rewriter::Rewriter(const ir::Function& whole, const StreamOptions& options, const TimeAxes& axes, int64_t hop)
    : whole_(whole),
      options_(options),
      axes_(axes),
      hop_(hop),
      plan_{{}, std::make_unique<ir::Function>(whole.name)},
      b_(*plan_.step) {
  plan_.hop = hop;
  const ir::Block& body = whole.body();
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const Value* argument = body.argument(i);
    const auto time = axes.find(argument->name());
    if (time == axes.end()) continue;
    const Dim& dim = argument->shape()[static_cast<size_t>(time->second)];
    if (dim.is_symbol()) whole_time_ = plan_.time = dim.symbol_name();
    if (!dim.is_constant()) continue;
    if (whole_length_ >= 0 && dim.constant() != whole_length_) other_length_ = dim.constant();
    if (whole_length_ < 0) whole_length_ = dim.constant();
    if (dim.constant() == 1)
      fail(ErrorKind::Unsupported,
           "streaming: the model is made for one frame, {} of input \"{}\"; its states are inputs and outputs, if it "
           "has "
           "any: bind these",
           argument->type().str(), argument->name());
  }
  if (plan_.time.empty()) plan_.time = fresh_name(whole, "T");
  plan_.rows = options.rows;
  if (whole_length_ >= 0 && whole_length_ % hop != 0)
    fail(ErrorKind::Unsupported,
         "streaming: the model is made for {} frames, and its strides take {} at a time, of which that is no multiple",
         whole_length_, hop);
  hops_ = ir::floordiv(Dim::symbol(plan_.time), Dim(hop));
  before_ = Dim::symbol(fresh_name(whole, "before"));
}

SteppedModel Rewriter::run() {
  const ir::Block& body = whole_.body();
  ir::Block& step = plan_.step->body();
  std::vector<const Value*> states;
  for (size_t i = 0; i < body.argument_count(); ++i) {
    const Value* argument = body.argument(i);
    names_.insert(argument->name());
    if (is_named(options_.states, argument->name())) continue;
    if (options_.dropped.contains(argument->name())) {
      if (!argument->unused())
        fail(ErrorKind::Internal, "streaming: input \"{}\" is read, and its value was said to be part of the model",
             argument->name());
      continue;
    }
    const auto time = axes_.find(argument->name());
    if (time == axes_.end()) {
      set(argument, {}, step.add_argument(argument->type(), argument->name()));
      plan_.inputs.push_back({argument->name(), argument->type(), -1});
      continue;
    }
    ir::Type type = argument->type();
    const Dim whole_size = type.shape[static_cast<size_t>(time->second)];
    if (!whole_size.is_constant() && !(whole_size == Dim::symbol(plan_.time)))
      fail(ErrorKind::Unsupported, "streaming: inputs have time as {} and {}; expected one length", plan_.time,
           whole_size.str());
    type.shape[static_cast<size_t>(time->second)] = Dim::symbol(plan_.time);
    Value* all = step.add_argument(type, argument->name());
    plan_.inputs.push_back({argument->name(), type, time->second});
    Flow flow{.kind = Kind::Frames, .axis = time->second, .rate = hop_};
    // Whole hops, so that sizes behind strides divide.
    set(argument, flow, hop_ == 1 ? all : b_.slice_axis(all, flow.axis, 0, count(flow)));
  }
  for (const auto& [name, output] : options_.states) {
    const Value* argument = nullptr;
    for (size_t i = 0; i < body.argument_count(); ++i)
      if (body.argument(i)->name() == name) argument = body.argument(i);
    const auto initial = options_.initial.find(name);
    Value* state = add_state(name, argument->type(),
                             initial == options_.initial.end() ? ir::Tensor(argument->dtype(), {}) : initial->second,
                             fmt::format("the model's own, next from output \"{}\"", output));
    plan_.states.back().name = name;
    bound_[name] = state;
    set(argument, {}, state);
  }
  for (const auto& op : body.ops())
    if (!is_terminator(op.get())) visit(op.get());
  if (other_length_ >= 0)
    fail(ErrorKind::Unsupported,
         "streaming: recurrences run over {} and over {} frames; which are time is not clear: name it", whole_length_,
         other_length_);
  finish();
  return std::move(plan_);
}

const Flow& Rewriter::flow(const Value* value) const {
  static const Flow fixed;
  return value->is_constant() ? fixed : streamed_.at(value).flow;
}

Value* Rewriter::mapped(const Value* value) {
  if (value->is_constant()) return plan_.step->constant(value->constant(), value->name());
  return streamed_.at(value).value;
}

void Rewriter::set(const Value* value, Flow flow, Value* streamed) {
  if (streamed && streamed->name().empty() && !value->name().empty()) streamed->set_name(value->name());
  streamed_[value] = {flow, streamed};
}

Dim Rewriter::whole_frames(const Value* value, const Flow& flow) {
  return ir::floordiv(value->shape()[static_cast<size_t>(flow.axis)], flow.outer * flow.inner);
}

Dim Rewriter::count(const Flow& flow) {
  const Dim rate(flow.rate);
  if (steady(flow)) return rate * hops_;
  const auto after = [&](const Dim& hops) { return ir::max(rate * hops - Dim(flow.late), 0); };
  plan_.warm_up = std::max(plan_.warm_up, (flow.late + flow.rate - 1) / flow.rate);
  return ir::max(after(before_ + hops_) - after(before_), 0);
}

int64_t Rewriter::frames_after(const Flow& flow, int64_t hops) {
  return std::max<int64_t>(flow.rate * hops - flow.late, 0);
}

bool Rewriter::mentions_time(const Op* op) const {
  if (whole_time_.empty()) return false;
  std::set<std::string> names = ir::symbols_of(*op);
  for (size_t i = 0; i < op->region_count(); ++i)
    ir::walk(op->region(i), [&](const Op* inner) { names.merge(ir::symbols_of(*inner)); });
  return names.contains(whole_time_);
}

bool Rewriter::mentions_time(const Shape& shape) const {
  std::set<std::string> names;
  for (const Dim& dim : shape) dim.collect_symbols(names);
  return !whole_time_.empty() && names.contains(whole_time_);
}

void Rewriter::refuse(const Op* op, const std::string& why) const {
  fail(ErrorKind::Unsupported, "streaming: {}{}: {}", op->location().empty() ? "" : op->location() + ": ",
       op->info().mnemonic, why);
}

void Rewriter::need_no_lead(const Op* op, const Flow& flow) const {
  if (flow.lead > 0)
    refuse(op, fmt::format("there are {} frames in front of the first one; only windows over them and slices are known "
                           "to use such up",
                           flow.lead));
}

// Lengths stay what they are until frames meet them.
void Rewriter::without_frames(const Op* op, Kind kind) {
  bool lengths = mentions_time(op);
  for_each_operand(op, [&](const Value* value) {
    if (const auto it = streamed_.find(value); it != streamed_.end())
      lengths = lengths || it->second.flow.kind == Kind::Lengths;
  });
  if (lengths) {
    if (kind == Kind::Latest) refuse(op, "what it gives depends on how many frames there are in all");
    for (size_t i = 0; i < op->result_count(); ++i) set(op->result(i), {.kind = Kind::Lengths}, nullptr);
    return;
  }
  // What decodes as many steps as a fixed number of frames was read gives something for each of these frames.
  if (kind == Kind::Latest && whole_length_ > 1 && op->code() == Opcode::Scan &&
      op->as<ir::ScanAttr>().length == Dim(whole_length_))
    refuse(op, fmt::format("its {} steps begin when all {} frames were read: looks ahead to the last one",
                           whole_length_, whole_length_));
  ir::ValueMap map;
  for_each_operand(op, [&](const Value* value) {
    if (value->is_constant() || streamed_.contains(value)) map[value] = mapped(value);
  });
  const Op* copy = ir::clone(*op, b_.block(), nullptr, map);
  for (size_t i = 0; i < op->result_count(); ++i) set(op->result(i), {.kind = kind}, copy->result(i));
}

void Rewriter::visit(const Op* op) {
  b_.set_location(op->location());
  bool frames = false, latest = false, inside = false;
  for_each_operand(op, [&](const Value* value) {
    const auto it = streamed_.find(value);
    if (it == streamed_.end()) return;
    frames = frames || it->second.flow.is_frames();
    latest = latest || it->second.flow.kind == Kind::Latest;
  });
  for (size_t i = 0; i < op->region_count(); ++i)
    ir::walk(op->region(i), [&](const Op* inner) {
      for (const Value* value : inner->operands())
        if (const auto it = streamed_.find(value); it != streamed_.end() && it->second.flow.is_frames()) inside = true;
    });
  if (!frames) return without_frames(op, latest ? Kind::Latest : Kind::Fixed);
  if (latest) refuse(op, "it gives frames what follows from all of them: looks ahead to the last one");
  if (op->code() == Opcode::If) refuse(op, "it chooses between branches that read frames, which is not supported");
  if (inside) refuse(op, "its region reads all frames at once: looks ahead");
  if (ir::is_elementwise(op->code())) return elementwise(op);
  switch (op->code()) {
    case Opcode::Broadcast: return broadcast(op);
    case Opcode::Reshape: return reshape(op);
    case Opcode::Transpose: return transpose(op);
    case Opcode::Slice: return slice(op);
    case Opcode::Concat: return concat(op);
    case Opcode::Pad: return pad(op);
    case Opcode::Gather: return gather(op);
    case Opcode::ArgSort: return arg_sort(op);
    case Opcode::Reduce: return reduce(op);
    case Opcode::Contract: return contract(op);
    case Opcode::Conv: return convolve(op);
    case Opcode::ReduceWindow: return reduce_window(op);
    case Opcode::Scan: return scan(op);
    case Opcode::GatherElements:
    case Opcode::GatherNd: refuse(op, "it picks frames by their number, as lengths of sequences give it: looks ahead");
    default: refuse(op, "what it does to the frames of a stream is not known");
  }
}

void Rewriter::emit(const Op* op, Flow flow, const std::vector<Value*>& operands, ir::Attr attr) {
  const Op* made = b_.create(op->code(), operands, std::move(attr));
  for (size_t i = 0; i < op->result_count(); ++i) set(op->result(i), flow, made->result(i));
}

// --- states ----------------------------------------------------------------------------------------------------------

int64_t Rewriter::rows_axis(const Shape& shape) const {
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i].is_symbol() && shape[i].symbol_name() == plan_.rows) return static_cast<int64_t>(i);
  return -1;
}

Value* Rewriter::add_state(const std::string& name, ir::Type type, ir::Tensor initial, const std::string& source) {
  std::string own = name;
  for (int i = 2; !bound_.contains(own) && names_.contains(own) && !is_named(options_.states, own); ++i)
    own = fmt::format("{}.{}", name, i);
  names_.insert(own);
  Value* argument = b_.block().add_argument(type, own);
  plan_.states.push_back({own, std::move(type), -1, std::move(initial), source});
  state_arguments_.push_back(argument);
  next_states_.push_back(nullptr);
  return argument;
}

// Whether a step has gone before: for states that begin with what an input or a table says.
Value* Rewriter::started() {
  if (started_) return started_;
  const Dim rows = plan_.rows.empty() ? Dim(1) : Dim::symbol(plan_.rows);
  const size_t index = next_states_.size();
  started_ = add_state("started", {ir::DType::boolean, {rows}}, ir::Tensor(ir::DType::boolean, {}),
                       "whether a step has gone before");
  next_states_[index] = b_.broadcast(b_.constant(ir::Tensor::scalar_int(ir::DType::boolean, 1)), {rows});
  return started_;
}

Value* Rewriter::delay_line(const Op* op, Value* now, int64_t axis, int64_t keep, double fill,
                            const std::string& what) {
  Shape shape = now->shape();
  shape[static_cast<size_t>(axis)] = keep;
  const ir::Type type{now->dtype(), shape};
  ir::Tensor initial = ir::is_float(type.dtype) ? ir::Tensor::scalar(type.dtype, fill)
                                                : ir::Tensor::scalar_int(type.dtype, static_cast<int64_t>(fill));
  const size_t index = next_states_.size();
  const std::string place = op->location().empty() ? std::string(op->info().mnemonic) : op->location();
  Value* state = add_state("history", type, std::move(initial), fmt::format("{} of {} ({} frames)", what, place, keep));
  Value* joined = b_.concat({state, now}, axis);
  next_states_[index] = b_.slice_axis(joined, axis, now->shape()[static_cast<size_t>(axis)], keep);
  return joined;
}

void Rewriter::finish() {
  const Op* terminator = whole_.body().terminator();
  std::vector<Value*> results;
  std::map<std::string, Value*> next;
  b_.set_location("");
  for (size_t i = 0; i < terminator->operands().size(); ++i) {
    const Value* value = terminator->operand(i);
    const std::string& name = whole_.output_names[i];
    const Flow& out = flow(value);
    const auto bound = std::find_if(options_.states.begin(), options_.states.end(),
                                    [&](const auto& state) { return state.second == name; });
    if (out.kind == Kind::Lengths)
      fail(ErrorKind::Unsupported, "streaming: output \"{}\" depends on how many frames there are in all", name);
    if (out.is_frames() && (out.tail > 0 || out.lead > 0 || !out.plain())) {
      if (out.tail > 0 && out.ahead)
        refuse(out.ahead, fmt::format("looks ahead by {} frame{}: output \"{}\" needs what comes later", out.tail,
                                      out.tail == 1 ? "" : "s", name));
      fail(ErrorKind::Unsupported, "streaming: output \"{}\", {}, {}", name, value->type().str(),
           out.plain() ? fmt::format("has {} frames in front of the first one", out.lead)
                       : "has frames and other things along one axis");
    }
    if (bound != options_.states.end()) {
      if (out.is_frames())
        fail(ErrorKind::BadInput, "streaming: state output \"{}\" is {}, with something for each frame", name,
             value->type().str());
      next[bound->first] = mapped(value);
      continue;
    }
    Value* result = mapped(value);
    results.push_back(result);
    plan_.step->output_names.push_back(name);
    plan_.outputs.push_back({name, result->type(), out.is_frames() ? out.axis : -1, out.rate, out.late});
  }
  for (size_t i = 0; i < plan_.states.size(); ++i) {
    StreamState& state = plan_.states[i];
    if (const auto it = next.find(state.name); it != next.end() && i < options_.states.size())
      next_states_[i] = it->second;
    state.rows_axis = rows_axis(state.type.shape);
    results.push_back(next_states_[i]);
    plan_.step->output_names.push_back("next " + state.name);
  }
  if (plan_.warm_up > 0) plan_.step->body().add_argument({ir::DType::u8, {before_}}, "position");
  b_.return_(std::move(results));
}

}  // namespace seqc::passes::streaming
