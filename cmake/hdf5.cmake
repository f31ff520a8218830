# SPDX-License-Identifier: Apache-2.0
# Keras's .weights.h5. Only headers are needed to build it: the library is opened at run time, under the name of the
# version that the headers are of.
file(GLOB CLEF_HDF5_FILES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/io/hdf5_*.c)
set(CLEF_HDF5_ALWAYS ${PROJECT_SOURCE_DIR}/src/io/hdf5_signature.c)
set(CLEF_HDF5_ABSENT ${PROJECT_SOURCE_DIR}/src/io/hdf5_absent.c)
list(REMOVE_ITEM CLEF_SOURCES ${CLEF_HDF5_FILES})
list(APPEND CLEF_SOURCES ${CLEF_HDF5_ALWAYS})
if(NOT CLEF_HDF5)
  list(APPEND CLEF_SOURCES ${CLEF_HDF5_ABSENT})
  return()
endif()

pkg_check_modules(HDF5 REQUIRED hdf5)
find_library(CLEF_HDF5_FILE hdf5 PATHS ${HDF5_LIBRARY_DIRS} REQUIRED)
file(REAL_PATH ${CLEF_HDF5_FILE} CLEF_HDF5_REAL)
get_filename_component(CLEF_HDF5_NAME ${CLEF_HDF5_REAL} NAME)
string(REGEX REPLACE "(\\.so\\.[0-9]+).*" "\\1" CLEF_HDF5_NAME ${CLEF_HDF5_NAME})

list(REMOVE_ITEM CLEF_HDF5_FILES ${CLEF_HDF5_ALWAYS} ${CLEF_HDF5_ABSENT})
add_library(clef_hdf5 OBJECT ${CLEF_HDF5_FILES})
# H5_USE_110_API: later versions still have that interface, under names that the headers know.
target_compile_definitions(clef_hdf5 PRIVATE H5_USE_110_API CLEF_HDF5_LIBRARY="${CLEF_HDF5_NAME}")
target_include_directories(clef_hdf5 SYSTEM PRIVATE ${HDF5_INCLUDE_DIRS})
target_link_libraries(clef_hdf5 PRIVATE clef_flags)
set_target_properties(clef_hdf5 PROPERTIES POSITION_INDEPENDENT_CODE ON)
