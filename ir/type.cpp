#include "ir/type.h"

namespace seqc::ir {

std::string Type::str() const { return std::string(ir::name(dtype)) + ir::str(shape); }

}  // namespace seqc::ir
