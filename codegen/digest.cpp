#include "codegen/digest.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/Support/BLAKE3.h>

namespace seqc::codegen {

std::string digest(std::string_view bytes) {
  const auto hash = llvm::BLAKE3::hash<32>({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  return llvm::toHex(hash, true);
}

}  // namespace seqc::codegen
