# The runtime-only library: what it is made of. tools/check_layering.py holds these files to including each other and nothing
# else of ours, so that the library needs neither the compiler nor what that is made with.
set(seqc_runtime_only_sources
    ir/dim.cpp
    ir/dtype.cpp
    ir/error.cpp
    ir/memory.cpp
    ir/tensor.cpp
    ir/type.cpp
    passes/streaming/plan.cpp
    runtime/build_times.cpp
    runtime/files.cpp
    runtime/library.cpp
    runtime/npy.cpp
    runtime/ports.cpp
    runtime/program.cpp
    runtime/seqc_runtime.cpp
    runtime/session.cpp
    runtime/stream.cpp
    runtime/stream_program.cpp
    runtime/stream_state.cpp
    runtime/thread_pool.cpp
    runtime/utf.cpp
    tools/package/open_library.cpp)  # instead of runtime/compile_program.cpp, compile_stream.cpp and runtime/seqc_open.cpp
# Besides the headers of those.
set(seqc_runtime_only_headers
    ir/exception.h
    runtime/abi.h
    runtime/seqc.h
    runtime/seqc_program.h
    runtime/seqc_stream.h)
