#include "codegen/repeats.h"

#include <algorithm>

#include "codegen/memory_plan.h"
#include "codegen/work.h"
#include "ir/kept_states.h"

namespace seqc::codegen {
namespace {

using namespace ir;

/// Bytes that a thread has for the results of its kernels in a step, on its stack; twice as many with those of two steps.
constexpr int64_t kMostBytes = 64 << 10;

bool is_emitted(const Op& scan, const Value* value) {
  const auto& yielded = scan.region().terminator()->operands();
  const auto first = yielded.begin() + static_cast<ptrdiff_t>(scan.as<ScanAttr>().carries);
  return std::any_of(first, yielded.end(), [&](const Value* emitted) { return strip_reshapes(emitted) == value; });
}

bool carries_for_one_step(const Op& scan) {
  const Block& region = scan.region();
  for (size_t i = 0; i < static_cast<size_t>(scan.as<ScanAttr>().carries); ++i) {
    const Value* next = strip_reshapes(region.terminator()->operand(i));
    const bool made_here = next->op() && next->op()->code() == Opcode::Kernel && next->op()->parent() == &region;
    if (!made_here && next != region.argument(i)) return false;
  }
  return true;
}

}  // namespace

bool may_repeat(const Op& scan) {
  if (scan.code() != Opcode::Scan || !carries_for_one_step(scan)) return false;
  int64_t bytes = 0, kernels = 0;
  for (const Op* op : scan.region().op_list()) {
    if (op->code() == Opcode::Reshape || op->code() == Opcode::Slice || op->code() == Opcode::Yield) continue;
    if (op->code() != Opcode::Kernel || !work(*op).is_constant()) return false;
    ++kernels;
    for (size_t i = 0; i < op->result_count(); ++i) {
      const Dim size = padded_bytes(op->result(i)->type());
      if (!size.is_constant() || (bytes += size.constant()) > kMostBytes) return false;
    }
  }
  return kernels > 1;
}

std::set<const Op*> repeated_kernels(const Op& scan, int64_t worth_meeting) {
  if (!may_repeat(scan)) return {};
  std::set<const Op*> repeated;
  int64_t operations = 0, meetings = 0;
  for (const Op* kernel : kernels_in(scan.region())) {
    const int64_t own = work(*kernel).constant();
    if (own < worth_meeting) {
      repeated.insert(kernel);
    } else {
      operations += own;
      ++meetings;
    }
  }
  if (meetings == 0 || operations < 2 * meetings * worth_meeting) return {};
  for (size_t i = 0; i < static_cast<size_t>(scan.as<ScanAttr>().carries); ++i) {
    const Value* next = strip_reshapes(scan.region().terminator()->operand(i));
    if (next->op() && !repeated.contains(next->op()) && !is_emitted(scan, next)) return {};
  }
  return repeated;
}

bool leaves_step(const Value* value) {
  const auto& yielded = value->op()->parent()->terminator()->operands();
  return std::any_of(yielded.begin(), yielded.end(), [&](const Value* next) { return strip_reshapes(next) == value; });
}

}  // namespace seqc::codegen
