/// seqc as a whole: compiles models from files and of one's own, runs them, trains them, writes them.
#pragma once

#include "frontend/dsl/dsl.h"
#include "frontend/dsl/initializers.h"
#include "frontend/dsl/layers.h"
#include "frontend/dsl/losses.h"
#include "frontend/onnx/export.h"
#include "frontend/onnx/import.h"
#include "ir/exception.h"
#include "passes/streaming/streaming.h"
#include "runtime/compile.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "runtime/stream.h"
#include "runtime/training/trainer.h"
