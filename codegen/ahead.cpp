#include "codegen/ahead.h"

#include "codegen/work.h"

namespace seqc::codegen {

using namespace ir;

std::optional<Ahead> plan_ahead(const Op& scan) {
  constexpr int64_t kLine = 64, kFewestBytes = 16 << 10;
  constexpr int64_t kMultiplyAddsPerLine = 128;  // as long as a line takes that comes from the third
  const auto& attr = scan.as<ScanAttr>();
  const Block& body = scan.region();
  Ahead ahead{};
  int64_t size = 0;
  for (size_t i = static_cast<size_t>(attr.carries); i < body.argument_count(); ++i) {
    const Value* slice = body.argument(i);
    const Dim bytes = element_count(slice->shape()) * Dim(static_cast<int64_t>(size_of(slice->dtype())));
    if (!bytes.is_constant() || bytes.constant() < kFewestBytes) continue;
    if (size != 0 && bytes.constant() != size) continue;
    ahead.slices.push_back(slice);
    size = bytes.constant();
  }
  const int64_t total = size * static_cast<int64_t>(ahead.slices.size());
  if (total == 0 || total > kKeptBytes) return std::nullopt;
  ahead.step = attr.reverse ? -size : size;
  ahead.lines = (size + kLine - 1) / kLine;
  for (const Op* op : body.op_list()) {  // the last one: what it asks for is not evicted before the step ends
    if (op->code() != Opcode::Kernel || op->as<KernelAttr>().kind != KernelKind::Contract) continue;
    const Dim operations = work(*op);
    if (operations.is_constant() && operations.constant() >= total / kLine * kMultiplyAddsPerLine) ahead.kernel = op;
  }
  return ahead.kernel ? std::optional(ahead) : std::nullopt;
}

}  // namespace seqc::codegen
