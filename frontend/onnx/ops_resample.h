/// Operators that sample images elsewhere than at their elements, and the inverses of pools; listed in ops_conv.cpp.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

void import_resize(Node& node);  // ops_resize.cpp
void import_upsample(Node& node);
void import_grid_sample(Node& node);  // ops_sample.cpp
void import_affine_grid(Node& node);
void import_roi_align(Node& node);  // ops_roi.cpp
void import_max_roi_pool(Node& node);
void import_max_unpool(Node& node);  // ops_unpool.cpp
void import_col2im(Node& node);
void import_deform_conv(Node& node);  // ops_deform.cpp

}  // namespace seqc::frontend
