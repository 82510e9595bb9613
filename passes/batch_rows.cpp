#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <vector>

#include "ir/named_dims.h"
#include "passes/lift.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Values that differ from row to row, as far as has been seen.
using Varying = std::unordered_set<const Value*>;

/// The first op that cannot be written for all rows; null if there is none.
const Op* obstacle(const Block& body, Varying& varying);

/// A scan within a row: all it carries is taken to vary.
const Op* obstacle_in_scan(Op* op, Varying& varying) {
  const ScanView scan(op);
  for (int64_t i = 0; i < scan.carries(); ++i) varying.insert(scan.argument(i));
  for (int64_t i = 0; i < scan.inputs(); ++i)
    if (varying.contains(scan.input(i))) varying.insert(scan.step_input(i));
  if (const Op* found = obstacle(scan.body(), varying)) return found;
  for (size_t i = 0; i < op->result_count(); ++i) varying.insert(op->result(i));
  return nullptr;
}

const Op* obstacle(const Block& body, Varying& varying) {
  const auto varies = [&](const Value* value) { return varying.contains(value); };
  for (const auto& op : body.ops()) {
    if (is_terminator(op.get())) continue;
    if (op->code() == Opcode::Scan) {
      if (const Op* found = obstacle_in_scan(op.get(), varying)) return found;
      continue;
    }
    bool depends = false;
    for_each_operand(op.get(), [&](const Value* operand) { depends = depends || varies(operand); });
    if (!depends) {
      if (op->region_count() > 0) return op.get();
      continue;
    }
    if (op->region_count() > 0 || !Lifter::can_lift(op.get(), varies)) return op.get();
    for (size_t i = 0; i < op->result_count(); ++i) varying.insert(op->result(i));
  }
  return nullptr;
}

/// The second dim in front of the first.
Value* move_first(Builder& b, Value* x) {
  std::vector<int64_t> perm(static_cast<size_t>(x->rank()));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[0], perm[1]);
  return b.transpose(x, std::move(perm));
}

/// The scans of all rows, each behind that of one row.
using Batched = std::vector<std::pair<const Op*, const Op*>>;

void batch(const Block& body, Lifter& rows, Batched& scans);

/// The scan of all rows: what it scans and emits has the steps in front of the rows.
const Op* batch_scan(Op* op, Lifter& rows, Batched& scans) {
  const ScanView scan(op);
  Builder& b = rows.builder();
  b.set_location(op->location());
  std::vector<Value*> carries, scanned;
  for (int64_t i = 0; i < scan.carries(); ++i) carries.push_back(rows.all_steps(scan.initial(i)));
  for (int64_t i = 0; i < scan.inputs(); ++i) {
    Value* all = rows.lifted(scan.input(i));
    scanned.push_back(all ? move_first(b, all) : rows.shared(scan.input(i)));
  }
  const auto body = [&](Builder& inner, const std::vector<Value*>& arguments) {
    Lifter inside = rows.within(inner);
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Value* before = scan.body().argument(i);
      const int64_t input = static_cast<int64_t>(i) - scan.carries();
      arguments[i]->set_name(before->name());
      if (input < 0 || rows.lifted(scan.input(input)))
        inside.set(before, arguments[i]);
      else
        inside.set_shared(before, arguments[i]);
    }
    batch(scan.body(), inside, scans);
    std::vector<Value*> yielded;
    for (Value* value : scan.body().terminator()->operands()) yielded.push_back(inside.all_steps(value));
    return yielded;
  };
  const Op* all = b.scan(scan.length(), carries, scanned, body, scan.reverse());
  for (size_t i = 0; i < op->result_count(); ++i) {
    all->result(i)->set_name(op->result(i)->name());
    const bool emitted = static_cast<int64_t>(i) >= scan.carries();
    rows.set(op->result(i), emitted ? move_first(b, all->result(i)) : all->result(i));
  }
  return all;
}

/// Writes the ops of a row for all rows.
void batch(const Block& body, Lifter& rows, Batched& scans) {
  for (const auto& op : body.ops()) {
    if (is_terminator(op.get())) continue;
    if (op->code() == Opcode::Scan) {
      const Op* all = batch_scan(op.get(), rows, scans);
      scans.emplace_back(op.get(), all);
      continue;
    }
    const auto& operands = op->operands();
    if (std::any_of(operands.begin(), operands.end(), [&](const Value* x) { return rows.lifted(x) != nullptr; })) {
      rows.lift(op.get());
      continue;
    }
    std::vector<Value*> same;
    for (Value* operand : operands) same.push_back(rows.shared(operand));
    const Op* copy = rows.builder().create(op->code(), std::move(same), op->attr());
    for (size_t i = 0; i < op->result_count(); ++i) rows.set_shared(op->result(i), copy->result(i));
  }
}

bool holds_scan(const Block& body) {
  return std::any_of(body.ops().begin(), body.ops().end(), [](const auto& op) { return op->code() == Opcode::Scan; });
}

/// Why the rows of a loop stay apart; empty if they need not.
std::string why_not(const ScanView& scan) {
  if (scan.carries() > 0) return fmt::format("it carries {} value(s) from row to row", scan.carries());
  if (binds_dims(scan.body())) return "sizes differ from row to row";
  Varying varying;
  for (int64_t i = 0; i < scan.inputs(); ++i) varying.insert(scan.step_input(i));
  if (const Op* found = obstacle(scan.body(), varying))
    return fmt::format("\"{}\" cannot be written for all rows at once", short_text(*found));
  return "";
}

bool batch_loop(Op* op, Remarks* remarks) {
  const ScanView scan(op);
  if (!holds_scan(scan.body())) return false;
  if (const std::string reason = why_not(scan); !reason.empty()) {
    if (remarks) remarks->left(op, "the scans of its rows run one after the other", reason);
    return false;
  }
  Lifter rows(scan.length(), Builder::before(op));
  for (int64_t i = 0; i < scan.inputs(); ++i) rows.set(scan.step_input(i), scan.input(i));
  Batched scans;
  batch(scan.body(), rows, scans);
  std::vector<Value*> results;
  for (int64_t i = 0; i < scan.outputs(); ++i) results.push_back(rows.all_steps(scan.step_output(i)));
  if (remarks) {
    for (const auto& [one, all] : scans) {
      remarks->replaced(one, all);
      remarks->did(all, "runs the scans of all rows as one",
                   fmt::format("{} rows are independent of each other", scan.length().str()));
    }
    remarks->replaced(op, scans.back().second);
  }
  replace_op(op, results);
  return true;
}

bool batch_block(Block& block, Remarks* remarks) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= batch_block(op->region(i), remarks);
    if (op->code() == Opcode::Scan) changed |= batch_loop(op, remarks);
  }
  return changed;
}

}  // namespace

/// Runs the scans of independent rows as one scan of all rows:
///   scan x in xs: { scan xt in x carry h: contract "i,ji->j" h w }    becomes
///   scan xt in transpose xs carry h: contract "ni,ji->nj" h w
/// Before: hoist-projections, fuse-gates. Exact: each row's sums keep their order.
/// Does not fire on: loops that carry something, rows without a scan inside, other control flow inside, products of two
/// values of the row itself, rows that bind dims.
bool batch_rows(Function& f, PassContext& context) { return batch_block(f.body(), context.remarks); }

}  // namespace seqc::passes
