# `cpack` makes Debian packages of the components of install.cmake. Dependencies are those that dpkg-shlibdeps finds.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME seqc)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The seqc authors <seqc@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
set(CPACK_OUTPUT_FILE_PREFIX packages)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL runtime library dev tools)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)

# seqc_deb(<component> <package> <section> <summary> <description> [<components that it depends on>...])
macro(seqc_deb component package section summary description)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${description}")
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${summary}\n${description}")
  set(CPACK_COMPONENT_${upper}_DEPENDS ${ARGN})
endmacro()
seqc_deb(runtime libseqc-runtime${PROJECT_VERSION_MAJOR} libs "runs sequence models that seqc compiled"
         "Loads the libraries that `seqc build` makes of recurrent and other sequence models, with threads and checks of what goes in. Needs neither LLVM nor ONNX.")
seqc_deb(library libseqc${PROJECT_VERSION_MAJOR} libs "compiler for sequence models, as a library"
         "Compiles recurrent and other sequence models (ONNX files, or built in C++) to native code in the process, runs and trains them.")
seqc_deb(dev libseqc-dev libdevel "compiler for sequence models, for developers"
         "Headers for C and C++, CMake and pkg-config files of libseqc and libseqc_runtime, and examples." runtime library)
seqc_deb(tools seqc science "compiler for recurrent and other sequence models"
         "Compiles ONNX models to small native libraries that need nothing but libc and libm, runs, measures, trains and converts them.")
set(CPACK_DEBIAN_DEV_PACKAGE_SHLIBDEPS OFF)
# Packages install below /usr, where Debian's python3 looks in lib/python3 alone: -DSEQC_PYTHON_INSTALL_DIR=lib/python3/dist-packages/seqc
# (or a prefix of /usr) makes this one, and otherwise it would be one that cannot be imported.
if(TARGET seqc_python AND SEQC_PYTHON_INSTALL_DIR MATCHES "^lib/python3/")
  list(APPEND CPACK_COMPONENTS_ALL python)
  seqc_deb(python python3-seqc python "compiler for sequence models, for Python"
           "Compiles ONNX models to native code and runs them on NumPy arrays.")
  set(CPACK_DEBIAN_PYTHON_PACKAGE_DEPENDS "python3 (>= 3.11~), python3 (<< 3.12), python3-numpy")
endif()
include(CPack)
