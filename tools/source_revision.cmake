# Writes the definitions of codegen/revision.h: cmake -DOUTPUT=FILE -DVERSION=1.2.3 "-DFOLDERS=codegen,ir" -P this.
string(REPLACE "," ";" FOLDERS "${FOLDERS}")
set(hashes "")
foreach(folder IN LISTS FOLDERS)
  file(GLOB files "${folder}/*")
  if(NOT files)
    message(FATAL_ERROR "source revision: no file in ${folder}")
  endif()
  foreach(file IN LISTS files)
    file(SHA256 "${file}" hash)
    cmake_path(GET file FILENAME name)
    string(APPEND hashes "${name} ${hash}\n")
  endforeach()
endforeach()
string(SHA256 digest "${hashes}")
file(WRITE "${OUTPUT}" "#include \"codegen/revision.h\"

namespace seqc::codegen {

const char* const kVersion = \"${VERSION}\";
const char* const kSourceDigest = \"${digest}\";

}  // namespace seqc::codegen
")
