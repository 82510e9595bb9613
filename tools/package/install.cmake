# What `cmake --install` puts where, in the components that become packages (package.cmake):
#   runtime   libseqc_runtime.so.N   runs built libraries; needs libc, libm and libstdc++
#   library   libseqc.so.N           the compiler, too
#   dev       headers, CMake and pkg-config files, examples
#   tools     seqc, its manual page and completions
#   python    the Python package (tools/python/CMakeLists.txt); python_deb: the same where its Debian package has it
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include("${CMAKE_CURRENT_LIST_DIR}/runtime_only.cmake")
set(package "${CMAKE_CURRENT_LIST_DIR}")

file(STRINGS runtime/seqc_runtime.h version REGEX "#define SEQC_VERSION_TEXT")
if(NOT version MATCHES "\"${PROJECT_VERSION}\"")
  message(FATAL_ERROR "runtime/seqc_runtime.h: ${version}, and the project's version is ${PROJECT_VERSION}")
endif()

# ---- public headers ---------------------------------------------------------------------------------------------
set(public_headers "${PROJECT_BINARY_DIR}/include")
file(GLOB_RECURSE every_header CONFIGURE_DEPENDS ir/*.h ir/*.def frontend/*.h passes/*.h codegen/*.h runtime/*.h
                                                 tools/package/umbrella/*)
add_custom_command(OUTPUT "${public_headers}/stamp" DEPENDS ${every_header} "${package}/public_headers.cmake" VERBATIM
                   COMMAND "${CMAKE_COMMAND}" "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DOUTPUT=${public_headers}"
                           -P "${package}/public_headers.cmake"
                   COMMAND "${CMAKE_COMMAND}" -E touch "${public_headers}/stamp")
add_custom_target(seqc_headers ALL DEPENDS "${public_headers}/stamp")
install(DIRECTORY "${public_headers}/seqc" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev)

# ---- shared libraries -------------------------------------------------------------------------------------------
# seqc_shared_library(<target> <name of the file> <component> <sources or objects>...): seqc::<name> shows exports.map alone.
function(seqc_shared_library target name component)
  add_library(${target} SHARED ${ARGN})
  string(REPLACE "seqc_" "" export_name "${name}")
  set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} EXPORT_NAME ${export_name} VERSION ${PROJECT_VERSION}
                                             SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS "${package}/exports.map")
  target_link_options(${target} PRIVATE "LINKER:--version-script,${package}/exports.map" LINKER:--as-needed)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Sanitize")  # whose functions are in the program
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
  target_include_directories(${target} INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  install(TARGETS ${target} EXPORT seqcTargets
          LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT ${component} NAMELINK_COMPONENT dev)
endfunction()

# Compiled apart from the other libraries: without fmt's, and with what nobody calls left out.
seqc_shared_library(seqc_runtime_shared seqc_runtime runtime ${seqc_runtime_only_sources})
target_include_directories(seqc_runtime_shared PRIVATE "${PROJECT_SOURCE_DIR}")
target_compile_options(seqc_runtime_shared PRIVATE -ffunction-sections -fdata-sections -fvisibility-inlines-hidden)
target_link_options(seqc_runtime_shared PRIVATE LINKER:--gc-sections)
target_link_libraries(seqc_runtime_shared PRIVATE fmt::fmt-header-only Threads::Threads ${CMAKE_DL_LIBS})

# The objects of all folders, and what those need.
foreach(folder IN LISTS all_folders)
  list(APPEND all_objects $<TARGET_OBJECTS:${folder}>)
endforeach()
seqc_shared_library(seqc_shared seqc library ${all_objects})
target_link_libraries(seqc_shared PRIVATE fmt::fmt onnx onnx_proto protobuf::libprotobuf seqc_llvm seqc_data_files
                                          Threads::Threads ${CMAKE_DL_LIBS} $<$<BOOL:${MPI_C_FOUND}>:MPI::MPI_C>)

# ---- CMake and pkg-config ---------------------------------------------------------------------------------------
set(cmake_folder "${CMAKE_INSTALL_LIBDIR}/cmake/seqc")
configure_package_config_file("${package}/seqcConfig.cmake.in" "${PROJECT_BINARY_DIR}/seqcConfig.cmake"
                              INSTALL_DESTINATION "${cmake_folder}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/seqcConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(EXPORT seqcTargets NAMESPACE seqc:: DESTINATION "${cmake_folder}" COMPONENT dev)
install(FILES "${PROJECT_BINARY_DIR}/seqcConfig.cmake" "${PROJECT_BINARY_DIR}/seqcConfigVersion.cmake"
        DESTINATION "${cmake_folder}" COMPONENT dev)

# seqc_pkg_config(<name> <library> <description>)
function(seqc_pkg_config name library description)
  set(SEQC_PC_NAME ${name})
  set(SEQC_PC_LIBRARY ${library})
  set(SEQC_PC_DESCRIPTION "${description}")
  set(folder "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  file(RELATIVE_PATH SEQC_PC_PREFIX "/${folder}" "/")  # so that the files may be moved
  string(REGEX REPLACE "/$" "" SEQC_PC_PREFIX "${SEQC_PC_PREFIX}")
  configure_file("${package}/pkgconfig.in" "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${folder}" COMPONENT dev)
endfunction()
seqc_pkg_config(seqc seqc "Compiles recurrent and other sequence models to native code")
seqc_pkg_config(seqc-runtime seqc_runtime "Runs models that seqc compiled to libraries")

# ---- the tool ---------------------------------------------------------------------------------------------------
install(TARGETS seqc RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tools)
# seqc_says(<file> <folder> <arguments>...): what the tool says of itself, as a file that is installed.
function(seqc_says file folder)
  set(output "${PROJECT_BINARY_DIR}/manual/${file}")
  add_custom_command(OUTPUT "${output}" DEPENDS seqc VERBATIM
                     COMMAND "${CMAKE_COMMAND}" -E make_directory "${PROJECT_BINARY_DIR}/manual"
                     COMMAND seqc ${ARGN} > "${output}")
  install(FILES "${output}" DESTINATION "${folder}" COMPONENT tools)
  set_property(GLOBAL APPEND PROPERTY seqc_manual "${output}")
endfunction()
seqc_says(seqc.1 "${CMAKE_INSTALL_MANDIR}/man1" manual man)
seqc_says(seqc "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" manual bash)
seqc_says(_seqc "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions" manual zsh)
seqc_says(seqc.fish "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d" manual fish)
get_property(manual GLOBAL PROPERTY seqc_manual)
add_custom_target(seqc_manual ALL DEPENDS ${manual})
# All that is installed, for those who do not build the tests.
add_custom_target(installables DEPENDS seqc seqc_shared seqc_runtime_shared seqc_headers seqc_manual)
if(TARGET seqc_python_package)
  add_dependencies(installables seqc_python_package)
endif()

# ---- examples ---------------------------------------------------------------------------------------------------
install(DIRECTORY tools/examples/embed tools/examples/sample DESTINATION "${CMAKE_INSTALL_DATADIR}/seqc/examples"
        COMPONENT dev PATTERN "*.py" EXCLUDE)
install(FILES README.md LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT dev)
