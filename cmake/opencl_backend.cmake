# SPDX-License-Identifier: Apache-2.0
# The OpenCL backend. Only headers are needed to build it: the loader and CLBlast are opened at run time.
find_path(CLEF_OPENCL_INCLUDE CL/cl.h)
find_path(CLEF_CLBLAST_INCLUDE clblast_c.h)
if(NOT CLEF_OPENCL_INCLUDE OR NOT CLEF_CLBLAST_INCLUDE)
  message(FATAL_ERROR "The headers of OpenCL or CLBlast are missing: install opencl-c-headers and libclblast-dev, or "
    "configure with -DCLEF_OPENCL=OFF (preset cpu-only)")
endif()

# The kernels' sources become an array in the library.
file(GLOB CLEF_CL_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cl/*.cl)
file(GLOB CLEF_CL_HEADERS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cl/*.h)
set(CLEF_CL_EMBEDDED ${CMAKE_BINARY_DIR}/ocl_sources.c)
add_custom_command(OUTPUT ${CLEF_CL_EMBEDDED}
  COMMAND ${CMAKE_COMMAND} "-DSOURCES=${CLEF_CL_SOURCES}" -DOUTPUT=${CLEF_CL_EMBEDDED}
    -P ${CMAKE_SOURCE_DIR}/cmake/embed_cl.cmake
  DEPENDS ${CLEF_CL_SOURCES} ${CLEF_CL_HEADERS} ${CMAKE_SOURCE_DIR}/cmake/embed_cl.cmake VERBATIM)

file(GLOB CLEF_OPENCL_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/opencl/*.c)
add_library(clef_opencl OBJECT ${CLEF_OPENCL_SOURCES} ${CLEF_CL_EMBEDDED})
target_compile_definitions(clef_opencl PRIVATE CL_TARGET_OPENCL_VERSION=120)
target_include_directories(clef_opencl SYSTEM PRIVATE ${CLEF_OPENCL_INCLUDE} ${CLEF_CLBLAST_INCLUDE})
target_link_libraries(clef_opencl PRIVATE clef_flags PkgConfig::JANSSON)
set_target_properties(clef_opencl PROPERTIES POSITION_INDEPENDENT_CODE ON)
