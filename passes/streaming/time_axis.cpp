// Finds the time axis: what recurrences run over, traced back to the inputs.
#include <algorithm>
#include <charconv>

#include "ir/error.h"
#include "ir/infer.h"
#include "passes/streaming/flow.h"

namespace seqc::passes::streaming {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;

namespace {

Dim product(const Shape& shape, int64_t from, int64_t to) {
  return ir::element_count(Shape(shape.begin() + from, shape.begin() + to));
}

/// Follows axes of values back to the function's inputs.
class Tracer {
 public:
  std::set<std::pair<const Value*, int64_t>> inputs;

  void trace(const Value* value, int64_t axis) {
    if (value->is_constant() || !seen_.emplace(value, axis).second) return;
    if (value->block()) return trace_argument(value, axis);
    const Op* op = value->op();
    if (ir::is_elementwise(op->code()) || op->code() == Opcode::Broadcast) return trace_aligned(op, value, axis);
    switch (op->code()) {
      case Opcode::Transpose: return trace(op->operand(0), op->as<ir::TransposeAttr>().perm[static_cast<size_t>(axis)]);
      case Opcode::Reshape: return trace_reshape(op, axis);
      case Opcode::Slice:
      case Opcode::Pad:
      case Opcode::ReduceWindow: return trace(op->operand(0), axis);
      case Opcode::Concat:
        for (const Value* operand : op->operands()) trace(operand, axis);
        return;
      case Opcode::Conv:
        if (axis != 1) trace(op->operand(0), axis);
        return;
      case Opcode::Reduce: {
        for (const int64_t reduced : op->as<ir::ReduceAttr>().axes) axis += reduced <= axis ? 1 : 0;
        return trace(op->operand(0), axis);
      }
      case Opcode::Gather: {
        const int64_t at = op->as<ir::AxisAttr>().axis, indices = op->operand(1)->rank();
        if (axis >= at && axis < at + indices) return trace(op->operand(1), axis - at);
        return trace(op->operand(0), axis < at ? axis : axis - indices + 1);
      }
      case Opcode::Contract: {
        const auto spec = ir::parse_contract_spec(op->as<ir::ContractAttr>().spec);
        const char label = spec.out[static_cast<size_t>(axis)];
        if (const size_t at = spec.lhs.find(label); at != std::string::npos)
          trace(op->operand(0), static_cast<int64_t>(at));
        if (const size_t at = spec.rhs.find(label); at != std::string::npos)
          for (size_t i = 1; i < op->operands().size(); ++i) trace(op->operand(i), static_cast<int64_t>(at));
        return;
      }
      case Opcode::Scan: return trace_scan(op, value, axis);
      default: return;
    }
  }

 private:
  void trace_argument(const Value* value, int64_t axis) {
    const Op* around = value->block()->parent_op();
    if (!around) {
      inputs.emplace(value, axis);
    } else if (around->code() == Opcode::Scan) {
      const bool scanned = value->index() >= around->as<ir::ScanAttr>().carries;
      trace(around->operand(static_cast<size_t>(value->index())), scanned ? axis + 1 : axis);
    }
  }

  void trace_aligned(const Op* op, const Value* value, int64_t axis) {
    for (const Value* operand : op->operands()) {
      const int64_t at = axis - (value->rank() - operand->rank());
      if (at >= 0 && !(operand->shape()[static_cast<size_t>(at)] == Dim(1) &&
                       !(value->shape()[static_cast<size_t>(axis)] == Dim(1))))
        trace(operand, at);
    }
  }

  void trace_reshape(const Op* op, int64_t axis) {
    const Shape &to = op->result()->shape(), &from = op->operand(0)->shape();
    const Dim before = product(to, 0, axis), after = product(to, axis + 1, static_cast<int64_t>(to.size()));
    for (int64_t i = 0; i < static_cast<int64_t>(from.size()); ++i)
      if (from[static_cast<size_t>(i)] == to[static_cast<size_t>(axis)] && product(from, 0, i) == before &&
          product(from, i + 1, static_cast<int64_t>(from.size())) == after)
        return trace(op->operand(0), i);
  }

  void trace_scan(const Op* op, const Value* value, int64_t axis) {
    const auto carries = static_cast<size_t>(op->as<ir::ScanAttr>().carries);
    if (static_cast<size_t>(value->index()) < carries)
      return trace(op->operand(static_cast<size_t>(value->index())), axis);
    if (axis > 0) return trace(op->region().terminator()->operand(static_cast<size_t>(value->index())), axis - 1);
    for (size_t i = carries; i < op->operands().size(); ++i) trace(op->operand(i), 0);
  }

