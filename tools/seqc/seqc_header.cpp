#include "tools/seqc/seqc_header.h"

#include "runtime/seqc_stream.h"  // so that a change of the headers compiles this file again

// The assembler finds the header where the compiler does: at the top of the repository.
asm(R"(
  .pushsection .rodata
seqc_header_begin:
  .incbin "runtime/seqc.h"
seqc_header_end:
seqc_stream_header_begin:
  .incbin "runtime/seqc_stream.h"
seqc_stream_header_end:
  .popsection
)");

extern "C" {
extern const char seqc_header_begin[], seqc_header_end[], seqc_stream_header_begin[], seqc_stream_header_end[];
}

namespace seqc::tools {

std::string_view seqc_header() { return {seqc_header_begin, static_cast<size_t>(seqc_header_end - seqc_header_begin)}; }

std::string seqc_stream_header() {
  std::string text(seqc_stream_header_begin, static_cast<size_t>(seqc_stream_header_end - seqc_stream_header_begin));
  const std::string_view here = "\"runtime/seqc.h\"";
  text.replace(text.find(here), here.size(), "\"seqc.h\"");
  return text;
}

}  // namespace seqc::tools
