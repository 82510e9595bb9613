/// Everything that the runtime-only library offers: it runs libraries that `seqc build` made.
#pragma once

#include "ir/exception.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "runtime/stream.h"
