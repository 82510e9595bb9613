/// Importers of ONNX pools; conv_operators() lists them.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

struct Spatial;

void import_max_pool(Node& node);
void import_average_pool(Node& node);
void import_lp_pool(Node& node);
void import_global_max_pool(Node& node);
void import_global_average_pool(Node& node);
void import_global_lp_pool(Node& node);

/// MaxPool's second output: row-major positions of the largest elements in x [N, C, ...], counted over all of x; in
/// each image by columns on request. `result` is the pool's shape.
Value* max_pool_indices(Builder& b, Value* x, const Shape& result, const Spatial& spatial, bool by_columns);

}  // namespace seqc::frontend
