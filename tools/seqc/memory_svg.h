/// Where a compiled function's values lie, and when: a picture of its memory plan.
#pragma once

#include <string>

#include "codegen/memory_plan.h"
#include "ir/interpreter.h"

namespace seqc::tools {

struct MemoryPicture {
  std::string svg;
  uint64_t arena = 0;   ///< bytes
  uint64_t values = 0;  ///< bytes of all values together, as if each had memory of its own
};

/// Time from left to right in program order, addresses from top to bottom, for these sizes. Tooltips name values.
MemoryPicture memory_picture(const codegen::MemoryPlan& plan, const ir::DimBindings& dims);

}  // namespace seqc::tools
