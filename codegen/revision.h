/// Which seqc this is; the definitions are made by the build (see tools/source_revision.cmake).
#pragma once

namespace seqc::codegen {

extern const char* const kVersion;       ///< "0.1.0"
extern const char* const kSourceDigest;  ///< changes with every source file that has a part in generating code

}  // namespace seqc::codegen
