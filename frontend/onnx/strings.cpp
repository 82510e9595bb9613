#include "frontend/onnx/strings.h"

#include <algorithm>

#include "frontend/onnx/graph.h"
#include "frontend/onnx/sequence.h"

namespace seqc::frontend {
namespace {

/// Those with tensor(string) in a type constraint, but for the ones that look at the text: Cast, CastLike, Equal, NonZero,
/// StringNormalizer, TfIdfVectorizer, Unique; and but for GridSample, whose result mixes elements. (RandomNormalLike and
/// RandomUniformLike look at the shape alone.)
constexpr std::string_view kMovers[] = {
    "CenterCropPad",
    "Compress",
    "Concat",
    "ConcatFromSequence",
    "Constant",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "GatherElements",
    "GatherND",
    "Identity",
    "If",
    "Loop",
    "OneHot",
    "Optional",
    "OptionalGetElement",
    "OptionalHasElement",
    "Pad",
    "RandomNormalLike",
    "RandomUniformLike",
    "Reshape",
    "Resize",
    "ReverseSequence",
    "Scan",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "SequenceAt",
    "SequenceConstruct",
    "SequenceEmpty",
    "SequenceErase",
    "SequenceInsert",
    "SequenceLength",
    "SequenceMap",
    "Shape",
    "Size",
    "Slice",
    "SpaceToDepth",
    "Split",
    "SplitToSequence",
    "Squeeze",
    "Tile",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Upsample",
    "Where",
};
static_assert(std::ranges::is_sorted(kMovers));

constexpr std::string_view kMicrosoftMovers[] = {"ExpandDims", "GatherND", "Pad", "Trilu"};

/// The element type of a tensor or of a sequence's tensors.
std::optional<DType> element_type_of(const Item& item) {
  if (item.sequence) return item.sequence->type;
  if (item.is_tensor()) return type_of(item).dtype;
  return std::nullopt;
}

}  // namespace

bool moves_strings(std::string_view domain, std::string_view name) {
  if (domain.empty()) return std::ranges::binary_search(kMovers, name);
  return domain == "com.microsoft" && std::ranges::binary_search(kMicrosoftMovers, name);
}

void require_moved_strings(const Node& node, std::string_view domain) {
  if (moves_strings(domain, node.op_type())) return;
  for (size_t i = 0; i < node.input_count(); ++i) {
    const Item* item = node.has_input(i) ? node.graph().find(node.input_name(i)) : nullptr;
    if (!item || element_type_of(*item) != DType::string) continue;
    node.unsupported("input {} (\"{}\") is {}: strings are moved, and no operator computes with them", i,
                     node.input_name(i), item->sequence ? "a sequence of strings" : type_of(*item).str());
  }
}

}  // namespace seqc::frontend
