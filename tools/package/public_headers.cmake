# Makes the tree of public headers: the ones named here and those that they include, with `#include "folder/file.h"` rewritten
# as `#include <seqc/folder/file.h>`, so that a user's own folders cannot be in their way.
#   cmake -DSOURCE=<top of the repository> -DOUTPUT=<folder> -P public_headers.cmake      writes <folder>/seqc/...
cmake_minimum_required(VERSION 3.25)
set(todo
    frontend/dsl/cells.h
    frontend/dsl/dropout.h
    frontend/dsl/dsl.h
    frontend/dsl/initializers.h
    frontend/dsl/layers.h
    frontend/dsl/losses.h
    frontend/onnx/export.h
    frontend/onnx/import.h
    ir/exception.h
    ir/interpreter.h
    ir/parser.h
    ir/printer.h
    ir/verifier.h
    passes/differentiate.h
    passes/streaming/streaming.h
    runtime/compile.h
    runtime/compile_info.h
    runtime/decoding/search.h
    runtime/decoding/stepper.h
    runtime/npy.h
    runtime/seqc_runtime.h
    runtime/seqc_stream.h
    runtime/session.h
    runtime/stream.h
    runtime/training/checkpoint.h
    runtime/training/data/array_files.h
    runtime/training/data/batches.h
    runtime/training/data/csv.h
    runtime/training/data/dataset.h
    runtime/training/data/series.h
    runtime/training/data/split.h
    runtime/training/data/text_files.h
    runtime/training/data/text_streams.h
    runtime/training/data/tokens.h
    runtime/training/data/vocabulary.h
    runtime/training/report/follow.h
    runtime/training/trainer.h)
set(umbrellas runtime.hpp seqc.h seqc.hpp)  # <seqc/...>, from tools/package/umbrella

# Writes the header `from` as `to` and adds what it includes to `todo`.
function(publish from to)
  file(READ "${SOURCE}/${from}" text)
  string(REGEX MATCHALL "#include \"[^\"]+\"" includes "${text}")
  foreach(include IN LISTS includes)
    string(REGEX REPLACE "#include \"([^\"]+)\"" "\\1" header "${include}")
    list(APPEND todo "${header}")
  endforeach()
  string(REGEX REPLACE "#include \"([^\"]+)\"" "#include <seqc/\\1>" text "${text}")
  file(WRITE "${OUTPUT}/seqc/${to}" "${text}")
  set(todo "${todo}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${OUTPUT}/seqc")  # a header that is public no more
foreach(umbrella IN LISTS umbrellas)
  publish("tools/package/umbrella/${umbrella}" "${umbrella}")
endforeach()
set(done "")
while(todo)
  list(POP_FRONT todo header)
  if(NOT header IN_LIST done)
    list(APPEND done "${header}")
    publish("${header}" "${header}")
  endif()
endwhile()
