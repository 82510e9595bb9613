/// Inputs and outputs of a model: their types, and the check of tensors against them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "ir/type.h"
#include "runtime/seqc.h"

namespace seqc::runtime {

/// An input or output; dims may be names.
struct Port {
  std::string name;
  ir::Type type;
};

std::vector<Port> ports_of(const seqc_port* ports, int32_t count);
/// `x: f32[T,N,3], h: f32[N,4]`.
std::string str(const std::vector<Port>& ports);

/// The tensor as the C ABI sees it; it must outlive the view. Throws Error(Unsupported) above SEQC_MAX_RANK.
seqc_tensor view(const ir::Tensor& tensor);
/// The same for memory that is written to.
seqc_tensor mutable_view(ir::Tensor& tensor);
/// `f32[3,4]`.
std::string type_str(const seqc_tensor& tensor);
/// Throws Error(BadInput) naming `what` when a dim is negative or the bytes do not fit the address space.
size_t byte_size(const seqc_tensor& tensor, const std::string& what);

/// Checks count, types and shapes of `inputs`, whose data is not looked at, and gives the named dims their values.
/// Throws Error(BadInput): `input "x": got f32[3,4], expected f32[T,N,5] (rank 3)`.
ir::DimBindings check_inputs(const std::vector<Port>& ports, std::span<const seqc_tensor> inputs);

/// Throws Error(BadInput) when `bytes` are more than this machine's memory.
void check_memory(uint64_t bytes, const std::string& what);

}  // namespace seqc::runtime
