/// Reads x86-64 assembly as LLVM prints it: the inner loops of products, and what they have to do with the stack.
#pragma once

#include <string>
#include <vector>

namespace seqc::test {

/// An innermost loop whose only vector arithmetic are multiply-adds: the loop over k of a contraction.
struct ProductLoop {
  std::string function;
  int multiply_adds = 0;
  std::vector<std::string> stack;  ///< instructions that read or write the stack: registers that were spilled
};

std::vector<ProductLoop> product_loops(const std::string& assembly);

}  // namespace seqc::test
