/// Importers of ONNX pools; conv_operators() lists them.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

void import_max_pool(Node& node);
void import_average_pool(Node& node);
void import_lp_pool(Node& node);
void import_global_max_pool(Node& node);
void import_global_average_pool(Node& node);
void import_global_lp_pool(Node& node);

}  // namespace seqc::frontend
