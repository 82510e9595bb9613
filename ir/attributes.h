/// Typed attributes of ops. Each struct names its fields once, in `visit`; printer, parser and equality follow from that.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/dim.h"
#include "ir/dtype.h"

namespace seqc::ir {

enum class ReduceKind { Sum, Prod, Max, Min };
enum class PadMode { Constant, Reflect, Edge, Wrap };
enum class ScatterKind { Set, Add, Mul, Max, Min };
/// What code generation makes of a kernel: loops over elements, a tiled contraction, a reduction, a sliding window,
/// or a copy of one op's data movement (concat, pad, scatter, ...).
enum class KernelKind { Map, Contract, Reduce, Window, Move };

/// The text of each enumerator, in order.
template <class E>
inline constexpr std::array<std::string_view, 0> kNames{};
template <>
inline constexpr std::array kNames<ReduceKind> = {std::string_view("sum"), std::string_view("prod"),
                                                  std::string_view("max"), std::string_view("min")};
template <>
inline constexpr std::array kNames<PadMode> = {std::string_view("constant"), std::string_view("reflect"),
                                               std::string_view("edge"), std::string_view("wrap")};
template <>
inline constexpr std::array kNames<ScatterKind> = {std::string_view("set"), std::string_view("add"),
                                                   std::string_view("mul"), std::string_view("max"),
                                                   std::string_view("min")};
template <>
inline constexpr std::array kNames<KernelKind> = {std::string_view("map"), std::string_view("contract"),
                                                  std::string_view("reduce"), std::string_view("window"),
                                                  std::string_view("move")};

// `visit(v)` calls v(name, field, default) for each field; a field that equals its default is not printed.
// Field types: int64_t, bool, double, std::string, DType, Dim, the enums above, and vectors of int64_t and Dim.

struct NoAttr {
  void visit(auto&&) {}
  bool operator==(const NoAttr&) const = default;
};

struct CastAttr {
  DType to = DType::f32;
  void visit(auto&& v) { v("to", to, DType::f32); }
  bool operator==(const CastAttr&) const = default;
};

/// A shape of the result, for reshape, broadcast.
struct ShapeAttr {
  Shape shape;
  void visit(auto&& v) { v("shape", shape, Shape{}); }
  bool operator==(const ShapeAttr&) const = default;
};

struct TransposeAttr {
  std::vector<int64_t> perm;  ///< result dim i is operand dim perm[i]
  void visit(auto&& v) { v("perm", perm, std::vector<int64_t>{}); }
  bool operator==(const TransposeAttr&) const = default;
};

/// Result element i of each dim is operand element start + i*step; all three have the operand's rank.
struct SliceAttr {
  Shape starts;
  Shape sizes;
  std::vector<int64_t> steps;  ///< not 0; negative walks backwards
  void visit(auto&& v) {
    v("starts", starts, Shape{});
    v("sizes", sizes, Shape{});
    v("steps", steps, std::vector<int64_t>{});
  }
  bool operator==(const SliceAttr&) const = default;
};

struct AxisAttr {
  int64_t axis = 0;  ///< 0 <= axis < rank
  void visit(auto&& v) { v("axis", axis, int64_t{-1}); }
  bool operator==(const AxisAttr&) const = default;
};

struct PadAttr {
  Shape lo, hi;  ///< elements added before and after each dim; >= 0
  PadMode mode = PadMode::Constant;
  void visit(auto&& v) {
    v("lo", lo, Shape{});
    v("hi", hi, Shape{});
    v("mode", mode, PadMode::Constant);
  }
  bool operator==(const PadAttr&) const = default;
};

struct GatherNdAttr {
  int64_t batch_dims = 0;
  void visit(auto&& v) { v("batch_dims", batch_dims, int64_t{0}); }
  bool operator==(const GatherNdAttr&) const = default;
};

struct ScatterAttr {
  ScatterKind kind = ScatterKind::Set;
  void visit(auto&& v) { v("kind", kind, ScatterKind::Set); }
  bool operator==(const ScatterAttr&) const = default;
};

struct ReduceAttr {
  ReduceKind kind = ReduceKind::Sum;
  std::vector<int64_t> axes;  ///< sorted; reduced dims vanish (reshape brings them back as 1)
  void visit(auto&& v) {
    v("kind", kind, ReduceKind{-1});
    v("axes", axes, std::vector<int64_t>{});
  }
  bool operator==(const ReduceAttr&) const = default;
};

/// Einstein labels of `contract`, one letter a dim: "tni,ji->tnj". Labels of the result come from either operand; labels
/// in both operands and not in the result are summed over; labels in all three are batch labels.
/// `lanes` > 0 says that the right-hand sides were packed by `pack` with the same spec, lanes, group and number of results.
struct ContractAttr {
  std::string spec;
  int64_t lanes = 0;
  int64_t group = 1;  ///< only when packed: consecutive k of a column side by side, which then fill 32 bits
  Shape columns;  ///< only when packed: sizes of the labels that only the right-hand side has, in the result's order
  void visit(auto&& v) {
    v("spec", spec, std::string{});
    v("lanes", lanes, int64_t{0});
    v("group", group, int64_t{1});
    v("columns", columns, Shape{});
  }
  bool operator==(const ContractAttr&) const = default;
};

/// Sliding windows over the trailing spatial dims of [N,C,spatial...]; one entry a spatial dim in every vector.
struct ConvAttr {
  std::vector<int64_t> strides, dilations;
  std::vector<int64_t> input_dilations;   ///< zeros between input elements, as transposed convolution needs them
  std::vector<int64_t> pads_lo, pads_hi;  ///< zeros around the (dilated) input; negative crops
  int64_t groups = 1;
  void visit(auto&& v) {
    v("strides", strides, std::vector<int64_t>{});
    v("dilations", dilations, std::vector<int64_t>{});
    v("input_dilations", input_dilations, std::vector<int64_t>{});
    v("pads_lo", pads_lo, std::vector<int64_t>{});
    v("pads_hi", pads_hi, std::vector<int64_t>{});
    v("groups", groups, int64_t{1});
  }
  bool operator==(const ConvAttr&) const = default;
};

/// Reduction over sliding windows of the trailing spatial dims; padding holds the reduction's neutral element.
struct WindowAttr {
  ReduceKind kind = ReduceKind::Max;
  std::vector<int64_t> window, strides, dilations, pads_lo, pads_hi;
  void visit(auto&& v) {
    v("kind", kind, ReduceKind{-1});
    v("window", window, std::vector<int64_t>{});
    v("strides", strides, std::vector<int64_t>{});
    v("dilations", dilations, std::vector<int64_t>{});
    v("pads_lo", pads_lo, std::vector<int64_t>{});
    v("pads_hi", pads_hi, std::vector<int64_t>{});
  }
  bool operator==(const WindowAttr&) const = default;
};

/// `length` steps; operands are `carries` initial values, then the scanned values (leading dim = length).
/// With `reverse`, step t reads and writes element length-1-t of scanned inputs and emitted outputs.
struct ScanAttr {
  Dim length;
  int64_t carries = 0;
  bool reverse = false;
  void visit(auto&& v) {
    v("length", length, Dim(-1));
    v("carries", carries, int64_t{0});
    v("reverse", reverse, false);
  }
  bool operator==(const ScanAttr&) const = default;
};

/// A loop whose region emits values: each result stacks one row a step in a leading dim of `at_most`, after which the loop
/// ends whatever its condition says. Rows of steps that did not run are unspecified.
struct LoopAttr {
  Dim at_most = -1;  ///< -1: nothing is emitted, and the loop has no such end
  void visit(auto&& v) { v("at_most", at_most, Dim(-1)); }
  bool operator==(const LoopAttr&) const = default;
};

/// Names a size that only a run can tell. `name` may be used in types and attributes from here to the end of the block.
struct BindDimAttr {
  std::string name;
  Dim at_most;  ///< memory is planned for this many
  void visit(auto&& v) {
    v("name", name, std::string{});
    v("at_most", at_most, Dim(-1));
  }
  bool operator==(const BindDimAttr&) const = default;
};

struct PositionsAttr {
  Dim length;
  void visit(auto&& v) { v("length", length, Dim(-1)); }
  bool operator==(const PositionsAttr&) const = default;
};

struct ArgSortAttr {
  bool descending = false;
  void visit(auto&& v) { v("descending", descending, false); }
  bool operator==(const ArgSortAttr&) const = default;
};

struct DimsAttr {
  Shape value;
  void visit(auto&& v) { v("value", value, Shape{}); }
  bool operator==(const DimsAttr&) const = default;
};

/// Shape and type of `iota`.
struct IotaAttr {
  Dim length;
  DType type = DType::i64;
  void visit(auto&& v) {
    v("length", length, Dim(-1));
    v("type", type, DType::i64);
  }
  bool operator==(const IotaAttr&) const = default;
};

struct KernelAttr {
  KernelKind kind = KernelKind::Map;
  void visit(auto&& v) { v("kind", kind, KernelKind{-1}); }
  bool operator==(const KernelAttr&) const = default;
};

using Attr = std::variant<NoAttr, CastAttr, ShapeAttr, TransposeAttr, SliceAttr, AxisAttr, PadAttr, GatherNdAttr,
                          ScatterAttr, ReduceAttr, ContractAttr, ConvAttr, WindowAttr, ScanAttr, LoopAttr, BindDimAttr,
                          PositionsAttr, ArgSortAttr, DimsAttr, IotaAttr, KernelAttr>;

}  // namespace seqc::ir
