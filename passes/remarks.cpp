#include "passes/remarks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace seqc::passes {
namespace {

using namespace ir;

/// The scan that `op` is, or the innermost one around it.
const Op* scan_around(const Op* op) {
  while (op && op->code() != Opcode::Scan) op = op->parent() ? op->parent()->parent_op() : nullptr;
  return op;
}

std::string name_of(const Op& scan) {
  for (size_t i = 0; i < scan.result_count(); ++i)
    if (!scan.result(i)->name().empty()) return "%" + scan.result(i)->name();
  return "";
}

}  // namespace

std::string short_text(const Value& value) {
  if (value.is_constant() && value.rank() == 0 && value.constant().count() == 1 && is_arithmetic(value.dtype()))
    return fmt::format("{:g}", value.constant().real(0));
  if (value.name().empty()) return value.type().str();
  return fmt::format("{}{}: {}", value.is_constant() ? "@" : "%", value.name(), value.type().str());
}

std::string short_text(const Op& op) {
  constexpr size_t kMost = 6;  // operands of joined products are many
  std::string text(op.info().mnemonic);
  for (size_t i = 0; i < std::min(op.operands().size(), kMost); ++i)
    text += fmt::format("{} {}", i == 0 ? "" : ",", short_text(*op.operand(i)));
  return op.operands().size() > kMost ? text + ", ..." : text;
}

std::string scan_text(const Remarks::Scan& scan) {
  std::string text = "scan";
  if (!scan.name.empty()) text += " of " + scan.name;
  return scan.location.empty() ? text : fmt::format("{} ({})", text, scan.location);
}

std::string text(const Remark& remark, const Remarks& remarks) {
  std::string result = fmt::format("{} {}", remark.done ? "did" : "not", remark.pass);
  if (remark.scan >= 0) result += ", " + scan_text(remarks.scans()[static_cast<size_t>(remark.scan)]);
  if (!remark.op.empty()) result += ": " + remark.op;
  return fmt::format("{}: {}: {}", result, remark.what, remark.why);
}

void Remarks::observe(const Function& function, std::string_view pass) {
  pass_ = pass;
  // A pass that runs again looks again at what it left.
  std::erase_if(all_, [&](const Remark& remark) { return !remark.done && remark.pass == pass; });
  std::set<const Op*> here;
  walk(function.body(), [&](const Op* op) {
    if (op->code() != Opcode::Scan) return;
    here.insert(op);
    note(op);
  });
  // What is gone makes room: its address may be another scan's soon.
  std::erase_if(numbers_, [&](const auto& known) { return !here.contains(known.first); });
}

int Remarks::number(const Op* scan) const {
  const auto it = numbers_.find(scan);
  return it == numbers_.end() ? -1 : it->second;
}

int Remarks::note(const Op* scan) {
  const auto [it, added] = numbers_.try_emplace(scan, static_cast<int>(scans_.size()));
  if (added) scans_.emplace_back();
  Scan& known = scans_[static_cast<size_t>(it->second)];
  if (known.location.empty()) known.location = scan->location();
  if (known.name.empty()) known.name = name_of(*scan);
  known.length = scan->as<ScanAttr>().length.str();
  return it->second;
}

void Remarks::replaced(const Op* scan, const Op* by) {
  const int before = note(scan), after = note(by);
  scans_[static_cast<size_t>(before)].steps_of = after;
}

void Remarks::add(const Op* about, bool done, std::string what, std::string why) {
  const Op* scan = scan_around(about);
  Remark remark{pass_, scan ? note(scan) : -1, about == scan ? "" : short_text(*about),
                done,  std::move(what),        std::move(why)};
  const auto same = [&](const Remark& other) {
    return other.pass == remark.pass && other.scan == remark.scan && other.op == remark.op &&
           other.what == remark.what && other.why == remark.why;
  };
  if (std::none_of(all_.begin(), all_.end(), same)) all_.push_back(std::move(remark));
}

}  // namespace seqc::passes
