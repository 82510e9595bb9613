/* seqc for C: models, programs, threads. */
#ifndef SEQC_UMBRELLA_H
#define SEQC_UMBRELLA_H

#include "runtime/seqc_runtime.h"

#endif
