/// What the shape rules share: requirements, and the rules of ops that have files of their own.
#pragma once

#include <string>
#include <vector>

#include "ir/error.h"
#include "ir/infer.h"

namespace seqc::ir {

template <class... Args>
[[noreturn]] void bad(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::BadInput, fmt::format(format, std::forward<Args>(args)...));
}

inline void need(bool condition, const std::string& message) {
  if (!condition) throw Error(ErrorKind::BadInput, message);
}

inline void need_rank(const Value* value, int64_t rank) {
  need(value->rank() == rank, fmt::format("got {}, expected rank {}", value->type().str(), rank));
}

inline void need_axis(int64_t axis, int64_t rank) {
  need(axis >= 0 && axis < rank, fmt::format("got axis {}, expected 0 <= axis < {}", axis, rank));
}

inline void need_count(size_t got, size_t expected, const char* what) {
  need(got == expected, fmt::format("got {} {}, expected {}", got, what, expected));
}

inline void need_same_dtype(const Op& op) {
  for (const Value* operand : op.operands())
    need(operand->dtype() == op.operand(0)->dtype(), fmt::format("got {} and {}, expected operands of one element type",
                                                                 op.operand(0)->type().str(), operand->type().str()));
}

/// Strings are moved, never computed with.
inline void need_arithmetic(DType type) { need(is_arithmetic(type), fmt::format("is not defined for {}", name(type))); }
inline void need_number(DType type) {
  need(is_arithmetic(type) && type != DType::boolean, fmt::format("is not defined for {}", name(type)));
}

// infer_products.cpp
std::vector<Type> infer_contract(const Op& op);
Type infer_pack(const Op& op);
Type infer_conv(const Op& op);
Type infer_reduce_window(const Op& op);

// infer_control.cpp
std::vector<Type> infer_scan(const Op& op);
std::vector<Type> infer_loop(const Op& op);
std::vector<Type> infer_if(const Op& op);
std::vector<Type> infer_kernel(const Op& op);
std::vector<Type> infer_gradient(const Op& op);
Type infer_bind_dim(const Op& op);

}  // namespace seqc::ir
