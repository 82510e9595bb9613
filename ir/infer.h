/// Shape and type rules: what an op's results are, given its operands, attributes and regions.
#pragma once

#include <optional>
#include <vector>

#include "ir/ir.h"

namespace seqc::ir {

/// The result types of `op`. Throws Error(BadInput) saying what is wrong: "got ..., expected ...", without a place.
/// For ops with regions the regions must be complete, as their results follow from the terminators.
std::vector<Type> infer(const Op& op);

/// NumPy broadcasting; dims that are neither equal nor 1 are an error (also when only their names differ).
Shape broadcast_shapes(const Shape& a, const Shape& b);

/// A parsed Einstein spec with the role of each label.
struct ContractSpec {
  std::string lhs, rhs, out;
  std::string batch;    ///< labels in all three, in the result's order
  std::string rows;     ///< labels of lhs and result only, in the result's order
  std::string columns;  ///< labels of rhs and result only, in the result's order
  std::string summed;   ///< labels of both operands that the result lacks, in the order of rhs
  std::string str() const { return lhs + "," + rhs + "->" + out; }
};
/// Throws Error(BadInput) for malformed specs: repeated labels, labels found in one place only.
ContractSpec parse_contract_spec(const std::string& spec);

/// What a contraction of `x` with right-hand sides of `weights` is computed in, and results in; nothing where there is
/// none. Of one type: that type. f32 with f16, bf16, i8 or i16 (compressed weights): f32. u8 with i8 (activations
/// that are quantised, too): i32.
std::optional<DType> contract_type(DType x, DType weights);

/// Output size of a sliding window over `size` elements (after input dilation and padding).
Dim window_output(const Dim& size, int64_t window, int64_t stride, int64_t dilation, int64_t input_dilation,
                  int64_t pad_lo, int64_t pad_hi);

}  // namespace seqc::ir