  std::set<std::pair<const Value*, int64_t>> seen_;
};

const Value* input(const ir::Function& f, const std::string& name) {
  std::string known;
  for (size_t i = 0; i < f.body().argument_count(); ++i) {
    if (f.body().argument(i)->name() == name) return f.body().argument(i);
    known += fmt::format("{}\"{}\"", i > 0 ? ", " : "", f.body().argument(i)->name());
  }
  fail(ErrorKind::BadInput, "streaming: no input is called \"{}\", expected one of {}", name, known);
}

/// `x:1,y:0`.
TimeAxes given_axes(const ir::Function& f, const std::string& text) {
  TimeAxes axes;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const size_t colon = part.rfind(':');
    int64_t axis = -1;
    const char *first = part.data() + colon + 1, *last = part.data() + part.size();
    const auto [stop, fault] = std::from_chars(first, last, axis);
    if (fault != std::errc() || stop != last)
      fail(ErrorKind::BadInput, "streaming: time \"{}\": expected a named dim, or INPUT:AXIS", part);
    const Value* value = input(f, part.substr(0, colon));
    if (axis < 0 || axis >= value->rank())
      fail(ErrorKind::BadInput, "streaming: time \"{}\": input \"{}\" is {}, and has no axis {}", part, value->name(),
           value->type().str(), axis);
    axes[value->name()] = axis;
    at = end + 1;
  }
  return axes;
}

/// All axes of inputs that are this named dim.
TimeAxes named_axes(const ir::Function& f, const std::string& name) {
  TimeAxes axes;
  for (size_t i = 0; i < f.body().argument_count(); ++i) {
    const Value* value = f.body().argument(i);
    for (int64_t axis = 0; axis < value->rank(); ++axis) {
      if (!(value->shape()[static_cast<size_t>(axis)] == Dim::symbol(name))) continue;
      if (!axes.emplace(value->name(), axis).second)
        fail(ErrorKind::Unsupported, "streaming: input \"{}\" is {}: time \"{}\" along two axes", value->name(),
             value->type().str(), name);
    }
  }
  if (axes.empty())
    fail(ErrorKind::BadInput, "streaming: no input has a dim \"{}\"; its inputs' named dims are the choices", name);
  return axes;
}

std::string choices(const ir::Function& f, const StreamOptions& options) {
  std::string text;
  for (size_t i = 0; i < f.body().argument_count(); ++i) {
    const Value* value = f.body().argument(i);
    if (options.dropped.contains(value->name())) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", value->name(), value->type().str());
  }
  return text;
}

}  // namespace

TimeAxes find_time_axes(const ir::Function& f, const StreamOptions& options) {
  if (options.time.find(':') != std::string::npos) return given_axes(f, options.time);
  if (!options.time.empty()) return named_axes(f, options.time);
  Tracer tracer;
  ir::walk(f.body(), [&](const Op* op) {
    if (op->code() != Opcode::Scan || op->parent() != &f.body()) return;
    for (auto i = static_cast<size_t>(op->as<ir::ScanAttr>().carries); i < op->operands().size(); ++i)
      tracer.trace(op->operand(i), 0);
  });
  std::set<std::string> bound;
  for (const auto& [in, out] : options.states) bound.insert(in);
  std::set<std::string> names;
  TimeAxes axes;
  for (const auto& [value, axis] : tracer.inputs) {
    if (bound.contains(value->name()) || options.dropped.contains(value->name())) continue;
    const Dim& dim = value->shape()[static_cast<size_t>(axis)];
    if (dim.is_symbol())
      names.insert(dim.symbol_name());
    else if (const auto [it, added] = axes.emplace(value->name(), axis); !added)
      fail(ErrorKind::BadInput,
           "streaming: recurrences run over axes {} and {} of input \"{}\", {}; say which is time, as in {}:{}",
           std::min(it->second, axis), std::max(it->second, axis), value->name(), value->type().str(), value->name(),
           axis);
  }
  if (names.size() == 1 && axes.empty()) return named_axes(f, *names.begin());
  if (names.empty() && !axes.empty()) return axes;
  if (names.empty()) {
    // No recurrence: the only named dim besides rows, which come first.
    for (size_t i = 0; i < f.body().argument_count(); ++i)
      for (int64_t axis = 0; axis < f.body().argument(i)->rank(); ++axis)
        if (const Dim& dim = f.body().argument(i)->shape()[static_cast<size_t>(axis)];
            dim.is_symbol() && dim.symbol_name() != options.rows)
          names.insert(dim.symbol_name());
    std::set<std::string> inner;
    for (const std::string& name : names)
      for (size_t i = 0; i < f.body().argument_count(); ++i)
        if (const Value* value = f.body().argument(i);
            value->rank() > 0 && !(value->shape()[0] == Dim::symbol(name)) &&
            std::find(value->shape().begin(), value->shape().end(), Dim::symbol(name)) != value->shape().end())
          inner.insert(name);
    if (names.size() == 1) return named_axes(f, *names.begin());
    if (inner.size() == 1) return named_axes(f, *inner.begin());
  }
  fail(ErrorKind::BadInput,
       "streaming: which axis is time does not follow from the model; name it (a named dim, or INPUT:AXIS) among {}",
       choices(f, options));
}

}  // namespace seqc::passes::streaming
