// The derivatives of if and loop.
#include "ir/error.h"
#include "ir/named_dims.h"
#include "passes/checkpoints.h"
#include "passes/reverse_sweep.h"
#include "passes/saved_values.h"

namespace seqc::passes {

using namespace ir;

namespace {

/// Computes a region once more and sweeps back over it; the adjoints of `captures`.
std::vector<Value*> sweep_region(Builder& b, const Block& region, const std::vector<Value*>& adjoints,
                                 const std::vector<Value*>& captures, const SavePolicy& policy) {
  ValueMap map;
  clone_ops(region, b.block(), nullptr, map, true);
  Op* yielded = b.block().terminator();
  const auto in_front = [&] {
    std::vector<Op*> ops;
    for (Op* op : b.block().op_list()) {
      if (op == yielded) break;
      ops.push_back(op);
    }
    return ops;
  };
  ReverseSweep sweep(b, dependents(in_front(), ValueSet(captures.begin(), captures.end())), policy);
  for (size_t i = 0; i < adjoints.size(); ++i) sweep.add(yielded->operand(i), adjoints[i]);
  sweep.run(in_front());
  std::vector<Value*> results;
  for (const Value* capture : captures) results.push_back(sweep.adjoint_or_zeros(capture));
  std::vector<Op*> clones = in_front();
  yielded->erase();
  erase_unused(clones);
  return results;
}

}  // namespace

/// if c {f(x)} else {g(x)}: dx = if c {f_x dy} else {g_x dy}; each region computes again what it needs.
void differentiate_if(ReverseSweep& sweep, Op* op, const std::vector<Value*>& adjoints) {
  for (size_t i = 0; i < 2; ++i)
    if (binds_dims(op->region(i)))
      fail(ErrorKind::Unsupported, "{}: the derivative of an if in which sizes are decided by data is not supported",
           op->location());
  const std::vector<Value*> captures = varying_captures(sweep, op);
  const auto region = [&](size_t i) {
    return [&, i](Builder& b, const std::vector<Value*>&) {
      return sweep_region(b, op->region(i), adjoints, captures, sweep.policy());
    };
  };
  const Op* back = sweep.builder().if_(op->operand(0), region(0), region(1));
  for (size_t i = 0; i < captures.size(); ++i) sweep.add(captures[i], back->result(i));
}

/// A loop takes no more steps than some number: it is a scan over that many, of which the last do nothing.
void differentiate_loop(ReverseSweep& sweep, Op* op) {
  if (binds_dims(op->region()))
    fail(ErrorKind::Unsupported, "{}: the derivative of a loop in which sizes are decided by data is not supported",
         op->location());
  for (size_t i = 0; i < op->result_count(); ++i)
    if (sweep.stops(op->result(i)))
      fail(ErrorKind::Unsupported, "{}: derivatives by the result of a loop are not supported; copy it first",
           op->location());
  const Rewritten scan = loop_as_scan(op);
  for (size_t i = 0; i < scan.results.size(); ++i) sweep.replace(op->result(i), scan.results[i]);
  put_in_place(op, scan);
  sweep.extend(scan.ops);
  sweep.run(scan.ops);
}

}  // namespace seqc::passes
