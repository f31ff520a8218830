# SPDX-License-Identifier: Apache-2.0
# Sets CLEF_ONNX_SOURCES, and makes the target clef_onnx_file: the messages of src/onnx/onnx_file.proto as C, which
# protobuf-c's compiler writes. What it writes answers to its warnings, not to ours.
if(NOT CLEF_ONNX)
  set(CLEF_ONNX_SOURCES ${PROJECT_SOURCE_DIR}/src/onnx/onnx_absent.c)
  return()
endif()
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(CLEF_PROTOC_C protoc-c REQUIRED)

file(GLOB CLEF_ONNX_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/onnx/*.c)
list(REMOVE_ITEM CLEF_ONNX_SOURCES ${PROJECT_SOURCE_DIR}/src/onnx/onnx_absent.c)

set(messages ${PROJECT_BINARY_DIR}/onnx)
file(MAKE_DIRECTORY ${messages})
add_custom_command(OUTPUT ${messages}/onnx_file.pb-c.c ${messages}/onnx_file.pb-c.h
  COMMAND ${CLEF_PROTOC_C} --c_out=${messages} --proto_path=${PROJECT_SOURCE_DIR}/src/onnx onnx_file.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/src/onnx/onnx_file.proto VERBATIM)
add_library(clef_onnx_file OBJECT ${messages}/onnx_file.pb-c.c ${messages}/onnx_file.pb-c.h)
set_target_properties(clef_onnx_file PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(clef_onnx_file SYSTEM PUBLIC ${messages})
target_link_libraries(clef_onnx_file PUBLIC PkgConfig::PROTOBUF_C)
